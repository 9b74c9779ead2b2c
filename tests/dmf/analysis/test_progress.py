"""An experiment as a page follows it."""

from collections.abc import Callable

import numpy as np
import pytest
from sqlalchemy import event

from dmf.analysis.progress import LiveExperiment
from dmf.config import FusionConfig
from dmf.errors import RunNotFoundError
from dmf.records import EpochMetrics, Event, RunState, Sample, StateChange
from dmf.runs import ExperimentRow, RunStore

Record = Callable[..., np.ndarray]


@pytest.fixture
def live(store: RunStore, experiment: ExperimentRow) -> LiveExperiment:
    return LiveExperiment(store, experiment.id)


def test_before_anything_happened_there_is_an_empty_snapshot(live: LiveExperiment) -> None:
    snapshot = live.refresh()
    assert snapshot.is_active
    assert snapshot.step == 0
    assert snapshot.steps_total is None
    assert snapshot.steps_per_epoch is None
    assert snapshot.metrics.empty
    assert snapshot.samples == ()
    assert snapshot.origin == snapshot.experiment.created


def test_what_happens_appears(live: LiveExperiment, store: RunStore, experiment: ExperimentRow, record: Record) -> None:
    run = experiment.runs[1].id
    live.refresh()
    record(run, 0, 7)
    facts = {"steps_per_epoch": 10, "steps_total": 50}
    store.write([Event(run, 0, "prepared", facts), StateChange(run, 0, RunState.RUNNING)], "me")
    snapshot = live.refresh()
    assert snapshot.step == 7
    assert (snapshot.steps_per_epoch, snapshot.steps_total) == (10, 50)
    assert snapshot.origin == 1_000
    assert snapshot.states == (RunState.QUEUED, RunState.RUNNING)
    assert [event.kind for event in snapshot.events] == ["prepared", "state"]
    assert [event.kind for event in live.refresh().events] == ["prepared", "state"]  # none of them twice


