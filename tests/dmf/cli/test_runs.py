import io
import json

import numpy as np
import pandas as pd
import pytest

from dmf.jobs import Job, create_experiment
from dmf.records import RunState, StateChange
from dmf.runs import schema

COLUMNS = [
    *("step", "loss_ce", "loss_iou", "loss_dice", "weight_ce", "weight_iou", "weight_dice"),
    *("auxiliary", "gamma", "total", "lr", "finite"),
]


@pytest.fixture
def trained(store, tiny):
    experiment = create_experiment(store, tiny("mad", "variance"))
    Job(store, experiment, "me").train()
    return store.experiment(experiment.id)


@pytest.fixture
def stopped(store, tiny):
    job = Job(store, create_experiment(store, tiny("mad", "variance")), "me")
    job.train(lambda runs: runs[0].step >= 3 and job.stop.set())
    return store.experiment(job.experiment.id)


def test_resume_finishes_a_stopped_experiment(dmf, store, stopped):
    result = dmf("resume", stopped.id, "--json")
    assert result.status == 0, result.err
    assert [(run["state"], run["steps"]) for run in result.json()["runs"]] == [("finished", 8)] * 2
    for run in store.experiment(stopped.id).runs:
        assert (run.state, run.attempt) == (RunState.FINISHED, 2)
        np.testing.assert_array_equal(store.telemetry(run.id).steps, np.arange(8))


def test_resume_shows_people_a_table(dmf, stopped):
    result = dmf("resume", stopped.id)
    assert (result.status, result.out) == (0, "")
    assert "finished" in result.err


def test_resuming_what_is_finished_or_unknown_exits_with_one_line(dmf, trained):
    finished, unknown = (trained.id, 1, "its runs are finished"), ("e-none", 2, "No experiment 'e-none'")
    for id, status, words in (finished, unknown):
        result = dmf("resume", id)
        assert (result.status, result.out) == (status, "")
        assert words in result.err
        assert len(result.err.strip().splitlines()) == 1


def test_runs_are_listed_newest_first(dmf, store, tiny, trained):
    later = create_experiment(store, tiny("bayesian"))
    result = dmf("runs", "--json")
    rows = result.json()
    assert [row["experiment"] for row in rows] == [later.id, trained.id, trained.id]
    assert [row["label"] for row in rows] == ["bayesian", "mad", "variance"]
    assert (rows[0]["state"], rows[0]["steps"]) == ("queued", 0)
    assert (rows[1]["id"], rows[1]["state"], rows[1]["steps"], rows[1]["epoch"]) == (
        *(trained.runs[0].id, "finished", 8, 2),
    )
    assert (rows[1]["weighting"], rows[1]["auxiliary"]) == ("mad", "cb-dice")


def test_the_list_can_be_cut(dmf, trained):
    assert len(dmf("runs", "--limit", 1, "--json").json()) == 1


def test_people_get_a_table_of_runs_on_standard_output(dmf, store, trained):
    store.update_run(trained.runs[0].id, name="a name " * 25, tags=["[bold]"])
    result = dmf("runs")
    assert result.status == 0
    heading, *rows = result.out.splitlines()
    assert heading.split() == ["run", "label", "state", "steps", "epoch", "created", "tags"]
    for run, row in zip(store.runs(), rows, strict=True):  # one line each, however long: it may be piped into grep
        assert run.id in row
        assert run.label in row
        assert "finished" in row
    assert "[bold]" in result.out
    assert "Experiments are named like their runs" in result.err


def test_an_empty_store_says_how_to_start(dmf, store):
    result = dmf("runs")
    assert result.status == 0
    assert "No runs yet. Start some with: dmf train" in result.err
    assert dmf("runs", "--json").json() == []


def test_another_store_can_be_named(dmf, trained, tmp_path):
    assert dmf("runs", "--json", "--store", tmp_path / "other.sqlite").json() == []
    assert len(dmf("runs", "--json", "--store", f"sqlite:///{tmp_path}/runs.sqlite").json()) == 2


