"""Structural similarity: local means, variances and covariance under a Gaussian window, and what SSIM makes of them.

A Gaussian filter of an image is two products with banded matrices, one for its columns and one for its rows. Up to
about a thousand pixels a side that takes a third of the time of two convolutions on a CPU.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

from dmf.errors import ConfigError

Padding: TypeAlias = Literal["valid", "reflect"]

K1, K2 = 0.01, 0.03  # Wang et al.; shares of the data range that keep flat regions from 0/0


@dataclass(frozen=True)
class Window:
    """A Gaussian window.

    Attributes:
        size: Its side, in pixels; odd and at least 3.
        sigma: Its standard deviation, in pixels.
        padding: ``valid``: only places where the whole window lies in the image, so that a map is ``size - 1`` smaller
            each way. ``reflect``: every pixel, the image mirrored at its border (the border pixel once).

    Raises:
        ConfigError: If one of them cannot be.
    """

    size: int = 11
    sigma: float = 1.5
    padding: Padding = "valid"

    def __post_init__(self) -> None:
        if self.size < 3 or self.size % 2 == 0:
            raise ConfigError(f"`window` must be an odd number of pixels of at least 3, got {self.size}.", "window")
        if not 0 < self.sigma < float("inf"):
            raise ConfigError(f"`sigma` must be a number of pixels above 0, got {self.sigma}.", "sigma")
        if self.padding not in ("valid", "reflect"):
            raise ConfigError(f"`padding` must be 'valid' or 'reflect', got {self.padding!r}.", "padding")

    def refuse_small(self, height: int, width: int) -> None:
        """Refuse an image that the window does not fit into.

        Raises:
            ConfigError: With both sizes and the way out.
        """
        if min(height, width) < self.size:
            raise ConfigError(
                f"An image of {height} x {width} pixels is smaller than the window of {self.size} pixels. Take a "
                "smaller window (and sigma), or larger images.",
                "window",
            )


@dataclass(frozen=True)
class Moments:
    """Local statistics of two images x and y, (B, C, h, w) each.

    Attributes:
        mean_output, mean_target: Of x and of y under the window.
        squares: Mean of x * x + y * y; SSIM needs no more of both variances than their sum.
        product: Mean of x * y.
    """

    mean_output: Tensor
    mean_target: Tensor
    squares: Tensor
    product: Tensor


def moments(output: Tensor, target: Tensor, window: Window) -> Moments:
    """Local statistics of (B, C, H, W) images, from four filtered maps instead of the usual five.

    Raises:
        ConfigError: If the window does not fit into the images.
    """
    window.refuse_small(*output.shape[-2:])
    squares, product = torch.addcmul(target * target, output, output), output * target
    # One by one: what bringing them together for one product would copy takes longer than that saves.
    return Moments(*(gaussian(images, window) for images in (output, target, squares, product)))


@dataclass(frozen=True)
class Similarity:
    r"""What SSIM is the product of, (B, C, h, w) each.

    Attributes:
        luminance: :math:`(2 \mu_x \mu_y + C_1) / (\mu_x^2 + \mu_y^2 + C_1)`, at most 1.
        structure: Contrast and structure, :math:`(2 \sigma_{xy} + C_2) / (\sigma_x^2 + \sigma_y^2 + C_2)`, -1 to 1.
    """

    luminance: Tensor
    structure: Tensor

    @property
    def ssim(self) -> Tensor:
        """(B, C, h, w) their product."""
        return self.luminance * self.structure


def similarity(moments: Moments, data_range: float) -> Similarity:
    """How alike two images are at each place of the window, for intensities of a data range."""
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    luminance, structure, *_ = _Similarity.apply(
        moments.mean_output, moments.mean_target, moments.squares, moments.product, c1, c2
    )
    return Similarity(luminance, structure)


class _Similarity(torch.autograd.Function):
    """Luminance l and structure s of local means m, n, squares q and product p; n has no gradient.

    With a = m^2 + n^2 + C1 and v = q - m^2 - n^2 + C2, l = (2mn + C1) / a and s = (2(p - mn) + C2) / v, so that
    dl/dm = 2(n - lm) / a, ds/dm = 2(sm - n) / v, ds/dq = -s / v and ds/dp = 2 / v. Written out, with a and v given as
    further outputs, it takes a third of the operations that autograd would.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(  # noqa: PLR0917  # apply takes no names
        m: Tensor, n: Tensor, q: Tensor, p: Tensor, c1: float, c2: float
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        # Constants as tensors (), so that they go into an operation instead of taking one.
        first, both = (torch.full((), value, dtype=m.dtype, device=m.device) for value in (c1, c1 + c2))
        means, energy = torch.addcmul(first, m, n, value=2), torch.addcmul(torch.addcmul(first, m, m), n, n)
        variance = torch.add(q, both).sub_(energy)
        return means / energy, torch.add(both, p, alpha=2).sub_(means).div_(variance), energy, variance

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        m, n, q, _, ctx.c1, ctx.c2 = inputs
        ctx.mark_non_differentiable(*output[2:])
        ctx.save_for_backward(m, n, q, *output)

    @staticmethod
    def backward(ctx: Any, by_luminance: Tensor, by_structure: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        m, n, q, luminance, structure, energy, variance = ctx.saved_tensors
        if torch.is_grad_enabled():  # for a second derivative, of which a and v are part
            energy = torch.addcmul(m * m, n, n)
            energy, variance = energy + ctx.c1, q - energy + ctx.c2
        left, right = by_luminance / energy, by_structure / variance
        by_mean = left * torch.addcmul(n, luminance, m, value=-1)
        by_mean = 2 * torch.addcmul(by_mean, right, torch.addcmul(n, structure, m, value=-1), value=-1)
        return by_mean, None, -(right * structure), 2 * right, None, None


def gaussian(images: Tensor, window: Window) -> Tensor:
    """Images (..., H, W) filtered with the window; of their precision, also under autocast."""
    rows, columns = (
        band_matrix(side, window, images.dtype, images.device) for side in (images.shape[-2], images.shape[-1])
    )
    with torch.autocast(images.device.type, enabled=False):
        return rows @ (images @ columns.T)


@lru_cache(maxsize=32)
def band_matrix(side: int, window: Window, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(places, side) whose product with a column of ``side`` pixels filters it; each row sums to 1."""
    with torch.inference_mode(False):  # it is kept, and may be needed for a gradient later
        centre = window.size // 2
        weights = torch.exp(-((torch.arange(window.size, dtype=torch.float64) - centre) ** 2) / (2 * window.sigma**2))
        weights /= weights.sum()
        first = centre if window.padding == "valid" else 0
        places = torch.arange(first, side - first)
        pixels = places[:, None] + torch.arange(-centre, centre + 1)
        pixels = pixels.abs()
        pixels = torch.where(pixels >= side, 2 * (side - 1) - pixels, pixels)
        matrix = torch.zeros(len(places), side, dtype=torch.float64)
        matrix.scatter_add_(1, pixels, weights.expand(len(places), -1))
        return matrix.to(device, dtype)
