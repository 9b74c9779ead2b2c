"""One experiment in the foreground: claimed, prepared, trained, released."""

import hashlib
import threading
import time

import numpy as np
import pytest

from dmf import build
from dmf.cli.replay import read_history
from dmf.errors import ConfigError, DataError, RunFinishedError, StoreError
from dmf.jobs import Job, create_experiment
from dmf.plugins import load_plugin, loaded
from dmf.records import RunState, SettingChange
from dmf.runs import StoreSink
from dmf.training import Lockstep
from dmf.weighting import WEIGHTINGS


def states(store, id):
    return [run.state.value for run in store.experiment(id).runs]


def test_an_experiment_that_cannot_work_is_refused_before_anything_is_stored(store, tiny):
    with pytest.raises(ConfigError, match="Unknown weighting 'madd'"):
        create_experiment(store, tiny("madd"))
    assert store.experiments() == []


def test_an_experiment_without_a_name_gets_one_from_its_runs(store, tiny):
    assert create_experiment(store, tiny("mad", "variance")).name == "phantom: mad, variance"
    named = tiny().model_copy(update={"name": "mine"})
    assert create_experiment(store, named).name == "mine"


def test_what_else_decided_the_result_is_stored(store, tiny):
    environment = create_experiment(store, tiny()).environment
    assert {"dmf", "python", "packages", "platform", "processor", "cores", "device"} <= environment.keys()
    assert environment["packages"]["torch"]


def test_a_run_tells_what_was_prepared(store, tiny):
    experiment = create_experiment(store, tiny())
    Job(store, experiment, "me").train()
    run = experiment.runs[0].id
    (event,) = [event for event in store.events([run]) if event.kind == "prepared"]
    facts = event.data
    assert facts["images"] == {"train": 17, "validation": 3, "test": 4}
    assert (facts["steps_per_epoch"], facts["steps_total"]) == (4, 8)
    assert facts["bit_reproducible"] is True
    assert facts["class_names"] == ["background", "lesion"]
    assert sum(facts["class_shares"]) == pytest.approx(1)
    assert (facts["device"], facts["threads"]) == ("cpu", 1)


def test_a_failed_experiment_trains_once_its_data_are_there(store, tiny, monkeypatch):
    def broken(config, on_progress=None):
        raise DataError("No images.")

    experiment = create_experiment(store, tiny())
    with monkeypatch.context() as patch:
        patch.setattr(build, "build_workbench", broken)
        Job(store, experiment, "me").train()
    assert [run.reason for run in store.experiment(experiment.id).runs] == ["No images."]
    Job(store, store.experiment(experiment.id), "me").train()
    (run,) = store.experiment(experiment.id).runs
    assert (run.state, run.attempt) == (RunState.FINISHED, 2)
    np.testing.assert_array_equal(store.telemetry(run.id).steps, np.arange(8))


def test_a_batch_that_cannot_be_filled_fails_the_run_and_says_what_works(store, tiny):
    experiment = create_experiment(store, tiny(batch_size="18"))
    Job(store, experiment, "me").train()
    (run,) = store.experiment(experiment.id).runs
    assert run.state is RunState.FAILED
    assert "the largest batch size that works is 17" in run.reason


def test_a_bug_before_the_first_step_is_stored_with_its_kind(store, tiny, monkeypatch, caplog):
    monkeypatch.setattr(build, "build_workbench", lambda *args: 1 / 0)
    experiment = create_experiment(store, tiny())
    Job(store, experiment, "me").train()
    (run,) = store.experiment(experiment.id).runs
    assert (run.state, run.reason) == (RunState.FAILED, "ZeroDivisionError: division by zero")
    assert "could not start" in caplog.text


def test_an_abandoned_job_leaves_its_runs_interrupted_and_free(store, tiny):
    experiment = create_experiment(store, tiny())
    Job(store, experiment, "me").abandon()
    assert states(store, experiment.id) == ["interrupted"]
    Job(store, store.experiment(experiment.id), "another").train()
    assert states(store, experiment.id) == ["finished"]


def test_a_run_taken_over_by_another_stops_the_job_with_one_error(store, tiny, slow, monkeypatch):
    monkeypatch.setattr("dmf.runs.sink.HEARTBEAT_SECONDS", 0.0)
    experiment = create_experiment(store, tiny(epochs="50"))
    job = Job(store, experiment, "me")

    def steal(runs):
        if runs[0].step == 3:
            store.release([runs[0].id], "me")

    with pytest.raises(StoreError, match=r"Resume|owned by nobody"):
        job.train(on_step=steal)


