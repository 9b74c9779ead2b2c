"""Gradient difference loss, at one or several scales."""

from typing import ClassVar

import torch
from torch import Tensor

from dmf.errors import ConfigError
from dmf.tasks.synthesis.losses.base import SynthesisLoss, require_positive
from dmf.tasks.synthesis.prediction import SynthesisPrediction


class GradientDifference(SynthesisLoss):
    r"""How much steeper or flatter edges are than those of the target.

    .. math:: \frac{1}{S} \sum_{s} \frac{1}{2} \sum_{d} \frac{1}{N} \sum_n
              \big| |\nabla_d x_n| - |\nabla_d y_n| \big|^{\alpha}

    over the S scales, each half the size of the one before, the two directions d and the N differences of neighbours; x
    is the output, y the target. 0 for equal images, and for images that differ by a constant; no upper bound; in the
    unit of the intensities to the power of alpha. Published sums over pixels, here is a mean, so that the value does
    not depend on the size.

    Args:
        scales: S, at least 1.
        alpha: The exponent.
        signed: Compare the differences themselves, so that an edge of the wrong direction counts.

    Raises:
        ConfigError: If an option cannot be, or an image cannot be halved so often.

    Reference:
        Mathieu, Couprie & LeCun, Deep multi-scale video prediction beyond mean square error, arXiv 1511.05440, eq. (6).
    """

    title: ClassVar[str] = "Gradient difference"
    measures: ClassVar[str] = "How much steeper or flatter edges of the output are than those of the target."

    def __init__(self, scales: int = 1, alpha: float = 1.0, *, signed: bool = False) -> None:
        super().__init__()
        if scales < 1:
            raise ConfigError(f"`scales` must be at least 1, got {scales}.", "scales")
        require_positive(alpha=alpha)
        self.scales = scales
        self.alpha = alpha
        self.signed = signed

    def forward(self, prediction: SynthesisPrediction) -> Tensor:
        values = []
        for level in range(self.scales):
            down, right, true_down, true_right = prediction.gradients(level)
            values += [self._difference(down, true_down), self._difference(right, true_right)]
        return torch.stack(values).mean()

    def _difference(self, output: Tensor, target: Tensor) -> Tensor:
        error = (output - target if self.signed else output.abs() - target.abs()).abs()
        return (error if self.alpha == 1 else error**self.alpha).mean()
