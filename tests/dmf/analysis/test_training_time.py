from dataclasses import replace

import pandas as pd
import pytest

from dmf.analysis.listing import run_table
from dmf.analysis.progress import Snapshot
from dmf.analysis.results import experiment_document
from dmf.analysis.training_time import seconds_trained
from dmf.config import FusionConfig
from dmf.records import RunState, StateChange
from dmf.runs import EventRow, RunStore


def states(*told):
    return [
        EventRow(number, "r-1", 1, 0, "state", {"state": state, "reason": ""}, time)
        for number, (state, time) in enumerate(told)
    ]


@pytest.mark.parametrize(
    ("events", "until", "seconds"),
    [
        ([], 50.0, 0.0),
        (states(("queued", 0.0)), 50.0, 0.0),
        (states(("queued", 0.0), ("running", 10.0)), 50.0, 40.0),
        (states(("running", 10.0), ("paused", 30.0)), 50.0, 20.0),
        (states(("running", 10.0), ("paused", 30.0), ("running", 45.0), ("finished", 50.0)), 90.0, 25.0),
        (states(("running", 10.0), ("stopped", 12.0), ("queued", 80.0), ("running", 85.0)), 90.0, 7.0),
        (states(("running", 10.0), ("interrupted", 999.0)), 40.0, 30.0),  # found dead long after its last sign of life
    ],
)
def test_only_the_time_in_which_it_ran_is_training(events, until, seconds):
    assert seconds_trained(events, until) == seconds


def test_what_else_happened_ends_nothing():
    first, last = states(("running", 10.0), ("finished", 30.0))
    change = EventRow(5, "r-1", 1, 3, "knob", {"field": "lr"}, 20.0)
    assert seconds_trained([first, change, last], 90.0) == 20.0


@pytest.mark.parametrize(
    ("state", "seconds"), [(RunState.RUNNING, 30.0), (RunState.INTERRUPTED, 30.0), (RunState.STOPPED, 80.0)]
)
def test_a_race_has_trained_as_long_as_the_run_that_trained_longest(experiment, state, seconds):
    ended = None if state.is_active else 90.0
    run, other = experiment.runs
    rows = (replace(run, state=state, heartbeat=40.0, ended=ended), other)
    events = tuple(replace(event, run=run.id) for event in states(("running", 10.0)))
    shown = Snapshot(replace(experiment, runs=rows), {}, (), events, pd.DataFrame(), ())
    assert shown.seconds_trained == seconds


def test_a_pause_is_no_training_in_any_table(tmp_path):
    now = [1_000.0]
    store = RunStore(tmp_path / "runs.sqlite", clock=lambda: now[0], monotonic=lambda: now[0])
    configs = [FusionConfig().recorded() for _ in "ab"]
    made = store.create_experiment({}, name="e", labels=["a", "b"], run_configs=configs, environment={})
    paused, steady = (run.id for run in made.runs)
    store.claim([paused, steady], "me")
    for seconds, changes in (
        (0, {paused: RunState.RUNNING, steady: RunState.RUNNING}),
        (20, {paused: RunState.PAUSED}),
        (80, {paused: RunState.RUNNING}),
        (90, {paused: RunState.FINISHED, steady: RunState.FINISHED}),
    ):
        now[0] = 1_000.0 + seconds
        store.write([StateChange(run, 0, state) for run, state in changes.items()], "me")
    assert dict(zip(run_table(store)["run"], run_table(store)["seconds"], strict=True)) == {paused: 30.0, steady: 90.0}
    assert [run["seconds"] for run in experiment_document(store, made.id)["runs"]] == [30.0, 90.0]
    store.close()
