from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dmf.data import BrokenDataError
from dmf.data.files import read_grey, read_levels, read_rgb

WritePng = Callable[[Path, NDArray[np.generic]], None]
GREY = np.arange(0, 240, 10, dtype=np.uint8).reshape(4, 6)


def test_a_grey_file_comes_back_as_it_is(tmp_path: Path, write_png: WritePng) -> None:
    write_png(tmp_path / "brüst (1) [a] 乳.png", GREY)
    grey = read_grey(tmp_path / "brüst (1) [a] 乳.png")
    assert np.array_equal(grey.pixels, GREY)
    assert grey.notes == ()


def test_grey_stored_as_colour_comes_back_exactly(tmp_path: Path, write_png: WritePng) -> None:
    write_png(tmp_path / "a.png", np.dstack([GREY] * 3))
    grey = read_grey(tmp_path / "a.png")
    assert np.array_equal(grey.pixels, GREY)
    assert grey.notes == ()


def test_colour_becomes_luminance_and_is_noted(tmp_path: Path, write_png: WritePng) -> None:
    write_png(tmp_path / "a.png", np.full((2, 2, 3), (0, 0, 200), dtype=np.uint8))  # blue, green, red
    grey = read_grey(tmp_path / "a.png")
    assert (grey.pixels == 60).all()  # 0.299 * 200 = 59.8
    assert grey.notes == ("a.png: coloured (channels differ by up to 200 levels), read as luminance",)


def test_transparency_is_laid_over_black_and_noted(tmp_path: Path, write_png: WritePng) -> None:
    pixels = np.full((1, 3, 4), 255, dtype=np.uint8)
    pixels[0, :, 3] = 0, 102, 255
    write_png(tmp_path / "a.png", pixels)
    grey = read_grey(tmp_path / "a.png")
    assert grey.pixels.tolist() == [[0, 102, 255]]
    assert grey.notes == ("a.png: has transparency, laid over black",)


def test_sixteen_bits_become_eight_and_are_noted(tmp_path: Path, write_png: WritePng) -> None:
    write_png(tmp_path / "a.png", np.array([[0, 257 * 100, 65535]], dtype=np.uint16))
    grey = read_grey(tmp_path / "a.png")
    assert grey.pixels.tolist() == [[0, 100, 255]]
    assert grey.notes == ("a.png: 16 bits per channel, read as 8",)


def test_pixels_that_are_not_whole_numbers_are_refused(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    cv2.imwrite(str(tmp_path / "a.tiff"), np.zeros((4, 4), dtype=np.float32))
    with pytest.raises(BrokenDataError, match=r"has pixels of type float32\. Save it with 8 or 16 bits"):
        read_grey(tmp_path / "a.tiff")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BrokenDataError, match=r"a\.png: cannot be opened \(No such file.*\)\. Put the file back"):
        read_grey(tmp_path / "a.png")


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    with pytest.raises(BrokenDataError, match=r"a\.png: is empty\. Fetch the file again"):
        read_grey(tmp_path / "a.png")


@pytest.mark.parametrize("keep", [0.1, 0.6, 0.99])
def test_a_cut_off_file_is_named(tmp_path: Path, write_png: WritePng, keep: float) -> None:
    write_png(tmp_path / "a.png", np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8))
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(BrokenDataError, match=r"a\.png: cannot be read as an image"):
        read_grey(tmp_path / "a.png")


def test_colour_comes_back_as_red_green_and_blue(tmp_path: Path, write_png: WritePng) -> None:
    write_png(tmp_path / "a.png", np.full((2, 3, 3), (10, 20, 30), dtype=np.uint8))  # blue, green, red
    assert read_rgb(tmp_path / "a.png").pixels[1, 2].tolist() == [30, 20, 10]


def test_grey_becomes_three_equal_channels(tmp_path: Path, write_png: WritePng) -> None:
    write_png(tmp_path / "a.png", GREY)
    assert np.array_equal(read_rgb(tmp_path / "a.png").pixels, np.dstack([GREY] * 3))


def test_transparent_colour_is_laid_over_black(tmp_path: Path, write_png: WritePng) -> None:
    write_png(tmp_path / "a.png", np.full((1, 1, 4), (100, 200, 255, 51), dtype=np.uint8))  # a fifth of 255
    colour = read_rgb(tmp_path / "a.png")
    assert colour.pixels.tolist() == [[[51, 40, 20]]]
    assert colour.notes == ("a.png: has transparency, laid over black",)


def test_levels_come_back_as_they_are_stored(tmp_path: Path, write_png: WritePng) -> None:
    for mask in (np.array([[0, 3, 255]], dtype=np.uint8), np.array([[0, 3, 65535]], dtype=np.uint16)):
        write_png(tmp_path / "a.png", mask)
        levels = read_levels(tmp_path / "a.png")
        assert levels.dtype == mask.dtype
        assert levels.tolist() == mask.tolist()
