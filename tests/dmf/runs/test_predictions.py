"""Probabilities of a run are found by the word for their network."""

import cv2
import numpy as np
import pytest

from dmf.errors import DataError, RunNotFoundError
from dmf.probabilities import write_probabilities
from dmf.records import Artifact, RunState, StateChange
from dmf.runs.prediction_files import MASKS
from dmf.runs.predictions import PredictionFolder


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


def png(path, pixels):
    path.write_bytes(cv2.imencode(".png", np.asarray(pixels))[1].tobytes())


def test_a_file_is_found_whatever_the_size_of_its_letters(tmp_path):
    png(tmp_path / "a.PNG", np.array([[0, 255]], np.uint8))
    assert PredictionFolder(tmp_path, ["a"], (0, 255), np.array([[1, 2]]), MASKS).read("a").tolist() == [[[0, 255]]]


def test_a_file_with_a_word_in_its_name_is_found_also_after_it_was_renamed(tmp_path):
    png(tmp_path / "a_pred.png", np.array([[0, 255]], np.uint8))
    folder = PredictionFolder(tmp_path, ["deep/a"], (0, 255), np.array([[1, 2]]), MASKS)
    assert folder.read("deep/a").tolist() == [[[0, 255]]]
    (tmp_path / "a_pred.png").rename(tmp_path / "mask_a.png")
    assert folder.read("deep/a").tolist() == [[[0, 255]]]
    (tmp_path / "mask_a.png").unlink()
    with pytest.raises(DataError, match=r"The prediction of 'deep/a' in .* is not there any more"):
        folder.read("deep/a")


def test_a_file_that_was_replaced_by_one_of_another_size_is_named(tmp_path):
    png(tmp_path / "a.png", np.zeros((3, 3), np.uint8))
    with pytest.raises(DataError, match=r"a.png is 3 x 3 pixels, but its image is 2 x 1. Bring it back"):
        PredictionFolder(tmp_path, ["a"], (0, 255), np.array([[1, 2]]), MASKS).read("a")


def test_a_folder_knows_only_its_cases(tmp_path):
    with pytest.raises(DataError, match="holds predictions of 1 cases, but not of 'b'"):
        PredictionFolder(tmp_path, ["a"], (0, 255), np.array([[1, 2]]), MASKS).read("b")


def test_an_imported_run_without_scores_has_none(store, run, tmp_path):
    store.write([Artifact(run, "predictions_folder", 0, 0, str(tmp_path), 0)], "me")
    assert store.probabilities(run, "best") is None
