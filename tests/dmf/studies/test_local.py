"""Cells trained in this process and in several, stopped, paused and killed: nothing is lost, nothing runs twice."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
from sqlalchemy.exc import OperationalError

from dmf.errors import ConfigError, StoreError
from dmf.jobs import Job, create_experiment
from dmf.records import RunState
from dmf.runs import RunStore
from dmf.studies import cells, local
from dmf.studies.local import LocalEngine, train_in_processes
from dmf.studies.progress import progress, spent
from dmf.studies.storing import store_plan

no_kill = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")


def outcome(store, study):
    """Steps, losses, weights and metrics of every run, by cell and label."""
    return {
        (cell.key, run.label): (
            store.telemetry(run.id).steps.tolist(),
            store.telemetry(run.id).values.tobytes(),
            run.summary["metrics"],
        )
        for cell in store.study_cells(study)
        for run in (cell.experiment.runs if cell.experiment else ())
    }


def states(store, study="small"):
    return [cell.state for cell in store.study_cells(study)]


FINISHED = [RunState.FINISHED] * 2


def test_every_cell_is_trained_once_as_if_it_were_alone(store, small_plan, tmp_path):
    plan = small_plan()
    assert store_plan(store, plan) == 2
    LocalEngine(store, "small").run()
    assert states(store) == FINISHED
    before = [cell.experiment.id for cell in store.study_cells("small")]

    LocalEngine(store, "small").run()
    assert [cell.experiment.id for cell in store.study_cells("small")] == before
    assert len(store.experiments()) == 2

    alone = RunStore(tmp_path / "alone.sqlite")
    experiment = create_experiment(alone, cells(plan)["phantom, seed 1"])
    Job(alone, experiment, "me").train()
    for run in alone.experiment(experiment.id).runs:
        _, values, metrics = outcome(store, "small")["phantom, seed 1", run.label]
        assert alone.telemetry(run.id).values.tobytes() == values
        assert run.summary["metrics"] == metrics
    alone.close()


def test_more_repeats_are_added_to_what_is_there(store, small_plan):
    store_plan(store, small_plan())
    LocalEngine(store, "small").run()
    assert store_plan(store, small_plan(repeats=3)) == 1
    LocalEngine(store, "small").run()
    assert states(store) == [RunState.FINISHED] * 3
    assert len(store.experiments()) == 3


def test_a_plan_that_cannot_work_is_refused_before_anything_is_stored(store, small_plan):
    with pytest.raises(ConfigError, match=r"Cell 'phantom, model=unett, seed 0': Unknown model 'unett'"):
        store_plan(store, small_plan(datasets=({"dataset": "phantom", "model": "unett"},)))
    assert store.studies() == []


def test_a_stopped_study_goes_on_from_its_checkpoints_to_the_same_numbers(store, small_plan, tmp_path):
    store_plan(store, small_plan())
    stop = threading.Event()

    def on_cell(cell, job):
        def on_step(runs):
            if cell.key.endswith("seed 1") and runs[0].step >= 3:
                stop.set()
                assert job.stop.wait(60)  # until it is passed on

        return on_step

    LocalEngine(store, "small", stop=stop, on_cell=on_cell).run()
    assert states(store) == [RunState.FINISHED, RunState.STOPPED]
    LocalEngine(store, "small").run()  # what a person stopped is not begun again by itself
    assert states(store) == [RunState.FINISHED, RunState.STOPPED]
    store.reopen_cells("small")
    LocalEngine(store, "small").run()

    whole = RunStore(tmp_path / "whole.sqlite")
    store_plan(whole, small_plan())
    LocalEngine(whole, "small").run()
    assert outcome(store, "small") == outcome(whole, "small")
    assert [run.attempt for cell in store.study_cells("small") for run in cell.experiment.runs] == [1, 1, 2, 2]
    whole.close()


def test_no_cell_is_begun_once_the_budget_is_spent(store, small_plan):
    store_plan(store, small_plan(budget={"steps": 10}))
    LocalEngine(store, "small").run()
    assert states(store) == [RunState.FINISHED, None]
    assert spent(store.study_cells("small"))[1] == 16  # two runs of two epochs of four steps


def test_a_paused_study_begins_nothing_until_it_goes_on(store, small_plan, monkeypatch):
    monkeypatch.setattr(local, "LOOK_SECONDS", 0.05)
    store_plan(store, small_plan())
    store.pause_study("small", True)
    engine = LocalEngine(store, "small")
    thread = threading.Thread(target=engine.run)
    thread.start()
    time.sleep(0.5)
    assert states(store) == [None, None]
    assert thread.is_alive()
    store.pause_study("small", False)
    thread.join(60)
    assert states(store) == FINISHED


def test_a_cell_that_fails_is_left_and_the_others_go_on(store, small_plan, monkeypatch):
    store_plan(store, small_plan())
    own = Job._prepare

    def broken(self, *words):
        if self.config.training.seed == 0:
            raise ValueError("broken")
        return own(self, *words)

    with monkeypatch.context() as patch:
        patch.setattr(Job, "_prepare", broken)
        LocalEngine(store, "small").run()
    assert states(store) == [RunState.FAILED, RunState.FINISHED]
    assert progress(store, "small").counts == {"failed": 1, "finished": 1}
    store.reopen_cells("small", failed=True)
    LocalEngine(store, "small").run()
    assert states(store) == FINISHED


def test_a_store_that_is_away_for_a_moment_is_waited_for(store, small_plan, monkeypatch):
    monkeypatch.setattr(local, "LOOK_SECONDS", 0.01)
    store_plan(store, small_plan())
    own, times = store.study_cells, iter(range(100))

    def away(name):
        if next(times) in (0, 3):
            raise StoreError("away") from OperationalError("SELECT 1", {}, Exception("no route"))
        return own(name)

    monkeypatch.setattr(store, "study_cells", away)
    LocalEngine(store, "small").run()
    monkeypatch.undo()
    assert states(store) == FINISHED


def test_files_that_cannot_be_reached_end_it_with_the_reason(store, small_plan):
    store_plan(store, small_plan(repeats=1))
    stop = threading.Event()

    def on_cell(cell, job):
        def on_step(runs):
            if runs[0].step >= 5:  # past the first checkpoint
                stop.set()
                assert job.stop.wait(60)

        return on_step

    LocalEngine(store, "small", stop=stop, on_cell=on_cell).run()
    assert states(store) == [RunState.STOPPED]
    shutil.rmtree(store.file.parent / "artifacts")
    store.reopen_cells("small")
    with pytest.raises(StoreError, match=r"which cannot be reached from here\. Copy the folder 'artifacts' beside"):
        LocalEngine(store, "small").run()
    assert states(store) == [RunState.INTERRUPTED]


def test_what_is_left_is_told_from_the_time_of_what_is_done(store, small_plan):
    store_plan(store, small_plan(budget={"steps": 1}))
    assert progress(store, "small").seconds_left is None
    LocalEngine(store, "small").run()
    found = progress(store, "small")
    (done, _) = found.cells
    assert (found.finished, found.counts) == (1, {"finished": 1, "waiting": 1})
    assert found.seconds_left == pytest.approx(
        max(run.ended for run in done.experiment.runs) - min(run.started for run in done.experiment.runs)
    )


# Several processes

LONG = {"epochs": "20"}


@pytest.fixture
def long_plan(small_plan, tiny_texts):
    return small_plan(base={**{k: v for k, v in tiny_texts.items() if k != "seed"}, **LONG}, repeats=3)


@pytest.fixture
def whole(long_plan, tmp_path, home):
    """What comes out where nothing is killed."""
    store = RunStore(tmp_path / "whole.sqlite")
    store_plan(store, long_plan)
    LocalEngine(store, "small").run()
    yield outcome(store, "small")
    store.close()


def process_of(owner):
    return int(owner.partition("(process ")[2].partition(",")[0])


def training(store):
    """Processes that train at this moment, past the first epoch."""
    return {
        process_of(run.owner)
        for cell in store.study_cells("small")
        for run in (cell.experiment.runs if cell.experiment else ())
        if run.owner and run.state is RunState.RUNNING and run.summary["epoch"] >= 1
    }


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


@pytest.mark.processes
@no_kill
def test_a_worker_that_is_killed_is_replaced_and_its_cell_continued(store, long_plan, whole):
    store_plan(store, long_plan)
    stop, killed = threading.Event(), []

    def kill_one():
        if not killed and (found := training(store)):
            killed.append(found.pop())
            os.kill(killed[0], signal.SIGKILL)

    train_in_processes(store, "small", 2, stop=stop, on_look=kill_one)
    assert killed
    assert states(store) == [RunState.FINISHED] * 3
    assert outcome(store, "small") == whole
    assert len(store.experiments()) == 3
    assert max(run.attempt for cell in store.study_cells("small") for run in cell.experiment.runs) == 2


@pytest.mark.processes
@no_kill
def test_a_driver_that_is_killed_leaves_no_worker_behind_and_the_study_goes_on(store, long_plan, whole):
    store_plan(store, long_plan)
    code = (
        "import sys, threading; from dmf.runs import RunStore; from dmf.studies.local import train_in_processes; "
        "train_in_processes(RunStore(), 'small', 2, stop=threading.Event())"
    )
    driver = subprocess.Popen([sys.executable, "-c", code])
    workers = wait_for(lambda: training(store))
    driver.kill()
    driver.wait()
    wait_for(lambda: not any(alive(worker) for worker in workers))

    store.reopen_cells("small")
    LocalEngine(store, "small").run()
    assert states(store) == [RunState.FINISHED] * 3
    assert outcome(store, "small") == whole
    assert len(store.experiments()) == 3


def alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.processes
def test_processes_that_only_die_are_given_up_with_a_reason(store, small_plan, monkeypatch):
    monkeypatch.setattr(local, "LOOK_SECONDS", 0.05)
    store_plan(store, small_plan())
    dying = [sys.executable, "-c", "raise SystemExit(3)"]
    monkeypatch.setattr(local, "_worker", lambda url, study: subprocess.Popen(dying, stdin=subprocess.PIPE))
    with pytest.raises(StoreError, match=r"died 4 times without finishing a cell \(the last with status 3\)"):
        train_in_processes(store, "small", 1, stop=threading.Event())
    assert states(store) == [None, None]
