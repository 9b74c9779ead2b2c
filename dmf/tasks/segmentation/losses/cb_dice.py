"""Class-balanced Dice loss, the auxiliary loss of the paper."""

from collections.abc import Sequence
from typing import ClassVar, Literal, Self, TypeAlias

import torch
from pydantic import Field
from torch import Tensor

from dmf.errors import ConfigError
from dmf.options import Options
from dmf.tasks.segmentation.losses.base import Loss, require_non_negative
from dmf.tasks.segmentation.losses.dice import dice_ratio
from dmf.tasks.segmentation.losses.overlap import OverlapOptions
from dmf.tasks.segmentation.losses.prediction import Prediction

CBWeights: TypeAlias = Literal["complement", "inverse"]
CBRatios: TypeAlias = Literal["image", "batch", "dataset"]


class CBDiceOptions(OverlapOptions):
    """Options of the class-balanced Dice loss."""

    weights: CBWeights = Field(
        "complement",
        alias="cb_weights",
        title="Class weights",
        description="Weight of a class, 1 - its share of pixels (paper) or 1 / share (notebook).",
    )
    ratios: CBRatios = Field(
        "image",
        alias="cb_ratios",
        title="Class shares",
        description="Shares of pixels in each image (paper), the batch (notebook) or the training set.",
    )


class CBDice(Loss):
    r"""One minus the Dice of each class, weighted so that rare classes count more.

    .. math::
        r_c = N_c / N, \quad u_c \propto 1 - r_c \text{ or } \frac{1}{r_c + 10^{-6}}, \quad \sum_c u_c = 1, \quad
        CBDice = 1 - \sum_c u_c Dice_c

    With ``cb_ratios="image"`` shares and Dice are those of each image, and the loss is the mean over images; with
    ``batch`` and ``dataset`` Dice is that of the whole batch. The shares carry no gradient.

    A class absent from the target (of the image, or of the batch) has u = 0 and the others share the whole; a single
    class present has u = 1. Where no class is present the loss is a zero that keeps the graph.

    (!) The paper takes the shares of one image, the notebook those of the batch.
    (!) The paper's weights 1 - r sum to C - 1, so that for C > 2 its loss can fall below 0: here they are normalised.
    For C = 2 the two weightings coincide (to 1e-6).
    (!) The notebook gives an absent class almost all the weight, with Dice 0: a perfect prediction of an empty mask has
    loss 1. Here it has loss 0.
    (!) The notebook uses argmax counts here, which carry no gradient: ``Prediction(..., counts="hard")``.

    Args:
        cb_weights: ``complement``, 1 - share (paper), or ``inverse``, 1 / share (notebook).
        cb_ratios: Where the shares come from: each image (paper), the batch (notebook) or the training set.
        class_ratios: (C,) share of each class in the pixels of the training set that are not void, summing to 1; for
            ``dataset`` only.
        smooth: Added to numerator and denominator of Dice, in pixels. At least 0.

    Raises:
        ConfigError: If an option is not one of its words, ``class_ratios`` is missing, is not shares, or is not of C
            classes, or ``smooth`` is negative or not finite.

    Reference:
        Golnari & Diba, arXiv 2410.19745, eq. (21)-(25).
    """

    title: ClassVar[str] = "CB-Dice"
    measures: ClassVar[str] = "Class-balanced Dice: the smaller a class is in the image, the more it counts."
    declares: ClassVar[type[Options]] = CBDiceOptions
    uses_counts = True
    class_ratios: Tensor | None

    def __init__(
        self,
        cb_weights: CBWeights = "complement",
        cb_ratios: CBRatios = "image",
        class_ratios: Sequence[float] | None = None,
        smooth: float = 1e-6,
    ) -> None:
        super().__init__()
        require_non_negative(smooth=smooth)
        if cb_weights not in ("complement", "inverse"):
            raise ConfigError(f"`cb_weights` must be 'complement' or 'inverse', got {cb_weights!r}.", "cb_weights")
        if cb_ratios not in ("image", "batch", "dataset"):
            raise ConfigError(f"`cb_ratios` must be 'image', 'batch' or 'dataset', got {cb_ratios!r}.", "cb_ratios")
        self.cb_weights = cb_weights
        self.cb_ratios = cb_ratios
        self.smooth = smooth
        ratios = _checked_ratios(class_ratios) if cb_ratios == "dataset" else None
        # Not in the state: like every other option, it comes from the configuration and the data.
        self.register_buffer("class_ratios", ratios, persistent=False)

    @classmethod
    def from_options(cls, options: Options, class_ratios: Sequence[float] | None = None) -> Self:
        return cls(**options.by_word, class_ratios=class_ratios)

    def forward(self, prediction: Prediction) -> Tensor:
        if self.cb_ratios == "image":
            tp, predicted, actual = prediction.tp, prediction.predicted, prediction.actual
        else:
            tp, predicted, actual = (
                counts[None] for counts in (prediction.batch_tp, prediction.batch_predicted, prediction.batch_actual)
            )
        miss = 1 - dice_ratio(tp, predicted, actual, self.smooth)
        return (self._class_weights(actual) * miss).sum(1).mean()

    def _class_weights(self, actual: Tensor) -> Tensor:
        """Weights u (B or 1, C): not negative, summing to 1 over the classes present, all 0 where none is."""
        if self.class_ratios is None:
            ratios = actual / actual.sum(1, keepdim=True).clamp_min(1)
        elif len(self.class_ratios) == actual.shape[1]:
            ratios = self.class_ratios.to(actual)
        else:
            raise ConfigError(
                f"`class_ratios` has {len(self.class_ratios)} shares but there are {actual.shape[1]} classes. "
                "Pass one share per class.",
                field="cb_ratios",
            )
        present = (actual > 0).to(actual.dtype)
        weights = present * (1 - ratios if self.cb_weights == "complement" else 1 / (ratios + 1e-6))
        weights = torch.where(present.sum(1, keepdim=True) == 1, present, weights)
        return weights / weights.sum(1, keepdim=True).clamp_min(torch.finfo(weights.dtype).tiny)


def _checked_ratios(class_ratios: Sequence[float] | None) -> Tensor:
    if class_ratios is None:
        raise ConfigError(
            "cb_ratios='dataset' needs `class_ratios`, the share of each class in the training set. "
            "Pass them, or choose cb_ratios='image' or 'batch'.",
            field="cb_ratios",
        )
    ratios = torch.tensor(list(class_ratios), dtype=torch.float64)
    if not (ratios >= 0).all() or abs(ratios.sum().item() - 1) > 1e-3:
        raise ConfigError(
            f"`class_ratios` must be shares of at least 0 that sum to 1, got {list(class_ratios)}.", field="cb_ratios"
        )
    return ratios
