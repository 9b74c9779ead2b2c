import math
from typing import Any

import pytest
import torch
from torch import Tensor

from dmf.errors import ConfigError
from dmf.weighting import Combined, StepState, VarianceWeighting, Weighting

LOSSES = torch.tensor([[3.0, 1.0], [2.0, 5.0], [1.5, 2.0], [1.4, 4.0], [0.2, 0.0]], dtype=torch.float64)


class Product(Weighting):
    """A weighting that needs more than loss values, as gradient methods do."""

    replayable = False

    def forward(self, state: StepState) -> Combined:
        return self.current(state.terms)


def plain(count: int, **options: Any) -> VarianceWeighting:
    """Variance of unscaled windows, so that the arithmetic can be done in the head."""
    return VarianceWeighting(count, **{"history_min": 2, "symlog": False, "minmax": False, "floor": 0.0} | options)


def test_total_is_the_weighted_sum_of_the_losses() -> None:
    combined = Product(2, weights=(1, 3)).current(torch.tensor([2.0, 4.0]))
    assert combined.total.item() == 3.5  # 0.25 * 2 + 0.75 * 4
    assert combined.weights.tolist() == [0.25, 0.75]


def test_starting_weights_are_equal_or_in_the_given_proportions() -> None:
    assert Product(4).weights.tolist() == [0.25] * 4
    assert Product(2, weights=(2, 6)).weights.tolist() == [0.25, 0.75]
    assert Product(2, weights=(2, 6), sum_to="K").weights.tolist() == [0.5, 1.5]


def test_smoothing_keeps_its_share_of_the_last_weights(live: Any) -> None:
    # from 1/2 : 1/2 towards 1/17 : 16/17, keeping 3/4: 3/8 + 1/68 and 3/8 + 16/68
    weights = live(plain(2, smoothing=0.75), LOSSES[:2], 4)
    expected = torch.tensor([3 / 8 + 1 / 68, 3 / 8 + 16 / 68], dtype=torch.float64)
    torch.testing.assert_close(weights[1], expected)


def test_limits_hold_after_smoothing_and_the_rest_is_rescaled(live: Any) -> None:
    # 1/17 : 16/17 within 0.2 .. 1
    weights = live(plain(2, weight_min=0.2), LOSSES[:2], 4)
    torch.testing.assert_close(weights[1], torch.tensor([0.2, 0.8], dtype=torch.float64))
    weights = live(plain(2, weight_max=0.7), LOSSES[:2], 4)
    torch.testing.assert_close(weights[1], torch.tensor([0.3, 0.7], dtype=torch.float64))


def test_limits_are_limits_of_the_weights_as_they_are_summed(live: Any) -> None:
    # sum_to K = 2: 2/17 : 32/17 within 0.5 .. 2
    weights = live(plain(2, weight_min=0.5, sum_to="K"), LOSSES[:2], 4)
    torch.testing.assert_close(weights[1], torch.tensor([0.5, 1.5], dtype=torch.float64))


def test_base_weights_are_a_prior_of_which_only_the_proportions_count(live: Any) -> None:
    # 1/17 : 16/17 times 4 : 1 is 4/17 : 16/17, so 1 : 4; before the rule adapts nothing is multiplied
    for base_weights in ((4, 1), (8, 2)):
        weights = live(plain(2, base_weights=base_weights), LOSSES[:2], 4)
        torch.testing.assert_close(weights, torch.tensor([[0.5, 0.5], [0.2, 0.8]], dtype=torch.float64))


def test_no_weight_moves_further_than_allowed_in_one_step(live: Any) -> None:
    # from 1/2 : 1/2 towards 1/17 : 16/17, 0.3 at most
    weights = live(plain(2, max_change=0.3), LOSSES, 4)
    torch.testing.assert_close(weights[1], torch.tensor([0.2, 0.8], dtype=torch.float64))
    assert weights.diff(dim=0).abs().max() <= 0.3 + 1e-12


def test_a_weighting_knows_whether_anything_is_adjusted() -> None:
    assert not plain(2).is_adjusted
    assert not plain(2).follows_last
    for options in ({"base_weights": (1, 2)}, {"weight_min": 0.1}, {"weight_max": 0.9}):
        assert plain(2, **options).is_adjusted
        assert not plain(2, **options).follows_last
    for options in ({"smoothing": 0.1}, {"max_change": 0.1}):
        assert plain(2, **options).is_adjusted
        assert plain(2, **options).follows_last


def test_weights_of_any_sum_need_no_limits_that_fit_one() -> None:
    class AnySum(Product):
        simplex = False

    assert AnySum(2, weight_min=3, weight_max=4).weight_max == 4