def test_progress_of_the_preparation_and_of_the_steps_is_reported(store, tiny, data_folder):
    seen, steps = [], []
    job = Job(store, create_experiment(store, tiny(seed="77")), "me")  # a seed whose images are not prepared yet
    assert job.steps_total is None
    job.train(lambda runs: steps.append(runs[0].step), lambda done, total: seen.append((done, total)))
    assert seen[-1] == (24, 24)
    assert job.steps_total == 8
    assert steps == list(range(1, 9))


def test_no_thread_is_left_behind_by_a_job(store, tiny):
    before = set(threading.enumerate())
    Job(store, create_experiment(store, tiny()), "me").train()
    assert set(threading.enumerate()) <= before


def test_stopping_while_data_are_prepared_does_not_wait_for_them(store, tiny):
    job = Job(store, create_experiment(store, tiny("mad", dataset_options="images=30")), "me")
    seen = []

    def on_progress(done, total):
        seen.append(done)
        job.stop.set()

    job.train(on_progress=on_progress)
    (run,) = store.experiment(job.experiment.id).runs
    assert (seen, run.state) == ([1], RunState.STOPPED)
    Job(store, store.experiment(job.experiment.id), "me").train()
    assert states(store, job.experiment.id) == ["finished"]


# Cancelled while it waited


def assert_untouched(store, experiment):
    """Stopped by the cancelling, and nothing recorded."""
    assert states(store, experiment.id) == ["stopped"] * len(experiment.runs)
    for run in experiment.runs:
        assert store.run(run.id).reason == "cancelled in the queue"
        assert {event.kind for event in store.events([run.id])} == {"state"}
        assert store.latest_step(run.id) == -1
        assert store.artifacts(run.id) == []
    assert store.samples(experiment.id) == []


def test_a_job_that_was_cancelled_before_its_turn_ends_quietly_and_trains_nothing(store, tiny):
    experiment = create_experiment(store, tiny("mad", "variance"))
    job = Job(store, experiment, "me")
    store.cancel(experiment.id)
    job.train(lambda runs: pytest.fail("it trained"), lambda done, total: pytest.fail("it prepared"))
    assert_untouched(store, experiment)


def test_a_job_that_is_cancelled_while_its_data_are_prepared_ends_quietly(store, tiny):
    experiment = create_experiment(store, tiny("mad", dataset_options="images=26"))
    job = Job(store, experiment, "me")
    job.train(on_progress=lambda done, total: done == 1 and store.cancel(experiment.id))
    assert_untouched(store, experiment)


def test_a_job_that_is_cancelled_while_its_data_are_prepared_does_not_wait_for_them(store, tiny, monkeypatch):
    monkeypatch.setattr("dmf.runs.sink.HEARTBEAT_SECONDS", 0.0)
    experiment = create_experiment(store, tiny("mad", dataset_options="images=28"))
    seen = []

    def on_progress(done, total):
        seen.append(done)
        if done == 1:
            store.cancel(experiment.id)
        time.sleep(0.1)  # the loss is noticed by a thread

    Job(store, experiment, "me").train(on_progress=on_progress)
    assert len(seen) < 28
    assert_untouched(store, experiment)


def test_a_job_whose_data_cannot_be_prepared_after_it_was_cancelled_is_not_marked_as_failed(store, tiny, monkeypatch):
    experiment = create_experiment(store, tiny())

    def broken(config, on_progress=None):
        store.cancel(experiment.id)
        raise DataError("No images.")

    monkeypatch.setattr(build, "build_workbench", broken)
    Job(store, experiment, "me").train()
    assert_untouched(store, experiment)


def test_a_cancelled_experiment_can_be_trained_later(store, tiny):
    experiment = create_experiment(store, tiny())
    Job(store, experiment, "me")
    store.cancel(experiment.id)
    Job(store, store.experiment(experiment.id), "me").train()
    assert states(store, experiment.id) == ["finished"]


def test_a_job_that_waits_has_no_thread_and_no_trouble(store, tiny):
    before = set(threading.enumerate())
    job = Job(store, create_experiment(store, tiny()), "me")
    assert set(threading.enumerate()) == before
    assert job.trouble is None


