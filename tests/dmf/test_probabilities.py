"""A file of probabilities gives back what was written, case by case, or says what is wrong with it."""

import json
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dmf.errors import DataError
from dmf.probabilities import (
    ProbabilityFile,
    TooLargeError,
    found,
    lesion,
    write_probabilities,
)

CASES = ("benign (1)", "benign (2)", "malignant (1)")
MAPS = np.arange(3 * 2 * 4 * 5, dtype=np.uint8).reshape(3, 2, 4, 5)  # three cases, two classes, 4 x 5 pixels


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / "probabilities-best.zip"


def write(path, cases=CASES, maps=MAPS, **options):
    return write_probabilities(path, epoch=7, split="test", cases=cases, probabilities=maps, **options)


def test_a_file_gives_back_every_case_in_any_order(path):
    assert write(path) == path.stat().st_size
    file = ProbabilityFile(path)
    assert (file.epoch, file.split, file.cases, file.classes, file.size) == (7, "test", CASES, 2, (4, 5))
    for number in (2, 0, 1):
        np.testing.assert_array_equal(file.read(CASES[number]), MAPS[number])
    assert [left.name for left in path.parent.iterdir()] == [path.name]


def test_maps_may_come_one_after_another_and_the_same_maps_give_the_same_bytes(path, tmp_path):
    write(path)
    write(tmp_path / "other.zip", maps=iter(MAPS))
    assert path.read_bytes() == (tmp_path / "other.zip").read_bytes()


def test_maps_of_a_sure_network_take_almost_no_room(path):
    maps = np.zeros((20, 1, 128, 128), np.uint8)
    maps[:, :, 40:80, 50:90] = 255
    assert write(path, [str(number) for number in range(20)], maps) < maps.nbytes / 50


def test_a_file_is_replaced_as_a_whole(path):
    write(path)
    write(path, CASES[:1], MAPS[:1])
    assert ProbabilityFile(path).cases == CASES[:1]


@pytest.mark.parametrize(
    ("cases", "maps", "message"),
    [
        (CASES[:2], MAPS, "one map per case and at least one, got 3 maps for 2 cases"),
        (CASES, MAPS[:2], "got 2 maps for 3 cases"),
        ((), MAPS[:0], "got 0 maps for 0 cases"),
        (("a", "a", "b"), MAPS, "must name each case once"),
        (CASES, MAPS.astype(float), r"maps \(C-1, H, W\) of uint8, all of one shape, got \(2, 4, 5\) of float64"),
        (CASES, MAPS[:, 0], r"got \(4, 5\) of uint8"),
        (CASES, [MAPS[0], MAPS[1], MAPS[2, :1]], r"got \(1, 4, 5\) of uint8 after \(2, 4, 5\)"),
        (CASES[:1], MAPS[:1, :0], r"got \(0, 4, 5\)"),
    ],
)
def test_maps_that_do_not_fit_are_refused_and_leave_nothing(path, cases, maps, message):
    with pytest.raises(ValueError, match=message):
        write(path, cases, maps)
    assert not path.parent.exists() or not list(path.parent.iterdir())


def test_a_file_that_would_be_too_large_is_not_kept(path):
    noise = np.random.default_rng(0).integers(0, 256, (3, 2, 64, 64), np.uint8)  # 8192 bytes a case, not compressible
    with pytest.raises(TooLargeError, match="would take more than 10000 bytes"):
        write(path, maps=noise, most=10_000)
    assert not list(path.parent.iterdir())
    size = write(path, maps=noise)
    assert write(path, maps=noise, most=size) == size
    with pytest.raises(TooLargeError, match=f"would take {size} bytes, more than {size - 1}"):
        write(path, maps=noise, most=size - 1)
    assert ProbabilityFile(path).cases == CASES  # the one before stays


def test_a_file_that_cannot_be_written_says_why(tmp_path):
    (tmp_path / "run").write_text("in the way")
    with pytest.raises(DataError, match=r"Cannot write .*Check the folder and the free space"):
        write(tmp_path / "run" / "file.zip")


def test_a_missing_file_or_case_is_named(path):
    with pytest.raises(DataError, match=r"No probabilities at .*the file was deleted or moved"):
        ProbabilityFile(path)
    write(path)
    with pytest.raises(DataError, match="holds 3 cases of the test split, but not 'normal'"):
        ProbabilityFile(path).read("normal")


@pytest.mark.parametrize("damage", ["empty", "text", "cut"])
def test_a_damaged_file_is_refused(path, damage):
    write(path)
    content = path.read_bytes()
    path.write_bytes({"empty": b"", "text": b"hello", "cut": content[: len(content) // 2]}[damage])
    with pytest.raises(DataError, match=r"are damaged .*Train the run again"):
        ProbabilityFile(path)


@pytest.mark.parametrize(
    "index", [[], {}, {"format": 1, "epoch": 1, "split": "test", "cases": ["a"], "shape": [1, 2]}, {"format": 1}]
)
def test_a_file_whose_index_makes_no_sense_is_refused(path, index):
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("index.json", json.dumps(index))
    with pytest.raises(DataError, match="are damaged"):
        ProbabilityFile(path)


def test_a_file_of_a_newer_version_is_refused(path):
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("index.json", json.dumps({"format": 2}))
    with pytest.raises(DataError, match="have format 2, expected 1; a newer version"):
        ProbabilityFile(path)


def test_a_case_that_was_damaged_or_deleted_since_is_refused(path):
    write(path, maps=np.random.default_rng(0).integers(0, 256, (3, 2, 64, 64), np.uint8))
    file = ProbabilityFile(path)
    content = bytearray(path.read_bytes())
    content[1000] ^= 255  # inside the first case; its checksum no longer fits
    path.write_bytes(content)
    with pytest.raises(DataError, match="are damaged"):
        file.read(CASES[0])
    assert file.read(CASES[1]).shape == (2, 64, 64)
    path.unlink()
    with pytest.raises(DataError, match="are damaged"):
        file.read(CASES[1])


def test_one_half_is_found_and_a_little_less_is_not():
    pixels = np.array([[[0, 127, 128, 255]]], np.uint8)
    np.testing.assert_array_equal(found(pixels), [[0, 0, 1, 1]])
    np.testing.assert_array_equal(found(pixels, 0), [[1, 1, 1, 1]])
    np.testing.assert_array_equal(found(pixels, 1), [[0, 0, 0, 1]])
    np.testing.assert_array_equal(found(pixels, 128 / 255), [[0, 0, 1, 1]])


def test_of_several_classes_the_likeliest_is_found_where_they_reach_the_threshold_together():
    # Three classes beside the background at four pixels; together 90, 150, 255 + 1 by rounding, 0.
    pixels = np.array([[30, 60, 85, 0], [40, 50, 86, 0], [20, 40, 85, 0]], np.uint8)[:, None]
    np.testing.assert_array_equal(lesion(pixels), [[90, 150, 255, 0]])
    np.testing.assert_array_equal(found(pixels), [[0, 1, 2, 0]])
    np.testing.assert_array_equal(found(pixels, 0.3), [[2, 1, 2, 0]])  # 0.3 of 255 is 76.5


@given(arrays(np.uint8, (3, 4, 4)), st.floats(0, 1))
def test_a_higher_threshold_finds_a_part_of_what_a_lower_one_finds(pixels, threshold):
    high, low = found(pixels, threshold), found(pixels, threshold / 2)
    assert (low[high > 0] == high[high > 0]).all()


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_that_is_no_probability_is_refused(threshold):
    with pytest.raises(ValueError, match="must be from 0 to 1"):
        found(MAPS[0], threshold)
