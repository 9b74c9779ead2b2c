"""Weights averaged over repeats."""

import numpy as np
import pytest

from dmf.studies.local import LocalEngine
from dmf.studies.storing import store_plan
from dmf.studies.trajectories import averaged, weight_trajectories


def test_steps_are_averaged_in_stretches_then_over_repeats():
    first = np.array([[0.0, 1.0], [0.2, 0.8], [0.4, 0.6], [0.4, 0.6]])
    found = averaged("mad", ("ce", "dice"), np.stack([first, first[:, ::-1]]), points=2)
    assert (found.repeats, found.is_share, list(found.steps)) == (2, True, [0.5, 2.5])
    np.testing.assert_allclose(found.mean, [[0.5, 0.5], [0.5, 0.5]])
    half = np.std([0.1, 0.9], ddof=1)  # the means of the first stretch: 0.1 and 0.9
    np.testing.assert_allclose(found.high[0], [min(1, 0.5 + half)] * 2)
    np.testing.assert_allclose(found.low[0], [max(0, 0.5 - half)] * 2)
    assert half > 0.5  # so both are clipped
    np.testing.assert_allclose(found.high[1] - 0.5, np.std([0.4, 0.6], ddof=1))


def test_weights_that_are_no_shares_are_not_clipped_and_one_repeat_has_no_band():
    weights = np.array([[[1.0, 2.0]], [[3.0, 2.0]]])
    found = averaged("gradnorm", ("ce", "dice"), weights)
    assert not found.is_share
    assert found.high[0, 0] == pytest.approx(2 + np.std([1, 3], ddof=1))
    alone = averaged("mad", ("ce", "dice"), np.full((1, 3, 2), 0.5))
    assert np.isnan(alone.low).all()
    assert len(alone.steps) == 3


def test_recorded_weights_of_a_study_come_in_the_order_of_the_plan(store, small_plan):
    store_plan(store, small_plan())
    assert weight_trajectories(store, "small", "phantom", ["mad", "fixed"]) == []
    LocalEngine(store, "small").run()
    mad, fixed = weight_trajectories(store, "small", "phantom", ["fixed", "mad"])
    assert (mad.configuration, fixed.configuration, mad.repeats) == ("mad", "fixed", 2)
    assert mad.terms == ("ce", "iou", "dice")
    np.testing.assert_allclose(fixed.mean, 1 / 3, atol=1e-6)
    runs = [next(run for run in cell.experiment.runs if run.label == "mad") for cell in store.study_cells("small")]
    recorded = [store.telemetry(run.id, columns=["weight_dice"]).values[:, 0] for run in runs]
    np.testing.assert_allclose(mad.mean[:, 2], np.mean(recorded, 0), atol=1e-6)  # fewer steps than stretches
    assert weight_trajectories(store, "small", "busi", ["mad"]) == []
