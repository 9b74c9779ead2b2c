"""The encoder that several networks share: small, of any width, for images of any size."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from dmf.errors import ConfigError


class Encoder(nn.Module):
    """Stages of two 3x3 convolutions, each with batch norm and ReLU; every stage but the first halves the image.

    Halving rounds up, so that an image may have any size. With ``dilated_stages`` the last stages do not halve but
    look twice as far instead, as in DeepLab.

    Args:
        in_channels: Of the images.
        filters: Channels of the first stage; each further one has twice as many as the one before.
        halvings: Stages after the first.
        dilated_stages: How many of the last ones keep the size of the one before.

    Attributes:
        widths: Channels of what :meth:`forward` returns.

    Shape:
        - input: (B, in_channels, H, W).
        - returns: ``halvings + 1`` maps (B, filters * 2**stage, H / 2**stage, W / 2**stage), the finest first.
    """

    def __init__(self, in_channels: int, filters: int, halvings: int = 4, dilated_stages: int = 0) -> None:
        super().__init__()
        self.widths = tuple(filters * 2**stage for stage in range(halvings + 1))
        self.stages = nn.ModuleList()
        dilation = 1
        for stage, (before, after) in enumerate(pairwise((in_channels, *self.widths))):
            is_dilated = stage > halvings - dilated_stages
            dilation *= 2 if is_dilated else 1
            stride = 1 if stage == 0 or is_dilated else 2
            self.stages.append(
                nn.Sequential(
                    block(before, after, stride=stride, dilation=dilation), block(after, after, dilation=dilation)
                )
            )

    def forward(self, images: Tensor) -> list[Tensor]:
        features = []
        for stage in self.stages:
            images = stage(images)
            features.append(images)
        return features


def block(before: int, after: int, *, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """A 3x3 convolution that keeps the size but for its stride, batch norm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride=stride, padding=dilation, dilation=dilation, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    )


def require_size(name: str, image_size: int, least: int, divisor: int = 1) -> None:
    """Refuse a size that a network cannot take.

    Args:
        name: Of the network, for the message.
        image_size: Side of the square images in pixels.
        least: Pixels a side that it needs.
        divisor: What every side must divide by.

    Raises:
        ConfigError: With the nearest sizes that work.
    """
    if image_size >= least and image_size % divisor == 0:
        return
    above = max(-(-image_size // divisor) * divisor, least)
    below = image_size // divisor * divisor
    nearest: Sequence[int] = [below, above] if least <= below < above else [above]
    sizes = f"sizes that work are {nearest[0]} and {nearest[1]}" if len(nearest) == 2 else f"size that works is {above}"
    needed = f"of at least {least} pixels a side" + (f", divisible by {divisor}" if divisor > 1 else "")
    raise ConfigError(
        f"Network {name!r} needs images {needed}, got {image_size}. The nearest {sizes}.",
        field="image_size",
    )
