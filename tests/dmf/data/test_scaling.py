"""Deep images become 8 bits by one range for the whole set, which is said and can be chosen."""

import io
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from dmf.data import BrokenDataError, Folder, check
from dmf.data.intensity import Range
from dmf.errors import ConfigError, DataError

STEPS = np.linspace(200, 2800, 64 * 64).round().reshape(64, 64)  # what a scanner of 12 bits may give


def put(root: Path, images: list[NDArray[Any]], suffix: str = ".png") -> Path:
    for folder in ("images", "masks"):
        (root / folder).mkdir()
    mask = np.zeros(images[0].shape[:2], np.uint8)
    mask[:2] = 255
    for n, image in enumerate(images):
        (root / "images" / f"{n}{suffix}").write_bytes(cv2.imencode(suffix, image)[1].tobytes())
        (root / "masks" / f"{n}.png").write_bytes(cv2.imencode(".png", mask)[1].tobytes())
    return root


def images_of(dataset: Folder) -> list[NDArray[np.uint8]]:
    return [dataset.load(case).image for case in dataset.cases()]


@pytest.mark.parametrize(
    ("kind", "suffix"), [(np.uint16, ".png"), (np.uint16, ".tif"), (np.int16, ".tif"), (np.float32, ".tif")]
)
def test_a_scan_of_12_bits_is_not_black(tmp_path: Path, kind: type[np.generic], suffix: str) -> None:
    dataset = Folder(put(tmp_path, [STEPS.astype(kind), (STEPS / 2).astype(kind)], suffix))
    bright, dim = images_of(dataset)
    low, high = np.percentile(np.stack([STEPS, STEPS // 2]), [0.5, 99.5])
    wanted = (((STEPS - low) / (high - low)).clip(0, 1) * 255).round()
    np.testing.assert_allclose(bright.astype(float), wanted, atol=1)  # percentiles are of whole values
    assert len(np.unique(bright)) > 200
    np.testing.assert_allclose(dim.mean(), (((STEPS / 2 - low) / (high - low)).clip(0, 1) * 255).mean(), atol=1)
    (doubt,) = check(dataset).doubts
    assert "2 images have more than 8 bits, with values from 100 to 2800" in doubt.what
    assert "the percentiles 0.5 and 99.5 of all" in doubt.decided
    assert doubt.options[:2] == ("intensity=percentile", "intensity=depth")


def test_the_depth_is_what_the_largest_value_of_all_needs(tmp_path: Path) -> None:
    root = put(tmp_path, [STEPS.astype(np.uint16), np.full((64, 64), 4000, np.uint16)])
    first, second = images_of(Folder(root, intensity="depth"))
    np.testing.assert_array_equal(first, (STEPS / 4095 * 255).round())
    assert (second == round(4000 / 4095 * 255)).all()


def test_the_depth_that_a_file_states_is_taken(tmp_path: Path) -> None:
    root = put(tmp_path, [STEPS.astype(np.uint16)])
    file = root / "images" / "0.png"
    content = file.read_bytes()
    chunk = b"sBIT\x0c"  # 12 of the bits are used
    (root / "images" / "0.png").write_bytes(
        content[:33] + b"\0\0\0\x01" + chunk + zlib.crc32(chunk).to_bytes(4, "big") + content[33:]  # behind the header
    )
    dataset = Folder(root)
    np.testing.assert_array_equal(images_of(dataset)[0], (STEPS / 4095 * 255).round())
    assert "all that their depth can hold" in str(check(dataset).doubts[0])


def test_a_window_is_cut_off_at_both_ends_for_any_depth(tmp_path: Path) -> None:
    hounsfield = np.array([[-1000, -100, 100, 300, 2000]] * 8, np.int16)
    (image,) = images_of(Folder(put(tmp_path, [hounsfield], ".tif"), window="-100:300"))
    assert image[0].tolist() == [0, 0, 128, 255, 255]  # 200 / 400 * 255 = 127.5
    grey = tmp_path / "grey"
    grey.mkdir()
    (image,) = images_of(
        Folder(put(grey, [np.array([[0, 50, 100]] * 8, np.uint8)]), intensity="window", window="0:100")
    )
    assert image[0].tolist() == [0, 128, 255]


def test_images_of_8_bits_stay_as_they_are(tmp_path: Path) -> None:
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
    dataset = Folder(put(tmp_path, [grey]))
    np.testing.assert_array_equal(images_of(dataset)[0], grey)
    assert check(dataset).doubts == ()


def test_an_image_that_ends_nearly_black_or_white_is_named(tmp_path: Path) -> None:
    hot = STEPS.astype(np.uint16)
    hot[0, 0] = 65535  # one bad pixel makes the depth useless
    dataset = Folder(put(tmp_path, [hot, np.full((64, 64), 65000, np.uint16)]), intensity="depth")
    said = "\n".join(map(str, check(dataset).doubts))
    assert "1 of 2 images are nearly black all over, such as 0" in said
    assert "1 of 2 images are nearly white all over, such as 1" in said
    assert "intensity=percentile" in said


def test_values_are_counted_once_and_anew_when_a_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DMF_HOME", str(tmp_path / "home"))
    root = put(tmp_path, [STEPS.astype(np.uint16)])
    first = images_of(Folder(root))[0]
    monkeypatch.setattr("dmf.data.folder.look_at_values", None)  # would fail if it were asked again
    np.testing.assert_array_equal(images_of(Folder(root))[0], first)
    monkeypatch.undo()
    monkeypatch.setenv("DMF_HOME", str(tmp_path / "home"))
    (root / "images" / "1.png").write_bytes((root / "images" / "0.png").read_bytes())
    doubled = cv2.imencode(".png", (2 * STEPS).astype(np.uint16))[1].tobytes()
    (root / "images" / "0.png").write_bytes(doubled)
    (root / "masks" / "1.png").write_bytes((root / "masks" / "0.png").read_bytes())
    assert images_of(Folder(root))[1].mean() < first.mean() - 20  # black to white is twice as far now


def test_floating_point_that_is_no_number_or_has_no_depth_is_refused(tmp_path: Path) -> None:
    whole = put(tmp_path, [np.full((8, 8), 7, np.float32)], ".tif")
    with pytest.raises(
        DataError, match=r"floating point from 7 to 7, which has no depth\. Set the option intensity=perc"
    ):
        images_of(Folder(whole, intensity="depth"))
    broken = np.ones((8, 8), np.float32)
    broken[0, 0] = np.nan
    (whole / "images" / "0.tif").write_bytes(cv2.imencode(".tif", broken)[1].tobytes())
    with pytest.raises(BrokenDataError, match=r"0\.tif: holds values that are not numbers"):
        images_of(Folder(whole))


@pytest.mark.parametrize(
    "options",
    [{"intensity": "loud"}, {"intensity": "window"}, {"window": "3"}, {"window": "3:1"}, {"low": 50.0, "high": 50.0}],
)
def test_ranges_that_cannot_be_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"Option '(intensity|window|low)' of dataset 'folder' takes"):
        Folder(Path(), 0, **options)


def test_pages_are_refused_or_images_of_one_group(tmp_path: Path) -> None:
    root = put(tmp_path, [np.zeros((8, 8), np.uint8)])
    (root / "images" / "0.png").unlink()
    (root / "masks" / "0.png").unlink()
    for folder, factor in (("images", 10), ("masks", 255)):
        pages = [Image.fromarray(np.full((8, 8), factor * (n % 2), np.uint8)) for n in range(3)]
        stream = io.BytesIO()
        pages[0].save(stream, "TIFF", save_all=True, append_images=pages[1:])
        (root / folder / "0.tif").write_bytes(stream.getvalue())
    with pytest.raises(BrokenDataError, match=r"0\.tif: holds 3 pages, not one picture\. Set the option pages=group"):
        Folder(root).load(Folder(root).cases()[0])
    dataset = Folder(root, pages="group")
    cases = dataset.cases()
    assert [(case.id, case.group) for case in cases] == [("0#1", "0"), ("0#2", "0"), ("0#3", "0")]
    pairs = [dataset.load(case) for case in cases]
    assert [int(pair.image.max()) for pair in pairs] == [0, 10, 0]
    assert [int(pair.mask.max()) for pair in pairs] == [0, 1, 0]
    assert check(dataset).class_shares == {"background": 2 / 3, "foreground": 1 / 3}


def test_pages_of_an_image_are_never_dropped_where_its_mask_is_one_picture(tmp_path: Path) -> None:
    root = put(tmp_path, [np.full((8, 8), n, np.uint8) for n in range(2)], ".tif")
    pages = [Image.fromarray(np.full((8, 8), n, np.uint8)) for n in range(3)]
    pages[0].save(root / "images/0.tif", save_all=True, append_images=pages[1:])
    report = check(Folder(root))
    assert [(each.what, each.options) for each in report.problems] == [
        ("1 of 2 images hold several pages, not one picture (0.tif)", ("pages=group",))
    ]
    with pytest.raises(BrokenDataError, match=r"0\.tif: holds 3 pages, not one picture\. Set the option pages=group"):
        Folder(root).load(Folder(root).cases()[0])
    dataset = Folder(root, pages="group")
    with pytest.raises(BrokenDataError, match="holds 1 page, but page 2 is wanted"):
        dataset.load(dataset.cases()[1])


def test_one_value_alone_has_no_range_and_is_black() -> None:
    assert Range(7, 7).apply(np.array([7.0, 6.0, 8.0])).tolist() == [0, 0, 255]
