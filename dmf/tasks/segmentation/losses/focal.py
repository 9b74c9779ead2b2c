"""Focal loss."""

from collections.abc import Sequence
from typing import ClassVar, Literal, Self

import torch
from pydantic import Field
from torch import Tensor

from dmf.errors import ConfigError
from dmf.options import NonNegative, Options, Positive
from dmf.tasks.segmentation.losses.base import Loss, require_non_negative
from dmf.tasks.segmentation.losses.joint import PixelMean, Summary
from dmf.tasks.segmentation.losses.prediction import Prediction

_LEAST = 1e-7  # precision, and what the notebook adds below the line


class FocalPower(Options):
    """How strongly, and with what factor, easy pixels are discounted."""

    gamma: NonNegative = Field(
        2.0, alias="focal_gamma", title="Gamma", description="How strongly easy pixels are discounted."
    )
    alpha: Positive = Field(0.25, alias="focal_alpha", title="Alpha", description="Overall factor.")


class FocalOptions(FocalPower):
    """Options of the focal loss."""

    of: Literal["pixels", "precision"] = Field(
        "pixels",
        alias="focal_of",
        title="Probability",
        description="What stands for the probability: that of a pixel's true class (pixels), or the precision of each "
        "class in the batch (precision, the notebook).",
    )


class Focal(Loss):
    r"""Cross-entropy that discounts pixels already predicted well.

    .. math:: Focal = -\frac{\alpha}{N} \sum_n \sum_c (1 - p_{nc})^\gamma y_{nc} \log p_{nc}

    With gamma 0 and alpha 1 it is cross-entropy. alpha is one factor for all classes. Of soft labels p is the mean
    probability of the truth, as torchvision has it.

    (!) The notebook's focal loss is another one, ``of="precision"``: the class mean of
    :math:`-\alpha (1 - P_c)^\gamma \log P_c` with :math:`P_c = TP_c / (TP_c + FP_c)` the batch precision of class c. Of
    hard counts it has no gradient. The notebook's is infinite when a class is never predicted; here a precision is at
    least 1e-7, because a step with an infinite loss would not be taken.

    Args:
        gamma: How strongly easy pixels, or classes, are discounted. At least 0.
        alpha: Overall factor. At least 0.
        of: ``pixels`` or ``precision``.

    Raises:
        ConfigError: If ``gamma`` or ``alpha`` is negative or not finite, or ``of`` is neither word.

    Reference:
        Golnari & Diba, arXiv 2410.19745, eq. (19); Lin et al., arXiv 1708.02002.
    """

    title: ClassVar[str] = "Focal"
    measures: ClassVar[str] = "Cross-entropy in which pixels that are already easy count less."
    declares: ClassVar[type[Options]] = FocalOptions

    def __init__(
        self, gamma: float = 2.0, alpha: float = 0.25, *, of: Literal["pixels", "precision"] = "pixels"
    ) -> None:
        super().__init__()
        require_non_negative(gamma=gamma, alpha=alpha)
        if of not in ("pixels", "precision"):
            raise ConfigError(f"`of` must be 'pixels' or 'precision', got {of!r}.", field="focal_of")
        self.gamma = gamma
        self.alpha = alpha
        self.of = of
        self.uses_counts = of == "precision"

    @classmethod
    def from_options(cls, options: Options, class_ratios: Sequence[float] | None = None) -> Self:
        assert isinstance(options, FocalOptions)
        return cls(gamma=options.gamma, alpha=options.alpha, of=options.of)

    def summary(self) -> Summary | None:
        return PixelMean(self.gamma, self.alpha) if self.of == "pixels" else None

    def forward(self, prediction: Prediction) -> Tensor:
        if self.of == "precision":
            precision = (prediction.batch_tp / (prediction.batch_predicted + _LEAST)).clamp_min(_LEAST)
            return -self.alpha * ((1 - precision).pow(self.gamma) * precision.log()).mean()
        log_prob = prediction.log_prob_true
        # expm1 keeps 1 - p exact near 0; the clamp keeps the slope of x**gamma finite there for gamma below 1.
        if prediction.is_soft:
            miss = 1 - prediction.prob_true
        else:
            miss = -torch.expm1(log_prob)
        miss = miss.clamp_min(torch.finfo(log_prob.dtype).eps)
        return -self.alpha * prediction.mean(miss.pow(self.gamma) * log_prob)
