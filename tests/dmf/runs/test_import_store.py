"""Experiments of one store in another one."""

from pathlib import Path

import pytest

from dmf.errors import StoreError
from dmf.records import Artifact, Event, RunState, Sample, StateChange
from dmf.runs import RunStore


@pytest.fixture
def other(tmp_path: Path):
    store = RunStore(tmp_path / "other" / "runs.sqlite")
    yield store
    store.close()


def recorded(store: RunStore, name: str, state: RunState | None = RunState.FINISHED) -> str:
    made = store.create_experiment({}, name=name, labels=["a"], run_configs=[{"terms": ["ce"]}], environment={})
    run = made.runs[0].id
    store.claim([run], "test")
    store.write([Event(run, 3, "note"), Sample(made.id, run, "case", 1, 3, "prediction", b"png", 0.5)], "test")
    if state is not None:
        store.write([StateChange(run, 4, state)], "test")
        store.release([run], "test")
    return made.id


def test_what_is_copied_reads_as_it_did(store: RunStore, other: RunStore) -> None:
    recorded(store, "Own")
    id = recorded(other, "Theirs")
    assert store.adopt(other) == [id]
    theirs, ours = other.experiment(id), store.experiment(id)
    assert ours.name == "Theirs"
    assert ours.runs == theirs.runs
    assert [event.kind for event in store.events([ours.runs[0].id])] == ["note", "state"]
    (sample,) = store.samples(id)
    assert store.sample_png(sample.id) == b"png"


def test_what_is_there_already_and_what_may_still_change_is_left_out(store: RunStore, other: RunStore) -> None:
    id = recorded(other, "Theirs")
    recorded(other, "Trains", state=None)
    assert store.adopt(other) == [id]
    assert store.adopt(other) == []
    assert len(store.samples(id)) == 1


def test_a_store_is_untouched_until_something_is_in_it_or_was_copied(store: RunStore, other: RunStore) -> None:
    assert store.is_untouched()
    recorded(other, "Theirs")
    assert not other.is_untouched()
    store.adopt(other)
    store.delete_runs([run.id for run in store.runs()])
    assert not store.is_untouched()


def test_only_what_is_named_is_copied(store: RunStore, other: RunStore) -> None:
    recorded(other, "First")
    second = recorded(other, "Second")
    assert store.adopt(other, only=[second]) == [second]
    assert [experiment.id for experiment in store.experiments()] == [second]


def keep_files(store: RunStore, id: str) -> str:
    """A network and probabilities of the run of an experiment; returns its id."""
    (run,) = store.experiment(id).runs
    folder = store.artifact_folder(run.id)
    folder.mkdir(parents=True)
    for kind, name in (("checkpoint_last", "last.safetensors"), ("probabilities_best", "probabilities-best.zip")):
        (folder / name).write_bytes(name.encode())
        store.write([Artifact(run.id, kind, 1, 3, name, len(name))], None)
    return run.id


def test_what_is_looked_at_comes_along_and_what_is_trained_on_stays_behind(store: RunStore, other: RunStore) -> None:
    run = keep_files(other, recorded(other, "Theirs"))
    store.adopt(other)
    assert [file.kind for file in store.artifacts(run)] == ["probabilities_best"]
    folder = store.artifact_folder(run)
    assert folder != other.artifact_folder(run)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {
        "probabilities-best.zip": b"probabilities-best.zip"
    }


def test_what_cannot_be_copied_leaves_nothing_behind(store: RunStore, other: RunStore) -> None:
    first, second = (keep_files(other, recorded(other, name)) for name in ("First", "Second"))
    (other.artifact_folder(second) / "probabilities-best.zip").unlink()
    with pytest.raises(StoreError, match=r"Cannot copy .*: No such file or directory\. Nothing was taken over"):
        store.adopt(other)
    assert store.experiments() == []
    assert not list(store.artifact_folder(first).glob("*"))
