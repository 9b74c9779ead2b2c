"""A feature pyramid with a mask head: what is left of Mask R-CNN where every pixel has one class."""

from collections import OrderedDict
from typing import ClassVar

import torch
from torch import Tensor, nn

from dmf.models.attention import attentions
from dmf.models.encoder import Encoder, require_size
from dmf.models.fcn import enlarged
from dmf.models.zoo import needs_zoo

LEAST = 32  # pixels a side: two at the bottom, so that batch norm has more than one value of a single image


class FPNMask(nn.Module):
    """torchvision's feature pyramid and mask head of Mask R-CNN over the whole image, with a class for every pixel.

    The pyramid has levels of 1/2, 1/4, 1/8 and 1/16 of the image, all of the same width, each with what the coarser
    ones know. Their sum on the finest grid goes through the mask head: 3x3 convolutions, a transposed one that doubles
    the size, and a 1x1 to scores.

    With attention, every level of the pyramid is weighted before the sum; a gate asks the next coarser level, the
    coarsest the encoder's features.

    It stands in for the R-CNN of articles that compare it with networks of semantic segmentation: an R-CNN proposes
    regions and makes a mask for each, and how these become one class per pixel, and from which boxes it learns where
    there are only masks, is left open there. Here no region is proposed, and nothing but the pixels' classes learned.

    Args:
        in_channels: Of the images.
        classes: Channels of the output.
        filters: Channels of the first level of the encoder, doubled at each of the four deeper ones; the pyramid has
            four times as many.
        image_size: Side of the square images in pixels, at least 32.
        attention: One of :data:`dmf.models.attention.KINDS`.

    Shape:
        - input: (B, in_channels, H, W), any sizes of at least 32 pixels.
        - returns: (B, classes, H, W) logits.

    Raises:
        ConfigError: If the size or the attention cannot be, or torchvision is not installed.

    Reference:
        Lin et al., Feature pyramid networks, arXiv 1612.03144; He et al., Mask R-CNN, arXiv 1703.06870; the sum of
        levels as in Kirillov et al., Panoptic feature pyramid networks, arXiv 1901.02446.
    """

    least: ClassVar[int] = LEAST

    def __init__(
        self, in_channels: int, classes: int, filters: int = 16, image_size: int = 128, attention: str = "none"
    ) -> None:
        super().__init__()
        require_size("fpn-mask", image_size, LEAST)
        with needs_zoo("fpn-mask"):
            from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
            from torchvision.ops import FeaturePyramidNetwork
        self.encoder = Encoder(in_channels, filters)
        levels, width = self.encoder.widths[1:], 4 * filters
        self.pyramid = FeaturePyramidNetwork(list(levels), width, norm_layer=nn.BatchNorm2d)
        self.head = nn.Sequential(
            MaskRCNNHeads(width, [width, width], 1, norm_layer=nn.BatchNorm2d),
            MaskRCNNPredictor(width, width, classes),
        )
        self.attention = attentions(attention, [*[(width, width)] * (len(levels) - 1), (width, levels[-1])])

    def forward(self, images: Tensor) -> Tensor:
        _, *features = self.encoder(images)
        named = OrderedDict((str(level), values) for level, values in enumerate(features))
        levels: list[Tensor] = list(self.pyramid(named).values())
        if self.attention:
            coarser = (*levels[1:], features[-1])
            levels = [passes(*both) for passes, *both in zip(self.attention, levels, coarser, strict=True)]
        finest = levels[0]
        joined = torch.stack([finest, *(enlarged(level, finest) for level in levels[1:])]).sum(0)
        logits: Tensor = self.head(joined)  # twice as large; of an odd side one pixel more than the image
        return logits if logits.shape[-2:] == images.shape[-2:] else enlarged(logits, images)
