"""Charbonnier loss."""

from typing import ClassVar

from torch import Tensor

from dmf.tasks.synthesis.losses.base import SynthesisLoss, require_positive
from dmf.tasks.synthesis.prediction import SynthesisPrediction


class Charbonnier(SynthesisLoss):
    r"""An absolute error that is smooth at 0.

    .. math:: \frac{1}{N} \sum_n \sqrt{(x_n - y_n)^2 + \epsilon^2}

    over the N values of all images and channels; x is the output, y the target. Epsilon for equal images, no upper
    bound; in the unit of the intensities.

    Args:
        epsilon: Below it the loss behaves as a square, above as an absolute error; in the unit of the intensities.

    Raises:
        ConfigError: If ``epsilon`` is not above 0.

    Reference:
        Charbonnier et al., ICIP 1994; Lai et al., LapSRN, arXiv 1704.03915.
    """

    title: ClassVar[str] = "Charbonnier"
    measures: ClassVar[str] = "An absolute difference that is smooth where it is small."

    def __init__(self, epsilon: float = 1e-3) -> None:
        super().__init__()
        require_positive(epsilon=epsilon)
        self.epsilon = epsilon

    def forward(self, prediction: SynthesisPrediction) -> Tensor:
        return (prediction.error.square() + self.epsilon**2).sqrt().mean()
