"""Properties of every weighting under any losses and every adjustment."""

import copy
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from dmf.config import FusionConfig
from dmf.fusion import Fusion
from dmf.weighting import WEIGHTINGS, Weighting, build_weighting

NAMES = ("a", "b", "c", "d", "e", "f")
MEMORY = 8
REPLAYABLE = [name for name in WEIGHTINGS if WEIGHTINGS[name].replayable]  # type: ignore[attr-defined]
SIMPLEX = [name for name in REPLAYABLE if WEIGHTINGS[name].simplex]  # type: ignore[attr-defined]
SEES_LOSSES = [name for name in REPLAYABLE if name not in ("fixed", "random")]

# Of three losses whose weights sum to 1; those of K losses are made from them.
ADJUSTMENTS: list[dict[str, Any]] = [
    {},
    {"base_weights": (1.0, 2.0, 0.5)},
    {"smoothing": 0.6},
    {"weight_min": 0.2, "weight_max": 0.45},
    {"max_change": 0.02},
    {"max_change": 0.03, "smoothing": 0.5},
    {"base_weights": (1.0, 2.0, 1.5), "smoothing": 0.3, "weight_min": 0.2, "weight_max": 0.6, "max_change": 0.05},
]
adjusted = pytest.mark.parametrize("adjustment", ADJUSTMENTS, ids=lambda each: " ".join(each) or "none")


def options_of(adjustment: dict[str, Any], count: int, sum_to: str) -> dict[str, Any]:
    """The adjustment, for ``count`` losses: limits are shares of an equal weight."""
    unit = 3 / count if sum_to == "1" else 3.0
    fitted = {key: value * unit for key, value in adjustment.items() if key in ("weight_min", "weight_max")}
    base = adjustment.get("base_weights")
    if base is not None:
        fitted["base_weights"] = (base * 2)[:count]
    return adjustment | fitted | {"sum_to": sum_to}


def build(name: str, count: int, **options: Any) -> Weighting:
    common = {"terms": NAMES[:count], "history_min": 4, "history_max": MEMORY, "block_steps": 2, "window": 3}
    return build_weighting(FusionConfig(weighting=name, **(common | options)))


def step_by_step(weighting: Weighting, losses: Tensor) -> Tensor:
    model = Fusion(weighting, history_max=MEMORY)
    return torch.stack([model(row).weights for row in losses])


value = st.one_of(st.floats(-1e6, 1e6), st.sampled_from([0.0, 1.0, 1.0, 0.5, -3.0]))
holes = st.sampled_from([float("nan"), float("inf"), -float("inf")])


def histories(value: st.SearchStrategy[float], counts: tuple[int, ...] = (1, 2, 3, 6)) -> st.SearchStrategy[Tensor]:
    def of(count: int) -> st.SearchStrategy[list[list[float]]]:
        row = st.lists(value, min_size=count, max_size=count)
        return st.one_of(
            st.lists(row, min_size=1, max_size=20),
            row.map(lambda constant: [constant] * 12),
            st.just([[0.0] * count] * 12),
        )

    return st.sampled_from(counts).flatmap(of).map(lambda rows: torch.tensor(rows, dtype=torch.float64))


@adjusted
@pytest.mark.parametrize("name", SIMPLEX)
@settings(deadline=None, max_examples=15)  # a busy machine is no failure
@given(losses=histories(st.one_of(value, value, value, holes)), sum_to=st.sampled_from(["1", "K"]))
def test_any_losses_give_finite_weights_of_the_right_sum(
    name: str, adjustment: dict[str, Any], losses: Tensor, sum_to: str
) -> None:
    count = losses.shape[1]
    options = options_of(adjustment, count, sum_to)
    weighting = build(name, count, **options)
    weights = weighting.replay(losses, MEMORY)
    assert torch.isfinite(weights).all()
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(-1), torch.full((len(losses),), weighting.total, dtype=torch.float64))
    if "weight_max" in options:  # it starts within them
        assert (weights <= options["weight_max"] + 1e-9).all()
        assert (weights >= options["weight_min"] - 1e-9).all()
    stepped = step_by_step(build(name, count, **options), losses)
    torch.testing.assert_close(stepped, weights, rtol=0, atol=1e-9)


