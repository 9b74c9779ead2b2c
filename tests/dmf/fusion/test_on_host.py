"""Steps in plain numbers, beside the same steps as a device that the host cannot read takes them."""

import copy
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from dmf.config import FusionConfig
from dmf.fusion import Fusion
from dmf.schedule import AuxiliarySchedule
from dmf.terms import Parts
from dmf.weighting import WEIGHTINGS, VarianceWeighting, build_weighting, host
from dmf.weighting.host import Count

RULES = [name for name in WEIGHTINGS if "on_host" in vars(WEIGHTINGS[name])]
NAMES = ("a", "b", "c", "d", "e", "f")
Step = Callable[[Fusion, Tensor], object]
every_rule = pytest.mark.parametrize("name", RULES)


def build(name: str, count: int = 3) -> Fusion:
    config = FusionConfig(terms=NAMES[:count], weighting=name, history_min=4, history_max=9, block_steps=3)
    return Fusion(build_weighting(config), history_max=9, schedule=AuxiliarySchedule(rate=0.1))


def rows(count: int = 3, steps: int = 40) -> Tensor:
    return 0.1 + torch.rand(steps, count, generator=torch.Generator().manual_seed(0))


def take(fusion: Fusion, row: Tensor) -> list[Tensor]:
    terms, auxiliary = row.clone().requires_grad_(), (row[0] / 2).requires_grad_()
    fused = fusion(Parts(terms, auxiliary))
    fused.total.backward()
    assert terms.grad is not None
    assert auxiliary.grad is not None
    return [fused.total.detach(), fused.weights, fused.terms, terms.grad, auxiliary.grad]


def both_ways(monkeypatch: pytest.MonkeyPatch, run: Callable[[], Sequence[Tensor]]) -> None:
    """The same from the same; float32 losses are compared as far as float32 goes."""
    plain = run()
    monkeypatch.setattr(host, "HOST", "no device")
    for one, other in zip(plain, run(), strict=True):
        torch.testing.assert_close(one, other, rtol=2e-6, atol=1e-7)


def test_the_rules_of_the_issue_have_one() -> None:
    assert set(RULES) >= {"fixed", "variance", "mad", "bayesian", "cov", "dwa", "random", "geometric", "tchebycheff"}
    assert set(RULES) >= {"uncertainty", "imtl-l"}