def test_a_job_tells_the_trouble_of_the_store_while_it_trains(store, tiny, monkeypatch):
    monkeypatch.setattr(StoreSink, "trouble", property(lambda sink: "The run store is locked."))
    job, told = Job(store, create_experiment(store, tiny()), "me"), []
    job.train(lambda runs: told.append(job.trouble))
    assert set(told) == {"The run store is locked."}
    assert job.trouble is None


# Changes of settings known beforehand


def test_changes_known_beforehand_are_stored_with_what_they_change(store, tiny):
    changes = {
        "mad": [SettingChange(6, "lr", "0.5"), SettingChange(2, "weighting", "fixed"), SettingChange(6, "lr", 0.25)]
    }
    first, second = create_experiment(store, tiny("mad", "variance"), changes).runs
    events = store.events([first.id])
    assert [(event.kind, event.step, event.data) for event in events] == [
        ("knob", 2, {"field": "weighting", "value": "fixed", "before": "mad"}),
        ("knob", 6, {"field": "lr", "value": 0.5, "before": 1e-3}),
        ("knob", 6, {"field": "lr", "value": 0.25, "before": 0.5}),
    ]
    assert store.events([second.id]) == []


def test_changes_known_beforehand_act_at_their_step(store, tiny):
    experiment = create_experiment(store, tiny("mad", "variance"), {"mad": [SettingChange(3, "lr", 0.5)]})
    Job(store, experiment, "me").train()
    first, second = (store.telemetry(run.id, columns=["lr"]).values[:, 0] for run in experiment.runs)
    np.testing.assert_array_equal(first, np.float32([1e-3] * 3 + [0.5] * 5))
    np.testing.assert_array_equal(second, np.float32([1e-3] * 8))
    assert [event.step for event in store.events([experiment.runs[0].id]) if event.kind == "knob"] == [3]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"made": [SettingChange(1, "lr", 0.5)]}, r"No run of this race is called 'made'; there are: mad, variance\."),
        ({"mad": [SettingChange(1, "lr", -1)]}, "Run 'mad', step 1: lr: input should be greater than 0, got -1"),
        (
            {"mad": [SettingChange(7, "weighting", "madd")]},
            r"Run 'mad', step 7: Unknown weighting 'madd'\. Choose one of",
        ),
        ({"mad": [SettingChange(1, "epochs", 3)]}, "Run 'mad', step 1: Unknown live setting 'epochs'"),
    ],
)
def test_changes_that_cannot_work_are_refused_before_anything_is_stored(store, tiny, changes, message):
    with pytest.raises(ConfigError, match=message) as caught:
        create_experiment(store, tiny("mad", "variance"), changes)
    assert caught.value.field == "events"
    assert store.experiments() == []


def test_a_change_wished_of_a_run_that_trains_is_stored(store, tiny, slow):
    job = Job(store, create_experiment(store, tiny("mad", epochs="20")), "me")
    (run,) = job.runs

    def command(runs):
        if runs[0].step == 2:
            store.add_command(run.id, "set", "lr", -1)
            store.add_command(run.id, "set", "lr", 0.5)
        if runs[0].lr == 0.5:
            job.stop.set()

    job.train(command)
    lr = store.telemetry(run.id, columns=["lr"]).values[:, 0]
    change, refused = (
        next(event for event in store.events([run.id]) if event.kind == kind) for kind in ("knob", "refused")
    )
    assert change.data == {"field": "lr", "value": 0.5, "before": 1e-3}
    np.testing.assert_array_equal(lr[change.step - 1 :], np.float32([1e-3] + [0.5] * (len(lr) - change.step)))
    assert refused.data["reason"] == "lr: input should be greater than 0, got -1."


@pytest.fixture
def turned_to_plugin(store, tiny, slow, plugin):
    """A race that was turned to a method of a plug-in and then stopped: its file, its experiment, its run."""
    file = plugin()
    load_plugin(file)
    experiment = create_experiment(store, tiny("mad", epochs="20"))
    job = Job(store, experiment, "me")
    (run,) = job.runs

    def command(runs):
        if runs[0].step == 2:
            store.add_command(run.id, "set", "weighting", "height")
        if runs[0].settings.fusion.weighting.name == "height":
            job.stop.set()

    job.train(command)
    assert states(store, experiment.id) == ["stopped"]
    return file, experiment.id, run.id


