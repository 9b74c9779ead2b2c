"""Experiments trained by threads of this process, steered and watched through the store alone."""

import time

import numpy as np
import pytest

from dmf.errors import NotOwnerError, RunFinishedError, RunNotFoundError, StoreError
from dmf.jobs import Job, JobManager, create_experiment
from dmf.records import RunState
from dmf.runs import RunStore

PATIENCE = 20.0  # s, generous, because machines that run tests are busy
PROMPT = 0.5  # s, from a click to its effect


def wait_for(condition, seconds=PATIENCE):
    """Seconds until ``condition`` holds."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, "waited in vain"
        time.sleep(0.01)
    return time.monotonic() - started


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


def test_an_experiment_that_waits_keeps_its_lease(store, manager, tiny, slow, monkeypatch):
    monkeypatch.setattr("dmf.runs.sink.HEARTBEAT_SECONDS", 0.0)
    first, second = manager.launch(tiny()), manager.launch(tiny(seed="1"))
    (waiting,) = store.experiment(second).runs
    wait_for(lambda: store.run(waiting.id).lease > waiting.lease + 0.2)
    assert states(store, first)[0] in ("queued", "running", "finished")
    assert waiting.owner == manager.owner


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
    second = manager.launch(tiny())
    wait_for(lambda: not manager.is_busy())
    assert states(store, second) == ["finished"]


# Steering, as the page does it: wishes go into the store, a thread trains


@pytest.fixture
def steered(store, manager, tiny, slow):
    """A long race of two; returns its runs and what their last stored step is."""
    id = manager.launch(tiny("mad", "variance", epochs="500"))
    first, second = (run.id for run in store.experiment(id).runs)
    wait_for(lambda: store.latest_step(first) >= 4)
    return first, second


def state(store, run):
    return store.run(run).state


def test_pause_step_resume_and_stop_take_effect_within_half_a_second(store, steered):
    run, other = steered
    delays = {}

    def wish(command, condition):
        store.add_control(run, command)
        delays[command] = wait_for(condition)

    wish("pause", lambda: state(store, run) is RunState.PAUSED)
    paused_at = store.latest_step(run)
    assert state(store, other) is RunState.RUNNING
    for count in (1, 2):
        # The step itself is stored at the next commit of the sink.
        wish("step", lambda count=count: store.latest_step(run) == paused_at + count)
        time.sleep(0.3)
        assert store.latest_step(run) == paused_at + count
        assert state(store, run) is RunState.PAUSED
    assert store.latest_step(other) > paused_at + 2
    wish("resume", lambda: state(store, run) is RunState.RUNNING)
    wait_for(lambda: store.latest_step(run) > paused_at + 10)
    wish("stop", lambda: state(store, run) is RunState.STOPPED)
    last = store.latest_step(run)
    time.sleep(0.3)
    assert store.latest_step(run) == last
    assert state(store, other) is RunState.RUNNING
    # A busy machine may lose one race against the clock; the median of five clicks is what a user feels.
    assert sorted(delays.values())[len(delays) // 2] < PROMPT, delays


def test_a_paused_run_catches_up_and_then_both_go_in_step(store, steered):
    run, other = steered
    store.add_control(run, "pause")
    wait_for(lambda: state(store, run) is RunState.PAUSED)
    wait_for(lambda: store.latest_step(other) > store.latest_step(run) + 10)
    store.add_control(run, "resume")
    wait_for(lambda: abs(store.latest_step(other) - store.latest_step(run)) <= 1)
    for each in (run, other):
        store.add_control(each, "stop")
    wait_for(lambda: not state(store, run).is_active and not state(store, other).is_active)
    steps = [store.telemetry(each).steps for each in (run, other)]
    for each in steps:
        np.testing.assert_array_equal(each, np.arange(len(each)))
    assert abs(len(steps[0]) - len(steps[1])) <= 1 + PROMPT / 0.02


def test_a_race_that_is_paused_as_a_whole_waits_and_can_be_stopped(store, manager, steered):
    for run in steered:
        store.add_control(run, "pause")
    wait_for(lambda: all(state(store, run) is RunState.PAUSED for run in steered))
    steps = [store.latest_step(run) for run in steered]
    time.sleep(0.4)
    assert [store.latest_step(run) for run in steered] == steps
    for run in steered:
        (last,) = [file for file in store.artifacts(run) if file.kind == "checkpoint_last"]
        assert last.step == store.latest_step(run) + 1
        store.add_control(run, "stop")
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
