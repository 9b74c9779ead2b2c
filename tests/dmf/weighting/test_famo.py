"""FAMO against a plain implementation of the paper's algorithm with torch's Adam, and what it does with odd losses."""

import copy
import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from dmf.errors import ConfigError
from dmf.fusion import Fusion
from dmf.weighting import FAMOWeighting, host


class Reference:
    """The algorithm as the paper has it."""

    def __init__(self, count: int, lr: float, decay: float, bounds: Tensor) -> None:
        self.xi = torch.zeros(count, dtype=torch.float64, requires_grad=True)
        self.adam = torch.optim.Adam([self.xi], lr=lr, weight_decay=decay)
        self.bounds = bounds

    def total(self, losses: Tensor) -> Tensor:
        self.before = losses.detach()
        z, distance = self.xi.softmax(-1).detach(), losses - self.bounds + 1e-8
        return (distance.log() * z / (z / distance).sum().detach()).sum()

    def update(self, losses: Tensor) -> None:
        delta = (self.before - self.bounds + 1e-8).log() - (losses - self.bounds + 1e-8).log()
        (self.xi.grad,) = torch.autograd.grad(self.xi.softmax(-1), self.xi, grad_outputs=delta)
        self.adam.step()


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_two_looks_worked_by_hand() -> None:
    weighting = FAMOWeighting(2, famo_lr=0.1, famo_decay=0.0)
    fusion = Fusion(weighting)
    terms = double(1.0, 3.0).requires_grad_()
    fused = fusion(terms)
    fused.total.backward()
    # z = 1/2 each: weights as 1 : 1/3, that is 3/4 and 1/4.
    torch.testing.assert_close(fused.weights, double(0.75, 0.25), rtol=1e-7, atol=0)
    torch.testing.assert_close(terms.grad, fused.weights)
    fusion.after_step(double(0.5, 3.0))
    # delta = log 2 and 0, mean log(2) / 2: g = 1/2 (log 2 - log(2) / 2) = log(2) / 4 and the negative of it.
    torch.testing.assert_close(weighting.exp_avg, 0.1 * double(1, -1) * math.log(2) / 4, rtol=1e-7, atol=0)
    # Adam's first step is the rate against the sign: what fell loses weight, what did not gains.
    torch.testing.assert_close(weighting.xi, double(-0.1, 0.1), rtol=1e-6, atol=0)
    fused = fusion(double(0.5, 3.0))
    # Weights as e^-0.1 / 0.5 : e^0.1 / 3.
    first, second = math.exp(-0.1) / 0.5, math.exp(0.1) / 3
    torch.testing.assert_close(fused.weights, double(first, second) / (first + second), rtol=1e-6, atol=0)


@pytest.mark.parametrize("count", [1, 2, 6])
@pytest.mark.parametrize(("lr", "decay", "bound"), [(0.025, 1e-3, 0.0), (0.2, 0.1, -0.5)])
def test_it_follows_the_plain_algorithm(count: int, lr: float, decay: float, bound: float) -> None:
    bounds = torch.full((count,), bound, dtype=torch.float64)
    weighting = FAMOWeighting(count, famo_lr=lr, famo_decay=decay, lower_bounds=bounds.tolist())
    fusion, reference = Fusion(weighting), Reference(count, lr, decay, bounds)
    generator = torch.Generator().manual_seed(count)
    for _ in range(60):
        values = 0.01 + torch.rand(count, generator=generator, dtype=torch.float64)
        ours, theirs = values.clone().requires_grad_(), values.clone().requires_grad_()
        fused = fusion(ours)
        fused.total.backward()
        reference.total(theirs).backward()
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(fused.weights, theirs.grad, rtol=1e-9, atol=1e-12)
        after = values * (0.5 + torch.rand(count, generator=generator, dtype=torch.float64))
        fusion.after_step(after)
        reference.update(after)
        torch.testing.assert_close(weighting.xi, reference.xi.detach(), rtol=1e-9, atol=1e-12)


def test_what_a_step_lowered_least_gains_weight() -> None:
    fusion = Fusion(FAMOWeighting(3))
    for _ in range(50):
        fusion(double(1, 1, 1))
        fusion.after_step(double(0.9, 0.99, 0.5))
    weights = fusion(double(1, 1, 1)).weights
    assert weights[1] > weights[0] > weights[2]


def test_losses_that_stand_still_leave_equal_shares() -> None:
    fusion = Fusion(FAMOWeighting(3))
    for _ in range(20):
        fused = fusion(double(0.5, 0.5, 0.5))
        fusion.after_step(double(0.5, 0.5, 0.5))
    torch.testing.assert_close(fused.weights, torch.full((3,), 1 / 3, dtype=torch.float64))


def test_decay_pulls_it_back_to_equal_shares() -> None:
    fusion = Fusion(FAMOWeighting(2, weights=(9.0, 1.0), famo_decay=1.0))
    assert fusion(double(1, 1)).weights.tolist() == pytest.approx([0.9, 0.1])
    for _ in range(300):
        fusion(double(1, 1))
        fusion.after_step(double(1, 1))
    assert fusion(double(1, 1)).weights.tolist() == pytest.approx([0.5, 0.5], abs=0.02)


def test_a_loss_at_or_below_its_bound_gets_nearly_all_weight() -> None:
    at, below = (Fusion(FAMOWeighting(2))(double(value, 1.0)).weights for value in (0.0, -5.0))
    assert torch.equal(at, below)
    assert at.tolist() == pytest.approx([1.0, 1e-8])  # 1e8 : 1
    bounded = Fusion(FAMOWeighting(2, lower_bounds=(-6.0, 0.0)))(double(-5.0, 1.0)).weights
    assert bounded.tolist() == pytest.approx([0.5, 0.5])


