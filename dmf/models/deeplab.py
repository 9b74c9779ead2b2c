"""DeepLabV3 and DeepLabV3+ with a small encoder: their pooling is torchvision's, the decoder of the second smp's."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from dmf.models.attention import attentions
from dmf.models.encoder import Encoder, block, require_size
from dmf.models.fcn import enlarged
from dmf.models.zoo import needs_zoo

PUBLISHED = (12, 24, 36)  # rates of the published network, for features of 65 pixels a side
PUBLISHED_SIDE = 65


def atrous_rates(side: int) -> tuple[int, int, int]:
    """Rates of the three dilated convolutions for features of ``side`` pixels, in proportion to the published ones.

    The published rates reach beyond the features of a small image, where nothing of a 3x3 convolution but its centre
    would be left.
    """
    first, second, third = (max(1, round(rate * side / PUBLISHED_SIDE)) for rate in PUBLISHED)
    return first, max(second, first + 1), max(third, first + 2)


class DeepLabV3(nn.Module):
    """Features of an eighth of the image, seen at several distances at once (atrous spatial pyramid pooling, ASPP).

    The last stage of the encoder looks twice as far instead of halving. torchvision's ``ASPP`` joins five views of it:
    each place, three dilated convolutions, and the mean of the image. One convolution and a 1x1 make scores, enlarged
    (bilinear) to the image.

    With attention, the output of the ASPP is weighted; a gate asks the features that the ASPP has seen.

    (!) Published, the encoder is a ResNet, and the dilated convolutions have rates of 12, 24 and 36; here they shrink
    with the image. The mean of the image goes through group norm (one group) instead of batch norm, which cannot
    normalise the one value of a single image.

    Args:
        in_channels: Of the images.
        classes: Channels of the output.
        filters: Channels of the first level; doubled at each of the four deeper ones.
        image_size: Side of the square images in pixels, at least 16; sets the rates.
        attention: One of :data:`dmf.models.attention.KINDS`.

    Shape:
        - input: (B, in_channels, H, W), any sizes of at least 16 pixels.
        - returns: (B, classes, H, W) logits.

    Raises:
        ConfigError: If the size or the attention cannot be, or torchvision is not installed.

    Reference:
        Chen et al., Rethinking atrous convolution for semantic image segmentation, arXiv 1706.05587.
    """

    least: ClassVar[int] = 16

    def __init__(
        self, in_channels: int, classes: int, filters: int = 16, image_size: int = 128, attention: str = "none"
    ) -> None:
        super().__init__()
        require_size("deeplabv3", image_size, self.least)
        with needs_zoo("deeplabv3"):
            from torchvision.models.segmentation.deeplabv3 import ASPP
        self.encoder = Encoder(in_channels, filters, dilated_stages=1)
        deepest, width = self.encoder.widths[-1], 4 * filters
        self.aspp = ASPP(deepest, atrous_rates(-(-image_size // 8)), width)
        fit_for_one_image(self.aspp)
        self.head = nn.Sequential(block(width, width), nn.Conv2d(width, classes, 1))
        self.attention = attentions(attention, [(width, deepest)])

    def forward(self, images: Tensor) -> Tensor:
        deepest = self.encoder(images)[-1]
        features = self.aspp(deepest)
        if self.attention:
            features = self.attention[0](features, deepest)
        return enlarged(self.head(features), images)


class DeepLabV3Plus(nn.Module):
    """DeepLabV3 of a sixteenth of the image, refined by features of a quarter.

    The decoder is that of segmentation-models-pytorch, with separable convolutions: ASPP, enlarged four times, joined
    with features of a quarter of the image, one more convolution. A 1x1 makes scores, enlarged (bilinear) to the image.

    Attention and rates as in :class:`DeepLabV3`, and the same departures from what is published.

    Args:
        in_channels: Of the images.
        classes: Channels of the output.
        filters: Channels of the first level; doubled at each of the four deeper ones.
        image_size: Side of the square images in pixels, at least 32 and divisible by 16; sets the rates.
        attention: One of :data:`dmf.models.attention.KINDS`.

    Shape:
        - input: (B, in_channels, H, W), sizes as ``image_size``.
        - returns: (B, classes, H, W) logits.

    Raises:
        ConfigError: If the size or the attention cannot be, or segmentation-models-pytorch is not installed.

    Reference:
        Chen et al., Encoder-decoder with atrous separable convolution, arXiv 1802.02611.
    """

    least: ClassVar[int] = 32

    def __init__(
        self, in_channels: int, classes: int, filters: int = 16, image_size: int = 128, attention: str = "none"
    ) -> None:
        super().__init__()
        require_size("deeplabv3plus", image_size, self.least, 16)
        with needs_zoo("deeplabv3plus"):
            from segmentation_models_pytorch.decoders.deeplabv3.decoder import DeepLabV3PlusDecoder
        self.encoder = Encoder(in_channels, filters)
        deepest, width = self.encoder.widths[-1], 4 * filters
        self.decoder = DeepLabV3PlusDecoder(
            encoder_channels=list(self.encoder.widths),
            encoder_depth=4,
            out_channels=width,
            atrous_rates=atrous_rates(image_size // 16),
            output_stride=16,
            aspp_separable=True,
            aspp_dropout=0.5,
        )
        fit_for_one_image(self.decoder.aspp[0])
        self.head = nn.Conv2d(width, classes, 1)
        self.attention = attentions(attention, [(width, deepest)])

    def forward(self, images: Tensor) -> Tensor:
        features, decoder = self.encoder(images), self.decoder
        aspp, *after = decoder.aspp
        seen = aspp(features[-1])
        if self.attention:
            seen = self.attention[0](seen, features[-1])
        for layer in (*after, decoder.up):
            seen = layer(seen)
        return enlarged(self.head(decoder.block2(torch.cat((seen, decoder.block1(features[2])), 1))), images)


def fit_for_one_image(aspp: Any) -> None:
    """Let the branch of an ASPP that takes the mean of the image do without batch norm.

    That refuses to train on a batch of one, whose mean is one value per channel, and makes plus or minus one of a batch
    of two.
    """
    pooling = aspp.convs[-1]
    (place,) = (place for place, layer in enumerate(pooling) if isinstance(layer, nn.BatchNorm2d))
    pooling[place] = nn.GroupNorm(1, pooling[place].num_features)
