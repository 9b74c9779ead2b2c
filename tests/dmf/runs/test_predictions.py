"""Probabilities of a run are found by the word for their network."""

import cv2
import numpy as np
import pytest

from dmf.errors import DataError, RunNotFoundError
from dmf.probabilities import write_probabilities
from dmf.records import Artifact, RunState, StateChange
from dmf.runs.predictions import MASKS, PROBABILITIES, PredictionFolder, pictures_hold, read_prediction


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


def png(path, pixels, **options):
    path.write_bytes(cv2.imencode(".png", np.asarray(pixels), **options)[1].tobytes())
    return path


def test_a_picture_of_the_values_of_masks_is_a_mask(tmp_path):
    file = png(tmp_path / "a.png", np.array([[0, 7, 9]], np.uint8))
    assert read_prediction(file, (0, 9, 7), MASKS).tolist() == [[[0, 0, 255]], [[0, 255, 0]]]
    assert read_prediction(png(file, np.array([[0, 255]], np.uint8)), (0, 255), MASKS).tolist() == [[[0, 255]]]
    three = np.array([[[7, 7, 7], [0, 0, 0]]], np.uint8)  # grey in three channels
    assert read_prediction(png(file, three), (0, 7), MASKS).tolist() == [[[255, 0]]]


def test_a_picture_of_other_levels_holds_probabilities(tmp_path):
    file = png(tmp_path / "a.png", np.array([[0, 127, 128, 200]], np.uint8))
    assert read_prediction(file, (0, 255), PROBABILITIES).tolist() == [[[0, 127, 128, 200]]]


def test_whether_pictures_are_masks_is_decided_by_all_of_a_model(tmp_path):
    sure_of_nothing = png(tmp_path / "a.png", np.array([[0, 1]], np.uint8))
    unsure = png(tmp_path / "b.png", np.array([[0, 130]], np.uint8))
    assert pictures_hold([sure_of_nothing], (0, 1)) == MASKS
    assert pictures_hold([sure_of_nothing, unsure], (0, 1)) == PROBABILITIES
    assert pictures_hold([unsure], (0, 1, 2)) == MASKS  # pictures hold probabilities of two classes only
    assert read_prediction(sure_of_nothing, (0, 1), PROBABILITIES).tolist() == [[[0, 1]]]


def test_16_bits_keep_one_half_where_it_is(tmp_path):
    # 32767 / 65535 is less than one half, 32768 / 65535 more.
    file = png(tmp_path / "a.png", np.array([[0, 32767, 32768, 65535]], np.uint16))
    assert read_prediction(file, (0, 255), PROBABILITIES).tolist() == [[[0, 127, 128, 255]]]


@pytest.mark.parametrize("shape", [(1, 4), (1, 1, 4), (2, 1, 4)])
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.float16])
def test_an_array_holds_probabilities_in_any_of_its_forms(tmp_path, shape, kind):
    lesion = np.array([[0, np.nextafter(kind(0.5), kind(0)), 0.5, 1]], kind)
    maps = np.stack([1 - lesion, lesion])
    np.save(tmp_path / "a.npy", maps[-int(np.prod(shape)) // 4 :].reshape(shape))
    found = read_prediction(tmp_path / "a.npy", (0, 255), PROBABILITIES)
    assert found.tolist() == [[[0, 127, 128, 255]]]
    assert found.dtype == np.uint8


@pytest.mark.parametrize("classes", [2, 3])
def test_an_array_of_several_classes_may_leave_out_the_background(tmp_path, classes):
    np.save(tmp_path / "a.npy", np.stack([np.full((2, 2), value) for value in (0.2, 0.4, 0.4)[-classes:]]))
    assert (read_prediction(tmp_path / "a.npy", (0, 1, 2), PROBABILITIES) == 102).all()
    assert len(read_prediction(tmp_path / "a.npy", (0, 1, 2), PROBABILITIES)) == 2


@pytest.mark.parametrize(
    ("pixels", "values", "message"),
    [
        (np.zeros((4, 2, 3)), (0, 255), r"has shape \(4, 2, 3\)"),
        (np.zeros((3, 2, 2)), (0, 255), r"expected \(H, W\), \(1, H, W\) or \(2, H, W\)"),
        (np.zeros((2, 2)), (0, 1, 2), r"expected \(2, H, W\) or \(3, H, W\)"),
        (np.zeros((0, 2)), (0, 255), r"has shape \(0, 2\)"),
        (np.zeros((2, 2), int), (0, 255), "holds int64, expected probabilities 0..1 in floating point"),
        (np.full((2, 2), -0.1), (0, 255), "holds values from -0.1 to -0.1, expected probabilities 0..1"),
        (np.full((2, 2), np.nan), (0, 255), "holds values that are not numbers"),
        (np.array([{"a": 1}]), (0, 255), "cannot be read as a NumPy array"),
    ],
)
def test_an_array_of_anything_else_is_refused(tmp_path, pixels, values, message):
    np.save(tmp_path / "a.npy", pixels, allow_pickle=True)
    with pytest.raises(DataError, match=message):
        read_prediction(tmp_path / "a.npy", values, PROBABILITIES)


@pytest.mark.parametrize("content", [b"", b"text", b"\x93NUMPY\x01\x00v\x00"])
def test_a_damaged_array_is_refused(tmp_path, content):
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(DataError, match="cannot be read as a NumPy array"):
        read_prediction(tmp_path / "a.npy", (0, 255), PROBABILITIES)


def test_an_array_whose_header_claims_more_than_there_is_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((4, 4)))
    content = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(content.replace(b"(4, 4), }  ", b"(400, 400)}"))
    with pytest.raises(DataError, match="cannot be read as a NumPy array"):
        read_prediction(tmp_path / "a.npy", (0, 255), PROBABILITIES)


@pytest.mark.parametrize(
    ("pixels", "values", "message"),
    [
        (np.eye(3, dtype=np.uint8)[None], (0, 255), "is coloured, expected a grey PNG"),
        (np.array([[0, 5, 9]], np.uint8), (0, 1, 2), "holds 5, 9, but the classes are the values 0, 1, 2"),
    ],
)
def test_a_picture_of_anything_else_is_refused(tmp_path, pixels, values, message):
    with pytest.raises(DataError, match=message):
        read_prediction(png(tmp_path / "a.png", pixels), values, PROBABILITIES)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n"])
def test_a_damaged_picture_is_refused(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(DataError, match="cannot be read as an image; it is empty, damaged or of another format"):
        read_prediction(tmp_path / "a.png", (0, 255), PROBABILITIES)


def test_a_picture_that_is_a_folder_is_refused(tmp_path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(DataError, match="cannot be read"):
        read_prediction(tmp_path / "a.png", (0, 255), PROBABILITIES)


def test_a_file_is_found_whatever_the_size_of_its_letters(tmp_path):
    png(tmp_path / "a.PNG", np.array([[0, 255]], np.uint8))
    assert PredictionFolder(tmp_path, ["a"], (0, 255), np.array([[1, 2]]), MASKS).read("a").tolist() == [[[0, 255]]]


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
