import torch
from torch import nn

from dmf.config import ModelConfig
from dmf.models import ZScored, build_model


def test_every_image_has_mean_0_and_deviation_1_of_all_its_channels() -> None:
    images = torch.rand(3, 2, 8, 8) * torch.tensor([0.1, 0.5, 1]).reshape(3, 1, 1, 1) + 0.2
    seen = ZScored(nn.Identity())(images)
    torch.testing.assert_close(seen.mean((1, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(seen.std((1, 2, 3), unbiased=False), torch.ones(3))
    torch.testing.assert_close(
        seen[0, 0, 0, 1] - seen[0, 0, 0, 0], (images[0, 0, 0, 1] - images[0, 0, 0, 0]) / images[0].std(unbiased=False)
    )


def test_an_image_of_one_grey_is_0_and_not_noise() -> None:
    assert ZScored(nn.Identity())(torch.full((1, 1, 4, 4), 0.3)).abs().max() < 1e-3


def test_the_network_inside_begins_as_it_would_alone() -> None:
    plain = build_model(ModelConfig(filters=4), 1, 2, 32, seed=0)
    scored = build_model(ModelConfig(filters=4, normalize="zscore"), 1, 2, 32, seed=0)
    for name, tensor in plain.state_dict().items():
        assert torch.equal(scored.state_dict()[f"network.{name}"], tensor)
