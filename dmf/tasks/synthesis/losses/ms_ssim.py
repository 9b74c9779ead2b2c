"""Structural similarity at several scales as a loss."""

from typing import ClassVar

import torch
from torch import Tensor

from dmf.errors import ConfigError
from dmf.tasks.synthesis.losses.base import SynthesisLoss, require_positive
from dmf.tasks.synthesis.prediction import SynthesisPrediction
from dmf.tasks.synthesis.structure import Padding, Window, similarity

EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of Wang et al., finest scale first


class MultiScaleSSIM(SynthesisLoss):
    r"""One minus the structural similarity at several scales.

    .. math:: 1 - \frac{1}{BC} \sum \Big( l_M^{w_M} \prod_{j=1}^{M} cs_j^{w_j} \Big)

    where scale j is halved j-1 times, :math:`l` and :math:`cs` are the luminance and the contrast-and-structure part of
    :class:`SSIM`, their product (at the coarsest) and cs (elsewhere) averaged over the image before the power, and
    negative means are taken as 0. The exponents are the published ones of the first M scales, divided by their sum. 0
    for equal images, at most 1; where a mean is not above 0 there is no gradient, so it is no loss to begin alone with.

    (!) Where a side is odd its last row is left out before halving; pytorch-msssim pads it with zeros instead.

    Args:
        scales: M, from 1 to 5. The coarsest image must hold the window: 88 pixels a side for 4 scales of the default.
        window, sigma, padding, data_range: As of :class:`SSIM`.

    Raises:
        ConfigError: If an option cannot be, or an image is too small for as many scales.

    Reference:
        Wang, Simoncelli & Bovik, Multiscale structural similarity for image quality assessment, Asilomar 2003.
    """

    title: ClassVar[str] = "MS-SSIM"
    measures: ClassVar[str] = "1 minus the structural similarity of output and target at several scales."

    def __init__(
        self,
        scales: int = 4,
        window: int = 11,
        sigma: float = 1.5,
        padding: Padding = "valid",
        data_range: float = 1.0,
    ) -> None:
        super().__init__()
        if not 1 <= scales <= len(EXPONENTS):
            raise ConfigError(f"`scales` must be from 1 to {len(EXPONENTS)}, got {scales}.", "scales")
        require_positive(data_range=data_range)
        self.scales = scales
        self.window = Window(window, sigma, padding)
        self.data_range = data_range

    def require_size(self, height: int, width: int) -> None:
        if min(height, width) >> (self.scales - 1) < self.window.size:
            raise ConfigError(
                f"{self.scales} scales of an image of {height} x {width} pixels leave less than the window of "
                f"{self.window.size} pixels. Take fewer scales, a smaller window, or larger images.",
                "scales",
            )

    def forward(self, prediction: SynthesisPrediction) -> Tensor:
        self.require_size(*prediction.output.shape[-2:])
        means = []
        for level in range(self.scales):
            maps = similarity(prediction.moments(self.window, level), self.data_range)
            image = maps.ssim if level == self.scales - 1 else maps.structure
            means.append(image.mean((-2, -1)).relu())
        values = torch.stack(means)  # (M, B, C)
        exponents = values.new_tensor(EXPONENTS[: self.scales])
        return 1 - (values ** (exponents / exponents.sum())[:, None, None]).prod(0).mean()
