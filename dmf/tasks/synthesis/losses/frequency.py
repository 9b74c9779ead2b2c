"""Difference of the magnitudes of spectra."""

from typing import ClassVar

from torch import Tensor

from dmf.tasks.synthesis.losses.base import SynthesisLoss
from dmf.tasks.synthesis.prediction import SynthesisPrediction


class FrequencyMagnitude(SynthesisLoss):
    r"""How far the magnitude of each spatial frequency is from that of the target.

    .. math:: \frac{1}{N} \sum_k \big| |X_k| - |Y_k| \big|

    over the N frequencies of all images and channels; X and Y are the orthonormal discrete Fourier transforms of output
    and target, so that it is in the unit of the intensities. 0 for equal images and for ones shifted around the border,
    because phases do not count; no upper bound. It asks for as much fine detail as the target has, wherever it lies.

    Args:
        log: Compare :math:`\log(1 + |X_k|)`, so that the few strong low frequencies do not outweigh all others.

    Reference:
        Fuoli, Van Gool & Timofte, Fourier space losses for efficient perceptual image super-resolution,
        arXiv 2106.00783, eq. (3), magnitudes only.
    """

    title: ClassVar[str] = "Frequency"
    measures: ClassVar[str] = "How far the magnitude of each spatial frequency is from that of the target."

    def __init__(self, *, log: bool = False) -> None:
        super().__init__()
        self.log = log

    def forward(self, prediction: SynthesisPrediction) -> Tensor:
        output, target = prediction.magnitudes
        error = (output.log1p() - target.log1p() if self.log else output - target).abs()
        # The other half of the spectrum mirrors this one, except for its first column and, of an even width, the last.
        width = prediction.output.shape[-1]
        alone = error[..., 0].sum() + (error[..., -1].sum() if width % 2 == 0 else 0)
        return (2 * error.sum() - alone) / prediction.output.numel()
