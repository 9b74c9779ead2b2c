from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dmf.config import DataConfig
from dmf.data import BrokenDataError, Folder, prepare
from dmf.data.folder import suggest_options
from dmf.errors import ConfigError

WritePng = Callable[[Path, NDArray[np.generic]], None]


def mask_of(dataset: Folder) -> NDArray[np.uint8]:
    return dataset.load(dataset.cases()[0]).mask


def test_void_beside_numbers_of_classes_is_offered_by_each_mask(tmp_path: Path) -> None:
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
        levels = np.array([[0, 1, 2, 255]] * 2, np.uint8)
        (tmp_path / folder / "a.png").write_bytes(cv2.imencode(".png", levels)[1].tobytes())
    with pytest.raises(
        BrokenDataError, match=r"here values=0:1:2,ignore=255, or values=0:1:2:255 where 255 is a class\."
    ):
        Folder(tmp_path).load(Folder(tmp_path).cases()[0])


def test_black_and_white_masks_are_read_as_they_are(fake_folder: Path) -> None:
    dataset = Folder(fake_folder)
    assert (dataset.class_names, dataset.in_channels) == (("background", "foreground"), 1)
    pair = dataset.load(dataset.cases()[0])
    assert pair.image.shape == pair.mask.shape == (20, 30)
    assert pair.mask.sum() == 5 * 10
    assert pair.mask.dtype == np.uint8


def test_each_value_becomes_its_place_in_the_list(fake_folder: Path, write_png: WritePng) -> None:
    mask = np.full((20, 30), 7, dtype=np.uint8)
    mask[0, :2] = 0, 3
    write_png(fake_folder / "masks" / "a.png", mask)
    dataset = Folder(fake_folder, values="7:0:3")
    assert dataset.class_names == ("background", "class 1", "class 2")
    assert mask_of(dataset)[0, :3].tolist() == [1, 2, 0]


def test_values_of_16_bits_are_kept(fake_folder: Path, write_png: WritePng) -> None:
    mask = np.zeros((20, 30), dtype=np.uint16)
    mask[0, :2] = 300, 65535
    write_png(fake_folder / "masks" / "a.png", mask)
    assert mask_of(Folder(fake_folder, values="0:300:65535"))[0, :3].tolist() == [1, 2, 0]


def test_a_mask_of_one_bit_holds_0_and_255(fake_folder: Path) -> None:
    mask = np.zeros((20, 30), dtype=np.uint8)
    mask[0, 0] = 255
    written, content = cv2.imencode(".png", mask, [cv2.IMWRITE_PNG_BILEVEL, 1])
    assert written
    (fake_folder / "masks" / "a.png").write_bytes(content.tobytes())
    assert mask_of(Folder(fake_folder)).sum() == 1


def test_classes_can_be_named() -> None:
    assert Folder(values="0:1:2", names="background: vessel :nerve").class_names == ("background", "vessel", "nerve")


def test_few_other_values_are_named_with_the_option_that_reads_them(fake_folder: Path, write_png: WritePng) -> None:
    write_png(fake_folder / "masks" / "a.png", np.eye(20, 30, dtype=np.uint8))
    with pytest.raises(
        BrokenDataError,
        match=r"masks/a\.png: holds 1, but the classes are the values 0, 255\. .* here values=0:1\.",
    ):
        mask_of(Folder(fake_folder))


def test_soft_edges_are_refused_unless_the_nearest_class_is_asked_for(fake_folder: Path, write_png: WritePng) -> None:
    mask = np.zeros((20, 30), dtype=np.uint8)
    mask[0] = np.linspace(0, 255, 30).round()  # 8.79 apart: 0..123 are nearer to 0, 132..255 to 255
    write_png(fake_folder / "masks" / "a.png", mask)
    with pytest.raises(BrokenDataError, match=r"holds 9, 18, 26, 35, 44, 53 and 22 more values.*nearest=true"):
        mask_of(Folder(fake_folder))
    assert mask_of(Folder(fake_folder, nearest=True))[0].tolist() == [0] * 15 + [1] * 15


