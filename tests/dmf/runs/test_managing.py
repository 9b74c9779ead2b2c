import numpy as np
import pytest
from sqlalchemy import func, select

from dmf.errors import ConfigError, NotOwnerError, RunFinishedError, RunNotFoundError, StoreError
from dmf.records import Artifact, CaseScores, EpochMetrics, Event, RunState, Sample, StateChange
from dmf.runs import SILENT_SECONDS, RunStore, schema


def counts(store):
    """Rows in each table that holds something of runs."""
    with store._reading() as connection:
        tables = [table for table in schema.metadata.sorted_tables if table is not schema.meta]
        return {table.name: connection.scalar(select(func.count()).select_from(table)) for table in tables}


@pytest.fixture
def full(store, experiment, run, make_block):
    """Both runs, ended, with a row of everything, and the file of a checkpoint each."""
    ids = [row.id for row in experiment.runs]
    for id in ids:
        store.add_command(id, "pause")
        numbers = np.ones((1, 2, 3), np.int64), np.ones((1, 2), np.int64)
        store.write(
            [
                make_block(id, 0, 4),
                EpochMetrics(id, 1, 4, "validation", 1, {"dice": 0.5}),
                CaseScores(id, 1, "validation", ("case",), *numbers),
                Sample(experiment.id, id, "case", 1, 4, "prediction", b"png"),
                Event(id, 2, "flat"),
                Artifact(id, "checkpoint_last", 1, 4, "last.safetensors", 3),
                StateChange(id, 4, RunState.FINISHED),
            ],
            "me",
        )
        store.artifact_folder(id).mkdir(parents=True)
        (store.artifact_folder(id) / "last.safetensors").write_bytes(b"abc")
    store.write([Sample(experiment.id, None, "case", 0, 0, "image", b"png")], "me")
    store.release(ids, "me")
    return ids


# Describing


def test_a_run_is_renamed_tagged_noted_and_archived_while_it_trains(store, experiment, run, make_block):
    store.update_run(run, name=" My favourite ", tags=["good", "paper", "good"], notes="Look at case 7.", archived=True)
    row = store.run(run)
    assert (row.label, row.tags, row.notes, row.archived) == (
        "My favourite",
        ("good", "paper"),
        "Look at case 7.",
        True,
    )
    store.write([make_block(run, 0, 4)], "me")  # its owner has not noticed
    # What was launched, and what a resume needs, is as it was.
    assert store.experiment(experiment.id).config == experiment.config
    assert row.config == experiment.runs[0].config


def test_what_is_not_named_stays(store, run):
    store.update_run(run, tags=["good"], notes="n")
    row = store.update_run(run, name="other")
    assert (row.label, row.tags, row.notes, row.archived) == ("other", ("good",), "n", False)
    row = store.update_run(run, tags=[], notes="")
    assert (row.label, row.tags, row.notes) == ("other", (), "")
    assert store.update_run(run) == row


def test_a_run_may_be_given_the_name_that_it_has(store, run):
    assert store.update_run(run, name="MAD").label == "MAD"


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"name": "  "}, "name", "A name has 1 to 200 characters, got 0"),
        ({"name": "n" * 201}, "name", "A name has 1 to 200 characters, got 201"),
        ({"name": "Variance"}, "name", r"Run 'r-.*-02' of the same experiment is called 'Variance' already"),
        ({"tags": ["good", " "]}, "tags", "Tags are a list of words, none of them empty"),
        ({"tags": "good"}, "tags", "Tags are a list of words, none of them empty, got 'good'"),
    ],
)
def test_what_cannot_be_a_name_or_a_tag_is_refused_and_changes_nothing(store, run, change, field, words):
    before = store.run(run)
    with pytest.raises(ConfigError, match=words) as caught:
        store.update_run(run, notes="new", **change)
    assert caught.value.field == field
    assert store.run(run) == before


def test_a_run_that_is_not_there_cannot_be_described_or_deleted(store, full):
    with pytest.raises(RunNotFoundError, match="No run 'r-none'"):
        store.update_run("r-none", name="x")
    before = counts(store)
    with pytest.raises(RunNotFoundError, match="No run 'r-none'"):
        store.delete_runs([full[0], "r-none"])
    assert counts(store) == before
    assert store.artifact_folder(full[0]).exists()


# Archiving


def test_archived_runs_are_listed_only_on_demand(store, clock, experiment):
    clock.now += 1
    later = store.create_experiment({}, name="later", labels=["a"], run_configs=[{}], environment={})
    first, second = (row.id for row in experiment.runs)
    store.update_run(first, archived=True)

    assert [row.id for row in store.runs()] == [later.runs[0].id, second]
    assert [row.id for row in store.runs(archived=True)] == [later.runs[0].id, first, second]
    assert [[row.id for row in each.runs] for each in store.experiments()] == [[later.runs[0].id], [second]]
    assert [len(each.runs) for each in store.experiments(archived=True)] == [1, 2]
    assert len(store.experiment(experiment.id).runs) == 2  # asked for by its name, it is whole

    store.update_run(second, archived=True)
    assert [each.id for each in store.experiments()] == [later.id]
    assert store.experiments(limit=1, offset=1) == []
    assert [each.id for each in store.experiments(archived=True)] == [later.id, experiment.id]

    store.update_run(first, archived=False)
    assert [each.id for each in store.experiments()] == [later.id, experiment.id]


