"""Half precision: networks that compute in it, and modules that are cast to it."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dmf.config import FusionConfig
from dmf.errors import ConfigError
from dmf.fusion import Fusion
from dmf.tasks.segmentation.losses import CrossEntropy, Focal, LossBank, MeanDice
from dmf.training.gradients import GradientProbe
from dmf.weighting import WEIGHTINGS, GradientWeighting, UPGradWeighting, build_weighting

GRADIENT = [name for name in WEIGHTINGS if issubclass(WEIGHTINGS[name], GradientWeighting)]  # type: ignore[arg-type]
BANK = {"ce": CrossEntropy(), "focal": Focal(), "dice": MeanDice()}


class Trained:
    """A step of a small network on an image of 96 x 96 pixels, a few of which are foreground."""

    def __init__(self, weighting: str, place: str, *, half: bool, scaled: bool) -> None:
        torch.manual_seed(0)
        layers = (nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 3, padding=1))
        self.network, self.half, bank = nn.Sequential(*layers), half, LossBank(BANK)
        config = FusionConfig(weighting=weighting, terms=tuple(BANK), gradient_of=place, auxiliary="none")
        self.fusion = Fusion(build_weighting(config)).watch(self.network.parameters())
        parameters = self.network.parameters()
        self.probe = GradientProbe(tuple(BANK), auxiliary=False, at=place, every=1, parameters=parameters)
        optimizer = torch.optim.SGD(self.network.parameters(), lr=0.1)
        scaler = torch.amp.GradScaler("cpu", enabled=scaled)
        images = torch.rand(1, 1, 96, 96)
        for _ in range(2):
            with torch.autocast("cpu", torch.float16, enabled=half):
                logits = self.network(images)
            parts = bank(logits, (images[:, 0] > 0.9).long())
            self.fused = self.fusion(parts)
            self.measured = self.probe.measure(parts, self.fused)
            optimizer.zero_grad()
            scaler.scale(self.fused.total).backward()
            scaler.step(optimizer)
            scaler.update()


@pytest.mark.parametrize("scaled", [False, True], ids=["plain", "with a scaler"])
@pytest.mark.parametrize("place", ["parameters", "logits"])
@pytest.mark.parametrize("name", GRADIENT)
def test_gradients_of_a_half_precision_network_weigh_as_those_of_a_full_one(
    name: str, place: str, scaled: bool
) -> None:
    full = Trained(name, place, half=False, scaled=False)
    half = Trained(name, place, half=True, scaled=scaled)
    torch.testing.assert_close(half.fused.weights, full.fused.weights, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(half.measured, full.measured, rtol=1e-3, atol=1e-3)


def test_losses_without_known_logits_are_scaled_too_and_by_less_where_that_is_too_much() -> None:
    # Gradients of 2 and 3e-7: 2^16 times the first is too large for float16, once the second is too small for it.
    weights = []
    for dtype in (torch.float32, torch.float16):
        layer = nn.Parameter(torch.tensor([1.0, 1.0]))
        used = layer.to(dtype)
        model = Fusion(build_weighting(FusionConfig(weighting="mgda", terms=("a", "b")))).watch([layer])
        weights.append(model([2 * used[0].float(), 3e-7 * used[1].float()]).weights)
    torch.testing.assert_close(weights[1], weights[0], rtol=1e-3, atol=1e-9)


@pytest.mark.parametrize("cast", [nn.Module.half, nn.Module.bfloat16], ids=["half", "bfloat16"])
@pytest.mark.parametrize("name", WEIGHTINGS)
def test_a_cast_of_the_module_around_it_leaves_its_state_as_exact_as_it_was(name: str, cast: Any) -> None:
    config = FusionConfig(weighting=name, terms=("a", "b"), history_min=3, gradient_of="logits")
    outer = nn.ModuleDict({"network": nn.Linear(2, 2), "fusion": Fusion(build_weighting(config))})
    before = copy.deepcopy(dict(outer["fusion"].state_dict()))
    cast(outer)
    assert outer["network"].weight.dtype.itemsize == 2
    for key, value in outer["fusion"].state_dict().items():
        assert value.dtype == before[key].dtype
        assert torch.equal(value, before[key])
    assert outer.float()["fusion"].history.values.dtype == torch.float32


def test_cov_in_a_bfloat16_module_weighs_as_in_any_other() -> None:
    def weights(outer: nn.Module, fusion: Fusion) -> Tensor:
        generator = torch.Generator().manual_seed(0)
        for step in range(300):
            noise = torch.rand(2, generator=generator) * torch.tensor([0.01, 0.3])
            last = fusion(1 + 1 / (step + 1) + noise)
        return last.weights

    config = FusionConfig(weighting="cov", terms=("a", "b"))
    one, other = (Fusion(build_weighting(config)) for _ in range(2))
    cast = nn.Sequential(other).bfloat16()
    assert torch.equal(weights(cast, other), weights(nn.Sequential(one), one))


def test_a_network_that_the_losses_do_not_depend_on_is_told() -> None:
    network, other = nn.Linear(2, 2), nn.Linear(2, 2)
    model = Fusion(UPGradWeighting(2)).watch(other.parameters())
    with pytest.raises(ConfigError, match=r"No loss depends on .*`fusion\.watch\(model\.parameters\(\)\)`"):
        model(network(torch.ones(2)).square())
