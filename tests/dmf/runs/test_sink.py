import re
import sqlite3
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from sqlalchemy.exc import OperationalError

from dmf.errors import NotOwnerError, StoreError
from dmf.records import Event, RunState, StateChange
from dmf.runs import RunStore, StoreCommands, StoreSink, sink
from dmf.runs.engine import explained


@pytest.fixture
def store(location):
    """With the true clock, because the threads here live in true time."""
    store = RunStore(location, busy_seconds=0.05)
    yield store
    store.close()


def eventually(claim, seconds=120.0):  # for machines that are busy with other things
    end = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_records_are_stored_without_being_asked(store, run, make_block):
    writer = StoreSink(store, "me")
    writer.write(make_block(run, 0, 3))
    eventually(lambda: store.latest_step(run) == 2)
    writer.close()


def test_what_somebody_waits_for_is_stored_at_once_with_all_before_it(store, run, make_block, monkeypatch):
    monkeypatch.setattr(sink, "COMMIT_SECONDS", 1e6)
    writer = StoreSink(store, "me")
    writer.write(make_block(run, 0, 3))
    writer.write(StateChange(run, 3, RunState.PAUSED))
    eventually(lambda: store.run(run).state is RunState.PAUSED)
    assert store.latest_step(run) == 2
    writer.close()


def test_flush_returns_once_everything_is_stored_in_order(store, run, make_block):
    writer = StoreSink(store, "me")
    for step in range(100):
        writer.write(make_block(run, step, 1))
        writer.write(Event(run, step, "note"))
    writer.flush()
    assert store.latest_step(run) == 99
    assert [event.step for event in store.events([run])] == list(range(100))
    writer.close()


def test_closing_stores_what_is_left_and_refuses_more(store, run):
    writer = StoreSink(store, "me")
    writer.write(Event(run, 0, "note"))
    writer.close()
    assert len(store.events([run])) == 1
    with pytest.raises(StoreError, match="This sink is closed"):
        writer.write(Event(run, 1, "note"))
    writer.flush()
    writer.close()


def test_a_storing_error_is_raised_by_the_next_write_and_by_every_call_after(store, run):
    writer = StoreSink(store, "you")
    writer.write(Event(run, 0, "note"))
    with pytest.raises(NotOwnerError, match="owned by 'me', not by 'you'"):
        writer.flush()
    for use in (lambda: writer.write(Event(run, 1, "note")), writer.flush, writer.close):
        with pytest.raises(NotOwnerError, match="owned by 'me', not by 'you'"):
            use()
    assert store.events([run]) == []


def test_an_error_of_a_wrong_record_reaches_the_training_thread_too(store, run, make_block):
    writer = StoreSink(store, "me")
    block = make_block(run, 0, 1)
    object.__setattr__(block, "values", block.values[0])
    writer.write(block)
    with pytest.raises(ValueError, match="`values` must have shape"):
        writer.flush()
    with pytest.raises(ValueError, match="`values` must have shape"):
        writer.close()


