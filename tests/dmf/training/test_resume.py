"""A run that was stopped, or whose process died, goes on as if nothing had happened."""

import hashlib
import resource
import shutil
import sqlite3
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from dmf.config import ExperimentConfig
from dmf.errors import StoreError
from dmf.jobs import Job, create_experiment
from dmf.live_settings import changes_of
from dmf.records import RunState
from dmf.runs import RunStore
from dmf.tasks import TASKS
from dmf.training import checkpoint, lockstep
from dmf.training.run import TrainingRun

EPOCHS, STEPS = 3, 12  # 4 steps each
RACE = ("mad", "bayesian,auxiliary=none")


class Crash(BaseException):
    """The process dies: nothing below catches this."""


@pytest.fixture
def config(tiny):
    return tiny(*RACE, epochs=str(EPOCHS))


@pytest.fixture
def train():
    """Trains a new experiment, or goes on with one, in a Job of its own; ``at(step, job)`` is called at every turn."""

    def go(store, what, at=lambda step, job: None):
        experiment = store.experiment(what) if isinstance(what, str) else create_experiment(store, what)
        job = Job(store, experiment, f"owner of {experiment.id}")
        job.train(on_step=lambda runs: at(max(run.step for run in runs), job))
        return experiment.id

    return go


@pytest.fixture(scope="session")
def uninterrupted(data_folder, tmp_path_factory):
    """The same race without any interruption, trained once for all tests of a task."""
    store = RunStore(tmp_path_factory.mktemp("uninterrupted") / "runs.sqlite")
    trained = {}

    def train(config):
        if config.task not in trained:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("DMF_HOME", str(data_folder))
                whole = create_experiment(store, config)
                Job(store, whole, "owner of the whole").train()
            trained[config.task] = whole.id
        return store, trained[config.task]

    yield train
    store.close()


@pytest.fixture
def assert_same_outcome(uninterrupted, config):
    return lambda store, experiment_id: _assert_same_outcome(store, experiment_id, *uninterrupted(config))


def _assert_same_outcome(store, experiment_id, whole_store, whole_id):
    """Telemetry, metrics, scores, pictures and checkpoints equal those of the uninterrupted training bit for bit."""
    pairs = zip(store.experiment(experiment_id).runs, whole_store.experiment(whole_id).runs, strict=True)
    for run, whole in pairs:
        assert run.state is RunState.FINISHED
        telemetry, expected = store.telemetry(run.id), whole_store.telemetry(whole.id)
        np.testing.assert_array_equal(telemetry.steps, np.arange(STEPS))
        assert telemetry.columns == expected.columns
        assert telemetry.values.tobytes() == expected.values.tobytes()
        metrics, expected_metrics = (
            each.epoch_metrics([row.id]).drop(columns="run") for each, row in ((store, run), (whole_store, whole))
        )
        pd.testing.assert_frame_equal(metrics, expected_metrics, check_exact=True)
        for split in ("validation", "test"):
            scores, expected_scores = store.case_scores(run.id, split), whole_store.case_scores(whole.id, split)
            assert [(row.epoch, row.cases) for row in scores] == [(row.epoch, row.cases) for row in expected_scores]
            for row, expected_row in zip(scores, expected_scores, strict=True):
                np.testing.assert_array_equal(row.counts, expected_row.counts)
                assert row.scores.keys() == expected_row.scores.keys()
                for name, values in expected_row.scores.items():
                    np.testing.assert_array_equal(row.scores[name], values)
        assert _files(store, run.id).keys() == _files(whole_store, whole.id).keys()
        for name, tensors in _files(store, run.id).items():
            for tensor_name, tensor in _files(whole_store, whole.id)[name].items():
                assert torch.equal(tensors[tensor_name], tensor), (name, tensor_name)
    assert _pictures(store, experiment_id) == _pictures(whole_store, whole_id)


def _files(store, run_id):
    return {file.name: load_file(file) for file in store.artifact_folder(run_id).glob("*.safetensors")}


def _pictures(store, id):
    label = {run.id: run.label for run in store.experiment(id).runs}
    return {
        (label.get(row.run), row.epoch, row.step, row.case, row.kind, row.score): store.sample_png(row.id)
        for row in store.samples(id)
    }


@pytest.mark.parametrize("task", TASKS, indirect=True)
@pytest.mark.parametrize("step", [1, 4, 6, 11])  # within an epoch, at the end of one, with and without moved weights
def test_a_stopped_race_goes_on_bit_for_bit(store, config, train, assert_same_outcome, step):
    id = train(store, config, at=lambda now, job: now >= step and job.stop.set())
    assert [run.state for run in store.experiment(id).runs] == [RunState.STOPPED] * 2
    assert [store.latest_step(run.id) for run in store.experiment(id).runs] == [step - 1] * 2
    train(store, id)
    assert_same_outcome(store, id)
    assert {run.attempt for run in store.experiment(id).runs} == {2}


