"""Tversky loss."""

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field
from torch import Tensor

from dmf.errors import ConfigError
from dmf.options import NonNegative, Options
from dmf.tasks.segmentation.losses.base import require_non_negative
from dmf.tasks.segmentation.losses.joint import Summary
from dmf.tasks.segmentation.losses.overlap import OverlapOptions, RatioLoss


class TverskyOptions(OverlapOptions):
    """Options of the Tversky loss."""

    fp_weight: NonNegative = Field(
        0.3, title="False positives", description="Penalty of a false positive (the notebook: 0.7)."
    )
    fn_weight: NonNegative = Field(
        0.7, title="False negatives", description="Penalty of a false negative (the notebook: 0.3)."
    )

    def check(self, count: int, history_max: int, *, sums: bool = False) -> None:
        """As :meth:`dmf.options.Options.check`; and something must be penalised."""
        if self.fp_weight + self.fn_weight == 0:
            raise ValueError("fp_weight: fp_weight and fn_weight cannot both be 0")


class Tversky(RatioLoss):
    r"""Overlap loss with separate penalties for false positives and false negatives.

    .. math:: Tversky = 1 - \frac{1}{C} \sum_c \frac{TP_c + s}{TP_c + w_{FP} FP_c + w_{FN} FN_c + s}

    Counts are summed over pixels and batch, unless ``per_image``. Both penalties 0.5 give Dice (with half its
    smoothing), both 1 give IoU.

    (!) The notebook penalises false positives more: 0.7 and 0.3 on FP and FN. Salehi et al. and lesion segmentation in
    general do the opposite, to favour recall; that is the default here.
    (!) The notebook uses argmax counts here, which carry no gradient: ``Prediction(..., counts="hard")``.

    Args:
        fp_weight: Penalty of a false positive. At least 0.
        fn_weight: Penalty of a false negative. At least 0, and not both 0.
        smooth: s, added to numerator and denominator, in pixels. At least 0; with 0 an absent class that is not
            predicted at all gives 0/0.
        class_weights: (C,) weight of each class in the mean; see :class:`OverlapLoss`, also for what follows.
        background: Whether class 0 is in the mean.
        per_image: Take the ratios of each image by itself.

    Raises:
        ConfigError: If an option is negative or not finite, or both penalties are 0.

    Reference:
        Golnari & Diba, arXiv 2410.19745, eq. (20); Salehi et al., arXiv 1706.05721.
    """

    title: ClassVar[str] = "Tversky"
    measures: ClassVar[str] = "Like Dice, with a penalty of its own for what is made up and for what is missed."
    declares: ClassVar[type[Options]] = TverskyOptions

    def __init__(
        self,
        fp_weight: float = 0.3,
        fn_weight: float = 0.7,
        smooth: float = 1e-6,
        class_weights: Sequence[float] | None = None,
        *,
        background: bool = True,
        per_image: bool = False,
    ) -> None:
        super().__init__(smooth, class_weights, background=background, per_image=per_image)
        require_non_negative(fp_weight=fp_weight, fn_weight=fn_weight)
        if fp_weight == fn_weight == 0:
            raise ConfigError("`fp_weight` and `fn_weight` cannot both be 0: nothing would be penalised.", "fp_weight")
        self.fp_weight = fp_weight
        self.fn_weight = fn_weight

    def summary(self) -> Summary | None:
        return self.plain_mean(1, self.fp_weight, self.fn_weight)

    def ratio(self, tp: Tensor, predicted: Tensor, actual: Tensor) -> Tensor:
        return tversky_ratios((tp, predicted, actual), self.fp_weight, self.fn_weight, self.smooth)


def tversky_ratios(counts: tuple[Tensor, Tensor, Tensor], fp_weight: float, fn_weight: float, smooth: float) -> Tensor:
    """Tversky index of each entry of true positives, predicted and actual pixels, which share one shape."""
    tp, predicted, actual = counts
    penalty = fp_weight * (predicted - tp) + fn_weight * (actual - tp)
    return (tp + smooth) / (tp + penalty + smooth)