def test_a_run_that_was_turned_to_a_plugin_finds_it_again(store, turned_to_plugin, forget_plugins):
    file, experiment, run = turned_to_plugin
    (change,) = (event for event in store.events([run]) if event.kind == "knob")
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    stored = {"path": str(file.resolve()), "sha256": sha256}
    assert change.data == {"field": "weighting", "value": "height", "before": "mad", "plugins": [stored]}
    forget_plugins()
    with pytest.raises(ConfigError, match=r"which is not loaded\. Files that only the store names are not run"):
        Job(store, store.experiment(experiment), "another process")
    assert (loaded(), store.run(run).state) == ((), RunState.STOPPED)
    load_plugin(file)
    Job(store, store.experiment(experiment), "another process").train()
    assert states(store, experiment) == ["finished"]
    assert [plugin.sha256 for plugin in loaded()] == [sha256]


def test_a_run_that_was_turned_to_a_plugin_is_replayed_with_it(store, turned_to_plugin, forget_plugins, tmp_path):
    file, _, run = turned_to_plugin
    forget_plugins()
    with pytest.raises(ConfigError, match="which is not loaded"):
        read_history(run, str(tmp_path / "runs.sqlite"), ())
    load_plugin(file)
    (change,) = read_history(run, str(tmp_path / "runs.sqlite"), ()).changes
    assert (change.value, "height" in WEIGHTINGS) == ("height", True)


def test_a_run_that_was_turned_to_a_plugin_is_not_resumed_with_another_file(store, turned_to_plugin, forget_plugins):
    file, experiment, run = turned_to_plugin
    forget_plugins()
    file.write_text(file.read_text() + "# changed\n")
    with pytest.raises(ConfigError, match="has changed since this run was made with it"):
        Job(store, store.experiment(experiment), "another process")
    assert store.run(run).state is RunState.STOPPED


def test_no_run_is_turned_to_a_plugin_whose_file_has_changed(store, tiny, slow, plugin):
    file = plugin()
    load_plugin(file)
    file.write_text(file.read_text() + "# changed\n")
    job = Job(store, create_experiment(store, tiny("mad", epochs="20")), "me")
    (run,) = job.runs

    def command(runs):
        if runs[0].step == 2:
            store.add_command(run.id, "set", "weighting", "height")
        if any(event.kind == "refused" for event in store.events([run.id])):
            job.stop.set()

    job.train(command)
    (refused,) = (event for event in store.events([run.id]) if event.kind == "refused")
    assert "has changed since it was loaded" in refused.data["reason"]
    assert job.runs[0].config["weighting"] == "mad"


def test_a_run_whose_resumer_died_unnoticed_until_it_is_claimed_goes_on_from_its_checkpoint(store, tiny):
    experiment = create_experiment(store, tiny(epochs="3"))
    (run,) = experiment.runs
    first = Job(store, experiment, "first")
    first.train(lambda runs: first.stop.set() if runs[0].step == 6 else None)
    Job(store, store.experiment(experiment.id), "second")  # resumes and dies: nobody renews its lease
    seen = store.experiment(experiment.id)
    assert seen.runs[0].state is RunState.QUEUED
    store.release([run.id], "second")  # the lease runs out between that look and the claim
    Job(store, seen, "third").train()
    assert (store.run(run.id).state, store.run(run.id).attempt) == (RunState.FINISHED, 2)
    np.testing.assert_array_equal(store.telemetry(run.id).steps, np.arange(12))


def test_a_race_that_is_cancelled_in_its_last_moment_in_the_queue_ends_without_an_error(store, tiny, monkeypatch):
    own = Lockstep.train

    def train(lockstep):
        store.cancel(experiment.id)
        return own(lockstep)

    monkeypatch.setattr(Lockstep, "train", train)
    experiment = create_experiment(store, tiny("mad", "variance"))
    Job(store, experiment, "me").train()
    assert states(store, experiment.id) == ["stopped", "stopped"]
    assert [run.reason for run in store.experiment(experiment.id).runs] == ["cancelled in the queue"] * 2


def test_no_run_of_a_race_can_be_cancelled_once_another_has_begun(store, tiny, monkeypatch):
    own, tried = Lockstep._end_epoch, []

    def end_epoch(lockstep, lane):
        lockstep._sink.flush()
        with pytest.raises(RunFinishedError, match="running; nothing of it waits"):
            store.cancel(experiment.id)
        tried.append(lane)
        own(lockstep, lane)

    monkeypatch.setattr(Lockstep, "_end_epoch", end_epoch)
    experiment = create_experiment(store, tiny("mad", "variance", epochs="1"))
    Job(store, experiment, "me").train()
    assert len(tried) == 4  # twice for each: before and after its only epoch
    assert states(store, experiment.id) == ["finished", "finished"]
