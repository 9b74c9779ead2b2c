"""A fully convolutional network, with the head of torchvision."""

from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from dmf.models.attention import attentions
from dmf.models.encoder import Encoder, require_size
from dmf.models.zoo import needs_zoo

LEAST = 32  # pixels a side: two at the bottom, so that batch norm has more than one value of a single image


class FCN(nn.Module):
    """A fully convolutional network: scores of the deepest features, corrected by scores of two finer levels.

    The deepest features go through torchvision's ``FCNHead``; a 1x1 convolution makes scores of each of two finer
    levels. Scores are enlarged (bilinear) to the next level and added up, at last to the size of the image.

    With attention, what each of both finer levels adds is weighted first; a gate asks the level below it.

    (!) Published, the encoder is VGG-16 with levels of 1/8, 1/16 and 1/32 of the image. Here it is the small
    :class:`Encoder`, and they are of 1/4, 1/8 and 1/16, for small images.

    Args:
        in_channels: Of the images.
        classes: Channels of the output.
        filters: Channels of the first level; doubled at each of the four deeper ones.
        image_size: Side of the square images in pixels, at least 32.
        attention: One of :data:`dmf.models.attention.KINDS`.

    Shape:
        - input: (B, in_channels, H, W), any sizes of at least 32 pixels.
        - returns: (B, classes, H, W) logits.

    Raises:
        ConfigError: If the size or the attention cannot be, or torchvision is not installed.

    Reference:
        Long, Shelhamer & Darrell, Fully convolutional networks for semantic segmentation, arXiv 1411.4038.
    """

    least: ClassVar[int] = LEAST

    def __init__(
        self, in_channels: int, classes: int, filters: int = 16, image_size: int = 128, attention: str = "none"
    ) -> None:
        super().__init__()
        require_size("fcn", image_size, LEAST)
        with needs_zoo("fcn"):
            from torchvision.models.segmentation.fcn import FCNHead
        self.encoder = Encoder(in_channels, filters)
        *_, quarter, eighth, deepest = self.encoder.widths
        self.head = FCNHead(deepest, classes)
        self.scores = nn.ModuleList(nn.Conv2d(width, classes, 1) for width in (eighth, quarter))
        self.attention = attentions(attention, [(eighth, deepest), (quarter, eighth)])

    def forward(self, images: Tensor) -> Tensor:
        *_, quarter, eighth, deepest = self.encoder(images)
        logits: Tensor = self.head(deepest)
        for place, (features, coarser) in enumerate(((eighth, deepest), (quarter, eighth))):
            passed = self.attention[place](features, coarser) if self.attention else features
            logits = enlarged(logits, features) + self.scores[place](passed)
        return enlarged(logits, images)


def enlarged(features: Tensor, like: Tensor) -> Tensor:
    """Features interpolated to the sides of ``like``."""
    return F.interpolate(features, size=like.shape[-2:], mode="bilinear", align_corners=False)
