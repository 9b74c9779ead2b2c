import math
from pathlib import Path

import numpy as np
import pytest

from dmf.errors import DataError
from dmf.replay import read_losses, write_weights


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "losses.csv"


def test_names_and_values_come_back(file: Path) -> None:
    file.write_text("ce,iou\n0.5,1\n-2e-3,7\n")
    names, values = read_losses(file)
    assert names == ("ce", "iou")
    assert values.dtype == np.float64
    assert values.tolist() == [[0.5, 1.0], [-0.002, 7.0]]


def test_every_bit_survives_writing_and_reading(file: Path) -> None:
    random = np.random.default_rng(0)
    scale = 10.0 ** random.integers(-300, 300, (500, 3))
    weights = np.vstack((random.random((500, 3)) * scale, [[1 / 3, 0.1, 5e-324], [0.0, 1.7976931348623157e308, 1e-7]]))
    write_weights(file, ("a", "b", "c"), weights)
    names, again = read_losses(file)
    assert names == ("a", "b", "c")
    assert np.array_equal(again, weights)
    assert file.read_text().splitlines()[501] == "0.3333333333333333,0.1,5e-324"


def test_weights_are_written_into_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    write_weights(tmp_path / "new" / "w.csv", ("a",), np.ones((2, 1)))
    assert (tmp_path / "new" / "w.csv").read_text() == "a\n1.0\n1.0\n"


def test_empty_cells_nan_and_infinities_are_steps_that_were_not_finite(file: Path) -> None:
    file.write_text("a,b\n1,\nnan,2\n NaN ,3\ninf,-inf\n4,5\n")
    _, values = read_losses(file)
    assert np.isnan(values[0, 1])
    assert np.isnan(values[1:3, 0]).all()
    assert values[3].tolist() == [math.inf, -math.inf]
    assert values[4].tolist() == [4, 5]


def test_spaces_around_names_and_numbers_do_not_matter(file: Path) -> None:
    file.write_text("ce , iou\n 0.5 , 1 \n")
    names, values = read_losses(file)
    assert names == ("ce", "iou")
    assert values.tolist() == [[0.5, 1]]


def test_windows_line_ends_and_a_byte_order_mark_do_not_matter(file: Path) -> None:
    file.write_bytes("\ufeffce,iou\r\n0.5,1\r\n".encode())
    names, values = read_losses(file)
    assert names == ("ce", "iou")
    assert values.tolist() == [[0.5, 1]]


def test_in_one_column_an_empty_line_is_a_step_but_not_at_an_end(file: Path) -> None:
    file.write_text("\na\n1\n\n\n2\n\n\n")
    names, values = read_losses(file)
    assert names == ("a",)
    np.testing.assert_array_equal(values, [[1], [math.nan], [math.nan], [2]])


def test_beside_other_columns_an_empty_line_is_nothing(file: Path) -> None:
    file.write_text("a,b\n1,2\n\n3,4\n")
    assert read_losses(file)[1].tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("name", ["step", "Epoch", "ITERATION", "time", "_step", "_runtime", "_timestamp"])
def test_a_column_that_is_no_loss_is_refused_with_the_way_out(file: Path, name: str) -> None:
    file.write_text(f"{name},a\n0,1\n")
    with pytest.raises(DataError, match=f"column '{name}' is not a loss. Keep only the columns of losses."):
        read_losses(file)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"losses\.csv is empty\. Its first line must name the losses\."),
        ("\n\n", r"losses\.csv is empty\."),
        ("a,b\n1,2,3\n", r"losses\.csv, line 2: expected 2 losses, as in the header, got 3\."),
        ("a,b\n1,2\n3\n", r"losses\.csv, line 3: expected 2 losses, as in the header, got 1\."),
        ("1,2\n3,4\n", r"losses\.csv begins with numbers \(1, 2\)\. Its first line must name the losses\."),
        ("a,\n1,2\n", r"every loss in the header needs a name of its own, got 'a', ''\."),
        ("a,b,a\n1,2,3\n", r"every loss in the header needs a name of its own, got 'a', 'b', 'a'\."),
        ("a,b\n", r"has a header but no rows; expected one row of losses per step\."),
        ("a,b\n1,2\n3,four\n", r"losses\.csv, line 3: 'four' in column 'b' is not a number\."),
        ("a,b\n\n1,2\n\n3,four\n", r"losses\.csv, line 5: 'four' in column 'b' is not a number\."),
        ("a,b\n1;2,3\n", r"line 2: '1;2' in column 'a' is not a number"),
        ("a,b\n1,True\n", r"line 2: 'True' in column 'b' is not a number"),
        ("a;b\n1;2\n", r"has one column, 'a;b'\. Separate columns by commas, and write decimals with a dot\."),
        ("a\tb\n1\t2\n", r"Separate columns by commas"),
        ("step,loss_ce,weight_ce\n0,1,1\n", r"looks like an exported run\. Give the run's id instead"),
        ("a\n\n\n", "has a header but no rows"),
        ("a,b\n1,1_000\n", "line 2: '1_000' in column 'b' is not a number"),
        ("a,b\n1,n/a\n", r"line 2: 'n/a' in column 'b' is not a number"),
    ],
)
def test_a_file_that_is_not_what_was_expected_is_refused(file: Path, text: str, message: str) -> None:
    file.write_text(text)
    with pytest.raises(DataError, match=message):
        read_losses(file)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"No file .*nowhere\.csv\. Give a CSV file: a header of loss names, then one"):
        read_losses(tmp_path / "nowhere.csv")
    with pytest.raises(DataError, match="No file"):
        read_losses(tmp_path)


def test_bytes_that_are_no_text_are_refused(file: Path) -> None:
    file.write_bytes(b"a,b\n\xff\xfe\x00,1\n")
    with pytest.raises(DataError, match="is not a CSV file"):
        read_losses(file)