def test_a_coloured_mask_is_refused(fake_folder: Path, write_png: WritePng) -> None:
    mask = np.zeros((20, 30, 3), dtype=np.uint8)
    mask[0, 0] = 0, 0, 255
    write_png(fake_folder / "masks" / "a.png", mask)
    with pytest.raises(
        BrokenDataError,
        match=r"is coloured, but a mask holds one number per pixel\. Its colours are 0,0,0 \(99\.83%\), 255,0,0",
    ):
        mask_of(Folder(fake_folder))


def test_a_grey_mask_stored_in_colour_is_read(fake_folder: Path, write_png: WritePng) -> None:
    mask = np.zeros((20, 30, 3), dtype=np.uint8)
    mask[0, 0] = 255
    write_png(fake_folder / "masks" / "a.png", mask)
    assert mask_of(Folder(fake_folder)).sum() == 1


def test_images_are_read_in_colour_on_request(fake_folder: Path, write_png: WritePng) -> None:
    write_png(fake_folder / "images" / "a.png", np.full((20, 30, 3), (1, 2, 3), dtype=np.uint8))  # blue, green, red
    dataset = Folder(fake_folder, rgb=True)
    assert dataset.in_channels == 3
    assert dataset.load(dataset.cases()[0]).image[0, 0].tolist() == [3, 2, 1]
    assert dataset.load(dataset.cases()[1]).image.shape == (20, 30, 3)  # grey beside it
    data = prepare(dataset, DataConfig(dataset="folder", image_size=16, filter=True))
    assert data.images.shape == (2, 3, 16, 16)


@pytest.mark.parametrize("values", ["", "0", "0:x", "0:0", "0:-1", "0:65536", "0:1.5", ":".join(map(str, range(33)))])
def test_values_that_cannot_be_classes_are_refused(values: str) -> None:
    with pytest.raises(ConfigError, match="Option 'values' of dataset 'folder' takes ") as caught:
        Folder(values=values)
    assert caught.value.field == "dataset_options"


@pytest.mark.parametrize("names", ["a", "a:b:c", "a:a", "a:"])
def test_names_that_do_not_fit_the_values_are_refused(names: str) -> None:
    with pytest.raises(ConfigError, match="Option 'names' of dataset 'folder' takes 2 different names"):
        Folder(names=names)


@pytest.mark.parametrize(
    ("levels", "wanted"),
    [
        ([0, 255], {}),
        ([0], {}),
        ([0, 1], {"values": "0:1"}),
        ([0, 1, 2, 5], {"values": "0:1:2:5"}),
        ([3], {"values": "0:3"}),
        ([0] * 40 + list(range(0, 256, 5)) + [255] * 40, {"nearest": True}),
    ],
)
def test_options_are_suggested_from_what_masks_hold(
    tmp_path: Path, write_png: WritePng, levels: list[int], wanted: dict[str, object]
) -> None:
    write_png(tmp_path / "a.png", np.array([levels], dtype=np.uint8))
    assert suggest_options([tmp_path / "a.png"]) == wanted


def test_a_damaged_mask_does_not_keep_the_others_from_being_looked_at(tmp_path: Path, write_png: WritePng) -> None:
    write_png(tmp_path / "a.png", np.array([[0, 1]], dtype=np.uint8))
    (tmp_path / "b.png").touch()
    assert suggest_options([tmp_path / "b.png", tmp_path / "a.png"]) == {"values": "0:1"}
    with pytest.raises(BrokenDataError, match="is empty"):
        suggest_options([tmp_path / "b.png"])


@pytest.mark.parametrize(("text", "spacing"), [("", None), ("0.2", (0.2, 0.2)), ("0.2 : 0.1", (0.2, 0.1))])
def test_the_spacing_of_pixels_can_be_given(text: str, spacing: tuple[float, float] | None) -> None:
    assert Folder(spacing=text).spacing == spacing


@pytest.mark.parametrize("text", ["wide", "0.2:", "0", "0.1:-1", "1:1:1", "inf", "nan"])
def test_a_spacing_that_is_no_length_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="Option 'spacing' of dataset 'folder' takes the side of a pixel in mm"):
        Folder(spacing=text)
