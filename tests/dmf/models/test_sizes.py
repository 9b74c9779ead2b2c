"""Which sizes of images a network takes."""

import pytest
import torch
from torch import nn

from dmf.config import ModelConfig
from dmf.errors import ConfigError
from dmf.models import DeepLabV3Plus, UNet, build_model, build_smp
from dmf.models.sizes import require_batches, require_sizes, takes


def test_a_network_takes_what_it_can_halve() -> None:
    unet = UNet(1, 2, 4, 64)  # three halvings
    assert [size for size in range(16, 50) if takes(unet, size, 1)] == [16, 24, 32, 40, 48]
    assert unet.training
    require_sizes(unet, (16, 40), 1, "unet")


def test_the_nearest_sizes_that_work_are_named() -> None:
    with pytest.raises(
        ConfigError, match=r"unet does not take images of 30 pixels.*nearest that work are 24 and 32"
    ) as caught:
        require_sizes(UNet(1, 2, 4, 64), (16, 30), 1, "unet")
    assert caught.value.field == "sizes"


@pytest.mark.parametrize(("name", "least"), [("fcn", 32), ("fpn-mask", 32), ("deeplabv3plus", 32), ("segnet", 16)])
def test_sizes_below_what_a_network_says_it_needs_are_refused_as_well(name: str, least: int) -> None:
    network = build_model(ModelConfig(model=name, filters=2, normalize="zscore"), 1, 2, 64, 0)
    require_sizes(network, (least, 64), 1, name)
    if least == 32:  # which could be run
        assert network.eval()(torch.zeros(1, 1, 16, 16)).shape == (1, 2, 16, 16)
    with pytest.raises(ConfigError, match=rf"{name} does not take images of {least - 8} .* that work are {least}\."):
        require_sizes(network, (least - 8, 64), 1, name)


def test_networks_of_the_zoo_say_it_in_their_own_way() -> None:
    fpn = build_smp("smp:fpn/resnet18", 3, 2, 64)
    assert [takes(fpn, size, 3) for size in (32, 64, 65)] == [True, True, False]


def test_a_network_that_makes_another_size_does_not_take_it() -> None:
    assert not takes(nn.Conv2d(1, 2, 3), 16, 1)


def test_a_network_whose_shapes_hang_on_values_is_run() -> None:
    class Looking(nn.Conv2d):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return super().forward(image)[:, :, : image.shape[-1] - int(image.sum().item())]

    assert takes(Looking(1, 2, 3, padding=1), 16, 1)


def test_a_network_that_takes_nothing_is_told_plainly() -> None:
    class Refusing(nn.Conv2d):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            raise ValueError("no")

    with pytest.raises(ConfigError, match="Choose another network"):
        require_sizes(Refusing(1, 2, 3), (16,), 1, "mine")


def test_batches_of_one_image_that_leave_batch_norm_one_value_are_refused() -> None:
    network = DeepLabV3Plus(1, 2, 4, 32)  # a sixteenth of 16 pixels is one
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        network(torch.zeros(1, 1, 16, 16))
    with pytest.raises(ConfigError, match=r"deeplabv3plus cannot train on batches of one image of 16 pixels") as caught:
        require_batches(network, (16, 32), 1, 1, "deeplabv3plus")
    assert caught.value.field == "batch_size"
    require_batches(network, (16, 32), 2, 1, "deeplabv3plus")
    require_batches(network, (32,), 1, 1, "deeplabv3plus")
    assert network(torch.zeros(1, 1, 32, 32)).shape == (1, 2, 32, 32)


def test_a_network_of_the_zoo_that_takes_the_mean_of_an_image_needs_two() -> None:
    network = build_smp("smp:deeplabv3/resnet18", 3, 2, 32)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(ConfigError, match="Take 2 or more images per batch"):
        require_batches(network, (32,), 1, 3, "smp:deeplabv3/resnet18")
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