@every_rule
@pytest.mark.parametrize("count", [1, 3, 6])
def test_a_step_is_the_same(name: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> list[Tensor]:
        fusion = build(name, count)
        made = [each for row in rows(count) for each in take(fusion, row)]
        assert fusion.step == 40
        return [*made, *fusion.state_dict().values()]

    both_ways(monkeypatch, run)


@every_rule
def test_steps_that_are_not_finite_or_lack_a_loss_may_come_between(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> list[Tensor]:
        fusion, made = build(name), []
        for at, row in enumerate(rows()):
            if at in (2, 7, 20):
                fusion(row * torch.nan)
                assert fusion.skipped_in_row == 1
            if at == 30:
                fusion(row, (True, False, True))
            made += take(fusion, row)
        return [*made, *fusion.state_dict().values()]

    both_ways(monkeypatch, run)


@every_rule
@pytest.mark.parametrize("other", ["bayesian", "cov"])
def test_rules_may_take_turns_on_one_memory(name: str, other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> list[Tensor]:
        fusion, made = build(name), []
        for at, row in enumerate(rows()):
            if at % 13 == 12:
                fusion.switch(build(other if at % 2 == 0 else name).weighting)
            made += take(fusion, row)
        return [*made, *fusion.state_dict().values()]

    both_ways(monkeypatch, run)


@every_rule
def test_losses_may_go_in_the_midst_of_a_block(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> list[Tensor]:
        fusion, made = build(name), []
        for at, row in enumerate(rows()):
            if at == 22:
                fusion.drop(1)
            made += take(fusion, row if at < 22 else row[:2])
        return [*made, *fusion.state_dict().values()]

    both_ways(monkeypatch, run)


def loaded(fusion: Fusion) -> Fusion:
    fresh = build("cov" if "mean" in dict(fusion.weighting.named_buffers()) else "mad")
    fresh.load_state_dict(fusion.state_dict())
    return fresh


@pytest.mark.parametrize("name", ["mad", "cov"])
@pytest.mark.parametrize(
    "change",
    [copy.deepcopy, lambda fusion: pickle.loads(pickle.dumps(fusion)), loaded, lambda fusion: fusion.double()],
    ids=["copied", "pickled", "loaded", "cast"],
)
def test_what_is_remembered_goes_along(name: str, change: Callable[[Fusion], Fusion]) -> None:
    goes_on, stays = build(name), build(name)
    for row in rows(steps=25):
        take(goes_on, row)
        goes_on = change(goes_on)
        take(stays, row)
    for one, other in zip(goes_on.state_dict().values(), stays.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    torch.testing.assert_close(goes_on.history.values, rows(steps=25).T[:, -9:].double(), rtol=0, atol=0)
    assert goes_on.history.filled.tolist() == [9, 9, 9]


@pytest.mark.parametrize("name", ["variance", "fixed"])
def test_the_memory_may_be_looked_at_and_changed_by_others(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> list[Tensor]:
        fusion, made = build(name), []
        for at, row in enumerate(rows()):
            made += take(fusion, row)
            before = fusion.history.values
            if at % 5 == 3:
                made.append(before.clone())
            if at == 25:
                fusion.history.values[1] *= 3
            if at == 30:
                fusion.history.values = fusion.history.values.flip(0)
        return made

    both_ways(monkeypatch, run)


def test_a_memory_that_was_asked_for_stays_as_it_was() -> None:
    fusion = build("cov")
    kept = []
    for row in rows(steps=12):
        take(fusion, row)
        kept.append((fusion.history.values, fusion.history.values.clone(), fusion.weighting.weights))
    assert all(torch.equal(held, then) for held, then, _ in kept)
    assert not torch.equal(kept[-1][2], kept[-2][2])


def test_a_class_of_ones_own_is_asked_for_what_it_changes() -> None:
    class Swapped(VarianceWeighting):
        def statistic(self, scaled: Tensor, filled: Count) -> Tensor:
            return super().statistic(scaled, filled).flip(-1)

    own = Fusion(Swapped(3, history_min=4), history_max=9)
    plain = Fusion(VarianceWeighting(3, history_min=4), history_max=9)
    for row in rows():
        torch.testing.assert_close(own(row).weights, plain(row).weights.flip(-1))


def test_hooks_of_a_rule_are_called() -> None:
    fusion, called = build("mad"), []
    fusion.weighting.register_forward_hook(lambda *_: called.append(fusion.step))
    for row in rows(steps=3):
        fusion(row)
    assert called == [0, 1, 2]


@pytest.mark.parametrize("name", ["geometric", "tchebycheff"])
def test_the_second_derivative_is_that_of_the_total(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> list[Tensor]:
        terms = torch.tensor([0.4, 0.7, 0.5], requires_grad=True)
        total = build(name)(terms).total
        (slopes,) = torch.autograd.grad(total, terms, create_graph=True)
        (curved,) = torch.autograd.grad(slopes[0] + 2 * slopes[1], terms)
        assert curved.abs().min() > 1e-3
        return [total.detach(), slopes.detach(), curved]

    both_ways(monkeypatch, run)


@pytest.mark.parametrize("name", ["uncertainty", "imtl-l"])
@pytest.mark.parametrize("terms_learn", [True, False])
def test_what_is_learned_beside_the_losses_has_its_slope(
    name: str, terms_learn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run() -> list[Tensor]:
        fusion = build(name)
        optimizer = torch.optim.SGD(fusion.parameters(), lr=0.1)
        made: list[Tensor] = []
        for row in rows(steps=10):
            optimizer.zero_grad()
            fusion(row.clone().requires_grad_(terms_learn)).total.backward()
            slope: Any = fusion.weighting.s.grad
            made += [slope.clone(), fusion.weighting.weights]
            optimizer.step()
        return made

    both_ways(monkeypatch, run)
