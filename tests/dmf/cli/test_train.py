import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import suppress
from operator import lt
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dmf import jobs
from dmf.cli import train as train_command
from dmf.live_settings import read_events, write_events
from dmf.records import RunState, SettingChange
from dmf.runs import RunStore

STEPS = 252  # of a run that is interrupted: a few seconds
LONG = ("--weighting", "mad", "--dataset-options", "images=120", "--epochs", "12")  # 84 training images: 21 steps each
BUSI = Path(__file__).parents[4] / "shared" / "data" / "BUSI"


def test_json_is_one_document_and_nothing_else_on_standard_output(dmf, tiny_options, store):
    result = dmf("train", *tiny_options, "--weighting", "mad", "--weighting", "variance", "--json")
    assert result.status == 0, result.err
    document = result.json()
    assert document.keys() == {"experiment", "runs"}
    assert [run["label"] for run in document["runs"]] == ["mad", "variance"]
    for run in document["runs"]:
        needed = {"id", "label", "weighting", "auxiliary", "steps", "seconds", "weights", "train", "validation", "test"}
        assert needed <= run.keys()
        assert isinstance(run["id"], str)
        assert (run["weighting"], run["auxiliary"], run["steps"]) == (run["label"], "cb-dice", 8)
        assert len(run["weights"]) == 3
        for split in ("train", "validation", "test"):
            assert {"dice", "iou", "f1", "precision", "recall", "cb_dice", "lesion_dice"} <= run[split].keys()
    assert [run.state for run in store.experiment(document["experiment"]).runs] == [RunState.FINISHED] * 2
    assert document["experiment"] in result.err


def test_the_three_methods_of_the_paper_race_unless_told_otherwise(dmf, tiny_options):
    document = dmf("train", *tiny_options, "--epochs", 1, "--json").json()
    assert [run["weighting"] for run in document["runs"]] == ["variance", "mad", "bayesian"]


def test_runs_may_override_anything_of_the_fusion(dmf, tiny_options, store):
    runs = ["--run", "bayesian,prior=compound,auxiliary=none", "--run", "fixed,weights=1:0:0"]
    document = dmf("train", *tiny_options, "--epochs", 1, *runs, "--gamma", 2, "--name", "mine", "--json").json()
    first, second = document["runs"]
    assert (first["weighting"], first["auxiliary"]) == ("bayesian", "none")
    assert second["weights"] == [1.0, 0.0, 0.0]
    experiment = store.experiment(document["experiment"])
    assert experiment.name == "mine"
    assert [run.config["gamma"] for run in experiment.runs] == [2.0, 2.0]
    assert experiment.runs[0].config["prior"] == "compound"


def test_people_get_a_table_and_progress_on_standard_error(dmf, tiny_options):
    result = dmf("train", *tiny_options, "--weighting", "mad")
    assert result.status == 0
    assert result.out == ""
    for word in ("mad", "finished", "validation", "test", "Lesion Dice", "pooled over the split"):
        assert word in result.err


def test_folds_are_experiments_of_their_own_told_as_one(dmf, tiny_options, store):
    options = (*tiny_options, "--epochs", 1, "--weighting", "mad", "--folds", 3, "--name", "mine")
    told = dmf("train", *options, "--json").json()
    experiments = [store.experiment(document["experiment"]) for document in told["folds"]]
    assert [experiment.name for experiment in experiments] == [f"mine, fold {fold} of 3" for fold in (1, 2, 3)]
    tested = [set(store.case_scores(experiment.runs[0].id, "test")[0].cases) for experiment in experiments]
    assert sum(map(len, tested)) == len(set.union(*tested)) == 24
    dice = [document["runs"][0]["test"]["dice"] for document in told["folds"]]
    (run,) = told["summary"]["runs"]
    assert (run["label"], run["folds"]) == ("mad", 3)
    assert run["test"]["dice"] == {"mean": pytest.approx(np.mean(dice)), "std": pytest.approx(np.std(dice, ddof=1))}
    # One of them alone is the same experiment, and people get a table.
    alone = dmf("train", *options, "--fold", 2, "--json").json()
    assert alone["runs"][0]["test"] == told["folds"][1]["runs"][0]["test"]
    assert "3 folds: mean ± standard deviation" in dmf("train", *options).err


