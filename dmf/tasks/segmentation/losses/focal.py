"""Focal loss."""

from collections.abc import Sequence
from typing import ClassVar, Self

import torch
from pydantic import Field
from torch import Tensor

from dmf.options import NonNegative, Options, Positive
from dmf.tasks.segmentation.losses.base import Loss, require_non_negative
from dmf.tasks.segmentation.losses.prediction import Prediction


class FocalOptions(Options):
    """Options of the focal loss."""

    gamma: NonNegative = Field(
        2.0, alias="focal_gamma", title="Gamma", description="How strongly easy pixels are discounted."
    )
    alpha: Positive = Field(0.25, alias="focal_alpha", title="Alpha", description="Overall factor.")


class Focal(Loss):
    r"""Cross-entropy that discounts pixels already predicted well.

    .. math:: Focal = -\frac{\alpha}{N} \sum_n \sum_c (1 - p_{nc})^\gamma y_{nc} \log p_{nc}

    With gamma 0 and alpha 1 it is cross-entropy. alpha is one factor for all classes. Of soft labels p is the mean
    probability of the truth, as torchvision has it.

    (!) The notebook's focal loss is another one: the class mean of :math:`-\alpha (1 - P_c)^\gamma \log P_c` with
    :math:`P_c` the batch precision of class c; it has no gradient, is infinite when a class is never predicted, and is
    not offered.

    Args:
        gamma: How strongly easy pixels are discounted. At least 0.
        alpha: Overall factor. At least 0.

    Raises:
        ConfigError: If ``gamma`` or ``alpha`` is negative or not finite.

    Reference:
        Golnari & Diba, arXiv 2410.19745, eq. (19); Lin et al., arXiv 1708.02002.
    """

    title: ClassVar[str] = "Focal"
    declares: ClassVar[type[Options]] = FocalOptions

    def __init__(self, gamma: float = 2.0, alpha: float = 0.25) -> None:
        super().__init__()
        require_non_negative(gamma=gamma, alpha=alpha)
        self.gamma = gamma
        self.alpha = alpha

    @classmethod
    def from_options(cls, options: Options, class_ratios: Sequence[float] | None = None) -> Self:
        assert isinstance(options, FocalOptions)
        return cls(gamma=options.gamma, alpha=options.alpha)

    def forward(self, prediction: Prediction) -> Tensor:
        log_prob = prediction.log_prob_true
        # expm1 keeps 1 - p exact near 0; the clamp keeps the slope of x**gamma finite there for gamma below 1.
        if prediction.is_soft:
            miss = 1 - prediction.prob_true
        else:
            miss = -torch.expm1(log_prob)
        miss = miss.clamp_min(torch.finfo(log_prob.dtype).eps)
        return -self.alpha * prediction.mean(miss.pow(self.gamma) * log_prob)
