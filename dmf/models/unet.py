"""The paper's plain U-Net."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from dmf.errors import ConfigError
from dmf.models.attention import attentions


def unet_depth(image_size: int | Sequence[int]) -> int:
    """Levels of the encoder: log2(size / 8) rounded down, of the shorter side, in pixels.

    Raises:
        ConfigError: If a side is below 16 pixels, or does not divide by 2**depth; names the nearest sizes that work.
    """
    sides = _sides(image_size)
    if min(sides) < 16:
        raise ConfigError(
            f"The U-Net needs images of at least 16 pixels a side, got {_written(sides)}. The nearest size that works "
            "is 16.",
            field="image_size",
        )
    depth = int(math.log2(min(sides) // 8))
    for side in sides:
        if side % 2**depth:
            below, above = _nearest(side, depth if len(set(sides)) > 1 else None)
            raise ConfigError(
                f"The U-Net halves images of {_written(sides)} pixels {depth} times, so every side must divide by "
                f"{2**depth}, but {side} does not. The nearest sizes that work are {below} and {above}.",
                field="image_size",
            )
    return depth


class UNet(nn.Module):
    """The paper's U-Net, as the authors' notebook builds it: one convolution per level, none at the bottom.

    Each encoder level is a 3x3 convolution, batch norm and ReLU, kept as the skip, then max pooling by 2; filters
    double per level. Each decoder level is a transposed 3x3 convolution of stride 2 to that level's filters, batch norm
    and ReLU, then concatenation with the skip, without a convolution after it. A 1x1 convolution gives the logits.

    With attention, every skip is weighted before it is concatenated; a gate asks the features of the decoder that come
    from the level below.

    (!) Most U-Nets have two convolutions per level, a bottom level and convolutions after each concatenation.

    Args:
        in_channels: Channels of the input.
        classes: Channels of the output.
        filters: Filters of the first level; 32 in the paper.
        image_size: Side of the images in pixels, or height and width; sets the depth, log2(size / 8) rounded down.
        attention: One of :data:`dmf.models.attention.KINDS`; without it, and at the start but for the skips, the
            network has the same weights.

    Shape:
        - input: (B, in_channels, H, W), 0..1; H and W divide by 2**depth. Other sizes than ``image_size`` may pass.
        - returns: (B, classes, H, W) logits.

    Raises:
        ConfigError: If a side of ``image_size`` or of the input is too small or does not divide by 2**depth.

    Reference:
        Golnari & Diba, arXiv 2410.19745, and their notebook.
    """

    def __init__(
        self,
        in_channels: int,
        classes: int,
        filters: int = 32,
        image_size: int | Sequence[int] = 128,
        attention: str = "none",
    ) -> None:
        super().__init__()
        self.depth = unet_depth(image_size)
        widths = [filters * 2**level for level in range(self.depth)]
        self.encoder = nn.ModuleList(
            _level(nn.Conv2d(before, after, 3, padding=1), after) for before, after in pairwise((in_channels, *widths))
        )
        # The bottom has the last level's filters; every later level receives its upsampled half plus the skip.
        inputs = [widths[-1], *(2 * width for width in widths[:0:-1])]
        self.decoder = nn.ModuleList(
            _level(nn.ConvTranspose2d(before, after, 3, stride=2, padding=1, output_padding=1), after)
            for before, after in zip(inputs, reversed(widths), strict=True)
        )
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Conv2d(2 * filters, classes, 1)
        # Last, so that all else begins as it would without; its gates ask what each level of the decoder receives.
        self.attention = attentions(attention, list(zip(reversed(widths), inputs, strict=True)))

    def forward(self, image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        if height % 2**self.depth or width % 2**self.depth:
            raise ConfigError(
                f"This U-Net takes images whose sides divide by {2**self.depth}, got {height} x {width} pixels.",
                field="image_size",
            )
        x, skips = image, []
        for level in self.encoder:
            x = level(x)
            skips.append(x)
            x = self.pool(x)
        for place, level in enumerate(self.decoder):
            skip = skips.pop()
            if self.attention:
                skip = self.attention[place](skip, x)
            x = torch.cat([level(x), skip], dim=1)
        return cast(Tensor, self.head(x))


def _level(convolution: nn.Module, filters: int) -> nn.Sequential:
    return nn.Sequential(convolution, nn.BatchNorm2d(filters), nn.ReLU(inplace=True))


def _sides(image_size: int | Sequence[int]) -> tuple[int, int]:
    if isinstance(image_size, int):
        return image_size, image_size
    if len(image_size) != 2:
        raise ConfigError(
            f"`image_size` must be one number or (height, width), got {tuple(image_size)}.", field="image_size"
        )
    return image_size[0], image_size[1]


def _written(sides: tuple[int, int]) -> str:
    return str(sides[0]) if sides[0] == sides[1] else f"{sides[0]} x {sides[1]}"


def _nearest(side: int, depth: int | None) -> tuple[int, int]:
    """The next sizes below and above that work: for squares with their own depth, else with the one given."""

    def works(size: int) -> bool:
        halvings = int(math.log2(size // 8)) if depth is None else depth
        return size % (1 << halvings) == 0

    below = next(size for size in range(side, 0, -1) if works(size))
    above = next(size for size in range(side, 2 * side + 1) if works(size))
    return below, above
