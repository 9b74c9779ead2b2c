"""A recorded experiment as it stood at any moment of its training."""

import time
from collections.abc import Callable

import numpy as np
import pytest

from dmf.analysis.playback import Playback, RunPlayback, elapsed
from dmf.analysis.progress import LiveExperiment, Snapshot
from dmf.records import EpochMetrics, Event, RunState, Sample, StateChange
from dmf.runs import ExperimentRow, RunStore

Record = Callable[..., np.ndarray]


@pytest.fixture
def finished(store: RunStore, experiment: ExperimentRow, record: Record) -> Snapshot:
    """Two runs, of 40 and of 20 steps, ten to an epoch and one every tenth of a second, the second one failed."""
    for run, steps in zip(experiment.runs, (40, 20), strict=True):
        for first in range(0, steps, 10):
            record(run.id, first, 10)
        epochs = range(steps // 10 + 1)
        store.write(
            [
                *(EpochMetrics(run.id, n, 10 * n, "validation", 4, {"dice": n / 10}) for n in epochs),
                EpochMetrics(run.id, 1, 10, "test", 4, {"dice": 0.1}),  # of the best epoch, though measured at the end
                *(Sample(experiment.id, run.id, "a", n, 10 * n, "prediction", b"p", 0.5) for n in epochs),
                Event(run.id, 15, "knob", {"field": "lr", "value": 0.1}),
            ],
            "me",
        )
    store.write([Sample(experiment.id, None, "a", 0, 0, "image", b"i")], "me")
    ends = (RunState.FINISHED, RunState.FAILED)
    for run, steps, state in zip(experiment.runs, (40, 20), ends, strict=True):
        store.write([StateChange(run.id, steps, state, "")], "me")
    return LiveExperiment(store, experiment.id).refresh()


@pytest.fixture
def playback(store: RunStore, finished: Snapshot) -> Playback:
    return Playback(store, finished)


def halfway(playback: Playback) -> float:
    """A moment at which the longer run has taken 15 to 20 of its 40 steps."""
    return playback.seconds * 0.42


def test_at_the_beginning_one_step_is_taken_and_nothing_scored_but_the_untrained_network(playback: Playback) -> None:
    found = playback.at(0.0)
    assert [live.size for live in found.live] == [1, 1]
    assert found.states == (RunState.RUNNING, RunState.RUNNING)
    assert found.metrics["epoch"].tolist() == [0, 0]
    assert [row.kind for row in found.samples] == ["image", "prediction", "prediction"]
    assert found.events == ()


def test_later_there_is_what_there_was_by_then(playback: Playback) -> None:
    found = playback.at(halfway(playback))
    size = found.live[0].size
    assert 15 <= size <= 20
    assert found.step == size
    assert found.live[0].trace("loss_ce")[1].tolist() == playback.at(1e9).live[0].trace("loss_ce")[1][:size].tolist()
    assert set(found.metrics["split"]) <= {"validation", "test"}
    first = found.metrics[found.metrics["run"] == found.experiment.runs[0].id]
    assert set(first["split"]) == {"validation"}
    assert first["epoch"].max() == found.experiment.runs[0].summary["epoch"] == size // 10
    assert max(row.step for row in found.samples) <= 20
    assert any(event.kind == "knob" for event in found.events)


def test_at_the_end_it_is_as_it_stands(playback: Playback, finished: Snapshot) -> None:
    found = playback.at(playback.seconds)
    assert found.experiment == finished.experiment
    assert found.events == finished.events
    assert found.samples == finished.samples
    assert len(found.metrics) == len(finished.metrics)


def test_a_run_that_ended_before_stays_as_it_ended_while_the_other_goes_on(playback: Playback) -> None:
    found = playback.at(playback.seconds * 0.9)
    assert found.states == (RunState.RUNNING, RunState.FAILED)


def test_it_goes_back_as_well_as_on(playback: Playback) -> None:
    late = playback.at(playback.seconds * 0.8).step
    early = playback.at(playback.seconds * 0.2)
    assert early.step < late
    assert early.live[0].size == early.step
    assert playback.at(playback.seconds * 0.8).step == late


def test_what_trains_for_so_long_says_so(playback: Playback) -> None:
    seconds = halfway(playback)
    before = time.time()
    run = playback.at(seconds).experiment.runs[0]
    assert before - 1e-3 <= run.started + seconds <= time.time() + 1e-3
    assert run.ended is None


def test_a_run_without_steps_is_over_at_once(store: RunStore, experiment: ExperimentRow) -> None:
    run = experiment.runs[0]
    empty = RunPlayback(run, store.telemetry(run.id))
    assert empty.seconds == 0.0
    row, live = empty.at(0.0)
    assert row == run
    assert live.size == 0


def test_pauses_and_nights_count_as_one_step() -> None:
    # Steps of 0.5 s; a pause of an hour before the third one.
    assert elapsed(np.array([0.0, 0.5, 3600.5, 3601.0])).tolist() == [0.0, 0.5, 1.0, 1.5]


def test_a_short_wait_is_part_of_training_and_so_are_steps_that_take_long() -> None:
    assert elapsed(np.array([0.0, 1.0, 9.0, 10.0])).tolist() == [0.0, 1.0, 9.0, 10.0]
    assert elapsed(np.array([0.0, 20.0, 40.0, 90.0])).tolist() == [0.0, 20.0, 40.0, 90.0]
