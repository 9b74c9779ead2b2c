from typing import Any

import pytest
import torch

from dmf.errors import ConfigError
from dmf.weighting import MADWeighting

# Scaled 0 .. 1: a line 0, 1/4, 1/2, 3/4, 1 with median 1/2, distances 1/2 1/4 0 1/4 1/2, MAD 1/4;
# and 0, 0, 1/8, 1, 1 with median 1/8, distances 1/8 1/8 0 7/8 7/8, MAD 1/8.
WINDOW = [[0.0, 1.0, 2.0, 3.0, 4.0], [8.0, 0.0, 1.0, 0.0, 8.0]]
TIGHT = {"history_min": 3, "eps": 1e-12, "symlog": False}


def expect(weights: torch.Tensor, *values: float) -> None:
    torch.testing.assert_close(weights, torch.tensor(values, dtype=torch.float64), rtol=1e-9, atol=1e-9)


def test_weights_are_shares_of_the_inverse_deviation(step_on: Any) -> None:
    expect(step_on(MADWeighting(2, **TIGHT), WINDOW), 1 / 3, 2 / 3)  # 4 : 8


def test_the_notebook_median_gives_other_weights(step_on: Any) -> None:
    # line: median (1/4 + 1/2) / 2 = 3/8, distances 3/8 1/8 1/8 3/8 5/8, MAD (1/8 + 3/8) / 2 = 1/4
    # other: median (0 + 1/8) / 2 = 1/16, distances 1/16 three times and 15/16 twice, MAD 1/16; 4 : 16
    expect(step_on(MADWeighting(2, median="notebook", **TIGHT), WINDOW), 0.2, 0.8)


def test_a_straight_descent_has_a_deviation_of_a_quarter(step_on: Any) -> None:
    # against a floor of 1/4 under a flat loss
    window = [torch.linspace(7, 3, 101).tolist(), [1.0] * 101]
    expect(step_on(MADWeighting(2, floor=0.25, **TIGHT), window), 0.5, 0.5)


def test_a_spike_brings_weight(step_on: Any) -> None:
    line = torch.linspace(1, 0, 101).tolist()
    spiky = [*line[:50], 100.0, *line[51:]]
    assert step_on(MADWeighting(2, **TIGHT), [spiky, line])[0] > 0.9


def test_a_flat_loss_counts_with_the_floor(step_on: Any) -> None:
    # 1 / 0.25 = 4 against 1 / 0.001 = 1000 (default), against 1 / eps with the floor of the notebook
    window = [WINDOW[0], [0.7] * 5]
    expect(step_on(MADWeighting(2, **TIGHT), window), 4 / 1004, 1000 / 1004)
    notebook = MADWeighting(2, floor=0.0, history_min=3, symlog=False)  # eps 1e-7: 4 against 1e7
    torch.testing.assert_close(step_on(notebook, window)[0].item(), 4e-7, rtol=1e-5, atol=0)


@pytest.mark.parametrize("floor", [None, 0.0])
def test_all_losses_flat_weigh_the_same(step_on: Any, floor: float | None) -> None:
    expect(step_on(MADWeighting(3, floor=floor, **TIGHT), [[0.7] * 4, [0.0] * 4, [-2.0] * 4]), 1 / 3, 1 / 3, 1 / 3)


def test_eps_is_added_to_the_deviation(step_on: Any) -> None:
    # without scaling MAD is 1 and 1/2 (line, half a line): 1 / (1 + 1) against 1 / (0.5 + 1): 3 : 4
    window = [[0.0, 1.0, 2.0, 3.0, 4.0], [0.0, 0.5, 1.0, 1.5, 2.0]]
    weighting = MADWeighting(2, history_min=3, symlog=False, minmax=False, eps=1.0)
    expect(step_on(weighting, window), 3 / 7, 4 / 7)


def test_an_unknown_median_is_refused_with_the_closest_name() -> None:
    with pytest.raises(ConfigError, match=r"Unknown median 'notebok'\. Choose one of: true, notebook\. Did you mean"):
        MADWeighting(2, median="notebok")