def test_seeds_are_repeats_on_one_split_told_as_one(dmf, tiny_options, store):
    options = (*tiny_options, "--epochs", 1, "--weighting", "mad", "--name", "mine")
    told = dmf("train", *options, "--seeds", "0,1", "--json").json()
    experiments = [store.experiment(document["experiment"]) for document in told["seeds"]]
    assert [experiment.name for experiment in experiments] == ["mine, seed 0", "mine, seed 1"]
    assert [experiment.config["training"]["seed"] for experiment in experiments] == [0, 1]
    first, second = (store.case_scores(experiment.runs[0].id, "test")[0] for experiment in experiments)
    assert first.cases == second.cases
    (run,) = told["summary"]["runs"]
    assert (run["label"], run["seeds"]) == ("mad", 2)
    losses = [store.telemetry(experiment.runs[0].id).values for experiment in experiments]
    assert not np.array_equal(*losses)  # another network and other batches
    # The first of them is what its seed alone gives, and people get a table.
    alone = dmf("train", *options, "--seed", 0, "--json").json()
    assert alone["runs"][0]["test"] == told["seeds"][0]["runs"][0]["test"]
    assert "2 seeds: mean ± standard deviation" in dmf("train", *options, "--seeds", "0,1").err


def test_of_folds_that_are_stopped_those_not_begun_are_named_and_free(dmf, tiny_options, store, monkeypatch):
    own, told = jobs.Job.train, []

    def train(job, on_step=None):
        def beats():
            return [run.heartbeat for experiment in store.experiments()[:2] for run in experiment.runs]

        before, until = beats(), time.monotonic() + 30
        while not all(map(lt, before, beats())) and time.monotonic() < until:  # those that wait are kept
            time.sleep(0.01)
        told.append((before, beats()))
        job.stop.set()
        own(job, on_step)

    monkeypatch.setattr("dmf.runs.sink.HEARTBEAT_SECONDS", 0.01)
    monkeypatch.setattr(jobs.Job, "train", train)
    result = dmf("train", *tiny_options, "--weighting", "mad", "--folds", 3)
    assert result.status == 0
    assert result.err.count("Stopped. Go on with: dmf resume") == 1
    assert result.err.count("Not begun. Train it with: dmf resume") == 2
    ((before, after),) = told
    assert len(before) == 2
    assert all(map(lt, before, after))
    runs = [run for experiment in store.experiments() for run in experiment.runs]
    assert [(run.state, run.owner) for run in runs] == [(RunState.STOPPED, None)] * 3


def test_flags_have_a_no(dmf, tiny_options, store):
    document = dmf(
        "train", *tiny_options, "--epochs", 1, "--weighting", "mad", "--no-symlog", "--filter", "--json"
    ).json()
    experiment = store.experiment(document["experiment"])
    assert experiment.config["data"]["filter"] is True
    assert experiment.runs[0].config["symlog"] is False


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--weighting", "madd"], "Unknown weighting 'madd'. Choose one of: fixed, variance, mad, bayesian,"),
        (["--dataset", "busy"], "Unknown dataset 'busy'"),
        (["--dataset-options", "images=lots"], "must be of type int, got 'lots'"),
        (["--auxiliary", "cbdice"], "Did you mean 'cb-dice'?"),
        (["--terms", "ce:jaccard"], "Unknown loss 'jaccard'"),
        (["--model", "unett"], "Unknown model 'unett'"),
        (["--image-size", "50"], "48"),
        (["--image-size", "big"], "image_size: input should be a valid integer"),
        (["--epochs", "0"], "epochs: input should be greater than or equal to 1, got '0'."),
        (["--lr", "-1"], "lr: input should be greater than 0"),
        (["--device", "tpu"], "There is no device 'tpu' here."),
        (["--device", "cpu", "--precision", "tf32"], "Precision tf32 needs a cuda device"),
        (["--decay-every", "week"], "decay_every: expected epoch, or a number of steps"),
        (["--history-min", "200"], "history_min: 200 is above history_max (100)"),
        (["--run", "mad,prio=fixed"], "Unknown field of a run 'prio'"),
        (["--run", "fixed,weights=1:0"], "weights: expected 3 numbers, one per loss term, got 2"),
        (["--weighting", "mad", "--weighting", "mad"], "mad appears more than once"),
        (["--epochz", "3"], "No such option: --epochz"),
        (["extra"], "unexpected extra argument"),
        (["--batch-size", "1000"], "the largest batch size that works is 179"),
        (["--limit", "4"], "A batch of 8 cannot be filled from 2 training images"),
        (["--dataset-options", "images=0"], "Option 'images' of dataset 'phantom' takes a number"),
        (["--dataset", "busi", "--root", "no/such/folder"], "no/such/folder"),
        (["--dataset", "[/]"], "Unknown dataset '[/]'"),
        (["--run", "mad,gamma=1e308"], "gamma: input should be less than or equal to 1000000"),
        (["--decay-every", "\u00b2"], "decay_every: expected epoch, or a number of steps"),
        (["--terms", ""], "terms: expected at least 1, got 0."),
        (["--split", "0.5:0.5"], "split: a value is missing."),
        (["--name", "x" * 5000], "name: string should have at most 200 characters"),
        (
            [word for gamma in range(65) for word in ("--run", f"mad,gamma={gamma}")],
            "runs: expected at most 64, got 65.",
        ),
    ],
)
def test_a_wrong_value_exits_with_2_and_one_clear_line(dmf, tmp_path, arguments, words):
    result = dmf("train", *arguments)
    assert result.status == 2
    assert words in result.err
    assert result.out == ""
    assert len(result.err.strip().splitlines()) == 1, result.err
    if (tmp_path / "runs.sqlite").exists():
        store = RunStore(tmp_path / "runs.sqlite")
        assert store.experiments() == []
        store.close()