def test_metrics_are_read_again_only_when_there_are_more(
    live: LiveExperiment, store: RunStore, experiment: ExperimentRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = experiment.runs[0].id
    reads = []
    read = store.epoch_metrics
    monkeypatch.setattr(store, "epoch_metrics", lambda ids, **chosen: reads.append(1) or read(ids, **chosen))
    live.refresh()
    live.refresh()
    assert len(reads) == 1
    store.write([EpochMetrics(run, 1, 10, "validation", 4, {"dice": 0.5})], "me")
    assert live.refresh().metrics["value"].tolist() == [0.5]
    store.write([EpochMetrics(run, 1, 10, "test", 4, {"dice": 0.25})], "me")
    assert sorted(live.refresh().metrics["value"]) == [0.25, 0.5]


@pytest.mark.parametrize("epochs", [3, 30])
def test_a_new_epoch_costs_what_is_new_however_many_there_are(
    live: LiveExperiment,
    store: RunStore,
    experiment: ExperimentRow,
    monkeypatch: pytest.MonkeyPatch,
    epochs: int,
) -> None:
    runs = [run.id for run in experiment.runs]

    def evaluate(epoch: int) -> None:
        store.write([Sample(experiment.id, run, "a", epoch, epoch, "prediction", b"png", 0.5) for run in runs], "me")
        store.write([EpochMetrics(run, epoch, epoch, "validation", 4, {"dice": epoch}) for run in runs], "me")

    store.write([Sample(experiment.id, None, "a", 0, 0, kind, b"png") for kind in ("image", "truth")], "me")
    for epoch in range(epochs):
        evaluate(epoch)
    live.refresh()
    rows: list[int] = []
    for name in ("epoch_metrics", "samples"):
        read = getattr(store, name)

        def counted(*given, read=read, **chosen):
            found = read(*given, **chosen)
            rows.append(len(found))
            return found

        monkeypatch.setattr(store, name, counted)
    evaluate(epochs)
    snapshot = live.refresh()
    assert rows == [4, 4]  # of two runs, the epoch that was the last and the new one
    monkeypatch.undo()
    assert len(snapshot.samples) == 2 + 2 * (epochs + 1)
    assert [sample.id for sample in snapshot.samples] == [sample.id for sample in store.samples(experiment.id)]
    whole = store.epoch_metrics(runs)
    assert sorted(snapshot.metrics["value"]) == sorted(whole["value"])
    # Tested at the end, at an earlier epoch.
    store.write([EpochMetrics(runs[0], 1, 1, "test", 4, {"dice": 0.5})], "me")
    assert live.refresh().metrics.query("split == 'test'")["epoch"].tolist() == [1]


@pytest.mark.parametrize("runs", [1, 6])
def test_a_refresh_asks_the_store_as_often_however_many_runs_there_are(
    store: RunStore, record: Record, runs: int
) -> None:
    fusions = [FusionConfig().recorded()] * runs
    race = store.create_experiment({}, name="e", labels=list("abcdef"[:runs]), run_configs=fusions, environment={})
    ids = [run.id for run in race.runs]
    store.claim(ids, "me")
    live = LiveExperiment(store, race.id)
    for run in ids:
        record(run, 0, 3)
    live.refresh()
    for run in ids:
        record(run, 3, 2)
    asked: list[str] = []
    event.listen(store._engine, "before_cursor_execute", lambda _, __, text, *more: asked.append(text))
    snapshot = live.refresh()
    assert [one.size for one in snapshot.live] == [5] * runs
    # The experiment, its runs, steps and events; then pictures, of which there are none yet.
    assert [words.split()[0] for words in asked] == ["BEGIN", *["SELECT"] * 4, "BEGIN", "SELECT"]


def test_what_a_resume_took_back_is_gone_from_scores_and_pictures(
    live: LiveExperiment, store: RunStore, experiment: ExperimentRow, record: Record
) -> None:
    run = experiment.runs[0].id
    record(run, 0, 9)
    store.write([Sample(experiment.id, None, "a", 0, 0, kind, b"png") for kind in ("image", "truth")], "me")
    for epoch in (1, 2):
        store.write([Sample(experiment.id, run, "a", epoch, 4 * epoch, "prediction", b"png", 0.5)], "me")
        store.write([EpochMetrics(run, epoch, 4 * epoch, "validation", 4, {"dice": epoch})], "me")
    assert len(live.refresh().metrics) == 2
    store.begin_attempt(run, 4, "me")
    snapshot = live.refresh()
    assert snapshot.metrics["epoch"].tolist() == [1]
    assert [sample.epoch for sample in snapshot.samples] == [0, 0, 1]


def test_pictures_that_come_after_the_metrics_are_not_missed(
    live: LiveExperiment, store: RunStore, experiment: ExperimentRow
) -> None:
    first, second = (run.id for run in experiment.runs)
    shared = [Sample(experiment.id, None, "a", 0, 0, kind, b"png") for kind in ("image", "truth")]
    store.write([*shared, *(EpochMetrics(run, 0, 0, "validation", 4, {"dice": 0.0}) for run in (first, second))], "me")
    assert len(live.refresh().samples) == 2
    store.write([Sample(experiment.id, first, "a", 0, 0, "prediction", b"png", 0.5)], "me")
    assert len(live.refresh().samples) == 3
    store.write([Sample(experiment.id, second, "a", 0, 0, "prediction", b"png", 0.5)], "me")
    assert len(live.refresh().samples) == 4


def test_a_run_whose_owner_fell_silent_is_seen_as_interrupted(
    store: RunStore, experiment: ExperimentRow, hasty: Callable[[], float]
) -> None:
    live = LiveExperiment(RunStore(store.file, monotonic=hasty), experiment.id)
    live.refresh()
    snapshot = live.refresh()
    assert set(snapshot.states) == {RunState.INTERRUPTED}
    assert not snapshot.is_active


def change(run: str, step: int, field: str, value: float | str) -> Event:
    return Event(run, step, "knob", {"field": field, "value": value, "before": None})


def test_knobs_stand_where_they_were_turned_last(
    live: LiveExperiment, store: RunStore, experiment: ExperimentRow, record: Record
) -> None:
    first, second = experiment.runs
    at_first = {"gamma": 1.0, "decay_rate": 0.05, "lr": 0.001, "weighting": "variance"}
    assert live.refresh().settings == (at_first, at_first | {"weighting": "mad"})
    record(first.id, 0, 10)
    turned = [change(first.id, 9, "gamma", 3.0), change(first.id, 4, "gamma", 2.0), change(first.id, 10, "lr", 0.01)]
    store.write([*turned, change(first.id, 5, "weighting", "mad"), change(first.id, 6, "weighting", "variance")], "me")
    snapshot = live.refresh()
    assert snapshot.settings == (at_first | {"gamma": 3.0, "lr": 0.01}, at_first | {"weighting": "mad"})
    assert snapshot.changes(snapshot.experiment.runs[0]) == {"gamma": 3.0, "lr": 0.01}
    assert snapshot.changes(second) == {}


def test_a_knob_ahead_of_where_its_run_stands_is_left_out_until_it_comes_there(
    live: LiveExperiment, store: RunStore, experiment: ExperimentRow, record: Record
) -> None:
    run = experiment.runs[0].id
    record(run, 0, 3)
    store.write([change(run, 4, "gamma", 2.0)], "me")  # steps 0, 1 and 2 are taken, so 3 is where it stands
    assert live.refresh().events == ()
    record(run, 3, 1)
    assert [event.step for event in live.refresh().events] == [4]


def test_what_a_resume_took_back_is_gone(
    live: LiveExperiment, store: RunStore, experiment: ExperimentRow, record: Record
) -> None:
    run = experiment.runs[0].id
    record(run, 0, 9)
    store.write([Event(run, 2, "skipped", {"losses": ["ce"]}), Event(run, 7, "skipped", {"losses": ["ce"]})], "me")
    assert [event.step for event in live.refresh().events] == [2, 7]
    store.begin_attempt(run, 5, "me")
    assert [event.step for event in live.refresh().events] == [2]


def test_an_unknown_experiment_is_refused(store: RunStore) -> None:
    with pytest.raises(RunNotFoundError, match="No experiment 'e-none'"):
        LiveExperiment(store, "e-none")


def test_a_run_that_was_deleted_leaves_the_others_and_one_that_was_added_comes_in(
    live: LiveExperiment, store: RunStore, experiment: ExperimentRow, record: Record
) -> None:
    first, second = experiment.runs
    record(first.id, 0, 5)
    record(second.id, 0, 7)
    live.refresh()
    store.write([StateChange(first.id, 5, RunState.STOPPED)], "me")
    store.release([first.id], "me")
    store.delete_runs([first.id])
    snapshot = live.refresh()
    assert [run.id for run in snapshot.experiment.runs] == [each.id for each in snapshot.live] == [second.id]
    assert snapshot.live[0].size == 7
    added = store.add_run(experiment.id, label="added", config=second.config)
    assert [each.id for each in live.refresh().live] == [second.id, added.id]
