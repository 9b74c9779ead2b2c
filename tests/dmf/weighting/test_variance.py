import math
from typing import Any

import pytest
import torch

from dmf.weighting import VarianceWeighting

TIGHT = {"history_min": 3, "eps": 1e-12}  # an eps too small to be seen in the values below


def expect(weights: torch.Tensor, *values: float) -> None:
    torch.testing.assert_close(weights, torch.tensor(values, dtype=torch.float64), rtol=1e-9, atol=1e-9)


def test_weights_are_shares_of_the_variance_of_the_scaled_windows(step_on: Any) -> None:
    # After the logarithm 0, 1, 2 and 0, 0, 3; after the range 0, 1/2, 1 and 0, 0, 1.
    # v1 = (1/4 + 0 + 1/4) / 3 = 1/6, v2 = (1/9 + 1/9 + 4/9) / 3 = 2/9; w1 = (3/18) / (7/18) = 3/7
    window = [[math.expm1(0), math.expm1(1), math.expm1(2)], [math.expm1(0), math.expm1(0), math.expm1(3)]]
    expect(step_on(VarianceWeighting(2, **TIGHT), window), 3 / 7, 4 / 7)


def test_two_straight_descents_weigh_the_same_whatever_their_slope(step_on: Any) -> None:
    # both have v = (n + 1) / (12 (n - 1)), about 1/12
    window = torch.stack(
        (torch.linspace(9, 1, 50, dtype=torch.float64), torch.linspace(0.02, 0.01, 50, dtype=torch.float64))
    ).tolist()
    expect(step_on(VarianceWeighting(2, symlog=False, **TIGHT), window), 0.5, 0.5)


def test_a_spike_takes_weight_away(step_on: Any) -> None:
    # 0 three times and one 1: v = 1/4 * 3/4 = 3/16. 0, 1/3, 2/3, 1: v = (1/4 + 1/36 + 1/36 + 1/4) / 4 = 5/36.
    # 27/144 against 20/144 -> 27/47. With n = 100 the spike has 99/10000 and the line about 1/12.
    window = [[0.0, 0.0, 1.0, 0.0], [3.0, 2.0, 1.0, 0.0]]
    expect(step_on(VarianceWeighting(2, symlog=False, **TIGHT), window), 27 / 47, 20 / 47)
    spiky = [0.0] * 50 + [1.0] + [0.0] * 49
    line = torch.linspace(1, 0, 100).tolist()
    assert step_on(VarianceWeighting(2, symlog=False, **TIGHT), [spiky, line])[0] < 0.15


def test_a_flat_loss_counts_with_the_floor(step_on: Any) -> None:
    # v = 1/6 against the floor 1e-6 (default), 1/6 (given) or nothing (the notebook)
    window = [[0.0, 1.0, 2.0], [0.7, 0.7, 0.7]]
    options = {"symlog": False, **TIGHT}
    expect(step_on(VarianceWeighting(2, **options), window), 1 / (1 + 6e-6), 6e-6 / (1 + 6e-6))
    expect(step_on(VarianceWeighting(2, floor=1 / 6, **options), window), 0.5, 0.5)
    assert step_on(VarianceWeighting(2, floor=0.0, **options), window)[1].item() == 0


@pytest.mark.parametrize("floor", [None, 0.0])
def test_all_losses_flat_weigh_the_same(step_on: Any, floor: float | None) -> None:
    window = [[0.7] * 4, [0.0] * 4, [-2.0] * 4]
    expect(step_on(VarianceWeighting(3, floor=floor, **TIGHT), window), 1 / 3, 1 / 3, 1 / 3)


def test_negative_losses_are_scaled_like_positive_ones(step_on: Any) -> None:
    window = [[0.0, 1.0, 2.0, 9.0], [-0.0, -1.0, -2.0, -9.0]]
    expect(step_on(VarianceWeighting(2, **TIGHT), window), 0.5, 0.5)


def test_weights_sum_to_the_number_of_losses_on_request(step_on: Any) -> None:
    window = [[0.0, 1.0, 2.0], [0.0, 0.0, 1.0]]
    weights = step_on(VarianceWeighting(2, symlog=False, sum_to="K", **TIGHT), window)
    expect(weights, 6 / 7, 8 / 7)
