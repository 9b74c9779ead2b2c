"""What all losses of one step of image synthesis share: differences, pyramids, spectra, each computed once."""

from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from dmf.errors import ConfigError
from dmf.tasks.synthesis.differences import differences
from dmf.tasks.synthesis.spectrum import half_spectrum
from dmf.tasks.synthesis.structure import Moments, Window, moments
from dmf.terms import Prediction


class SynthesisPrediction(Prediction):
    """Shared statistics of one step, computed when first asked for and then kept.

    Everything is float32 at least: outputs of less precision are promoted. Nothing here copies from the device to the
    host.

    Args:
        output: What the network makes of the input; any number, not only those of the data range.
        target: The image it should be, on the device of ``output``. It has no gradient.

    Shape:
        - output, target: (B, C, H, W), floating.

    Raises:
        ConfigError: If a shape, type or device is not as above.
    """

    def __init__(self, output: Tensor, target: Tensor) -> None:
        _validate(output, target)
        dtype = torch.float64 if output.dtype == torch.float64 else torch.float32
        # One memory layout for all that follows: mixing channels-last with others costs more than a copy.
        super().__init__(output.to(dtype).contiguous(), target.detach().to(dtype).contiguous())
        self._pyramid = [(self.output, self.target)]
        self._differences: dict[int, tuple[Tensor, Tensor, Tensor, Tensor]] = {}
        self._moments: dict[tuple[Window, int], Moments] = {}

    @cached_property
    def error(self) -> Tensor:
        """(B, C, H, W) output minus target."""
        return self.output - self.target

    def level(self, level: int) -> tuple[Tensor, Tensor]:
        """Output and target, halved ``level`` times: the mean of 2 x 2 pixels each time.

        Where a side is odd, its last row of pixels is left out.

        Raises:
            ConfigError: If nothing is left to halve.
        """
        while len(self._pyramid) <= level:
            images = self._pyramid[-1]
            if min(images[0].shape[-2:]) < 2:
                height, width = self.output.shape[-2:]
                raise ConfigError(
                    f"An image of {height} x {width} pixels cannot be halved {level} times. Take fewer scales.",
                    "scales",
                )
            self._pyramid.append((F.avg_pool2d(images[0], 2), F.avg_pool2d(images[1], 2)))
        return self._pyramid[level]

    def gradients(self, level: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Differences of neighbours at a level of the pyramid, per pixel of that level.

        Returns:
            Those of the output along rows (B, C, H-1, W) and columns (B, C, H, W-1), then those of the target.
        """
        if level not in self._differences:
            output, target = self.level(level)
            self._differences[level] = (
                differences(output, -2),
                differences(output, -1),
                target.diff(dim=-2),
                target.diff(dim=-1),
            )
        return self._differences[level]

    @cached_property
    def magnitudes(self) -> tuple[Tensor, Tensor]:
        """(B, C, H, W//2+1) magnitudes of the orthonormal spectra of output and target, the half that says it all."""
        return half_spectrum(self.output).abs(), half_spectrum(self.target).abs()

    def moments(self, window: Window, level: int = 0) -> Moments:
        """Local statistics at a level of the pyramid.

        Raises:
            ConfigError: If the window does not fit into the images of that level.
        """
        key = (window, level)
        if key not in self._moments:
            self._moments[key] = moments(*self.level(level), window)
        return self._moments[key]


def _validate(output: Tensor, target: Tensor) -> None:
    if output.ndim != 4 or not output.is_floating_point():
        raise ConfigError(
            f"`output` must be floating with shape (B, C, H, W), got {output.dtype} {tuple(output.shape)}."
        )
    if target.shape != output.shape or not target.is_floating_point():
        raise ConfigError(
            f"`target` must be floating with the shape of `output`, {tuple(output.shape)}, got {target.dtype} "
            f"{tuple(target.shape)}. A network must have as many output channels as the target has."
        )
    if target.device != output.device:
        raise ConfigError(f"`target` is on {target.device}, `output` on {output.device}. Move both to one device.")
    if target.numel() == 0:
        raise ConfigError(f"`target` has no pixels, got shape {tuple(target.shape)}. Pass at least one image.")
