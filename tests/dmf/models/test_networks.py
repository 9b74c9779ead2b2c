"""What only some of the networks have: which sizes they take, where values go, what one image alone does."""

import pytest
import torch
from torch import nn

from dmf.config import ModelConfig
from dmf.errors import ConfigError
from dmf.models import DeepLabV3, DeepLabV3Plus, SegNet, build_model
from dmf.models.deeplab import atrous_rates
from dmf.models.encoder import Encoder, require_size

ANY_SIZE = ("fcn", "segnet", "deeplabv3", "fpn-mask")


@pytest.mark.parametrize("name", ANY_SIZE)
@pytest.mark.parametrize("size", [33, 50, 63])
def test_any_size_is_taken_where_nothing_speaks_against_it(name, size):
    model = build_model(ModelConfig(model=name, filters=2, attention="gate"), 1, 3, size, 0)
    assert model(torch.rand(2, 1, size, size)).shape == (2, 3, size, size)


@pytest.mark.parametrize(
    ("name", "size", "words"),
    [
        ("fcn", 31, "needs images of at least 32 pixels a side, got 31. The nearest size that works is 32"),
        ("fpn-mask", 20, "of at least 32 pixels a side, got 20. The nearest size that works is 32"),
        (
            "deeplabv3plus",
            40,
            "at least 32 pixels a side, divisible by 16, got 40. The nearest sizes that work are 32 and 48",
        ),
        ("deeplabv3plus", 20, "divisible by 16, got 20. The nearest size that works is 32"),
    ],
)
def test_a_size_that_a_network_cannot_take_is_refused_with_the_nearest_that_do(name, size, words):
    with pytest.raises(ConfigError, match=words) as caught:
        build_model(ModelConfig(model=name), 1, 2, size, 0)
    assert caught.value.field == "image_size"


@pytest.mark.parametrize(("least", "divisor"), [(16, 1), (32, 1), (32, 16), (24, 8)])
def test_the_nearest_sizes_named_do_work_and_none_between_them(least, divisor):
    def works(size):
        return size >= least and size % divisor == 0

    for size in range(1, 120):
        if works(size):
            require_size("x", size, least, divisor)
            continue
        with pytest.raises(ConfigError) as caught:
            require_size("x", size, least, divisor)
        named = [int(word) for word in str(caught.value).rstrip(".").split(" work")[1].split() if word.isdigit()]
        below = [candidate for candidate in range(size) if works(candidate)][-1:]
        above = next(candidate for candidate in range(size, 999) if works(candidate))
        assert named == [*below, above]


def test_the_encoder_halves_and_rounds_up_or_looks_farther():
    sizes = [features.shape[1:] for features in Encoder(1, 2)(torch.rand(1, 1, 33, 64))]
    assert sizes == [(2, 33, 64), (4, 17, 32), (8, 9, 16), (16, 5, 8), (32, 3, 4)]
    dilated = Encoder(1, 2, dilated_stages=1)
    assert dilated(torch.rand(1, 1, 33, 64))[-1].shape == (1, 32, 5, 8)
    assert [layer[0].dilation for layer in dilated.stages[-1]] == [(2, 2), (2, 2)]


@pytest.mark.parametrize("network", [DeepLabV3, DeepLabV3Plus])
def test_the_mean_of_a_single_image_needs_no_batch(network):
    # torchvision's and smp's batch norm of it refuses: "Expected more than 1 value per channel when training".
    model = network(1, 2, filters=2, image_size=32)
    model(torch.rand(1, 1, 32, 32)).mean().backward()
    pooling = (model.aspp if network is DeepLabV3 else model.decoder.aspp[0]).convs[-1]
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in pooling)


@pytest.mark.parametrize(
    ("side", "rates"), [(65, (12, 24, 36)), (33, (6, 12, 18)), (16, (3, 6, 9)), (8, (1, 3, 4)), (2, (1, 2, 3))]
)
def test_rates_are_the_published_ones_in_proportion_to_the_features(side, rates):
    # 8 * 12 / 65 = 1.5, 8 * 24 / 65 = 2.95, 8 * 36 / 65 = 4.4
    assert atrous_rates(side) == rates


def test_segnet_puts_values_back_where_the_maxima_were():
    model = SegNet(1, 2, filters=1, image_size=16).eval()
    seen = []
    model.encoder[0].register_forward_hook(lambda *hook: seen.append(hook[-1]))
    model.decoder[-1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model(torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0)))
    encoded, spread = (one[0, 0].unfold(0, 2, 2).unfold(1, 2, 2).flatten(2) for one in seen)
    assert ((spread != 0).sum(-1) <= 1).all()  # one of each 2 x 2 pixels
    has_value = (spread != 0).any(-1)
    assert has_value.any()
    assert torch.equal(spread.abs().argmax(-1)[has_value], encoded.argmax(-1)[has_value])