@pytest.mark.parametrize("options", [{}, {"smoothing": 0.5}, {"max_change": 0.1, "base_weights": (1, 2)}])
def test_finishing_steps_in_a_row_is_finishing_one_after_another(options: dict[str, Any]) -> None:
    proposals = torch.rand(6, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64).softmax(-1)
    weighting = Product(2, **options)
    last, expected = weighting.weights, []
    for step, proposal in enumerate(proposals):
        last = weighting.finish(proposal, last) if step >= 2 else last
        expected.append(last)
    found = weighting.finish_all(proposals[2:], 2)
    torch.testing.assert_close(found, torch.stack(expected), rtol=0, atol=1e-15)
    assert torch.equal(weighting.weights, found[-1])


def test_a_weighting_that_needs_more_than_losses_cannot_be_replayed() -> None:
    with pytest.raises(ConfigError, match="Product needs more than loss values, so it cannot be replayed"):
        Product(2).replay(LOSSES, 3)


@pytest.mark.parametrize(
    ("options", "message", "field"),
    [
        ({"weights": (1.0,)}, "`weights` must have 2 numbers, one per loss, got 1", "weights"),
        ({"weights": (0.0, 0.0)}, "`weights` must be finite, at least 0 and not all 0", "weights"),
        ({"weights": (1.0, -1.0)}, r"not all 0, got \[1.0, -1.0\]", "weights"),
        ({"weights": (1.0, math.inf)}, "`weights` must be finite", "weights"),
        ({"weights": (1.0, math.nan)}, "`weights` must be finite", "weights"),
        ({"sum_to": "2"}, "`sum_to` must be '1' or 'K', got '2'", "sum_to"),
        ({"history_min": 1}, "`history_min` must be at least 2 steps, got 1", "history_min"),
        ({"eps": 0.0}, "`eps` must be strictly positive, got 0.0", "eps"),
        ({"eps": math.nan}, "`eps` must be strictly positive, got nan", "eps"),
        ({"floor": -0.1}, "`floor` must be at least 0, got -0.1", "floor"),
        ({"smoothing": 1.0}, "`smoothing` must be at least 0 and below 1, got 1.0", "smoothing"),
        ({"smoothing": -0.1}, "`smoothing` must be at least 0 and below 1, got -0.1", "smoothing"),
        ({"weight_min": 0.6}, "2 weights between 0.6 and inf cannot sum to 1", "weight_min"),
        ({"weight_max": 0.4}, "2 weights between 0 and 0.4 cannot sum to 1", "weight_max"),
        ({"weight_max": 0.9, "sum_to": "K"}, "2 weights between 0 and 0.9 cannot sum to 2", "weight_max"),
        ({"weight_min": -0.1}, "`weight_min` must be at least 0, got -0.1", "weight_min"),
        ({"weight_max": 0.0}, r"`weight_max` must be above 0 and at least `weight_min` \(0\), got 0.0", "weight_max"),
        ({"weight_min": 0.4, "weight_max": 0.3}, r"at least `weight_min` \(0.4\), got 0.3", "weight_max"),
        ({"max_change": 0.0}, "`max_change` must be above 0, got 0.0", "max_change"),
        ({"max_change": math.nan}, "`max_change` must be above 0, got nan", "max_change"),
        ({"base_weights": (1.0,)}, "`base_weights` must have 2 numbers, one per loss, got 1", "base_weights"),
        ({"base_weights": (1.0, 0.0)}, r"`base_weights` must all be above 0, got \[1.0, 0.0\]", "base_weights"),
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any], message: str, field: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        VarianceWeighting(2, **options)
    assert caught.value.field == field


def test_no_losses_at_all_are_refused() -> None:
    with pytest.raises(ConfigError, match="`count` must be at least 1 loss, got 0"):
        Product(0)


def test_weights_differentiate_the_window_when_it_carries_gradient() -> None:
    # window 0, x: variance x^2 / 4 against 1: w = x^2 / (x^2 + 4), dw/dx = 8 x / (x^2 + 4)^2 = 8 / 25 at x = 1.
    # total = w x + (1 - w) 2 -> d/dx = w + (x - 2) dw/dx = 1/5 - 8/25 = -3/25: the sign of the gradient flips.
    def gradient(attached: bool) -> float:
        x = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
        terms = torch.stack((x, torch.tensor(2.0, dtype=torch.float64)))
        seen: Tensor = terms if attached else terms.detach()
        window = torch.stack((torch.tensor([0.0, 0.0], dtype=torch.float64), seen), dim=1)
        state = StepState(step=1, terms=terms, window=window, filled=torch.tensor(2), finite=torch.tensor(True))
        plain(2)(state).total.backward()
        assert x.grad is not None
        return x.grad.item()

    assert gradient(attached=False) == pytest.approx(1 / 5)
    assert gradient(attached=True) == pytest.approx(-3 / 25)
