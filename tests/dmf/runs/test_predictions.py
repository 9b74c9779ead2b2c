"""Probabilities of a run are found by the word for their network."""

import numpy as np
import pytest

from dmf.errors import DataError, RunNotFoundError
from dmf.probabilities import write_probabilities
from dmf.records import Artifact, RunState, StateChange


@pytest.fixture
def keep(store, run):
    """Writes probabilities of the first run, and their record."""

    def write(which, epoch):
        name = f"probabilities-{which}.zip"
        maps = np.full((1, 1, 2, 2), epoch, np.uint8)
        path = store.artifact_folder(run) / name
        size = write_probabilities(path, epoch=epoch, split="test", cases=["a"], probabilities=maps)
        store.write([Artifact(run, f"probabilities_{which}", epoch, 10 * epoch, name, size)], "me")
        return size

    return write


def test_a_run_that_kept_none_has_none(store, run):
    assert store.probabilities(run, "best") is None
    assert store.probabilities(run, "last") is None


def test_each_word_gives_its_file(store, run, keep):
    keep("best", 1)
    keep("last", 2)
    store.write([Artifact(run, "checkpoint_last", 2, 20, "last.safetensors", 1)], "me")
    assert (store.probabilities(run, "best").epoch, store.probabilities(run, "last").epoch) == (1, 2)
    assert (store.probabilities(run, "last").read("a") == 2).all()


def test_a_best_network_that_is_the_last_is_both(store, run, keep):
    keep("best", 2)
    assert store.probabilities(run, "last") is None  # nobody knows yet
    store.write([Artifact(run, "checkpoint_last", 2, 20, "last.safetensors", 1)], "me")
    assert store.probabilities(run, "last").epoch == 2
    store.write([Artifact(run, "checkpoint_last", 3, 30, "last.safetensors", 1)], "me")
    assert store.probabilities(run, "last") is None


def test_an_unknown_run_and_a_lost_file_are_told(store, run, keep):
    with pytest.raises(RunNotFoundError, match="No run 'r-0'"):
        store.probabilities("r-0", "best")
    keep("best", 1)
    (store.artifact_folder(run) / "probabilities-best.zip").unlink()
    with pytest.raises(DataError, match="No probabilities at"):
        store.probabilities(run, "best")


def test_deleting_a_run_deletes_its_probabilities(store, run, keep):
    keep("best", 1)
    store.write([StateChange(run, 1, RunState.FINISHED)], "me")
    store.release([run], "me")
    store.delete_runs([run])
    assert not store.artifact_folder(run).exists()