@adjusted
@pytest.mark.parametrize("sum_to", ["1", "K"])
@pytest.mark.parametrize("name", REPLAYABLE)
def test_replay_of_adjusted_weights_equals_stepping_live(
    name: str, adjustment: dict[str, Any], sum_to: str, history: Tensor
) -> None:
    options = options_of(adjustment, 3, sum_to)
    replayed, stepped = build(name, 3, **options), build(name, 3, **options)
    weights = step_by_step(stepped, history)
    torch.testing.assert_close(replayed.replay(history, MEMORY), weights, rtol=0, atol=1e-12)
    for key, expected in stepped.state_dict().items():
        torch.testing.assert_close(replayed.state_dict()[key], expected, rtol=1e-9, atol=1e-12)
    if "max_change" in adjustment and name != "fixed":
        assert 0 < weights.diff(dim=0).abs().max() <= adjustment["max_change"] + 1e-12


@adjusted
@pytest.mark.parametrize("name", REPLAYABLE)
def test_an_adjusted_rule_goes_on_bit_for_bit_and_keeps_to_its_start_before(
    name: str, adjustment: dict[str, Any], history: Tensor
) -> None:
    options = {"weights": (0.5, 0.3, 0.2)} | adjustment
    whole = Fusion(build(name, 3, **options), history_max=MEMORY)
    start = whole.weighting.weights
    expected = [whole(row).weights for row in history]
    finite = [row for row, losses in zip(expected, history, strict=True) if torch.isfinite(losses).all()]
    assert all(torch.equal(row, start) for row in finite[: whole.weighting.warmup_steps])
    first, second = (Fusion(build(name, 3, **options), history_max=MEMORY) for _ in range(2))
    for row in history[:11]:
        first(row)
    second.load_state_dict(copy.deepcopy(dict(first.state_dict())))
    assert all(
        torch.equal(second(row).weights, weights) for row, weights in zip(history[11:], expected[11:], strict=True)
    )


@adjusted
@pytest.mark.parametrize("name", SEES_LOSSES)
def test_permuting_losses_permutes_adjusted_weights(name: str, adjustment: dict[str, Any], history: Tensor) -> None:
    order = [2, 0, 1]
    permuted = dict(adjustment)
    if "base_weights" in adjustment:
        permuted["base_weights"] = tuple(adjustment["base_weights"][i] for i in order)
    weights = build(name, 3, **adjustment).replay(history, MEMORY)
    other = build(name, 3, **permuted).replay(history[:, order], MEMORY)
    torch.testing.assert_close(other, weights[:, order], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", REPLAYABLE)
@settings(deadline=None, max_examples=15)
@given(before=histories(value, (3,)), hole=holes, row=st.lists(value, min_size=3, max_size=3), at=st.integers(0, 2))
def test_losses_that_are_not_finite_never_enter_any_state(
    name: str, before: Tensor, hole: float, row: list[float], at: int
) -> None:
    model = Fusion(build(name, 3, smoothing=0.2), history_max=MEMORY)
    for losses in before:
        last = model(losses).weights
    state = copy.deepcopy(dict(model.weighting.state_dict()))
    memory = copy.deepcopy(dict(model.history.state_dict()))
    row[at] = hole
    fused = model(torch.tensor(row, dtype=torch.float64))
    assert torch.equal(fused.weights, last)
    assert not torch.isfinite(fused.total)
    assert all(torch.equal(model.weighting.state_dict()[key], value) for key, value in state.items())
    assert all(torch.equal(model.history.state_dict()[key], value) for key, value in memory.items())


@adjusted
@pytest.mark.parametrize("name", REPLAYABLE)
def test_adjusted_weights_carry_no_gradient_and_are_that_of_the_total(
    name: str, adjustment: dict[str, Any], history: Tensor
) -> None:
    model = Fusion(build(name, 3, **adjustment), history_max=MEMORY)
    for row in history[torch.isfinite(history).all(-1)]:
        terms = row.clone().requires_grad_()
        fused = model(terms)
        assert not fused.weights.requires_grad
        (slope,) = torch.autograd.grad(fused.total, terms)
        torch.testing.assert_close(slope, fused.weights, rtol=1e-12, atol=0)


@pytest.fixture
def history() -> Tensor:
    """(30, 3) noisy descents of different scale, with a spike and a step that is not finite."""
    generator = torch.Generator().manual_seed(0)
    falling = torch.linspace(1, 0.2, 30, dtype=torch.float64)[:, None] * torch.tensor([1.0, 0.5, 3.0])
    losses = falling * (1 + 0.2 * torch.randn(30, 3, generator=generator, dtype=torch.float64))
    losses[20, 2] = 9.0
    losses[13, 0] = torch.nan
    return losses