def state_of(fusion: Fusion) -> dict[str, Any]:
    return {name: value.clone() for name, value in fusion.weighting.state_dict().items()}


def same(left: dict[str, Any], right: dict[str, Any]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_look_that_is_not_finite_moves_nothing(bad: float, known: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not known:
        monkeypatch.setattr(host, "HOST", "no device")
    fusion = Fusion(FAMOWeighting(2))
    fusion(double(1, 2))
    fusion.after_step(double(0.5, 1.5))
    before = state_of(fusion)
    fusion(double(1, bad))  # the first look
    fusion.after_step(double(0.5, 1.0))
    assert same(before, state_of(fusion))
    fusion(double(1, 2))  # the second
    xi = fusion.weighting.xi
    fusion.after_step(double(0.5, bad))
    assert torch.equal(fusion.weighting.xi, xi)
    fusion.after_step(double(0.5, 1.0))  # too late: a step is looked at once
    assert torch.equal(fusion.weighting.xi, xi)


def test_a_look_without_a_step_and_one_in_evaluation_change_nothing() -> None:
    fusion = Fusion(FAMOWeighting(2))
    before = state_of(fusion)
    fusion.after_step(double(1, 2))
    assert same(before, state_of(fusion))
    fusion(double(1, 2))
    before = state_of(fusion)
    fusion.eval()
    fusion.after_step(double(0.1, 2))
    assert same(before, state_of(fusion))
    fusion.train()
    fusion.after_step(double(0.1, 2))
    assert not same(before, state_of(fusion))


def test_a_fusion_saved_between_the_looks_goes_on_bit_for_bit() -> None:
    one, other = Fusion(FAMOWeighting(2)), Fusion(FAMOWeighting(2))
    one(double(1, 2))
    other.load_state_dict(copy.deepcopy(one.state_dict()))
    for fusion in (one, other):
        fusion.after_step(double(0.3, 1))
    assert same(state_of(one), state_of(other))


def test_a_weighting_that_does_not_look_twice_takes_no_note() -> None:
    from dmf.weighting import MADWeighting

    fusion = Fusion(MADWeighting(2))
    fusion(double(1, 2))
    before = copy.deepcopy(dict(fusion.state_dict()))
    fusion.after_step(double(0.5, 1))
    assert same(before, dict(fusion.state_dict()))


def test_looking_twice_at_another_number_of_losses_is_refused() -> None:
    with pytest.raises(ConfigError, match="`losses` must be 2 scalar losses"):
        Fusion(FAMOWeighting(2)).after_step(double(1, 2, 3))


@pytest.mark.parametrize("looks", [True, False])
def test_a_loop_that_forgot_the_second_look_is_told_so(looks: bool) -> None:
    torch.manual_seed(0)
    network, fusion = nn.Linear(4, 2), Fusion(FAMOWeighting(2))
    optimizer = torch.optim.Adam(network.parameters())

    def steps(count: int) -> None:
        for _ in range(count):
            values = torch.rand(5, 4)
            fused = fusion(network(values).square().mean(0))
            optimizer.zero_grad()
            fused.total.backward()
            optimizer.step()
            if looks:
                fusion.after_step(network(values).square().mean(0))

    steps(2)
    if looks:
        steps(3)
        return
    with pytest.raises(
        ConfigError, match=r"looks at every batch twice.*Call `fusion\.after_step\(bank\(model\(images\)"
    ):
        steps(1)


@pytest.mark.parametrize(
    ("options", "field", "message"),
    [
        ({"famo_lr": 0.0}, "famo_lr", "`famo_lr` must be finite and above 0, got 0.0"),
        ({"famo_lr": math.inf}, "famo_lr", "`famo_lr` must be finite and above 0"),
        ({"famo_decay": -1.0}, "famo_decay", "`famo_decay` must be finite and at least 0, got -1.0"),
        ({"lower_bounds": (1.0,)}, "lower_bounds", "`lower_bounds` must have 2 finite numbers, one per loss"),
        ({"lower_bounds": (1.0, math.nan)}, "lower_bounds", "`lower_bounds` must have 2 finite numbers"),
    ],
)
def test_an_option_that_cannot_be_is_refused(options: dict[str, Any], field: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        FAMOWeighting(2, **options)
    assert refused.value.field == field


numbers = st.one_of(st.floats(-1e6, 1e6), st.sampled_from([0.0, 1.0, math.nan, math.inf, -math.inf]))
looks = st.integers(1, 6).flatmap(
    lambda count: st.lists(st.tuples(*[st.lists(numbers, min_size=count, max_size=count)] * 2), min_size=1, max_size=15)
)


@settings(max_examples=50, deadline=None)
@given(looks)
def test_whatever_it_sees_its_weights_are_shares(history: list[tuple[list[float], list[float]]]) -> None:
    count = len(history[0][0])
    fusion = Fusion(FAMOWeighting(count, famo_lr=1.0))
    for before, after in history:
        weights = fusion(double(*before)).weights
        assert torch.isfinite(weights).all()
        assert (weights >= 0).all()
        assert weights.sum().item() == pytest.approx(1.0)
        fusion.after_step(double(*after))
        assert torch.isfinite(fusion.weighting.xi).all()


def test_distances_too_large_for_their_type_do_no_harm() -> None:
    most = torch.finfo(torch.float64).max
    fusion = Fusion(FAMOWeighting(2, lower_bounds=(-most, 0.0)))
    for _ in range(3):
        fused = fusion(torch.tensor([most, 1.0], dtype=torch.float64, requires_grad=True))
        fusion.after_step(torch.tensor([1.0, most], dtype=torch.float64))
    assert torch.isfinite(fused.weights).all()
    assert torch.isfinite(fusion.weighting.xi).all()