def test_a_race_stopped_again_and_again_goes_on_bit_for_bit(store, config, train, assert_same_outcome):
    id = train(store, config, at=lambda now, job: now >= 3 and job.stop.set())
    for stop in (4, 5, 9):
        train(store, id, at=lambda now, job, stop=stop: now >= stop and job.stop.set())
    train(store, id)
    assert_same_outcome(store, id)


@pytest.mark.parametrize("step", [4, 6])  # as the images are about to grow, and after
def test_a_race_whose_images_grow_and_change_goes_on_bit_for_bit(store, tiny, train, step):
    more = {"augment": "flip,rotate,crop,elastic,intensity", "oversample": "area", "normalize": "zscore"}
    config = tiny(*RACE, epochs=str(EPOCHS), sizes="16,24,32", **more)
    whole = train(store, config)
    id = train(store, config, at=lambda now, job: now >= step and job.stop.set())
    train(store, id)
    _assert_same_outcome(store, id, store, whole)
    for each in (id, whole):
        events = [event for event in store.events([store.experiment(each).runs[0].id]) if event.kind == "size"]
        assert [(event.step, event.data) for event in events] == [
            (4, {"before": 16, "value": 24}),
            (8, {"before": 24, "value": 32}),
        ]


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "sgd,momentum=0"])
def test_a_race_of_another_optimizer_goes_on_bit_for_bit(store, tiny, train, optimizer):
    config = tiny("mad", "uncertainty", epochs=str(EPOCHS), optimizer=optimizer)  # one whose weights are trained too
    whole = train(store, config)
    stopped = train(store, config, lambda now, job: job.stop.set() if now == 5 else None)
    train(store, stopped)
    _assert_same_outcome(store, stopped, store, whole)


@pytest.mark.parametrize("step", [8, 9])  # at the end of an epoch, and within
@pytest.mark.parametrize("lr_schedule", ["cosine", "plateau,epochs=1,factor=0.5"])
def test_a_race_whose_learning_rate_goes_by_a_schedule_goes_on_bit_for_bit(store, tiny, train, lr_schedule, step):
    config = tiny("mad", "uncertainty", epochs=str(EPOCHS), lr_schedule=lr_schedule, lr="0.05")
    whole = train(store, config)
    stopped = train(store, config, lambda now, job: job.stop.set() if now == step else None)
    train(store, stopped)
    _assert_same_outcome(store, stopped, store, whole)
    fallen = [
        [(event.step, event.data) for event in store.events([run.id]) if event.kind == "lr_fell"]
        for id in (stopped, whole)
        for run in store.experiment(id).runs
    ]
    assert fallen[:2] == fallen[2:]


@pytest.mark.parametrize("task", TASKS, indirect=True)
@pytest.mark.parametrize(("step", "drain_every"), [(2, 0.0), (5, 60.0), (8, 0.0), (10, 0.0)])
def test_a_race_whose_process_died_goes_on_bit_for_bit_without_gap_or_duplicate(  # noqa: PLR0917
    store, config, train, assert_same_outcome, monkeypatch, step, drain_every
):
    monkeypatch.setattr(lockstep, "DRAIN_EVERY", drain_every)

    def die(now, job):
        if now >= step:
            raise Crash

    with pytest.raises(Crash):
        train(store, config, at=die)
    (experiment,) = store.experiments()
    if drain_every == 0:  # telemetry is ahead of the checkpoint of the last epoch, unless that has just ended
        assert store.latest_step(experiment.runs[0].id) == step - 1
    assert {run.state for run in store.experiments()[0].runs} == {RunState.INTERRUPTED}
    train(store, experiment.id)
    assert_same_outcome(store, experiment.id)


def test_a_crash_after_the_best_network_was_written_and_before_the_checkpoint_goes_on(
    store, config, train, assert_same_outcome, monkeypatch
):
    own, calls = TrainingRun.save_last, iter(range(100))

    def die(self, epoch):
        if next(calls) == 4:  # both runs at epochs 0 and 1, then the first at epoch 2
            raise Crash
        return own(self, epoch)

    monkeypatch.setattr(TrainingRun, "save_last", die)
    with pytest.raises(Crash):
        train(store, config)
    monkeypatch.setattr(TrainingRun, "save_last", own)
    (experiment,) = store.experiments()
    train(store, experiment.id)
    assert_same_outcome(store, experiment.id)


