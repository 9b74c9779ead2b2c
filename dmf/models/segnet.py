"""SegNet: a decoder that puts values back where the encoder's pooling took them from."""

from itertools import pairwise
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from dmf.models.attention import attentions
from dmf.models.encoder import block, require_size

LEVELS = 4
LEAST = 16  # pixels a side: one at the bottom, with batch norm on two a side above it


class SegNet(nn.Module):
    """An encoder whose pooling remembers where each maximum was, and a decoder that puts values back there.

    Each encoder level is two 3x3 convolutions with batch norm and ReLU, then max pooling by 2; each decoder level puts
    its values where the maxima of that level were, zeros elsewhere, then two such convolutions. No features are passed
    over, only places.

    With attention, the features of each decoder level are weighted after its first convolution; a gate asks what came
    from the level below.

    (!) Published, the encoder is that of VGG-16, with five levels and 13 convolutions.

    Args:
        in_channels: Of the images.
        classes: Channels of the output.
        filters: Channels of the first level; doubled at each of the three deeper ones.
        image_size: Side of the square images in pixels, at least 16.
        attention: One of :data:`dmf.models.attention.KINDS`.

    Shape:
        - input: (B, in_channels, H, W), any sizes of at least 16 pixels.
        - returns: (B, classes, H, W) logits.

    Raises:
        ConfigError: If the size or the attention cannot be.

    Reference:
        Badrinarayanan, Kendall & Cipolla, SegNet, arXiv 1511.00561.
    """

    least: ClassVar[int] = LEAST

    def __init__(
        self, in_channels: int, classes: int, filters: int = 16, image_size: int = 128, attention: str = "none"
    ) -> None:
        super().__init__()
        require_size("segnet", image_size, LEAST)
        widths = [filters * 2**level for level in range(LEVELS)]
        self.encoder = nn.ModuleList(
            nn.Sequential(block(before, after), block(after, after))
            for before, after in pairwise((in_channels, *widths))
        )
        deepest_first = list(reversed(widths))
        self.decoder = nn.ModuleList(block(width, width) for width in deepest_first)
        self.narrowing = nn.ModuleList(
            block(width, narrower) for width, narrower in zip(deepest_first, (*deepest_first[1:], filters), strict=True)
        )
        self.head = nn.Conv2d(filters, classes, 1)
        self.attention = attentions(attention, [(width, width) for width in deepest_first])

    def forward(self, images: Tensor) -> Tensor:
        x = images
        pooled: list[tuple[Tensor, list[int]]] = []
        for level in self.encoder:
            x = level(x)
            size = list(x.shape[-2:])
            x, places = F.max_pool2d(x, 2, return_indices=True)
            pooled.append((places, size))
        for place, (spread, narrow) in enumerate(zip(self.decoder, self.narrowing, strict=True)):
            places, size = pooled.pop()
            features = spread(F.max_unpool2d(x, places, [2, 2], output_size=size))
            x = narrow(self.attention[place](features, x) if self.attention else features)
        logits: Tensor = self.head(x)
        return logits
