import pytest
import torch

from dmf.errors import ConfigError
from dmf.models import UNet
from dmf.models.unet import unet_depth


def test_parameters_of_the_paper_by_hand():
    # Encoder, 3x3 weights + biases + 2 per filter of batch norm:
    #     1 ->  32:        9 * 1 * 32 +  32 +  64 =     384
    #    32 ->  64:      9 * 32 * 64 +  64 + 128 =  18,624
    #    64 -> 128:     9 * 64 * 128 + 128 + 256 =  74,112
    #   128 -> 256:    9 * 128 * 256 + 256 + 512 = 295,680
    # Decoder, from the bottom (256) or the concatenation (twice the level below):
    #   256 -> 256:    9 * 256 * 256 + 256 + 512 = 590,592
    #   512 -> 128:    9 * 512 * 128 + 128 + 256 = 590,208
    #   256 ->  64:     9 * 256 * 64 +  64 + 128 = 147,648
    #   128 ->  32:     9 * 128 * 32 +  32 +  64 =  36,960
    # Head: 64 -> 2, 1x1:            64 * 2 + 2 =     130
    model = UNet(in_channels=1, classes=2, filters=32, image_size=128)
    total = 384 + 18_624 + 74_112 + 295_680 + 590_592 + 590_208 + 147_648 + 36_960 + 130
    assert total == 1_754_338
    assert sum(parameter.numel() for parameter in model.parameters()) == total


@pytest.mark.parametrize(("size", "depth"), [(16, 1), (24, 1), (30, 1), (32, 2), (64, 3), (128, 4), (240, 4), (256, 5)])
def test_depth_is_log2_of_an_eighth_of_the_size_rounded_down(size, depth):
    assert unet_depth(size) == depth


@pytest.mark.parametrize("size", [16, 24, 30, 36, 48, 72, 128])
@pytest.mark.parametrize(("in_channels", "classes"), [(1, 2), (3, 4)])
def test_logits_are_as_large_as_the_image(size, in_channels, classes):
    model = UNet(in_channels, classes, filters=2, image_size=size)
    assert model(torch.rand(2, in_channels, size, size)).shape == (2, classes, size, size)


def test_images_need_not_be_square():
    model = UNet(1, 2, filters=2, image_size=(32, 48))
    assert model.depth == 2
    assert model(torch.rand(1, 1, 32, 48)).shape == (1, 2, 32, 48)


def test_other_sizes_that_divide_may_pass():
    model = UNet(1, 2, filters=2, image_size=32)
    assert model(torch.rand(1, 1, 64, 36)).shape == (1, 2, 64, 36)


def test_the_bottom_is_the_last_pooled_tensor():
    model = UNet(1, 2, filters=2, image_size=64)
    seen = []
    model.decoder[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape))
    model(torch.rand(1, 1, 64, 64))
    # Three levels of 2, 4 and 8 filters; 64 / 2**3 = 8 pixels.
    assert seen == [(1, 8, 8, 8)]


def test_the_head_sees_the_first_skip_unchanged():
    model = UNet(1, 2, filters=2, image_size=32).eval()
    seen = {}
    model.encoder[0].register_forward_hook(lambda *hook: seen.update(skip=hook[-1]))
    model.head.register_forward_pre_hook(lambda _, inputs: seen.update(head=inputs[0]))
    model(torch.rand(1, 1, 32, 32))
    assert torch.equal(seen["head"][:, 2:], seen["skip"])


def test_gradient_reaches_every_parameter():
    model = UNet(1, 2, filters=2, image_size=32)
    model(torch.rand(2, 1, 32, 32)).square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (15, "at least 16 pixels a side, got 15. The nearest size that works is 16"),
        ((8, 64), "got 8 x 64"),
        # 100 / 8 is 12.5, so 3 levels and 8 must divide: 96 and 104.
        (100, "pixels 3 times, so every side must divide by 8, but 100 does not. .* are 96 and 104"),
        # 127 has 3 levels like 120; 128 has 4 and divides by 16.
        (127, "are 120 and 128"),
        # 17 and 31 have one level.
        (17, "are 16 and 18"),
        (31, "are 30 and 32"),
        # The shorter side sets the depth for both: 2 levels.
        ((32, 50), "images of 32 x 50 pixels 2 times, so every side must divide by 4, but 50 does not.* are 48 and 52"),
        ((32, 32, 32), r"one number or \(height, width\), got \(32, 32, 32\)"),
    ],
)
def test_a_size_that_cannot_work_is_refused_with_the_nearest_that_do(size, words):
    with pytest.raises(ConfigError, match=words) as caught:
        UNet(1, 2, filters=2, image_size=size)
    assert caught.value.field == "image_size"


def test_the_nearest_sizes_named_do_work_and_none_between_them():
    def works(size):
        try:
            return unet_depth(size) > 0
        except ConfigError:
            return False

    for size in filter(lambda size: not works(size), range(16, 300)):
        with pytest.raises(ConfigError) as caught:
            unet_depth(size)
        below, above = (int(word) for word in str(caught.value).rstrip(".").rsplit(" are ", 1)[1].split(" and "))
        assert [candidate for candidate in range(below, above + 1) if works(candidate)] == [below, above]


def test_an_image_of_a_size_the_network_cannot_take_is_refused():
    with pytest.raises(ConfigError, match="sides divide by 4, got 32 x 50 pixels"):
        UNet(1, 2, filters=2, image_size=32)(torch.rand(1, 1, 32, 50))
