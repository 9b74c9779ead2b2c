from pathlib import Path

import numpy as np
import pytest

from dmf.data import cache
from dmf.data.cache import Planned, read_arrays, write_arrays, writing


def test_arrays_come_back_by_their_names(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "a.npz"
    assert read_arrays(path, ("one",)) is None
    write_arrays(path, {"one": np.arange(3), "two": np.eye(2, dtype=np.uint8)})
    back = read_arrays(path, ("one", "two"))
    assert back is not None
    assert (back["one"].tolist(), back["two"].dtype) == ([0, 1, 2], np.uint8)
    assert [file.name for file in path.parent.iterdir()] == ["a.npz"]


def test_a_file_without_the_wanted_arrays_counts_as_damaged(tmp_path: Path) -> None:
    write_arrays(tmp_path / "a.npz", {"one": np.arange(3)})
    with pytest.warns(UserWarning, match=r"a\.npz is damaged"):
        assert read_arrays(tmp_path / "a.npz", ("two",)) is None


def test_large_arrays_stay_on_disk_and_are_never_changed_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MAPPED", 64)
    path = tmp_path / "a.npz"
    rows = np.arange(100, dtype=np.uint8).reshape(10, 10)
    write_arrays(path, {"large": rows, "small": np.arange(7)})
    back = read_arrays(path, ("large", "small"))
    assert back is not None
    assert (isinstance(back["large"].base, np.memmap), back["small"].tolist()) == (True, list(range(7)))
    back["large"] += 1  # what torch may do
    again = read_arrays(path, ("large",))
    assert again is not None
    assert np.array_equal(again["large"], rows)


def test_a_row_of_another_shape_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    plans = {"one": Planned((2, 3), np.uint8), "two": Planned((2,), np.int64)}
    wrong = pytest.raises(ValueError, match=r"A row of 'one' must have shape \(3,\), got \(4,\)")
    with wrong, writing(tmp_path / "a.npz", plans) as writer:
        writer.append(one=np.zeros(4), two=np.array(1))
    assert list(tmp_path.iterdir()) == []


def test_numpy_reads_what_was_written_row_by_row(tmp_path: Path) -> None:
    plans = {"one": Planned((2, 3), np.uint8), "two": Planned((2,), np.int64)}
    with writing(tmp_path / "a.npz", plans) as writer:
        for row in range(2):
            writer.append(one=np.full(3, row), two=np.array(row + 5))
    with np.load(tmp_path / "a.npz") as file:
        assert (file["one"].tolist(), file["two"].tolist()) == ([[0, 0, 0], [1, 1, 1]], [5, 6])
