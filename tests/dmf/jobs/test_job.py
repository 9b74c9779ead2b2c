"""One experiment in the foreground: claimed, prepared, trained, released."""

import threading
import time

import numpy as np
import pytest

from dmf import build
from dmf.errors import ConfigError, DataError, StoreError
from dmf.jobs import Job, create_experiment, new_owner
from dmf.records import RunState


def states(store, id):
    return [run.state.value for run in store.experiment(id).runs]


def test_an_owner_says_where_it_is_and_differs_each_time():
    one, other = new_owner("dmf train"), new_owner("dmf train")
    assert one.startswith("dmf train on ")
    assert "(process " in one
    assert one != other


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
    time.sleep(0.01)
    assert store.sweep_interrupted() == [experiment.runs[0].id]
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
