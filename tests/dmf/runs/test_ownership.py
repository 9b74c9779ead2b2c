import sqlite3

import pytest

from dmf.errors import NotOwnerError, RunFinishedError, RunNotFoundError
from dmf.records import Event, RunState, StateChange
from dmf.runs import RunStore, new_owner
from dmf.runs.rows import LEASE_SECONDS


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
    with pytest.raises(NotOwnerError, match=f"Run '{run}' is queued and owned by 'me', not by 'you'.*10 s"):
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
    store.add_command(run, "stop")
    store.write([StateChange(run, 5, state, "why")], "me")
    store.release([run], "me")

    assert store.claim([run], "you") == [run]

    row = store.run(run)
    assert (row.owner, row.state, row.ended, row.reason) == ("you", RunState.QUEUED, None, "resumed")
    assert [event.data["state"] for event in store.events([run])] == [state.value, "queued"]
    assert store.pending_commands([run]) == []  # a Stop from before would stop it at once


def test_wishes_about_a_queued_run_survive_the_claim(store, experiment):
    run = experiment.runs[0].id
    store.add_command(run, "pause")
    store.claim([run], "me")
    assert [control.name for control in store.pending_commands([run])] == ["pause"]


def states(store, run):
    return [event.data["state"] for event in store.events([run]) if event.kind == "state"]


def begin(store, run, owner="me"):
    store.write([StateChange(run, 0, RunState.RUNNING)], owner)


@pytest.fixture
def reader(store, location, clock):
    """Another process with a clock of its own that is 15 s ahead; what it sees pass is the same time."""
    reader = RunStore(location, clock=lambda: clock.now + 15, monotonic=clock)
    yield reader
    reader.close()


def test_a_reader_sees_a_run_as_interrupted_once_its_heartbeat_stood_still_for_10_seconds_while_it_looked(
    store, reader, clock, experiment, run
):
    begin(store, run)
    other = experiment.runs[1].id
    clock.now += 1000  # nobody looked
    assert [row.state for row in reader.runs()] == [RunState.RUNNING, RunState.QUEUED]
    clock.now += 10
    assert reader.run(run).state is RunState.RUNNING
    store.heartbeat([other], "me")
    clock.now += 0.1

    row = reader.run(run)

    assert (row.state, row.reason) == (RunState.INTERRUPTED, "its owner has been silent for 10 s")
    assert reader.run(other).state is RunState.QUEUED
    assert states(store, run) == ["running"]  # only shown


def test_a_living_owner_is_never_ended_by_a_reader_whose_clock_is_ahead_or_that_looked_while_it_was_frozen(
    store, reader, clock, run
):
    begin(store, run)
    reader.runs()
    clock.now += 12
    assert reader.runs()[0].state is RunState.INTERRUPTED

    store.write([Event(run, 0, "note")], "me")  # it thaws
    store.heartbeat([run], "me")

    assert reader.runs()[0].state is RunState.RUNNING
    assert states(store, run) == ["running"]


def test_what_one_reader_watched_another_need_not_watch_again_until_the_owner_beats(
    store, reader, location, clock, run
):
    begin(store, run)
    reader.runs()
    clock.now += 11
    reader.runs()
    late = RunStore(location, clock=clock, monotonic=clock)
    assert late.runs()[0].state is RunState.INTERRUPTED
    store.heartbeat([run], "me")
    assert late.runs()[0].state is RunState.RUNNING
    late.close()


def test_an_owner_is_never_silent_to_itself(store, clock, run):
    begin(store, run)
    store.runs()
    clock.now += 1000  # its store was locked by another program
    assert store.runs()[0].state is RunState.RUNNING


def test_a_queued_run_that_nobody_claims_is_interrupted_too(store, clock, experiment):
    store.experiments()
    clock.now += 10.1
    assert [run.state for run in store.experiments()[0].runs] == [RunState.INTERRUPTED] * 2


def test_a_run_that_ended_stays_as_it_ended(store, reader, clock, run):
    store.write([StateChange(run, 0, RunState.FINISHED)], "me")
    reader.runs()
    clock.now += 100
    assert reader.run(run).state is RunState.FINISHED


def test_a_run_is_taken_over_only_from_an_owner_that_was_watched_to_be_silent(store, reader, clock, run):
    begin(store, run)
    clock.now += 100
    with pytest.raises(NotOwnerError, match="is running and owned by 'me'"):
        reader.claim([run], "you")
    clock.now += 10.1

    assert reader.claim([run], "you") == [run]

    assert states(store, run) == ["running", "interrupted", "queued"]
    with pytest.raises(NotOwnerError, match=f"'me' no longer owns {run}"):
        store.heartbeat([run], "me")
    with pytest.raises(NotOwnerError, match="is queued and owned by 'you'"):
        store.write([Event(run, 0, "note")], "me")


def test_a_run_that_was_marked_interrupted_is_taken_back_by_its_living_owner(store, sqlite_file, run):
    begin(store, run)
    mark = "UPDATE runs SET state = 'interrupted', owner = NULL, reason = 'silent'"  # as earlier programs did
    for act in (lambda: store.heartbeat([run], "me"), lambda: store.write([Event(run, 0, "note")], "me")):
        with sqlite3.connect(sqlite_file) as connection:
            connection.execute(mark)
        connection.close()
        act()
        assert (store.run(run).state, store.run(run).owner) == (RunState.RUNNING, "me")


def test_a_run_that_another_has_trained_on_meanwhile_is_not_taken_back(store, reader, clock, run):
    begin(store, run)
    reader.runs()
    clock.now += 11
    reader.claim([run], "you")
    reader.begin_attempt(run, 0, "you")
    reader.release([run], "you")
    assert reader.run(run).state is RunState.INTERRUPTED
    with pytest.raises(NotOwnerError):
        store.heartbeat([run], "me")


def test_waiting_for_owners_tells_the_silent_from_the_living(store, reader, clock, run, monkeypatch):
    other = store.runs()[1].id
    begin(store, run)

    def wait(seconds):
        clock.now += seconds
        store.heartbeat([other], "me")

    monkeypatch.setattr("dmf.runs.store.time.sleep", wait)
    start = clock.now
    assert reader.await_owners([run, other]) == [run]
    assert 10 < clock.now - start < 11
    assert reader.await_owners([other]) == []
    assert clock.now - start < 12  # one beat is enough
    assert reader.await_owners([run]) == [run]
    reader.delete_runs([run])


def test_a_released_run_is_free_and_an_active_one_is_interrupted(store, experiment, run):
    other = experiment.runs[1].id
    store.write([StateChange(run, 3, RunState.STOPPED)], "me")
    store.release([run, other], "me")
    row = store.run(other)
    assert (row.state, row.owner, row.reason) == (RunState.INTERRUPTED, None, "its owner let go of it before its end")
    assert states(store, other) == ["interrupted"]
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


def test_silence_is_told_to_others_without_waiting_for_a_locked_store(store, reader, sqlite_file, clock, run):
    reader.runs()
    clock.now += 11
    locker = sqlite3.connect(sqlite_file, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    assert reader.run(run).state is reader.runs()[0].state is RunState.INTERRUPTED  # a write would be refused
    locker.rollback()
    locker.close()


def test_a_store_that_cannot_be_written_is_listed_all_the_same(store, sqlite_file, clock, experiment, run):
    reader = RunStore(f"sqlite:///file:{sqlite_file}?mode=ro&uri=true", clock=clock, monotonic=clock)
    reader.runs()
    clock.now += 11
    assert [row.state for row in reader.experiments()[0].runs] == [RunState.INTERRUPTED] * 2
    assert reader.queue() == []
    reader.close()
