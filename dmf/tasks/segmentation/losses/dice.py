"""Mean Dice loss."""

from typing import ClassVar

from torch import Tensor

from dmf.tasks.segmentation.losses.joint import Summary
from dmf.tasks.segmentation.losses.overlap import RatioLoss


def dice_ratio(tp: Tensor, predicted: Tensor, actual: Tensor, smooth: float) -> Tensor:
    """Dice of each entry, (2 TP + s) / (2 TP + FP + FN + s); the arguments share one shape."""
    return (2 * tp + smooth) / (predicted + actual + smooth)


class MeanDice(RatioLoss):
    r"""One minus the mean over all classes of the Dice coefficient.

    .. math:: mDice = 1 - \frac{1}{C} \sum_c \frac{2 TP_c + s}{2 TP_c + FP_c + FN_c + s}

    Counts are summed over pixels and batch, unless ``per_image``. A class in neither target nor prediction has ratio 1,
    thus loss 0.

    (!) The notebook uses argmax counts here, which carry no gradient: ``Prediction(..., counts="hard")``.

    Its arguments are those of :class:`RatioLoss`.

    Reference:
        Golnari & Diba, arXiv 2410.19745, eq. (18).
    """

    title: ClassVar[str] = "Dice"
    measures: ClassVar[str] = "1 minus the overlap of prediction and truth, as a share of their mean area."

    def summary(self) -> Summary | None:
        return self.plain_mean(2, 1, 1)

    def ratio(self, tp: Tensor, predicted: Tensor, actual: Tensor) -> Tensor:
        return dice_ratio(tp, predicted, actual, self.smooth)
