import math
from typing import Any

import pytest
import torch

from dmf.weighting import VarianceWeighting
from dmf.weighting import window as windows

LOSSES = torch.tensor([[3.0, 1.0], [2.0, 5.0], [1.5, 2.0], [1.4, 4.0], [0.2, 0.0]], dtype=torch.float64)


def plain(count: int, **options: Any) -> VarianceWeighting:
    """Variance of unscaled windows, so that the arithmetic can be done in the head."""
    return VarianceWeighting(count, **{"history_min": 2, "symlog": False, "minmax": False, "floor": 0.0} | options)


def test_weights_stay_where_they_start_until_the_memory_holds_history_min_values(live: Any) -> None:
    weights = live(plain(2, weights=(1, 3), history_min=3), LOSSES, 4)
    assert weights[:2].tolist() == [[0.25, 0.75]] * 2  # t = 0 and t = 1
    assert weights[2].tolist() != [0.25, 0.75]  # t = history_min - 1


def test_the_current_losses_influence_their_own_weights(live: Any) -> None:
    # t = 1: 3, 2 has variance 1/4 and 1, 5 has 4: 1/17 and 16/17
    weights = live(plain(2), LOSSES[:2], 4)
    torch.testing.assert_close(weights[1], torch.tensor([1 / 17, 16 / 17], dtype=torch.float64))


def test_scaling_takes_the_logarithm_before_the_range() -> None:
    # log(1 + (e^x - 1)) = x: 0, 1, 3 -> 0, 1/3, 1. The other order would give log(1 + 1.718/19.09) / log(2) = 0.124.
    window = torch.tensor([[math.expm1(0), math.expm1(1), math.expm1(3)]], dtype=torch.float64)
    scaled = VarianceWeighting(1, eps=1e-12).scale(window, 3)
    torch.testing.assert_close(scaled, torch.tensor([[0, 1 / 3, 1]], dtype=torch.float64))


def test_either_scaling_can_be_left_out() -> None:
    window = torch.tensor([[math.expm1(1), math.expm1(3)]], dtype=torch.float64)
    assert torch.equal(plain(1).scale(window, 2), window)
    only_log = VarianceWeighting(1, minmax=False).scale(window, 2)
    torch.testing.assert_close(only_log, torch.tensor([[1, 3]], dtype=torch.float64))
    only_range = VarianceWeighting(1, symlog=False, eps=1e-12).scale(window, 2)
    torch.testing.assert_close(only_range, torch.tensor([[0, 1]], dtype=torch.float64))


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_a_step_with_a_value_that_is_not_finite_keeps_the_last_weights_and_leaves_no_trace(
    live: Any, bad: float
) -> None:
    clean = live(plain(2), LOSSES, 3)
    broken = torch.cat((LOSSES[:3], torch.tensor([[0.5, bad]], dtype=torch.float64), LOSSES[3:]))
    weights = live(plain(2), broken, 3)
    assert torch.equal(weights[3], weights[2])
    assert torch.equal(weights[torch.tensor([0, 1, 2, 4, 5])], clean)


def test_a_history_that_begins_with_steps_that_are_not_finite_starts_later(live: Any) -> None:
    broken = torch.cat((torch.full((2, 2), torch.nan, dtype=torch.float64), LOSSES))
    weights = live(plain(2), broken, 3)
    assert weights[:3].tolist() == [[0.5, 0.5]] * 3
    assert torch.equal(weights[2:], live(plain(2), LOSSES, 3))


@pytest.mark.parametrize("smoothing", [0.0, 0.5])
def test_replay_in_chunks_equals_replay_at_once(monkeypatch: pytest.MonkeyPatch, smoothing: float) -> None:
    losses = torch.rand(50, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    at_once = plain(2, smoothing=smoothing).replay(losses, 10)
    monkeypatch.setattr(windows, "REPLAY_VALUES", 2 * 10 * 7)  # seven steps at once
    assert torch.equal(plain(2, smoothing=smoothing).replay(losses, 10), at_once)


@pytest.mark.parametrize("smoothing", [0.0, 0.5])
def test_replay_of_nothing_and_of_nothing_finite(smoothing: float) -> None:
    assert plain(2, smoothing=smoothing).replay(torch.zeros(0, 2), 5).shape == (0, 2)
    weights = plain(2, smoothing=smoothing).replay(torch.full((3, 2), torch.nan), 5)
    assert weights.tolist() == [[0.5, 0.5]] * 3


def test_replay_leaves_the_weighting_where_training_would(live: Any) -> None:
    replayed, stepped = plain(2), plain(2)
    replayed.replay(LOSSES, 4)
    live(stepped, LOSSES, 4)
    assert torch.equal(replayed.weights, stepped.weights)