def test_a_race_that_died_before_its_first_checkpoint_starts_over(
    store, config, train, assert_same_outcome, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr(TrainingRun, "save_last", lambda self, epoch: (_ for _ in ()).throw(Crash()))
        with pytest.raises(Crash):
            train(store, config)
    (experiment,) = store.experiments()
    assert not any(store.artifacts(run.id) for run in experiment.runs)
    train(store, experiment.id)
    assert_same_outcome(store, experiment.id)


def test_a_race_that_had_taken_its_last_step_is_only_tested(store, config, train, assert_same_outcome, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(lockstep.Lockstep, "_finish", lambda self, lane: (_ for _ in ()).throw(Crash()))
        with pytest.raises(Crash):
            train(store, config)
    (experiment,) = store.experiments()
    steps = []
    train(store, experiment.id, at=lambda now, job: steps.append(now))
    assert set(steps) == {STEPS}
    assert_same_outcome(store, experiment.id)


def test_a_run_whose_checkpoint_is_gone_fails_alone_with_a_clear_message(store, config, train):
    id = train(store, config, at=lambda now, job: now >= 6 and job.stop.set())
    first, second = store.experiment(id).runs
    (store.artifact_folder(first.id) / "last.safetensors").unlink()
    train(store, id)
    first, second = store.experiment(id).runs
    assert (first.state, second.state) == (RunState.FAILED, RunState.FINISHED)
    assert first.reason.startswith("No checkpoint at ")
    assert "the run cannot be continued. Start a new run." in first.reason
    assert store.latest_step(first.id) == 5  # what it had recorded stays


def test_a_race_without_any_checkpoint_left_fails_as_a_whole(store, tiny, train):
    id = train(store, tiny("mad"), at=lambda now, job: now >= 2 and job.stop.set())
    (run,) = store.experiment(id).runs
    (store.artifact_folder(run.id) / "last.safetensors").write_bytes(b"damaged")
    train(store, id)
    (run,) = store.experiment(id).runs
    assert run.state is RunState.FAILED
    assert "is damaged" in run.reason


def test_a_checkpoint_of_another_configuration_is_refused(store, config, train):
    id = train(store, config, at=lambda now, job: now >= 6 and job.stop.set())
    with sqlite3.connect(store.file) as connection:
        connection.execute("UPDATE experiments SET config = json_set(config, '$.training.lr', 0.5)")
    connection.close()
    train(store, id)
    for run in store.experiment(id).runs:
        assert run.state is RunState.FAILED
        assert "was made under another configuration" in run.reason


def test_a_finished_run_of_a_stopped_race_stays_as_it_is(store, config, train):
    def stop_second(now, job):
        if now == 2:
            job.store.add_command(job.runs[1].id, "stop")
            time.sleep(0.3)  # the command is fetched by a thread

    id = train(store, config, at=stop_second)
    first, second = store.experiment(id).runs
    assert (first.state, second.state) == (RunState.FINISHED, RunState.STOPPED)
    train(store, id)
    again, second = store.experiment(id).runs
    assert again == first
    assert second.state is RunState.FINISHED
    np.testing.assert_array_equal(store.telemetry(second.id).steps, np.arange(STEPS))


@contextmanager
def no_room():
    """Writing a file of more than 4 kB fails, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("file", ["last", "best"])
def test_a_run_whose_checkpoint_cannot_be_written_fails_alone_and_goes_on_once_it_can(  # noqa: PLR0917
    store, config, train, assert_same_outcome, monkeypatch, file
):
    own = checkpoint.save

    def save(path, tensors, progress, fingerprint):
        if path.parent.name.endswith("-01") and path.name.startswith(file) and progress.step == 8:
            with no_room():
                return own(path, tensors, progress, fingerprint)
        return own(path, tensors, progress, fingerprint)

    def best_now(self, epoch, value, is_better):
        self.progress = replace(self.progress, best_epoch=epoch, best_score=value)
        return True

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", save)
        if file == "best":  # each epoch is the best so far, so that there is one to write at step 8
            patch.setattr("dmf.training.run.TrainingRun.score", best_now)
        id = train(store, config)
    first, second = store.experiment(id).runs
    assert (first.state, second.state) == (RunState.FAILED, RunState.FINISHED)
    assert first.reason.startswith(f"Cannot write checkpoint {store.artifact_folder(first.id)}")
    assert "then resume the run from its last good checkpoint" in first.reason
    np.testing.assert_array_equal(store.telemetry(first.id).steps, np.arange(8))
    assert not list(store.artifact_folder(first.id).glob("*.tmp"))
    train(store, id)
    if file == "last":
        assert_same_outcome(store, id)
    else:
        assert store.run(first.id).state is RunState.FINISHED
        np.testing.assert_array_equal(store.telemetry(first.id).steps, np.arange(STEPS))


@pytest.mark.parametrize("damage", [lambda file: file.unlink(), lambda file: file.write_bytes(b"damaged")])
def test_a_run_whose_best_network_is_gone_at_the_end_fails_alone_with_a_clear_message(
    store, config, train, monkeypatch, damage
):
    # The first epoch is the best one, so that its network is asked for at the end.
    scores = {1: 0.9}
    own = TrainingRun.score
    monkeypatch.setattr(
        TrainingRun, "score", lambda self, epoch, value, better: own(self, epoch, scores.get(epoch, 0.1), better)
    )

    def at(now, job):
        if now == 9:
            (file,) = store.artifact_folder(job.runs[0].id).glob("best-1.safetensors")
            if file.stat().st_size > 100:
                damage(file)

    id = train(store, config, at=at)
    first, second = store.experiment(id).runs
    assert (first.state, second.state) == (RunState.FAILED, RunState.FINISHED)
    assert "best-1.safetensors" in first.reason
    assert "Start a new run." in first.reason
    np.testing.assert_array_equal(store.telemetry(first.id).steps, np.arange(STEPS))  # what it recorded stays


STORES = Path(__file__).parents[2] / "data" / "stores"


@pytest.mark.parametrize("version", ["v1", "v2", "v4"])
def test_a_run_of_a_store_of_an_earlier_version_goes_on_from_its_checkpoint(home, tmp_path, version):
    shutil.copytree(STORES / version, tmp_path / version)
    store = RunStore(tmp_path / version / "runs.sqlite")
    (experiment,) = [each for each in store.experiments() if each.runs[0].state is RunState.STOPPED]
    (run,) = experiment.runs
    before = store.telemetry(run.id).values
    assert len(before) == 5
    Job(store, experiment, "me").train()
    run = store.run(run.id)
    assert (run.state, run.reason, run.attempt) == (RunState.FINISHED, "", 2)
    telemetry = store.telemetry(run.id)
    np.testing.assert_array_equal(telemetry.steps, np.arange(12))
    np.testing.assert_array_equal(telemetry.values[:5], before)
    # Alone from the start it comes to the same; another processor may round otherwise.
    changes = {run.label: changes_of(store.events([run.id]))}
    whole = create_experiment(store, ExperimentConfig.model_validate(experiment.config), changes)
    Job(store, whole, "me").train()
    np.testing.assert_allclose(telemetry.values, store.telemetry(whole.runs[0].id).values, rtol=1e-3)
    store.close()


def test_after_a_kill_between_the_last_checkpoint_and_its_record_all_is_recorded_as_the_files_say(store, tiny, train):
    id = train(store, tiny("mad", keep_probabilities="both"), at=lambda now, job: now >= 6 and job.stop.set())
    (run,) = store.experiment(id).runs
    folder = store.artifact_folder(run.id)
    (folder / "best-7.safetensors").touch()  # of a network that no checkpoint knows
    with sqlite3.connect(store.file) as connection:  # the record is older than the file
        connection.execute("UPDATE artifacts SET step = 4, epoch = 1, sha256 = 'old' WHERE kind = 'checkpoint_last'")
    connection.close()
    train(store, id)
    (run,) = store.experiment(id).runs
    assert run.state is RunState.FINISHED
    files = {file.kind: file for file in store.artifacts(run.id)}
    assert (files["checkpoint_last"].step, files["checkpoint_last"].epoch) == (8, 2)
    assert store.probabilities(run.id, "last") is not None
    assert {file.name for file in folder.iterdir()} == {file.path for file in files.values()}
    for file in (files["checkpoint_last"], files["checkpoint_best"]):
        assert file.sha256 == hashlib.sha256((folder / file.path).read_bytes()).hexdigest()


def test_files_that_cannot_be_reached_are_said_and_no_state_changes(store, tiny, train):
    id = train(store, tiny("mad"), at=lambda now, job: now >= 2 and job.stop.set())
    (run,) = store.experiment(id).runs
    away = store.artifact_folder(run.id).parent
    away.rename(away.with_name("elsewhere"))
    with pytest.raises(
        StoreError, match=rf"The files of run '{run.id}' belong in .*, which cannot be reached from here"
    ):
        Job(store, store.experiment(id), "me")
    assert store.run(run.id) == run
    away.with_name("elsewhere").rename(away)
    train(store, id)
    assert store.run(run.id).state is RunState.FINISHED