def test_a_run_is_renamed_and_tagged(dmf, store, trained):
    run = trained.runs[0].id
    assert dmf("runs", "rename", run, "the baseline").status == 0
    assert dmf("runs", "tag", run, "paper", "good").status == 0
    assert (store.run(run).label, store.run(run).tags) == ("the baseline", ("paper", "good"))
    listed = dmf("runs").out
    assert "the baseline" in listed
    assert "paper, good" in listed
    assert dmf("runs", "--json").json()[0]["tags"] == ["paper", "good"]
    assert dmf("runs", "tag", run).status == 0
    assert store.run(run).tags == ()


def test_a_name_that_another_run_has_is_refused(dmf, trained):
    result = dmf("runs", "rename", trained.runs[0].id, "variance")
    assert result.status == 2
    assert "is called 'variance' already" in result.err


def test_archived_runs_are_listed_on_demand(dmf, trained):
    first, second = (run.id for run in trained.runs)
    assert dmf("runs", "archive", first).status == 0
    assert [row["id"] for row in dmf("runs", "--json").json()] == [second]
    assert [row["archived"] for row in dmf("runs", "--archived", "--json").json()] == [True, False]
    assert "finished, archived" in dmf("runs", "--archived").out
    assert dmf("runs", "archive", "--undo", first).status == 0
    assert len(dmf("runs", "--json").json()) == 2


def test_runs_are_deleted_after_a_yes(dmf, store, trained, monkeypatch):
    first, second = (run.id for run in trained.runs)
    answers = io.StringIO("n\ny\n")
    monkeypatch.setattr("sys.stdin", answers)
    result = dmf("runs", "delete", first)
    assert result.status == 130
    assert f"Delete {first} (mad) for good?" in result.err
    assert len(store.runs()) == 2
    assert dmf("runs", "delete", first).status == 0
    assert [run.id for run in store.runs()] == [second]
    assert not store.artifact_folder(first).exists()
    assert dmf("runs", "delete", "--yes", second).status == 0
    assert store.runs() == []


def test_a_run_that_waits_for_its_owner_is_not_deleted(dmf, store, tiny, monkeypatch):
    run = create_experiment(store, tiny("mad")).runs[0].id
    store.claim([run], "me")
    monkeypatch.setattr("dmf.runs.store.time.sleep", lambda _: store.heartbeat([run], "me"))
    result = dmf("runs", "delete", "--yes", run)
    assert (result.status, result.out) == (1, "")
    assert "is queued. Stop it first, then delete it." in result.err


def test_a_store_named_before_the_word_is_not_overlooked(dmf, store, trained, tmp_path):
    run = trained.runs[0].id
    result = dmf("runs", "--store", tmp_path / "other.sqlite", "delete", "--yes", run)
    assert result.status == 2
    assert "Write `--store` after `delete`." in result.err
    assert len(store.runs()) == 2


def test_what_is_not_there_cannot_be_deleted(dmf, store):
    result = dmf("runs", "delete", "r-none")
    assert result.status == 2
    assert "No run 'r-none'" in result.err


def test_csv_has_one_row_per_step_with_full_precision(dmf, store, trained, tmp_path):
    file, run = tmp_path / "run.csv", trained.runs[0].id
    result = dmf("export", run, "-o", file)
    assert (result.status, result.out) == (0, "")
    frame = pd.read_csv(file)
    assert list(frame) == COLUMNS
    np.testing.assert_array_equal(frame["step"], np.arange(8))
    expected = store.telemetry(run, columns=COLUMNS[1:]).values
    np.testing.assert_array_equal(frame[COLUMNS[1:]].to_numpy(np.float32), expected)


def test_parquet_has_the_same_columns(dmf, store, trained, tmp_path):
    file, run = tmp_path / "run.parquet", trained.runs[0].id
    assert dmf("export", run, "--format", "parquet", "-o", file).status == 0
    frame = pd.read_parquet(file)
    assert list(frame) == COLUMNS
    np.testing.assert_array_equal(frame[COLUMNS[1:]].to_numpy(), store.telemetry(run, columns=COLUMNS[1:]).values)


