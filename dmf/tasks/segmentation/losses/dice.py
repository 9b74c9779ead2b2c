"""Mean Dice loss."""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from dmf.options import Options
from dmf.tasks.segmentation.losses.base import require_non_negative
from dmf.tasks.segmentation.losses.overlap import OverlapLoss, OverlapOptions
from dmf.tasks.segmentation.losses.prediction import Prediction


def dice_ratio(tp: Tensor, predicted: Tensor, actual: Tensor, smooth: float) -> Tensor:
    """Dice of each entry, (2 TP + s) / (2 TP + FP + FN + s); the arguments share one shape."""
    return (2 * tp + smooth) / (predicted + actual + smooth)


class MeanDice(OverlapLoss):
    r"""One minus the mean over all classes of the Dice coefficient.

    .. math:: mDice = 1 - \frac{1}{C} \sum_c \frac{2 TP_c + s}{2 TP_c + FP_c + FN_c + s}

    Counts are summed over pixels and batch, unless ``per_image``. A class in neither target nor prediction has ratio 1,
    thus loss 0.

    (!) The notebook uses argmax counts here, which carry no gradient: ``Prediction(..., counts="hard")``.

    Args:
        smooth: s, added to numerator and denominator, in pixels. At least 0; with 0 an absent class that is not
            predicted at all gives 0/0.
        class_weights: (C,) weight of each class in the mean; see :class:`OverlapLoss`, also for what follows.
        background: Whether class 0 is in the mean.
        per_image: Take the ratios of each image by itself.

    Raises:
        ConfigError: If ``smooth`` is negative or not finite.

    Reference:
        Golnari & Diba, arXiv 2410.19745, eq. (18).
    """

    title: ClassVar[str] = "Dice"
    measures: ClassVar[str] = "1 minus the overlap of prediction and truth, as a share of their mean area."
    declares: ClassVar[type[Options]] = OverlapOptions

    def __init__(
        self,
        smooth: float = 1e-6,
        class_weights: Sequence[float] | None = None,
        *,
        background: bool = True,
        per_image: bool = False,
    ) -> None:
        super().__init__(class_weights, background=background, per_image=per_image)
        require_non_negative(smooth=smooth)
        self.smooth = smooth

    def forward(self, prediction: Prediction) -> Tensor:
        return 1 - self.mean(dice_ratio(*self.counts(prediction), self.smooth))