def test_what_is_archived_still_shows_in_the_queue(store, experiment):
    store.update_run(experiment.runs[0].id, archived=True)
    assert [[row.label for row in each.runs] for each in store.queue()] == [["MAD", "Variance"]]


# Deleting


def test_a_run_goes_with_everything_that_belongs_to_it_and_nothing_else(store, experiment, full):
    before = counts(store)
    store.delete_runs([full[0]])
    # Half of everything is left, the experiment itself, and the picture that its runs share.
    assert counts(store) == {table: rows // 2 for table, rows in before.items()} | {"experiments": 1, "samples": 2}
    assert not store.artifact_folder(full[0]).exists()
    assert (store.artifact_folder(full[1]) / "last.safetensors").read_bytes() == b"abc"
    assert [row.id for row in store.experiment(experiment.id).runs] == [full[1]]


def test_an_experiment_goes_with_its_last_run(store, experiment, full):
    other = store.create_experiment({}, name="other", labels=["a"], run_configs=[{}], environment={})
    store.delete_runs(full)
    assert counts(store) == dict.fromkeys(counts(store), 0) | {"experiments": 1, "runs": 1}
    assert [each.id for each in store.experiments()] == [other.id]
    with pytest.raises(RunNotFoundError, match="No experiment"):
        store.experiment(experiment.id)


def test_deleting_nothing_is_harmless(store, full):
    before = counts(store)
    store.delete_runs([])
    assert counts(store) == before


@pytest.mark.parametrize("state", [RunState.QUEUED, RunState.RUNNING, RunState.PAUSED])
def test_an_active_run_is_not_deleted_nor_are_others_with_it(store, full, experiment, state):
    new = store.create_experiment({}, name="new", labels=["a"], run_configs=[{}], environment={}).runs[0].id
    store.claim([new], "me")
    store.write([StateChange(new, 0, state)], "me")
    before = counts(store)
    with pytest.raises(RunFinishedError, match=rf"Run '{new}' is {state.value}. Stop it first, then delete it"):
        store.delete_runs([*full, new])
    assert counts(store) == before
    assert store.artifact_folder(full[0]).exists()


def test_a_run_whose_owner_still_writes_its_end_is_not_deleted(store, run):
    store.write([StateChange(run, 0, RunState.STOPPED)], "me")
    with pytest.raises(RunFinishedError, match=r"is stopped, but 'me' has not let go of it yet. Try again in a moment"):
        store.delete_runs([run])


def test_a_run_whose_owner_died_can_be_deleted_and_is_missed_by_an_owner_that_wakes(
    store, location, clock, run, make_block
):
    store.write([StateChange(run, 0, RunState.RUNNING)], "me")
    other = RunStore(location, clock=clock, monotonic=clock)
    other.run(run)
    clock.now += SILENT_SECONDS + 1
    other.delete_runs([run])
    other.close()
    with pytest.raises(RunNotFoundError, match="No run"):
        store.write([make_block(run, 0, 4)], "me")
    with pytest.raises(NotOwnerError):
        store.heartbeat([run], "me")


def test_files_that_cannot_be_deleted_are_named(store, full, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("shutil.rmtree", refuse)
    with pytest.raises(StoreError, match=rf"Cannot delete .*{full[0]}: Permission denied. Its run is gone from the st"):
        store.delete_runs([full[0]])


def test_the_id_of_a_deleted_picture_or_event_is_never_given_again(store, experiment, full):
    last_picture = max(row.id for row in store.samples(experiment.id))
    last_event = max(row.id for row in store.events(full))
    store.delete_runs(full)
    new = store.create_experiment({}, name="new", labels=["a"], run_configs=[{}], environment={})
    run = new.runs[0].id
    store.write([Sample(new.id, run, "case", 0, 0, "image", b"other"), Event(run, 0, "flat")], None)
    assert store.samples(new.id)[0].id > last_picture
    assert store.events([run])[0].id > last_event


# Adding


def test_a_run_is_added_after_those_of_its_experiment(store, clock, experiment):
    clock.now += 60
    row = store.add_run(experiment.id, label="late", config={"weighting": "fixed"})
    assert (row.position, row.state, row.attempt) == (2, RunState.QUEUED, 1)
    assert (row.id, row.label, row.config) == (experiment.id.replace("e-", "r-") + "-03", "late", row.config)
    assert (row.task, row.created, row.summary["step"]) == ("segmentation", clock.now, -1)
    assert [run.label for run in store.experiment(experiment.id).runs] == ["MAD", "Variance", "late"]
    store.claim([row.id], "me")


def test_a_run_that_has_the_name_of_another_or_no_experiment_is_not_added(store, experiment):
    with pytest.raises(ConfigError, match=r"Run 'r-.*-01' of the same experiment is called 'MAD' already"):
        store.add_run(experiment.id, label="MAD", config={})
    with pytest.raises(RunNotFoundError, match="No experiment 'e-none'"):
        store.add_run("e-none", label="late", config={})
