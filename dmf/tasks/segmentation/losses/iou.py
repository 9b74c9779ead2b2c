"""Mean intersection over union (Jaccard) loss."""

from typing import ClassVar

from torch import Tensor

from dmf.tasks.segmentation.losses.joint import Summary
from dmf.tasks.segmentation.losses.overlap import RatioLoss


class MeanIoU(RatioLoss):
    r"""One minus the mean over all classes of intersection over union.

    .. math:: mIoU = 1 - \frac{1}{C} \sum_c \frac{TP_c + s}{TP_c + FP_c + FN_c + s}

    Counts are summed over pixels and batch, unless ``per_image``. A class in neither target nor prediction has ratio 1,
    thus loss 0.

    (!) The notebook uses argmax counts here, which carry no gradient: ``Prediction(..., counts="hard")``.

    Its arguments are those of :class:`RatioLoss`.

    Reference:
        Golnari & Diba, arXiv 2410.19745, eq. (17).
    """

    title: ClassVar[str] = "IoU"
    measures: ClassVar[str] = "1 minus the overlap of prediction and truth, as a share of the area that either covers."

    def summary(self) -> Summary | None:
        return self.plain_mean(1, 1, 1)

    def ratio(self, tp: Tensor, predicted: Tensor, actual: Tensor) -> Tensor:
        union = predicted + actual - tp  # first: gradients of what losses share are added up in the order of this
        return (tp + self.smooth) / (union + self.smooth)
