import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dmf.config import DataConfig
from dmf.data import BrokenDataError, Case, Folder, prepare
from dmf.errors import DataError

WritePng = Callable[[Path, NDArray[np.generic]], None]


def whats(dataset: Folder) -> list[tuple[str, str]]:
    return [(Path(problem.where).name, problem.what) for problem in dataset.problems()]


def test_pairs_are_matched_by_name_with_or_without_mask_at_the_end(fake_folder: Path) -> None:
    first, second = Folder(fake_folder).cases()
    assert (first.id, first.label, first.masks) == ("a", "unlabelled", (fake_folder / "masks" / "a.png",))
    assert (second.id, second.label, second.masks) == ("left/b", "left", (fake_folder / "masks/left/b_mask.png",))
    assert Folder(fake_folder).problems() == Folder(fake_folder).remarks() == []


def test_images_are_ordered_by_their_numbers(fake_bus_synthetic: Path, fake_folder: Path) -> None:
    assert [case.id for case in Folder(fake_bus_synthetic).cases()] == ["1", "2", "10", "500"]


@pytest.mark.parametrize(("images", "masks"), [("Images", "MASKS"), ("image", "Mask"), ("images", "labels")])
def test_folders_may_be_written_otherwise(fake_folder: Path, images: str, masks: str) -> None:
    (fake_folder / "images").rename(fake_folder / "i")
    (fake_folder / "masks").rename(fake_folder / "m")
    (fake_folder / "i").rename(fake_folder / images)
    (fake_folder / "m").rename(fake_folder / masks)
    assert len(Folder(fake_folder).cases()) == 2


def test_folders_wrapped_around_are_looked_into_three_deep(fake_folder: Path, tmp_path: Path) -> None:
    for depth, wrapped in enumerate((tmp_path / "1/own", tmp_path / "2/x/y/own"), start=1):
        shutil.copytree(fake_folder, wrapped)
        assert len(Folder(tmp_path / str(depth)).cases()) == 2
    shutil.copytree(fake_folder, tmp_path / "3/x/y/z/own")
    with pytest.raises(BrokenDataError, match="holds no folder of images beside a folder of masks"):
        Folder(tmp_path / "3").cases()


def test_a_folder_that_is_not_there_says_what_to_do(home: Path) -> None:
    with pytest.raises(BrokenDataError, match=r"raw/folder: is missing\. Put images into a folder called images"):
        Folder().cases()
    assert Folder().problems() == Folder().remarks() == []


def test_of_several_datasets_one_has_to_be_chosen(fake_folder: Path, tmp_path: Path) -> None:
    root = tmp_path / "several"
    for name in ("one", "two"):
        shutil.copytree(fake_folder, root / name)
    with pytest.raises(
        BrokenDataError, match=r"several: holds several datasets \(one, two\)\. Give one of these folders"
    ):
        Folder(root).cases()
    assert [case.id for case in Folder(root, group="folder:1").cases()] == [
        "one/a",
        "one/left/b",
        "two/a",
        "two/left/b",
    ]


def test_masks_beside_labels_are_one_too_many(fake_folder: Path) -> None:
    shutil.copytree(fake_folder / "masks", fake_folder / "labels")
    with pytest.raises(BrokenDataError, match=r"holds labels and masks, so .* option masks=labels or masks=masks\."):
        Folder(fake_folder).cases()
    assert Folder(fake_folder, masks="labels").cases()[0].masks == (fake_folder / "labels" / "a.png",)


def test_a_folder_that_leads_back_up_is_not_followed(fake_folder: Path, tmp_path: Path) -> None:
    root = tmp_path / "loop"
    root.mkdir()
    (root / "again").symlink_to(root, target_is_directory=True)
    with pytest.raises(BrokenDataError, match="holds no folder of images"):
        Folder(root).cases()