def test_changes_from_a_file_act_and_come_back_as_the_same_file(dmf, tiny_options, store, tmp_path):
    first, again, changes = (
        tmp_path / "first.json",
        tmp_path / "again.json",
        (SettingChange(3, "lr", 0.5), SettingChange(5, "gamma", 2.0)),
    )
    write_events(first, {"mad": changes})
    document = dmf("train", *tiny_options, "--weighting", "mad", "--weighting", "fixed", "--events", first, "--json")
    assert document.status == 0, document.err
    mad, fixed = document.json()["runs"]
    lr = [store.telemetry(run["id"], columns=["lr"]).values[:, 0] for run in (mad, fixed)]
    np.testing.assert_array_equal(lr[0], np.float32([1e-3] * 3 + [0.5] * 5))
    np.testing.assert_array_equal(lr[1], np.float32([1e-3] * 8))
    assert dmf("export", mad["id"], "--format", "events", "-o", again).status == 0
    assert again.read_text() == first.read_text()
    assert read_events(again) == {"mad": changes}


@pytest.mark.parametrize(
    ("run", "change", "words"),
    [
        ("made", SettingChange(3, "lr", 0.5), "No run of this race is called 'made'; there are: mad, variance."),
        ("mad", SettingChange(3, "lr", -1), "Run 'mad', step 3: lr: input should be greater than 0"),
        ("mad", SettingChange(3, "lt", 1), "events.json: change 1: Unknown live setting 'lt'"),
        ("mad", SettingChange(8, "lr", 1), "changes at step 8, but training ends after 8 steps. Take the change out"),
    ],
)
def test_changes_that_cannot_work_are_refused_in_one_line(  # noqa: PLR0917
    dmf, tiny_options, store, tmp_path, run, change, words
):
    write_events(tmp_path / "events.json", {run: [change]})
    options = ["--weighting", "mad", "--weighting", "variance", "--events", tmp_path / "events.json"]
    result = dmf("train", *tiny_options, *options)
    assert (result.status, result.out) == (2, "")
    assert words in result.err
    assert len(result.err.strip().splitlines()) == 1, result.err
    assert store.experiments() == []


def test_a_file_of_changes_that_is_not_there_is_said(dmf, tiny_options):
    result = dmf("train", *tiny_options, "--events", "none.json")
    assert result.status == 2
    assert "Cannot read none.json: No such file or directory." in result.err


def test_a_run_that_fails_makes_the_command_fail_after_its_document(dmf, tiny_options, tmp_path):
    folder = tmp_path / "[busi]"  # brackets are no markup
    for label in ("benign", "malignant"):
        (folder / label).mkdir(parents=True)
        for number in range(8):
            (folder / label / f"{label} ({number}).png").touch()
            (folder / label / f"{label} ({number})_mask.png").touch()
    result = dmf(
        "train", *tiny_options, "--dataset", "busi", "--dataset-options", "", "--root", folder,
        "--weighting", "mad", "--weighting", "variance", "--json",
    )  # fmt: skip
    assert result.status == 1
    runs = result.json()["runs"]
    assert [run["state"] for run in runs] == ["failed", "failed"]
    assert all(str(folder) in run["reason"] for run in runs)
    assert result.err.count("mad, variance failed:") == 1
    assert str(folder) in result.err
    assert "Traceback" not in result.err


def test_a_store_that_cannot_be_opened_exits_with_2_and_one_line(dmf, tiny_options, tmp_path):
    (tmp_path / "no.sqlite").write_text("this is no database, only a text that is long enough to be looked at " * 20)
    result = dmf("train", *tiny_options, "--store", tmp_path / "no.sqlite")
    assert result.status == 2
    assert len(result.err.strip().splitlines()) == 1
    assert "is not an SQLite database" in result.err
    assert "Traceback" not in result.err


def wait_for_steps(file, steps, process, seconds=300.0, meanwhile=lambda: None):
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        meanwhile()
        assert process.poll() is None, process.communicate()
        if file.exists():
            store = RunStore(file)
            rows = store.runs()
            store.close()
            if rows and min(row.summary["step"] for row in rows) >= steps:
                return rows[0].experiment
        time.sleep(0.1)
    raise AssertionError("no steps came")


