"""Weights over the values of one parameter."""

import numpy as np
import pytest

from dmf.config import FusionConfig
from dmf.errors import ConfigError
from dmf.replay import replay, sweep

LOSSES = np.random.default_rng(0).uniform(0.1, 1.0, (70, 2))
CONFIG = FusionConfig(terms=("a", "b"), weighting="bayesian")


def test_each_row_is_a_replay_with_that_value() -> None:
    found = sweep(LOSSES, CONFIG, "rho", [0.0, 0.5])
    assert (found.parameter, found.values, found.per_column) == ("rho", (0.0, 0.5), 1)
    assert found.weights.shape == (2, 70, 2)
    np.testing.assert_array_equal(found.steps, np.arange(70))
    np.testing.assert_allclose(found.weights[1], replay(LOSSES, CONFIG.replace(rho=0.5)))


def test_columns_are_means_of_steps_in_a_row_the_last_of_those_left() -> None:
    # 70 steps in at most 20 columns: 4 steps each, 17 columns of 4 and one of 2
    found = sweep(LOSSES, CONFIG, "rho", [0.5], columns=20)
    weights = replay(LOSSES, CONFIG.replace(rho=0.5))
    assert (found.per_column, found.weights.shape[1]) == (4, 18)
    np.testing.assert_allclose(found.weights[0, 0], weights[:4].mean(0))
    np.testing.assert_allclose(found.weights[0, -1], weights[68:].mean(0))
    np.testing.assert_array_equal(found.steps[[0, 1, -1]], [0, 4, 68])


def test_a_value_that_cannot_work_is_named() -> None:
    with pytest.raises(ConfigError, match="history_min: 200 is above history_max"):
        sweep(LOSSES, CONFIG, "history_min", [200])
