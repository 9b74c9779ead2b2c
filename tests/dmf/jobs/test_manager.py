"""Experiments trained by threads of this process, steered and watched through the store alone."""

import shutil
import sqlite3
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import event

from dmf.errors import NotOwnerError, RunFinishedError, RunNotFoundError, StoreError
from dmf.jobs import Job, JobManager, create_experiment
from dmf.records import RunState, SettingChange
from dmf.runs import RunStore

PATIENCE = 120.0  # s, for machines that are busy with other things


def wait_for(condition):
    """Wait until ``condition`` holds."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < PATIENCE, "waited in vain"
        time.sleep(0.01)


@pytest.fixture
def manager(store):
    manager = JobManager(store, "tests")
    yield manager
    manager.stop_all()
    wait_for(lambda: not manager.is_busy())


def states(store, id):
    return [run.state.value for run in store.experiment(id).runs]


def test_two_experiments_on_one_device_train_one_after_another(store, manager, tiny, slow):
    first, second = manager.launch(tiny()), manager.launch(tiny(seed="1"))
    assert manager.is_busy()
    wait_for(lambda: states(store, first) == ["running"])
    assert states(store, second) == ["queued"]
    wait_for(lambda: not manager.is_busy())
    assert states(store, first) == states(store, second) == ["finished"]
    before, after = store.experiment(first).runs[0], store.experiment(second).runs[0]
    assert before.ended <= after.started
    assert before.owner is None


def test_a_second_trainer_is_refused(store, manager, tiny, slow):
    id = manager.launch(tiny())
    with pytest.raises(NotOwnerError, match="already queued or training here"):
        manager.resume(id)
    with pytest.raises(NotOwnerError, match="owned by 'tests on "):
        Job(store, store.experiment(id), "another")
    with pytest.raises(NotOwnerError, match="owned by 'tests on "):
        JobManager(store, "another dashboard").resume(id)


def test_a_finished_experiment_has_nothing_left_to_train(store, manager, tiny):
    id = manager.launch(tiny())
    wait_for(lambda: not manager.is_busy())
    with pytest.raises(RunFinishedError, match=rf"Nothing to train in experiment '{id}': its runs are finished\."):
        manager.resume(id)


def test_an_unknown_experiment_cannot_be_resumed(manager):
    with pytest.raises(RunNotFoundError, match="No experiment 'e-none'"):
        manager.resume("e-none")


def test_stop_all_stops_what_trains_and_what_waits_and_both_can_be_resumed(store, manager, tiny, slow):
    first, second = manager.launch(tiny(epochs="50")), manager.launch(tiny(seed="1"))
    wait_for(lambda: store.latest_step(store.experiment(first).runs[0].id) >= 2)
    manager.stop_all()
    wait_for(lambda: not manager.is_busy())
    assert states(store, first) == states(store, second) == ["stopped"]
    assert store.latest_step(store.experiment(second).runs[0].id) == -1
    manager.resume(second)
    wait_for(lambda: not manager.is_busy())
    assert states(store, second) == ["finished"]


def test_data_that_are_not_there_fail_the_runs_with_the_message(store, manager, tiny, tmp_path):
    id = manager.launch(tiny("mad", "variance", dataset="busi", dataset_options="", root=str(tmp_path / "nowhere")))
    wait_for(lambda: not manager.is_busy())
    for run in store.experiment(id).runs:
        assert run.state is RunState.FAILED
        assert str(tmp_path / "nowhere") in run.reason
        assert "Traceback" not in run.reason


def test_a_broken_experiment_does_not_end_the_thread_of_its_device(store, manager, tiny, monkeypatch, caplog):
    def lost(self, *args):
        raise StoreError("The disk is gone.")

    with monkeypatch.context() as patch:
        patch.setattr(Job, "train", lost)
        first = manager.launch(tiny())
        wait_for(lambda: not manager.is_busy())
    assert f"Experiment {first} stopped: The disk is gone." in caplog.text
    assert manager.trouble(first) == "The disk is gone."
    second = manager.launch(tiny())
    wait_for(lambda: not manager.is_busy())
    assert states(store, second) == ["finished"]


# The queue


def started(store, id):
    return store.experiment(id).runs[0].started


def test_what_waits_trains_in_the_order_of_the_store_and_what_is_cancelled_not_at_all(store, manager, tiny, slow):
    first, second, third, fourth = (manager.launch(tiny(seed=str(seed))) for seed in range(4))
    wait_for(lambda: states(store, first) == ["running"])
    other = RunStore(store.file)  # as another process would
    other.move(fourth, -2)
    other.cancel(third)
    other.close()
    wait_for(lambda: not manager.is_busy())
    assert states(store, third) == ["stopped"]
    assert store.experiment(third).runs[0].started is None
    assert started(store, first) < started(store, fourth) < started(store, second)
    assert manager.trouble(third) is None
    manager.resume(third)
    wait_for(lambda: not manager.is_busy())
    assert states(store, third) == ["finished"]


def test_what_was_cancelled_a_moment_ago_can_be_resumed_and_waits_behind_the_others(store, manager, tiny, slow):
    first, second, third = (manager.launch(tiny(seed=str(seed))) for seed in range(3))
    wait_for(lambda: states(store, first) == ["running"])
    store.cancel(second)
    manager.resume(second)
    assert [experiment.id for experiment in store.queue()] == [first, third, second]
    wait_for(lambda: not manager.is_busy())
    assert started(store, third) < started(store, second)


def test_what_is_cancelled_while_it_is_taken_is_dropped_quietly(store, manager, tiny, monkeypatch, caplog):
    own = store.heartbeat

    def late(run_ids, owner):
        monkeypatch.setattr(store, "heartbeat", own)
        store.cancel(store.run(run_ids[0]).experiment)
        own(run_ids, owner)

    monkeypatch.setattr(store, "heartbeat", late)
    id = manager.launch(tiny())
    wait_for(lambda: not manager.is_busy())
    assert states(store, id) == ["stopped"]
    assert manager.trouble(id) is None
    assert caplog.text == ""


def test_all_that_waits_is_kept_alive_by_one_update_of_one_thread(store, manager, tiny, slow, monkeypatch):
    monkeypatch.setattr("dmf.jobs.manager.HEARTBEAT_SECONDS", 0.05)
    first = manager.launch(tiny(epochs="50"))
    wait_for(lambda: states(store, first) == ["running"])
    beats, own = [], store.heartbeat

    def heartbeat(run_ids, owner):
        beats.append((threading.current_thread().name, set(run_ids)))
        own(run_ids, owner)

    monkeypatch.setattr(store, "heartbeat", heartbeat)
    waiting = [store.experiment(manager.launch(tiny(seed=str(seed)))).runs[0] for seed in (1, 2)]
    wait_for(lambda: all(store.run(run.id).lease > run.lease + 0.2 for run in waiting))
    assert ("dmf-queue-keeper", {run.id for run in waiting}) in beats
    names = [thread.name for thread in threading.enumerate()]
    assert names.count("dmf-queue-keeper") == names.count("dmf-train-cpu") == 1
    manager.stop_all()
    wait_for(lambda: not {"dmf-queue-keeper", "dmf-train-cpu"} & {thread.name for thread in threading.enumerate()})


def test_what_waits_and_lost_its_lease_is_forgotten(store, manager, tiny, slow, monkeypatch):
    monkeypatch.setattr("dmf.jobs.manager.HEARTBEAT_SECONDS", 0.05)
    first, second = manager.launch(tiny(epochs="50")), manager.launch(tiny(seed="1"))
    wait_for(lambda: states(store, first) == ["running"])
    store.release([store.experiment(second).runs[0].id], manager.owner)
    wait_for(lambda: states(store, second) == ["interrupted"])
    manager.resume(second)
    assert states(store, second) == ["queued"]


def test_a_new_experiment_may_come_with_changes_of_settings(store, manager, tiny):
    id = manager.launch(tiny("mad"), {"mad": [SettingChange(3, "gamma", 0.5)]})
    wait_for(lambda: not manager.is_busy())
    gamma = store.telemetry(store.experiment(id).runs[0].id, columns=["gamma"]).values[:, 0]
    # From step 3 on half of what it was (gamma_0 1); the decay goes on.
    assert gamma[3] == pytest.approx(0.5 * gamma[2])


def test_an_experiment_that_an_earlier_version_stopped_is_resumed_to_its_end(home, tmp_path):
    shutil.copytree(Path(__file__).parents[2] / "data" / "stores" / "v1", tmp_path / "v1")
    store = RunStore(tmp_path / "v1" / "runs.sqlite")
    manager = JobManager(store, "tests")
    stopped = store.experiments()[0]
    before = store.telemetry(stopped.runs[0].id)
    manager.resume(stopped.id)
    wait_for(lambda: not manager.is_busy())
    (run,) = store.experiment(stopped.id).runs
    after = store.telemetry(run.id)
    assert (run.state, run.attempt, run.reason) == (RunState.FINISHED, 2, "")
    np.testing.assert_array_equal(after.steps, np.arange(12))
    assert after.values[: len(before.steps)].tobytes() == before.values.tobytes()
    store.close()


# Trouble with the store


@pytest.fixture
def spoil(store):
    """Makes every connection of the store say something first, until it is mended."""
    said = []

    def speak(connection, *_):
        for word in said:
            connection.execute(word)

    event.listen(store._engine, "checkout", speak)
    yield said
    said.clear()  # the listener stays, and goes with its engine: threads may be passing it


@pytest.fixture
def training(store, manager, tiny, slow):
    """A long training that has stored a few steps; ids of the experiment and of its run."""
    id = manager.launch(tiny(epochs="500"))
    run = store.experiment(id).runs[0].id
    wait_for(lambda: store.latest_step(run) >= 4)
    return id, run


@pytest.fixture
def lock(store):
    """Locks the store as another program would, until it is told to let go."""
    other = sqlite3.connect(store.file, isolation_level=None)
    yield lambda: other.execute("BEGIN IMMEDIATE"), other.rollback
    other.close()


# A database may not grow beyond so many pages: what SQLite itself then reports is a full disk.
FULL = ("PRAGMA max_page_count = 1", "PRAGMA max_page_count = 1000000", "cannot grow: the disk is full. Free some")
READ_ONLY = ("PRAGMA query_only = 1", "PRAGMA query_only = 0", "is read-only. Make the file and its folder writable")


@pytest.mark.parametrize(("spoiled", "mended", "message"), [FULL, READ_ONLY])
def test_a_store_that_takes_no_more_ends_the_training_with_one_message(training, request, spoiled, mended, message):
    (id, run), spoil = training, request.getfixturevalue("spoil")
    store, manager = request.getfixturevalue("store"), request.getfixturevalue("manager")
    spoil.append(spoiled)
    wait_for(lambda: not manager.is_busy())

    assert manager.trouble(id).startswith(f"The run store {store.file} {message}")
    kept = store.latest_step(run)
    assert kept >= 4
    np.testing.assert_array_equal(store.telemetry(run).steps, np.arange(kept + 1))  # reading goes on

    spoil[:] = [mended]
    wait_for(lambda: state(store, run) is RunState.INTERRUPTED)
    manager.resume(id)
    assert manager.trouble(id) is None
    wait_for(lambda: store.latest_step(run) > kept)
    assert manager.trouble(id) is None


def test_a_lock_of_another_program_is_told_while_training_goes_on(store, manager, training, lock, monkeypatch):
    monkeypatch.setattr("dmf.runs.sink.PATIENCE_SECONDS", 0.2)
    id, run = training
    close, open = lock
    assert manager.trouble(id) is None
    close()
    before = store.latest_step(run)
    wait_for(lambda: manager.trouble(id) is not None)
    assert "is locked by another program: trying for 30 s" in manager.trouble(id)
    time.sleep(0.5)
    assert store.latest_step(run) == before
    open()
    wait_for(lambda: manager.trouble(id) is None)
    wait_for(lambda: store.latest_step(run) > before + 10)
    assert state(store, run) is RunState.RUNNING


def test_a_lock_that_lasts_too_long_ends_the_training_with_one_message(store, manager, training, lock, monkeypatch):
    monkeypatch.setattr("dmf.runs.sink.RETRY_SECONDS", 0.5)
    id, run = training
    close, open = lock
    close()
    wait_for(lambda: "was locked by another program for more than" in (manager.trouble(id) or ""))
    assert not manager.is_busy()
    assert store.latest_step(run) >= 4
    open()


def test_a_store_that_is_taken_away_ends_all_that_trains_and_waits(store, manager, tiny, training, tmp_path):
    first, run = training
    second = manager.launch(tiny(seed="1"))
    file = store.file.rename(tmp_path / "away.sqlite")
    wait_for(lambda: not manager.is_busy())
    for id in (first, second):
        assert "was deleted, moved or replaced while in use. Put it back" in manager.trouble(id)
    file.rename(store.file)
    assert store.latest_step(run) >= 4


def test_what_keeps_those_that_wait_from_being_kept_is_told(manager, tiny, training, spoil, monkeypatch):
    monkeypatch.setattr("dmf.jobs.manager.HEARTBEAT_SECONDS", 0.05)
    waiting = manager.launch(tiny(seed="1"))
    spoil.append(READ_ONLY[0])
    wait_for(lambda: manager.trouble(waiting) is not None)
    assert "is read-only" in manager.trouble(waiting)
    spoil[:] = [READ_ONLY[1]]


def test_a_fault_of_the_program_is_told_with_its_kind(store, manager, tiny, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Job, "train", lambda self: 1 / 0)
        id = manager.launch(tiny())
        wait_for(lambda: not manager.is_busy())
    assert manager.trouble(id) == "The program failed while it trained: ZeroDivisionError: division by zero"


# Steering, as the page does it: commands go into the store, a thread trains


@pytest.fixture
def steered(store, manager, tiny, slow):
    """A long race of two; returns its runs and what their last stored step is."""
    id = manager.launch(tiny("mad", "variance", epochs="500"))
    first, second = (run.id for run in store.experiment(id).runs)
    wait_for(lambda: store.latest_step(first) >= 4)
    return first, second


def state(store, run):
    return store.run(run).state


def test_pause_step_resume_and_stop_take_effect(store, steered):
    run, other = steered

    def command(command, condition):
        store.add_command(run, command)
        wait_for(condition)

    command("pause", lambda: state(store, run) is RunState.PAUSED)
    paused_at = store.latest_step(run)
    assert state(store, other) is RunState.RUNNING
    for count in (1, 2):
        # The step itself is stored at the next commit of the sink.
        command("step", lambda count=count: store.latest_step(run) == paused_at + count)
        time.sleep(0.3)
        assert store.latest_step(run) == paused_at + count
        assert state(store, run) is RunState.PAUSED
    assert store.latest_step(other) > paused_at + 2
    command("resume", lambda: state(store, run) is RunState.RUNNING)
    wait_for(lambda: store.latest_step(run) > paused_at + 10)
    command("stop", lambda: state(store, run) is RunState.STOPPED)
    last = store.latest_step(run)
    time.sleep(0.3)
    assert store.latest_step(run) == last
    assert state(store, other) is RunState.RUNNING


def test_a_paused_run_catches_up_and_then_both_go_in_step(store, steered):
    run, other = steered
    store.add_command(run, "pause")
    wait_for(lambda: state(store, run) is RunState.PAUSED)
    wait_for(lambda: store.latest_step(other) > store.latest_step(run) + 10)
    store.add_command(run, "resume")
    wait_for(lambda: abs(store.latest_step(other) - store.latest_step(run)) <= 1)
    for each in (run, other):
        store.add_command(each, "stop")
    wait_for(lambda: not state(store, run).is_active and not state(store, other).is_active)
    steps = [store.telemetry(each).steps for each in (run, other)]
    for each in steps:
        np.testing.assert_array_equal(each, np.arange(len(each)))


def test_a_race_that_is_stopped_as_a_whole_ends_at_one_step(store, manager, steered):
    wait_for(lambda: all(store.latest_step(run) > 3 for run in steered))
    store.add_commands([(run, "stop", None, None) for run in steered])  # as a click does
    wait_for(lambda: not manager.is_busy())
    assert [state(store, run) for run in steered] == [RunState.STOPPED] * len(steered)
    assert len({store.latest_step(run) for run in steered}) == 1


def test_a_race_that_is_paused_as_a_whole_waits_and_can_be_stopped(store, manager, steered):
    for run in steered:
        store.add_command(run, "pause")
    wait_for(lambda: all(state(store, run) is RunState.PAUSED for run in steered))
    steps = [store.latest_step(run) for run in steered]
    time.sleep(0.4)
    assert [store.latest_step(run) for run in steered] == steps

    def checkpoint(run):
        return next(file.step for file in store.artifacts(run) if file.kind == "checkpoint_last")

    wait_for(lambda: [checkpoint(run) - 1 for run in steered] == steps)  # it is written after the state
    for run in steered:
        store.add_command(run, "stop")
    wait_for(lambda: not manager.is_busy())
    assert all(state(store, run) is RunState.STOPPED for run in steered)


def test_training_in_a_thread_equals_training_in_the_foreground(store, manager, tiny, tmp_path):
    id = manager.launch(tiny())
    wait_for(lambda: not manager.is_busy())
    other = RunStore(tmp_path / "other.sqlite")
    experiment = create_experiment(other, tiny())
    Job(other, experiment, "me").train()
    here, there = store.experiment(id).runs[0].id, experiment.runs[0].id
    assert store.telemetry(here).values.tobytes() == other.telemetry(there).values.tobytes()
    other.close()


def test_checkpoints_lie_beside_the_store(store, manager, tiny, tmp_path):
    id = manager.launch(tiny())
    wait_for(lambda: not manager.is_busy())
    run = store.experiment(id).runs[0].id
    folder = store.artifact_folder(run)
    assert folder.is_relative_to(tmp_path)
    files = {artifact.path: artifact.bytes for artifact in store.artifacts(run)}
    assert files == {file.name: file.stat().st_size for file in folder.iterdir()}