@pytest.mark.processes
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_to_end_stops_cleanly_and_resume_finishes(process, dmf, tiny_options, tmp_path, name):
    file = tmp_path / "runs.sqlite"
    running = process("train", *tiny_options, *LONG, "--json")
    id = wait_for_steps(file, 5, running)
    running.send_signal(getattr(signal, name))
    out, err = running.communicate(timeout=300)
    assert running.returncode == 0, err
    assert "Traceback" not in err
    assert f"dmf resume {id}" in err
    store = RunStore(file)
    (run,) = store.experiment(id).runs
    assert run.state is RunState.STOPPED
    (last,) = [artifact for artifact in store.artifacts(run.id) if artifact.kind == "checkpoint_last"]
    assert last.step == store.latest_step(run.id) + 1
    assert (store.artifact_folder(run.id) / last.path).is_file()
    assert '"state": "stopped"' in out
    store.close()
    result = dmf("resume", id, "--json")
    assert result.status == 0, result.err
    (finished,) = result.json()["runs"]
    assert (finished["state"], finished["steps"]) == ("finished", STEPS)


@pytest.mark.processes
@pytest.mark.skipif(shutil.which("setsid") is None, reason="gives a process a terminal of its own; Linux has it")
def test_a_terminal_that_is_closed_stops_what_trains_in_it_with_a_checkpoint(home, tiny_options, tmp_path):
    file, (terminal, end) = tmp_path / "runs.sqlite", os.openpty()
    command = ["setsid", "--ctty", sys.executable, "-m", "dmf", "train", *tiny_options, *LONG]
    with subprocess.Popen(command, stdin=end, stdout=end, stderr=end) as running:
        os.close(end)
        os.set_blocking(terminal, False)

        def show():  # what is written, or the program would wait for it
            with suppress(BlockingIOError):
                os.read(terminal, 1 << 20)

        id = wait_for_steps(file, 5, running, meanwhile=show)
        os.close(terminal)  # its window is closed
        assert running.wait(300) == 0
    store = RunStore(file)
    (run,) = store.experiment(id).runs
    assert run.state is RunState.STOPPED
    (last,) = [artifact for artifact in store.artifacts(run.id) if artifact.kind == "checkpoint_last"]
    assert last.step == store.latest_step(run.id) + 1
    store.close()


@pytest.mark.processes
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_process_leaves_a_run_that_goes_on_without_gap_or_duplicate(process, tiny_options, tmp_path, hasty):
    file = tmp_path / "runs.sqlite"
    running = process("train", *tiny_options, *LONG)
    id = wait_for_steps(file, 5, running)
    running.kill()
    running.wait(300)
    store = RunStore(file, monotonic=hasty)
    store.runs()
    (run,) = store.experiment(id).runs
    assert run.state is RunState.INTERRUPTED
    jobs.Job(store, store.experiment(id), "me").train()
    (run,) = store.experiment(id).runs
    assert (run.state, run.attempt) == (RunState.FINISHED, 2)
    np.testing.assert_array_equal(store.telemetry(run.id).steps, np.arange(STEPS))
    store.close()
    with sqlite3.connect(file) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no SIGHUP")
def test_a_closed_terminal_stops_cleanly_and_an_ignored_one_does_not(monkeypatch):
    silenced = []
    monkeypatch.setattr(train_command, "_silence", silenced.append)
    monkeypatch.setattr(os, "isatty", lambda number: number == 2)  # standard output is a file
    job = SimpleNamespace(stop=threading.Event())
    with train_command.clean_stop(job.stop):
        os.kill(os.getpid(), signal.SIGHUP)
        assert job.stop.wait(5)
        os.kill(os.getpid(), signal.SIGHUP)  # shells send it twice
    assert silenced == [[2], [2]]
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # nohup
    with train_command.clean_stop(job.stop):
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    signal.signal(signal.SIGHUP, before)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no terminals of this kind")
def test_what_is_written_to_a_terminal_that_is_gone_goes_nowhere():
    terminal, end = os.openpty()
    os.close(terminal)
    with pytest.raises(OSError, match="Input/output error"):
        os.write(end, b"lost")
    train_command._silence([end])
    assert os.write(end, b"lost") == 4
    os.close(end)


def test_real_images_train(dmf, store):
    if not BUSI.is_dir():
        pytest.skip(f"no real images: {BUSI} is not there")
    result = dmf(
        "train", "--dataset", "busi", "--root", BUSI, "--limit", 24, "--image-size", 32, "--filters", 4,
        "--batch-size", 4, "--epochs", 1, "--threads", 1, "--device", "cpu", "--weighting", "mad", "--json",
    )  # fmt: skip
    assert result.status == 0, result.err
    (run,) = result.json()["runs"]
    assert (run["state"], run["steps"]) == ("finished", 4)
    assert run["test"]["lesion_dice"] is not None
