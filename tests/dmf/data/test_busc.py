from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dmf.data import BrokenDataError, Busc
from dmf.errors import ConfigError

WritePng = Callable[[Path, NDArray[np.generic]], None]
SEGMENTATION = Path("BUSC Dataset/BUSC_Dataset/Segmentation")


def test_pairs_are_found_where_the_archive_puts_them(fake_busc: Path) -> None:
    for root in (fake_busc, fake_busc / "BUSC Dataset", fake_busc / SEGMENTATION):
        cases = Busc(root).cases()
        assert [case.id for case in cases] == ["benign_2", "benign_10", "malignant_1"]
        assert [case.label for case in cases] == ["benign", "benign", "malignant"]
    pair = Busc(fake_busc).load(cases[0])
    assert pair.image.shape == pair.mask.shape == (128, 128)
    assert pair.mask.sum() == 32 * 32


def test_the_label_may_come_from_a_folder_or_be_unknown(fake_busc: Path, write_png: WritePng) -> None:
    base = fake_busc / SEGMENTATION
    for stem in ("Malignant/7", "8"):
        write_png(base / "images" / f"{stem}.png", np.zeros((4, 4), dtype=np.uint8))
        write_png(base / "masks" / f"{stem}.png", np.zeros((4, 4), dtype=np.uint8))
    labels = {case.id: case.label for case in Busc(fake_busc).cases()}
    assert (labels["Malignant/7"], labels["8"]) == ("malignant", "unlabelled")


def test_masks_count_above_127(fake_busc: Path, write_png: WritePng) -> None:
    write_png(fake_busc / SEGMENTATION / "masks/benign_2.png", np.tile(np.array([127, 128], np.uint8), (128, 64)))
    dataset = Busc(fake_busc)
    assert dataset.load(dataset.cases()[0]).mask[0, :2].tolist() == [0, 1]


def test_a_mask_that_never_reaches_half_is_refused(fake_busc: Path, write_png: WritePng) -> None:
    write_png(fake_busc / SEGMENTATION / "masks/benign_2.png", np.ones((128, 128), dtype=np.uint8))
    dataset = Busc(fake_busc)
    with pytest.raises(BrokenDataError, match=r"nowhere brighter than 1 of 255.*Save the mask with 0 outside and 255"):
        dataset.load(dataset.cases()[0])


def test_names_that_do_not_match_can_be_paired_by_order(fake_busc: Path) -> None:
    masks = fake_busc / SEGMENTATION / "masks"
    for number, stem in enumerate(("benign_2", "benign_10", "malignant_1")):
        (masks / f"{stem}.png").rename(masks / f"m{number + 8}.png")  # 8, 9, 10: by number, not by letter
    assert len(Busc(fake_busc).problems()) == 3
    dataset = Busc(fake_busc, pairing="order")
    assert dataset.problems() == []
    assert [case.masks[0].name for case in dataset.cases()] == ["m8.png", "m9.png", "m10.png"]


def test_pairing_by_order_needs_as_many_masks_as_images(fake_busc: Path) -> None:
    (fake_busc / SEGMENTATION / "masks/benign_2.png").unlink()
    (problem,) = Busc(fake_busc, pairing="order").problems()
    assert problem.what == "holds 2 masks for 3 images, so they cannot be paired by order"


def test_another_pairing_is_refused() -> None:
    with pytest.raises(ConfigError, match="Option 'pairing' of dataset 'busc' takes name or order; got 'size'"):
        Busc(pairing="size")


@pytest.mark.parametrize("folder", ["benign", "originals/malignant"])
def test_the_older_collection_without_masks_is_recognised(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir(parents=True)
    with pytest.raises(BrokenDataError, match=r"holds images by class but no masks; .*wmy84gzngw\. Run `dmf data get"):
        Busc(tmp_path).cases()


def test_an_absent_folder_says_what_to_fetch(home: Path) -> None:
    with pytest.raises(BrokenDataError, match=r"raw/busc: is missing\. Run `dmf data get busc`, or fetch https://data"):
        Busc().cases()
