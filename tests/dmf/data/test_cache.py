from pathlib import Path

import numpy as np
import pytest

from dmf.data.cache import read_arrays, write_arrays


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