def test_a_root_far_above_is_not_searched_through(fake_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dmf.data.listing.MOST_FOLDERS", 2)
    for name in ("b", "c"):
        (fake_folder.parent / "high" / name).mkdir(parents=True)
    shutil.copytree(fake_folder, fake_folder.parent / "high" / "own")
    with pytest.raises(BrokenDataError, match="holds no folder of images beside a folder of masks"):
        Folder(fake_folder.parent / "high").cases()


def test_folders_that_may_not_be_looked_into_are_passed_by(fake_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look = os.scandir

    def forbid(path: Path) -> object:
        if Path(path).name == "secret":
            raise PermissionError
        return look(path)

    shutil.copytree(fake_folder, fake_folder.parent / "high" / "x" / "own")
    (fake_folder.parent / "high" / "secret").mkdir()
    monkeypatch.setattr(os, "scandir", forbid)
    assert Folder(fake_folder.parent / "high").discovered().base.name == "own"


def test_an_empty_folder_of_images_is_said(fake_folder: Path) -> None:
    shutil.rmtree(fake_folder / "images")
    (fake_folder / "images").mkdir()
    with pytest.raises(BrokenDataError, match=r"own: holds no folder of images beside a folder of masks"):
        Folder(fake_folder).cases()


def test_masks_without_an_image_stop_training(fake_folder: Path) -> None:
    (fake_folder / "images" / "a.png").unlink()
    assert whats(Folder(fake_folder)) == [("a.png", "is a mask without an image")]
    with pytest.raises(DataError, match=r"masks/a\.png: is a mask without an image\. Put an image called a\.png among"):
        prepare(Folder(fake_folder), DataConfig(dataset="folder"))


def test_names_that_occur_twice_are_problems(fake_folder: Path) -> None:
    shutil.copy(fake_folder / "images/a.png", fake_folder / "images/a.bmp")
    shutil.copy(fake_folder / "masks/a.png", fake_folder / "masks/a_mask.png")
    assert whats(Folder(fake_folder)) == [
        ("a.png", "has the same name as a.bmp"),
        ("a_mask.png", "is a second mask of a"),
    ]


def test_an_image_without_a_mask_is_named_with_the_way_out(fake_folder: Path) -> None:
    (fake_folder / "masks" / "a.png").unlink()
    dataset = Folder(fake_folder)
    with pytest.raises(BrokenDataError, match=r"images/a\.png: has no mask\. Put a mask called a\.png among the masks"):
        dataset.load(dataset.cases()[0])


def test_a_mask_of_another_size_is_named_with_both_sizes(fake_folder: Path, write_png: WritePng) -> None:
    write_png(fake_folder / "masks" / "a.png", np.zeros((20, 31), dtype=np.uint8))
    dataset = Folder(fake_folder)
    with pytest.raises(BrokenDataError, match=r"masks/a\.png: is 31 x 20 pixels, but its image is 30 x 20"):
        dataset.load(dataset.cases()[0])


def test_an_unreadable_image_does_not_hide_a_bad_mask(fake_folder: Path) -> None:
    (fake_folder / "images" / "a.png").write_bytes(b"not an image")
    (fake_folder / "masks" / "a.png").write_bytes(b"")
    dataset = Folder(fake_folder)
    with pytest.raises(BrokenDataError) as caught:
        dataset.load(dataset.cases()[0])
    assert [problem.what[:14] for problem in caught.value.problems] == ["cannot be read", "is empty"]


def test_other_files_are_remarked_on_and_left_alone(fake_folder: Path) -> None:
    (fake_folder / "images" / "notes.txt").touch()
    (fake_folder / "masks" / "._a.png").touch()
    dataset = Folder(fake_folder)
    assert len(dataset.cases()) == 2
    assert [remark.partition(": ")[2] for remark in dataset.remarks()] == ["not an image, not read"] * 2


def test_a_case_of_another_dataset_is_refused(fake_folder: Path) -> None:
    with pytest.raises(DataError, match=r"Case 'phantom-00001' has no image file; take cases from cases\(\)"):
        Folder(fake_folder).load(Case("phantom-00001", "benign"))
