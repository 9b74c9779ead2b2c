"""Mean absolute error, L1."""

from typing import ClassVar

from torch import Tensor

from dmf.tasks.synthesis.losses.base import SynthesisLoss
from dmf.tasks.synthesis.prediction import SynthesisPrediction


class AbsoluteError(SynthesisLoss):
    r"""Mean absolute error.

    .. math:: L_1 = \frac{1}{N} \sum_n |x_n - y_n|

    over the N values of all images and channels; x is the output, y the target. 0 for equal images, no upper bound; in
    the unit of the intensities.

    Reference:
        Zhao et al., Loss functions for image restoration with neural networks, arXiv 1511.08861.
    """

    title: ClassVar[str] = "L1"
    measures: ClassVar[str] = "Mean absolute difference of output and target."

    def forward(self, prediction: SynthesisPrediction) -> Tensor:
        return prediction.error.abs().mean()
