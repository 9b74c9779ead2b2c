"""Experiments at a glance: newest first, with scores over the epochs and the best of them."""

import math
from dataclasses import replace

import pytest

from dmf.analysis.overview import POINTS, _moment, active, overview, thinned
from dmf.config import FusionConfig
from dmf.records import EpochMetrics, RunState, StateChange
from dmf.runs import ExperimentRow, RunStore


def judge(store: RunStore, run: str, scores: dict[int, float], split: str = "validation") -> None:
    """Store CB-Dice by epoch, among other metrics."""
    store.write(
        [
            EpochMetrics(run, epoch, 10 * epoch, split, 4, {"cb_dice": score, "dice": 0.99})
            for epoch, score in scores.items()
        ],
        "me",
    )


def test_an_empty_store_has_nothing_to_show(store: RunStore) -> None:
    assert overview(store) == []


def test_an_experiment_without_scores_yet_has_its_settings_and_states(
    store: RunStore, experiment: ExperimentRow
) -> None:
    store.write([StateChange(experiment.runs[0].id, 0, RunState.RUNNING)], "me")
    (summary,) = overview(store)
    assert (summary.id, summary.name, summary.created) == (experiment.id, "e", experiment.created)
    assert (summary.dataset, summary.image_size, summary.epochs) == ("phantom", 128, 20)  # the defaults
    assert summary.states == (RunState.RUNNING, RunState.QUEUED)
    assert summary.is_active
    assert [(run.label, run.weighting, run.scores) for run in summary.runs] == [
        ("variance", "variance", ()),
        ("mad", "mad", ()),
    ]
    assert summary.winner is None


def test_scores_are_the_validation_cb_dice_by_epoch(store: RunStore, experiment: ExperimentRow) -> None:
    first, second = (run.id for run in experiment.runs)
    judge(store, first, {2: 0.6, 0: 0.95, 1: 0.7})
    judge(store, first, {2: 0.99}, "test")
    judge(store, second, {0: 0.1, 1: math.nan, 2: 0.8})
    (summary,) = overview(store)
    variance, mad = summary.runs
    assert (variance.epochs, variance.scores) == ((0, 1, 2), (0.95, 0.7, 0.6))
    assert (variance.best_epoch, variance.best) == (1, 0.7)  # the untrained network of epoch 0 does not count
    assert (mad.epochs, mad.scores) == ((0, 2), (0.1, 0.8))  # what is not a number cannot be drawn
    assert mad.epoch == 2
    assert summary.winner == mad


def test_what_has_ended_is_not_active(store: RunStore, experiment: ExperimentRow) -> None:
    store.write([StateChange(run.id, 5, RunState.STOPPED) for run in experiment.runs], "me")
    (summary,) = overview(store)
    assert not summary.is_active


def test_an_age_counts_from_the_first_step_then_from_the_end(experiment: ExperimentRow) -> None:
    first, second = experiment.runs

    def moment(one: dict[str, object], other: dict[str, object]) -> float:
        return _moment(replace(experiment, runs=(replace(first, **one), replace(second, **other))))  # type: ignore[arg-type]

    assert moment({}, {}) == experiment.created
    started = {"state": RunState.RUNNING, "started": 100.0}
    assert moment(started, {}) == 100.0
    ended = {"state": RunState.STOPPED, "started": 100.0, "ended": 150.0}
    assert moment(ended, ended | {"ended": 170.0}) == 170.0


def test_the_newest_come_first_page_by_page(store: RunStore) -> None:
    fusion = FusionConfig().recorded()
    for name in "abc":
        store.create_experiment({}, name=name, labels=["mad"], run_configs=[fusion], environment={})
    assert [summary.name for summary in overview(store, limit=2)] == ["c", "b"]
    assert [summary.name for summary in overview(store, limit=2, offset=2)] == ["a"]


def test_what_trains_and_waits_is_found_however_old_it_is(store: RunStore, experiment: ExperimentRow) -> None:
    fusion = FusionConfig().recorded()
    for name in ("later", "ended"):
        newer = store.create_experiment({}, name=name, labels=["mad"], run_configs=[fusion], environment={})
        store.claim([newer.runs[0].id], "me")
    store.write([StateChange(newer.runs[0].id, 5, RunState.FINISHED)], "me")
    store.write([StateChange(run.id, 0, RunState.RUNNING) for run in experiment.runs], "me")
    judge(store, experiment.runs[1].id, {1: 0.5})
    training, waiting = active(store)
    assert (training.id, training.winner and training.winner.best) == (experiment.id, 0.5)
    assert (waiting.name, waiting.states) == ("later", (RunState.QUEUED,))


@pytest.mark.parametrize("at", [0, 1, 500, 997, 999])
def test_a_long_training_is_thinned_to_what_can_be_seen_with_its_ends_and_its_peak(at: int) -> None:
    points = [(epoch, 1.0 if epoch == at else 0.5) for epoch in range(1000)]
    kept = thinned(points, POINTS)
    assert len(kept) <= POINTS
    assert kept == sorted(kept)
    assert {points[0], points[at], points[-1]} <= set(kept)


def test_few_points_stay_as_they_are() -> None:
    assert thinned([(0, 0.1), (1, 0.2), (2, 0.3)], 3) == [(0, 0.1), (1, 0.2), (2, 0.3)]


def test_of_a_recorded_experiment_nothing_is_made_up(store: RunStore) -> None:
    run_config = {"weighting": "own", "terms": ["L1"]}
    for config in ({"recorded": True}, {"recorded": True, "data": {"dataset": "busi"}, "training": {"epochs": 3}}):
        store.create_experiment(config, name="x", labels=["a"], run_configs=[run_config], environment={})
    told, bare = overview(store)
    assert (bare.dataset, bare.image_size, bare.epochs) == (None, None, None)
    assert (told.dataset, told.image_size, told.epochs) == ("busi", None, 3)
