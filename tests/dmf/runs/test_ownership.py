import sqlite3
import time

import pytest

from dmf.errors import NotOwnerError, RunFinishedError, RunNotFoundError
from dmf.records import Event, RunState, StateChange
from dmf.runs import LEASE_SECONDS, RunStore, new_owner


def test_an_owner_says_where_it_is_and_differs_each_time():
    one, other = new_owner("dmf train"), new_owner("dmf train")
    assert one.startswith("dmf train on ")
    assert "(process " in one
    assert one != other


def test_claiming_gives_an_owner_and_a_lease(store, clock, experiment):
    ids = [run.id for run in experiment.runs]
    clock.now += 3

    assert store.claim(ids, "me") == []  # none of them is resumed

    for id in ids:
        row = store.run(id)
        assert (row.owner, row.state) == ("me", RunState.QUEUED)
        assert (row.heartbeat, row.lease) == (clock.now, clock.now + LEASE_SECONDS)


def test_a_run_of_another_is_not_claimed_and_the_message_says_whose_it_is(store, run):
    with pytest.raises(NotOwnerError, match=f"Run '{run}' is queued and owned by 'me', not by 'you'.*8 s"):
        store.claim([run], "you")
    store.claim([run], "me")


def test_all_runs_are_claimed_or_none(store, experiment):
    first, second = (run.id for run in experiment.runs)
    store.claim([second], "me")
    with pytest.raises(NotOwnerError, match=second):
        store.claim([first, second], "you")
    assert store.run(first).owner is None


def test_a_finished_run_cannot_be_claimed(store, run):
    store.write([StateChange(run, 5, RunState.FINISHED)], "me")
    with pytest.raises(RunFinishedError, match="is finished; start a new experiment"):
        store.claim([run], "me")


def test_an_unknown_run_cannot_be_claimed(store):
    with pytest.raises(RunNotFoundError, match="No run 'r-0'"):
        store.claim(["r-0"], "me")


@pytest.mark.parametrize("state", [RunState.STOPPED, RunState.FAILED, RunState.INTERRUPTED])
def test_a_resumable_run_is_queued_again_by_a_claim(store, run, state):
    store.add_control(run, "stop")
    store.write([StateChange(run, 5, state, "why")], "me")
    store.release([run], "me")

    assert store.claim([run], "you") == [run]

    row = store.run(run)
    assert (row.owner, row.state, row.ended, row.reason) == ("you", RunState.QUEUED, None, "resumed")
    assert [event.data["state"] for event in store.events([run])] == [state.value, "queued"]
    assert store.pending_controls([run]) == []  # a Stop from before would stop it at once


def test_wishes_about_a_queued_run_survive_the_claim(store, experiment):
    run = experiment.runs[0].id
    store.add_control(run, "pause")
    store.claim([run], "me")
    assert [control.command for control in store.pending_controls([run])] == ["pause"]


def test_a_run_is_interrupted_when_its_owner_is_silent_for_8_seconds(store, clock, experiment, run):
    other = experiment.runs[1].id
    store.write([StateChange(run, 0, RunState.RUNNING)], "me")
    clock.now += 8
    assert store.sweep_interrupted() == []
    store.heartbeat([other], "me")
    clock.now += 0.1

    assert store.sweep_interrupted() == [run]

    row = store.run(run)
    assert (row.state, row.owner, row.ended) == (RunState.INTERRUPTED, None, clock.now)
    assert row.reason == "its owner has been silent for 8 s"
    assert store.events([run])[-1].data["state"] == "interrupted"
    assert store.run(other).state == RunState.QUEUED
    assert store.sweep_interrupted() == []


def test_a_queued_run_that_nobody_claims_is_interrupted_too(store, clock, experiment):
    clock.now += 8.1
    assert [run.state for run in store.experiments()[0].runs] == [RunState.INTERRUPTED] * 2


def test_a_run_that_ended_is_not_swept(store, clock, run):
    store.write([StateChange(run, 0, RunState.FINISHED)], "me")
    clock.now += 100
    assert run not in store.sweep_interrupted()


def test_an_owner_that_comes_back_too_late_can_neither_beat_nor_write(store, clock, run):
    clock.now += 9
    store.sweep_interrupted()
    with pytest.raises(NotOwnerError, match=f"'me' no longer owns {run}"):
        store.heartbeat([run], "me")
    with pytest.raises(NotOwnerError, match="is interrupted and owned by nobody"):
        store.write([Event(run, 0, "note")], "me")


def test_a_late_heartbeat_before_any_sweep_keeps_the_run(store, clock, run):
    clock.now += 9
    store.heartbeat([run], "me")
    assert run not in store.sweep_interrupted()


def test_an_abandoned_run_can_be_claimed_at_once_after_its_lease(store, clock, run):
    store.write([StateChange(run, 0, RunState.RUNNING)], "me")
    with pytest.raises(NotOwnerError, match="is running and owned by 'me'"):
        store.claim([run], "you")
    clock.now += 8.1
    store.claim([run], "you")
    assert store.run(run).owner == "you"


def test_a_released_run_is_free_and_an_active_one_is_interrupted(store, clock, experiment, run):
    other = experiment.runs[1].id
    store.write([StateChange(run, 3, RunState.STOPPED)], "me")
    store.release([run, other], "me")
    clock.now += 0.1
    assert store.sweep_interrupted() == [other]
    assert (store.run(run).state, store.run(run).owner) == (RunState.STOPPED, None)


def test_only_the_owner_releases(store, run):
    store.release([run], "you")
    assert store.run(run).owner == "me"


def test_a_resumed_experiment_goes_to_the_end_of_the_queue_a_claimed_one_keeps_its_place(store, experiment, run):
    other = store.create_experiment({}, name="", labels=["a"], run_configs=[{}], environment={})
    assert store.experiment(experiment.id).place == experiment.place < other.place
    store.write([StateChange(run, 5, RunState.STOPPED)], "me")
    store.claim([run], "me")
    assert store.experiment(experiment.id).place > other.place


def test_runs_are_not_swept_while_the_store_is_locked_nor_right_after(store, sqlite_file, clock, run, monkeypatch):
    # The heartbeats of living owners waited for the same lock; they get time to come first.
    monkeypatch.setattr("dmf.runs.store.GRACE_SECONDS", 0.3)
    store._locked_at = -1.0
    clock.now += 9
    locker = sqlite3.connect(sqlite_file, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    start = time.monotonic()
    assert store.sweep_interrupted() == []
    assert time.monotonic() - start < 0.2  # a reader never waits for it
    locker.rollback()
    locker.close()
    assert store.sweep_interrupted() == []
    time.sleep(0.3)
    assert run in store.sweep_interrupted()


def test_a_store_that_cannot_be_written_is_listed_all_the_same(store, sqlite_file, clock, experiment, run):
    clock.now += 9
    reader = RunStore(f"sqlite:///file:{sqlite_file}?mode=ro&uri=true", clock=clock)
    assert reader.sweep_interrupted() == []
    assert [row.state for row in reader.experiments()[0].runs] == [RunState.INTERRUPTED] * 2
    assert reader.queue() == []
    reader.close()