def test_json_has_everything_about_a_run(dmf, trained, tmp_path):
    file, run = tmp_path / "run.json", trained.runs[0].id
    assert dmf("export", run, "--format", "json", "-o", file).status == 0
    document = json.loads(file.read_text(encoding="utf-8"))
    assert document["run"]["id"] == run
    assert document["experiment"]["id"] == trained.id
    assert document["telemetry"]["step"] == list(range(8))
    assert {row["split"] for row in document["epoch_metrics"]} == {"train", "validation", "test"}


def test_tensorboard_gets_a_folder_with_the_run_in_it(dmf, trained, tmp_path):
    run = trained.runs[0].id
    assert dmf("export", run, "--format", "tensorboard", "-o", tmp_path / "logs").status == 0
    assert [file.parent.name for file in (tmp_path / "logs").glob("*/events.out.tfevents.*")] == [run]


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["r-none", "-o", "x.csv"], 2, "No run 'r-none'"),
        (["RUN", "--format", "xlsx", "-o", "x.xlsx"], 2, "Unknown export format 'xlsx'. Choose one of: csv, parquet"),
        (["RUN", "-o", "no/such/folder/x.csv"], 1, "Choose another file with `-o`"),
        (["RUN"], 2, "Missing option"),
        ([], 2, "Missing argument"),
    ],
)
def test_what_cannot_be_exported_is_said_in_one_line(  # noqa: PLR0917
    dmf, trained, tmp_path, monkeypatch, arguments, status, words
):
    monkeypatch.chdir(tmp_path)
    result = dmf("export", *(trained.runs[0].id if word == "RUN" else word for word in arguments))
    assert result.status == status
    assert words in result.err
    assert len(result.err.strip().splitlines()) == 1


def test_examples_are_added_once(dmf, store):
    first = dmf("examples")
    assert first.status == 0
    assert "Added e-20260101-000000-e0a1b3, e-20260101-000000-e0a1b2 to" in first.err
    assert "The example runs are in" in dmf("examples").err
    assert len(store.runs()) == 6


def test_what_a_killed_process_holds_can_be_resumed_a_little_later(dmf, store, tiny, monkeypatch):
    experiment = create_experiment(store, tiny("mad"))
    run = experiment.runs[0].id
    store.claim([run], "a process that is gone")
    store.write([StateChange(run, 0, RunState.RUNNING)], "a process that is gone")
    monkeypatch.setattr("dmf.runs.watching.SILENT_SECONDS", 0.3)
    monkeypatch.setattr("dmf.runs.store.LOOK_SECONDS", 0.02)
    listed = dmf("runs", "--json")
    assert [row["state"] for row in listed.json()] == ["running"]  # a heartbeat of just now
    with store._writing() as connection:
        connection.execute(schema.runs.update().values(lease=0.0))  # worth watching
    watched = dmf("runs", "--json")
    assert ([row["state"] for row in watched.json()], watched.err) == (["interrupted"], "")  # one document, no more
    with store._writing() as connection:
        connection.execute(schema.runs.update().values(silent=None))  # as if nobody had watched
    resumed = dmf("resume", experiment.id)
    assert resumed.status == 0, resumed.err
    assert "is alive: a process that is gone\n" in resumed.err
    assert store.run(run).state is RunState.FINISHED


def test_what_a_living_process_holds_is_neither_resumed_nor_deleted(dmf, store, tiny, monkeypatch):
    experiment = create_experiment(store, tiny("mad"))
    run = experiment.runs[0].id
    store.claim([run], "me")
    store.write([StateChange(run, 0, RunState.RUNNING)], "me")
    monkeypatch.setattr("dmf.runs.store.time.sleep", lambda _: store.heartbeat([run], "me"))
    resumed, deleted = dmf("resume", experiment.id), dmf("runs", "delete", run, "--yes")
    assert (resumed.status, deleted.status) == (1, 1)
    assert "its runs are running. If who trained them was killed, they are free once it was silent for 10 s" in (
        resumed.err
    )
    assert f"Run '{run}' is running. Stop it first, then delete it." in deleted.err


def test_the_store_is_not_exported_over(dmf, store, trained):
    file = store.url.database
    result = dmf("export", trained.runs[0].id, "-o", file)
    assert result.status == 2
    assert f"{file} is read by this command. Choose another file with `-o`." in result.err
    assert store.run(trained.runs[0].id).state is RunState.FINISHED
