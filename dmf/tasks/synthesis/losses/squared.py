"""Mean squared error, L2."""

from typing import ClassVar

from torch import Tensor

from dmf.tasks.synthesis.losses.base import SynthesisLoss
from dmf.tasks.synthesis.prediction import SynthesisPrediction


class SquaredError(SynthesisLoss):
    r"""Mean squared error.

    .. math:: L_2 = \frac{1}{N} \sum_n (x_n - y_n)^2

    over the N values of all images and channels; x is the output, y the target. 0 for equal images, no upper bound; in
    the square of the unit of the intensities. It is least for the mean of all targets that one input may have, which
    looks blurred.

    Reference:
        Zhao et al., Loss functions for image restoration with neural networks, arXiv 1511.08861.
    """

    title: ClassVar[str] = "L2"
    measures: ClassVar[str] = "Mean squared difference of output and target: large errors count most."

    def forward(self, prediction: SynthesisPrediction) -> Tensor:
        return prediction.error.square().mean()