@pytest.fixture
def locked(sqlite_file, run):
    """Another connection that holds the write lock until it commits or rolls back."""
    other = sqlite3.connect(sqlite_file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield other
    other.close()


def test_a_locked_database_is_tried_again_until_it_is_free(store, locked, run):
    writer = StoreSink(store, "me")
    writer.write(Event(run, 0, "note"))
    time.sleep(0.5)
    writer.write(Event(run, 1, "note"))
    locked.commit()
    writer.close()
    assert [event.step for event in store.events([run])] == [0, 1]


def test_a_database_that_stays_locked_ends_the_training_with_one_message(store, locked, run, monkeypatch):
    monkeypatch.setattr(sink, "RETRY_SECONDS", 0.1)
    writer = StoreSink(store, "me")
    writer.write(Event(run, 0, "note"))
    with pytest.raises(
        StoreError, match=r"was locked by another program for more than 0 s\. Close what else .* resume\."
    ):
        writer.close()
    assert writer.trouble is None


def test_a_lock_is_told_as_trouble_while_training_goes_on_and_forgotten_when_it_ends(store, locked, run, monkeypatch):
    monkeypatch.setattr(sink, "PATIENCE_SECONDS", 0.2)
    writer = StoreSink(store, "me")
    assert writer.trouble is None
    writer.write(Event(run, 0, "note"))
    eventually(lambda: writer.trouble is not None)
    assert re.fullmatch(
        r"The run store .*runs\.sqlite is locked by another program: trying for 30 s, \d s so far\. "
        r"Training goes on, and what it records waits in memory\.",
        writer.trouble,
    )
    writer.write(Event(run, 1, "note"))  # does not wait for the lock, which only goes afterwards
    locked.rollback()
    eventually(lambda: writer.trouble is None)
    writer.close()
    assert [event.step for event in store.events([run])] == [0, 1]


def test_a_wish_arrives_once_and_for_its_run(store, experiment, run):
    other = experiment.runs[1].id
    commands = StoreCommands(store, [run, other], "me")
    assert list(commands.take(run)) == []
    store.add_command(run, "pause")
    store.add_command(run, "set", "gamma", 0.5)
    taken = []
    eventually(lambda: taken.extend(commands.take(run)) or len(taken) == 2)
    assert [(command.name, command.value) for command in taken] == [("pause", None), ("set", 0.5)]
    assert list(commands.take(run)) == list(commands.take(other)) == []
    assert store.pending_commands([run]) == []
    commands.close()


@pytest.mark.parametrize("many", [False, True])
def test_a_wish_left_through_the_same_store_waits_for_no_look(store, run, monkeypatch, many):
    monkeypatch.setattr(sink, "POLL_SECONDS", 3600.0)
    commands = StoreCommands(store, [run], "me")
    for word in ("pause", "stop"):  # the second comes while it waits for the next look
        if many:
            store.add_commands([(run, word, None, None)])
        else:
            store.add_command(run, word)
        taken = []
        eventually(lambda taken=taken: taken.extend(commands.take(run)) or bool(taken))
        assert [command.name for command in taken] == [word]
    commands.close()  # at once, too
    store.add_command(run, "resume")  # nobody listens any more
    assert len(store.pending_commands([run])) == 1


def test_the_lease_is_renewed_whatever_training_does(store, run, monkeypatch):
    monkeypatch.setattr(sink, "HEARTBEAT_SECONDS", 0.05)
    before = store.run(run).lease
    commands = StoreCommands(store, [run], "me")
    eventually(lambda: store.run(run).lease > before + 0.05)
    commands.close()


def test_a_lost_run_is_noticed_and_the_others_go_on(store, experiment, run, monkeypatch):
    monkeypatch.setattr(sink, "HEARTBEAT_SECONDS", 0.05)
    other = experiment.runs[1].id
    commands = StoreCommands(store, [run, other], "me")
    store.write([StateChange(run, 0, RunState.STOPPED)], "me")
    store.release([run], "me")
    store.claim([run], "you")

    eventually(lambda: commands.lost == {run})

    with pytest.raises(NotOwnerError, match=f"Run '{run}' was interrupted or taken over.*Resume it"):
        commands.take(run)
    store.add_command(other, "stop")
    eventually(lambda: [command.name for command in commands.take(other)] == ["stop"])
    commands.close()


def test_a_locked_database_only_delays_wishes(store, locked, run, monkeypatch):
    monkeypatch.setattr(sink, "HEARTBEAT_SECONDS", 0.01)
    commands = StoreCommands(store, [run], "me")
    time.sleep(0.4)
    locked.commit()
    store.add_command(run, "stop")
    taken = []
    eventually(lambda: taken.extend(commands.take(run)) or bool(taken))
    commands.close()


def test_a_store_that_goes_away_is_reported_to_training(store, sqlite_file, run, tmp_path):
    commands = StoreCommands(store, [run], "me")
    sqlite_file.rename(tmp_path / "gone.sqlite")

    def refused():
        try:
            commands.take(run)
        except StoreError:
            return True
        return False

    eventually(refused)
    with pytest.raises(StoreError, match="was deleted, moved or replaced"):
        commands.take(run)
    commands.close()


# Killed in the midst of it

KILLED = """
import os, random, signal, sys, time
import numpy as np
from dmf.records import Event, TelemetryBlock
from dmf.runs import RunStore, StoreCommands, StoreSink, sink as module

file, seed = sys.argv[1], int(sys.argv[2])
random.seed(seed)

def train(ready):
    store = RunStore(file)
    row = store.create_experiment({}, name="x", labels=["a"], run_configs=[{}], environment={})
    run = row.runs[0].id
    store.claim([run], "me")
    sink, commands = StoreSink(store, "me"), StoreCommands(store, [run], "me")
    os.write(ready, run.encode())
    step = 0
    while True:
        now = time.time()
        values = np.full((5, 8), step, np.float32)
        sink.write(TelemetryBlock(run, 1, step, tuple("abcdefgh"), values, now, now))
        sink.write(Event(run, step, "note"))
        step += 5
        time.sleep(0.001)

for index in range(6):
    if index >= 3:
        module.COMMIT_SECONDS = 0.0  # hardly a moment that is not within a commit
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        train(writer)
    run = os.read(reader, 100).decode()
    time.sleep(random.uniform(0.1, 0.8))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print(run)
"""


@pytest.mark.processes
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither fork nor SIGKILL")
def test_a_writer_killed_at_any_moment_leaves_every_step_up_to_its_last_one(tmp_path):
    file = tmp_path / "runs.sqlite"
    command = [sys.executable, "-c", KILLED, str(file), "7"]
    output = subprocess.run(command, capture_output=True, text=True, timeout=500, check=True).stdout
    killed = output.split()
    assert len(killed) == 6

    with sqlite3.connect(file) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    store = RunStore(file)
    for run in killed:
        telemetry = store.telemetry(run)
        steps = len(telemetry.steps)
        np.testing.assert_array_equal(telemetry.steps, np.arange(steps))
        # Each block of 5 steps holds the number of its first step.
        values = store.telemetry(run, columns=["a"]).values[:, 0]
        np.testing.assert_array_equal(values, np.repeat(np.arange(0, steps, 5), 5))
        # A commit may come between a block and the event written right after it, never the other way round.
        notes = [event for event in store.events([run]) if event.kind == "note"]
        assert steps // 5 - len(notes) in (0, 1)
    store.close()


@pytest.fixture
def away(store, monkeypatch):
    """The store is a server that cannot be reached until the event is set."""
    back, own = threading.Event(), store.write

    def write(records, owner):
        if not back.is_set():
            with explained("a server"):
                raise OperationalError("INSERT", {}, Exception("connection refused"))
        own(records, owner)

    monkeypatch.setattr(store, "write", write)
    monkeypatch.setattr(sink, "RETRY_INTERVAL", 0.01)
    monkeypatch.setattr(sink, "PATIENCE_SECONDS", 0.01)
    return back


def test_what_is_recorded_while_a_server_is_away_waits_and_is_stored_when_it_is_back(store, run, away):
    writer = StoreSink(store, "me")
    for step in range(3):
        writer.write(Event(run, step, "note"))
    eventually(lambda: "is away since" in (writer.trouble or ""))
    assert re.search(r"is away since \d\d:\d\d:\d\d: trying again for 10 min\. Training goes on until", writer.trouble)
    away.set()
    writer.close()
    assert writer.trouble is None
    assert [event.step for event in store.events([run]) if event.kind == "note"] == [0, 1, 2]


def test_a_server_that_stays_away_ends_the_training_with_one_message(store, run, away, monkeypatch):
    monkeypatch.setattr(sink, "AWAY_SECONDS", 0.05)
    monkeypatch.setattr(sink, "RETRY_SECONDS", 0.05)
    writer = StoreSink(store, "me")
    writer.write(Event(run, 0, "note"))
    with pytest.raises(StoreError, match=r"could not be reached for 0 s\. Training has ended; once its server is"):
        writer.close()


def test_what_waits_in_memory_is_bounded_and_training_waits_beyond(store, run, away, make_block, monkeypatch):
    monkeypatch.setattr(sink, "HELD_BYTES", 10_000)
    writer = StoreSink(store, "me")
    taken = []

    def train():
        for first in range(0, 400, 100):
            writer.write(make_block(run, first, 100))  # 2,800 bytes and what a record takes
            taken.append(first)

    training = threading.Thread(target=train)
    training.start()
    eventually(lambda: "is away since" in (writer.trouble or "") and len(taken) == 2)
    training.join(0.2)
    assert taken == [0, 100]
    away.set()
    training.join(60)
    assert taken == [0, 100, 200, 300]
    writer.close()
    np.testing.assert_array_equal(store.telemetry(run).steps, np.arange(400))


def test_a_record_above_the_bound_is_taken_when_nothing_else_waits(store, run, make_block, monkeypatch):
    monkeypatch.setattr(sink, "HELD_BYTES", 100)
    writer = StoreSink(store, "me")
    writer.write(make_block(run, 0, 100))
    writer.write(make_block(run, 100, 100))
    writer.close()
    assert store.latest_step(run) == 199


def test_training_that_waits_for_room_hears_of_the_end(store, run, away, make_block, monkeypatch):
    monkeypatch.setattr(sink, "HELD_BYTES", 100)
    monkeypatch.setattr(sink, "AWAY_SECONDS", 0.05)
    writer = StoreSink(store, "me")
    writer.write(make_block(run, 0, 100))
    with pytest.raises(StoreError, match="could not be reached"):
        writer.write(make_block(run, 100, 100))
    with pytest.raises(StoreError, match="could not be reached"):
        writer.close()


def test_a_server_that_is_slow_is_not_said_to_be_locked(store, run, monkeypatch):
    go_on, own = threading.Event(), store.write
    monkeypatch.setattr(store, "write", lambda records, owner: (go_on.wait(60), own(records, owner)))
    monkeypatch.setattr(store, "file", None)
    monkeypatch.setattr(store, "_identity", None)
    monkeypatch.setattr(sink, "PATIENCE_SECONDS", 0.01)
    writer = StoreSink(store, "me")
    writer.write(Event(run, 0, "note"))
    eventually(lambda: writer.trouble is not None)
    assert re.search(r"has not answered for \d+ s\. Training goes on until its next checkpoint", writer.trouble)
    go_on.set()
    writer.close()
    assert writer.trouble is None
