"""Losses that join, leave or change their name in mid-training; another method; a fresh start."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dmf.config import FusionConfig
from dmf.errors import ConfigError
from dmf.fusion import Fusion
from dmf.methods.live import LiveHistory
from dmf.weighting import (
    WEIGHTINGS,
    MADWeighting,
    UncertaintyWeighting,
    VarianceWeighting,
    Weighting,
    build_weighting,
)

MEMORY = 6
every_method = pytest.mark.parametrize("name", WEIGHTINGS)


def build(name: str, count: int = 3, **options: Any) -> Weighting:
    common = {"terms": ("a", "b", "c", "d")[:count], "history_min": 3, "history_max": MEMORY, "block_steps": 2}
    return build_weighting(FusionConfig(weighting=name, **(common | {"window": 3} | options)))


def fusion(name: str, **options: Any) -> Fusion:
    return Fusion(build(name, **options), history_max=MEMORY, names=("a", "b", "c"))


def history(count: int) -> Tensor:
    return 0.2 + torch.rand(10, count, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def trained(model: Fusion, count: int = 3) -> Fusion:
    LiveHistory(model).run(history(count))
    return model


@pytest.mark.parametrize("sum_to", ["1", "K"])
@every_method
def test_a_loss_that_leaves_takes_only_its_own_state_along(name: str, sum_to: str) -> None:
    model = trained(fusion(name, sum_to=sum_to))
    memory = model.history.values.clone()
    model.drop("b")
    assert model.names == ("a", "c")
    assert torch.equal(model.history.values, memory[[0, 2]])
    fused = LiveHistory(model).step(history(2)[0])
    assert torch.isfinite(fused.weights).all()
    if model.weighting.keeps_sum:
        assert fused.weights.sum().item() == pytest.approx(1 if sum_to == "1" else 2)


@every_method
def test_a_loss_that_joins_begins_without_a_memory_and_the_others_keep_theirs(name: str) -> None:
    model = trained(fusion(name))
    memory = model.history.values.clone()
    model.add("d")
    assert model.names == ("a", "b", "c", "d")
    assert torch.equal(model.history.values[:3], memory)
    assert model.history.filled.tolist() == [MEMORY, MEMORY, MEMORY, 0]
    weights = LiveHistory(model).run(history(4))
    assert torch.isfinite(weights).all()
    if model.weighting.keeps_sum:
        torch.testing.assert_close(weights.sum(-1), torch.ones(10, dtype=torch.float64))
    state = copy.deepcopy(model.state_dict())
    fresh = Fusion(build(name, 4), history_max=MEMORY, names=("a", "b", "c", "d"))
    fresh.load_state_dict(state)


def test_variance_weights_after_a_loss_left_are_those_of_two_losses() -> None:
    # Windows 3, 1 and 1, 5 have variances 1 and 4: weights 0.2 and 0.8, whatever the third was.
    model = Fusion(
        VarianceWeighting(3, history_min=2, symlog=False, minmax=False), history_max=2, names=("a", "b", "c")
    )
    model(torch.tensor([3.0, 7.0, 1.0]))
    model.drop(1)
    assert model(torch.tensor([1.0, 5.0])).weights.tolist() == pytest.approx([0.2, 0.8])


def test_what_an_optimizer_knows_of_the_others_stays() -> None:
    network = nn.Parameter(torch.tensor([1.0, 2.0, 3.0]))
    model = Fusion(UncertaintyWeighting(3), names=("a", "b", "c"))
    optimizer = torch.optim.Adam([network], lr=0.1)
    model.join(optimizer)
    for _ in range(3):
        optimizer.zero_grad()
        model(network.square() + 0.1).total.backward()
        optimizer.step()
    (s,) = model.weighting.parameters()
    before, momentum = s.detach().clone(), optimizer.state[s]["exp_avg"].clone()
    model.drop("b")
    assert torch.equal(s, before[[0, 2]])
    assert torch.equal(optimizer.state[s]["exp_avg"], momentum[[0, 2]])
    model.add("d")
    optimizer.zero_grad()
    model(network.square() + 0.1).total.backward()
    optimizer.step()
    assert s.shape == (3,)


def test_a_name_changes_and_nothing_else() -> None:
    model = trained(fusion("mad"))
    before = copy.deepcopy(dict(model.weighting.state_dict()))
    model.rename("b", "edges")
    assert model.names == ("a", "edges", "c")
    assert all(torch.equal(value, before[key]) for key, value in model.weighting.state_dict().items())
    assert model({"a": torch.tensor(1.0), "edges": None, "c": torch.tensor(2.0)}).weights[1] == 0


@every_method
def test_a_reset_fusion_is_a_fresh_one(name: str) -> None:
    model, fresh = trained(fusion(name)), fusion(name)
    model.reset()
    state = model.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in fresh.state_dict().items())
    assert torch.equal(LiveHistory(model).run(history(3)), LiveHistory(fresh).run(history(3)))


def test_another_method_goes_on_with_the_memory_that_there_is() -> None:
    model = trained(fusion("variance"))
    expected = Fusion(build("mad"), history_max=MEMORY)
    expected.history.load_state_dict(model.history.state_dict())
    before = model.switch(build("mad"))
    assert isinstance(before, VarianceWeighting)
    row = history(3)[4]
    assert torch.equal(model(row).weights, expected(row).weights)
    assert model.step == 11


def test_joined_optimizers_train_what_the_new_method_learns_and_nothing_of_the_old_one() -> None:
    network = nn.Parameter(torch.tensor([3.0, 2.0]))
    optimizer = torch.optim.Adam([network], lr=0.1)
    model = Fusion(UncertaintyWeighting(2))
    model.join(optimizer)
    model.switch(MADWeighting(2))
    assert [len(group["params"]) for group in optimizer.param_groups] == [1]
    model.switch(UncertaintyWeighting(2, weights_lr=0.01))
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.01]
    (s,) = model.weighting.parameters()
    model(network.square()).total.backward()
    optimizer.step()
    assert s.detach().abs().min() > 0


def test_what_cannot_be_is_refused_and_nothing_changes() -> None:
    model = fusion("mad", weight_max=0.4)
    with pytest.raises(ConfigError, match=r"2 weights between 0 and 0\.4 cannot sum to 1"):
        model.drop("a")
    assert (model.names, model.weighting.count) == (("a", "b", "c"), 3)
    with pytest.raises(ConfigError, match="Every loss needs a name of its own, got 'a' twice"):
        model.add("a")
    with pytest.raises(ConfigError, match="Unknown loss 'e'"):
        model.drop("e")
    with pytest.raises(ConfigError, match="There is no loss at place 3"):
        model.drop(3)
    with pytest.raises(ConfigError, match="`weighting` must be for 3 losses, got one for 2"):
        model.switch(MADWeighting(2))
    with pytest.raises(ConfigError, match="The losses have no names to add one by"):
        Fusion(MADWeighting(2)).add("c")
    with pytest.raises(ConfigError, match="The only loss cannot be dropped"):
        Fusion(MADWeighting(1)).drop(0)
    with pytest.raises(ConfigError, match="`names` must be 2 names, one per loss, got 1: a"):
        Fusion(MADWeighting(2), names=("a",))
