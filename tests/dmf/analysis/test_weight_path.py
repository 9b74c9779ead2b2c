"""The path of the weights: shares, averaged over stretches."""

import numpy as np
import pytest

from dmf.analysis.weight_path import weight_path
from dmf.runs import Telemetry


def telemetry(weights: list[list[float]]) -> Telemetry:
    steps = np.arange(len(weights))
    values = np.array(weights, np.float32).reshape(len(weights), 2)
    return Telemetry("r", 1, ("weight_a", "weight_b"), steps, values, steps.astype(np.float64))


def test_weights_become_shares_averaged_over_equal_stretches() -> None:
    # Shares of a: 1/4, 3/4 | 1/2, 1: means 1/2 and 3/4.
    path = weight_path(telemetry([[1, 3], [3, 1], [2, 2], [5, 0]]), ("a", "b"), points=2)
    np.testing.assert_allclose(path, [[0.5, 0.5], [0.75, 0.25]])


def test_steps_without_shares_are_left_out() -> None:
    path = weight_path(telemetry([[0, 0], [float("nan"), 1], [1, 1]]), ("a", "b"))
    np.testing.assert_allclose(path, [[0.5, 0.5]])


@pytest.mark.parametrize("weights", [[], [[0.0, 0.0]]])
def test_without_a_step_there_is_no_path(weights: list[list[float]]) -> None:
    assert weight_path(telemetry(weights), ("a", "b")).shape == (0, 2)


def test_a_path_needs_a_point() -> None:
    with pytest.raises(ValueError, match="at least 1, got 0"):
        weight_path(telemetry([[1, 1]]), ("a", "b"), points=0)
