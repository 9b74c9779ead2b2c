from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from dmf.weighting import adjusting, functional


def tensor(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_adjusting_by_nothing_hands_back_what_was_proposed() -> None:
    proposal = tensor(0.1, 0.9)
    assert adjusting.adjust(proposal, tensor(0.5, 0.5), total=1) is proposal


def test_base_weights_multiply_and_the_sum_is_restored_where_there_is_one() -> None:
    proposal, last, base = tensor(0.25, 0.75), tensor(0.5, 0.5), tensor(1.5, 0.5)
    # 0.375 and 0.375, brought back to 2
    torch.testing.assert_close(adjusting.adjust(proposal, last, base=base, total=2), tensor(1, 1))
    torch.testing.assert_close(adjusting.adjust(proposal, last, base=base), tensor(0.375, 0.375))


def test_adjustments_come_in_their_order() -> None:
    # base: 0.2 * 1.5 = 0.3, 0.8 * 0.5 = 0.4 -> 3/7, 4/7; half of 1, 0: 5/7, 2/7; ceiling 0.6: 0.6, 0.4;
    # from 1, 0 that is 0.4 away, 0.1 is allowed
    steps = {"base": tensor(1.5, 0.5), "smoothing": 0.5, "high": 0.6, "max_change": 0.1}
    expected = [(3 / 7, 4 / 7), (5 / 7, 2 / 7), (0.6, 0.4), (0.9, 0.1)]
    for count, weights in enumerate(expected, 1):
        some = dict(list(steps.items())[:count])
        found = adjusting.adjust(tensor(0.2, 0.8), tensor(1, 0), total=1, **some)
        torch.testing.assert_close(found, tensor(*weights))


def test_without_a_sum_each_weight_is_clamped_by_itself() -> None:
    found = adjusting.adjust(tensor(0.1, 7, 2), tensor(1, 1, 1), low=0.5, high=5)
    assert found.tolist() == [0.5, 5, 2]


def test_the_whole_way_is_shortened_by_the_weight_that_moves_furthest() -> None:
    # the way is -0.4, 0.1, 0.3; half of it is allowed
    last = tensor(0.6, 0.2, 0.2)
    found = adjusting.adjust(tensor(0.2, 0.3, 0.5), last, max_change=0.2, total=1)
    torch.testing.assert_close(found, tensor(0.4, 0.25, 0.35))
    near = tensor(0.5, 0.25, 0.25)
    assert torch.equal(adjusting.adjust(near, last, max_change=0.2, total=1), near)
    assert torch.equal(adjusting.adjust(last, last, max_change=0.2, total=1), last)


def test_adjustments_of_many_rows_are_those_of_each() -> None:
    generator = torch.Generator().manual_seed(2)
    proposals, last = torch.rand(2, 20, 3, generator=generator, dtype=torch.float64).softmax(-1)
    options = {"base": tensor(1.5, 1, 0.5), "smoothing": 0.3, "low": 0.25, "high": 0.5, "max_change": 0.05, "total": 1}
    together = adjusting.adjust(proposals, last, **options)
    rows = [adjusting.adjust(row, before, **options) for row, before in zip(proposals, last, strict=True)]
    assert torch.equal(together, torch.stack(rows))


def test_adjusted_weights_pass_gradient_on_to_the_proposal() -> None:
    def adjusted(proposal: Tensor) -> Tensor:
        last = tensor(0.5, 0.3, 0.2)
        return adjusting.adjust(
            proposal, last, base=tensor(1.2, 1, 0.8), smoothing=0.4, low=0.1, max_change=0.05, total=1
        )

    assert torch.autograd.gradcheck(adjusted, tensor(0.2, 0.3, 0.5).requires_grad_())
    at_rest = tensor(0.5, 0.3, 0.2).requires_grad_()
    adjusting.adjust(at_rest, at_rest.detach(), max_change=0.1, total=1).square().sum().backward()
    assert torch.isfinite(at_rest.grad).all()


@pytest.mark.parametrize(
    ("weights", "low", "high", "expected"),
    [
        ([0.5, 0.3, 0.2], 0.1, 0.6, [0.5, 0.3, 0.2]),  # nothing to do
        ([0.98, 0.01, 0.01], 0.1, 1.0, [0.8, 0.1, 0.1]),  # two raised, the rest fills 1 - 0.2
        # 0.7 is 0.1 too high, 0.1 is 0.05 too low: pin 0.6 first; 0.2 and 0.1 share 0.4 as 0.2667 and 0.1333;
        # the second is still too low: pin 0.15; 1 - 0.6 - 0.15 is left
        ([0.7, 0.2, 0.1], 0.15, 0.6, [0.6, 0.25, 0.15]),
        # 0.9 is 0.5 too high, the others 0.05 too low each: pin 0.4, and the others fill 0.6
        ([0.9, 0.05, 0.05], 0.1, 0.4, [0.4, 0.3, 0.3]),
        ([1.0, 0.0, 0.0], 0.0, 0.5, [0.5, 0.25, 0.25]),  # the free ones are all 0: they share equally
        ([1.0, 1e-60, 1e-70], 0.0, 0.6, [0.6, 0.4, 4e-11]),  # proportions hold however small
        ([0.2, 0.3, 0.5], 1 / 3, 1 / 3, [1 / 3, 1 / 3, 1 / 3]),  # no room at all
    ],
)
def test_limited_weights_by_hand(weights: list[float], low: float, high: float, expected: list[float]) -> None:
    limited = adjusting.limit(torch.tensor(weights, dtype=torch.float64), low, high, 1.0)
    torch.testing.assert_close(limited, torch.tensor(expected, dtype=torch.float64), rtol=1e-9, atol=1e-9)


@settings(deadline=None)  # a busy machine is no failure
@given(
    st.lists(st.one_of(st.just(0.0), st.floats(1e-300, 1.0)), min_size=1, max_size=6).filter(any),
    st.floats(0, 1),
    st.floats(0, 1),
    st.sampled_from(["1", "K"]),
)
def test_limited_weights_stay_within_their_limits_and_keep_their_sum(
    values: list[float], down: float, up: float, sum_to: str
) -> None:
    count = len(values)
    total = 1.0 if sum_to == "1" else float(count)
    weights = functional.proportional(torch.tensor(values, dtype=torch.float64)) * total
    low, high = down * total / count, total / count * (1 + up * (count - 1))  # feasible: low <= total / K <= high
    limited = adjusting.limit(weights, low, high, total)
    assert limited.sum().item() == pytest.approx(total, rel=1e-9)
    assert (limited >= low - 1e-9).all()
    assert (limited <= high + 1e-9).all()
    order = weights.argsort()
    assert (limited[order].diff() >= -1e-9).all(), "limits must not change which loss weighs more"


@settings(deadline=None)
@given(
    st.integers(1, 4).flatmap(
        lambda count: st.lists(st.lists(st.floats(0, 9), min_size=count, max_size=count), min_size=1, max_size=9)
    ),
    st.fixed_dictionaries({}, optional={"smoothing": st.just(0.4), "max_change": st.sampled_from([1e-3, 0.2])}),
    st.booleans(),
    st.booleans(),
)
def test_adjusting_steps_in_a_row_is_adjusting_one_after_another(
    rows: list[list[float]], options: dict[str, Any], has_sum: bool, has_more: bool
) -> None:
    proposals = torch.tensor(rows, dtype=torch.float64)
    count = proposals.shape[1]
    unit = 2.0 / count if has_sum else 1.0
    start = torch.full((count,), unit, dtype=torch.float64)
    if has_sum:
        proposals, options = functional.proportional(proposals) * 2, options | {"total": 2.0}
    if has_more:
        base = functional.proportional(torch.arange(1, count + 1).double()) * count
        options = options | {"base": base, "low": 0.1 * unit, "high": 1.2 * unit}
    last, expected = start, []
    for proposal in proposals:
        last = adjusting.adjust(proposal, last, **options)
        expected.append(last)
    found = adjusting.adjust_all(proposals, start, **options)
    torch.testing.assert_close(found, torch.stack(expected), rtol=1e-12, atol=1e-12)
