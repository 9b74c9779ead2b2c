from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dmf.config import DataConfig
from dmf.data import BrokenDataError, Busi, Case, prepare
from dmf.errors import DataError

WritePng = Callable[[Path, NDArray[np.generic]], None]


def case_of(dataset: Busi, id: str) -> Case:
    return next(case for case in dataset.cases() if case.id == id)


def test_benign_and_malignant_are_listed_in_the_order_of_their_numbers(fake_busi: Path) -> None:
    cases = Busi(fake_busi).cases()
    assert [case.id for case in cases] == ["benign (1)", "benign (2)", "benign (10)", "malignant (1)", "malignant (2)"]
    assert [case.label for case in cases] == ["benign"] * 3 + ["malignant"] * 2
    assert {case.group for case in cases} == {None}


def test_normal_images_come_on_request(fake_busi: Path) -> None:
    dataset = Busi(fake_busi, normal=True)
    case = case_of(dataset, "normal (1)")
    assert case.label == "normal"
    pair = dataset.load(case)
    assert pair.mask.shape == (60, 80)
    assert not pair.mask.any()
    assert pair.notes == ()


def test_the_folder_above_is_accepted_too(fake_busi: Path) -> None:
    assert Busi(fake_busi.parent).cases() == Busi(fake_busi).cases()


def test_the_masks_of_one_image_are_united_whatever_their_mode(fake_busi: Path) -> None:
    dataset = Busi(fake_busi)
    case = case_of(dataset, "benign (2)")
    assert [mask.name for mask in case.masks] == ["benign (2)_mask.png", "benign (2)_mask_1.png"]
    pair = dataset.load(case)
    assert pair.image.shape == pair.mask.shape == (60, 80)
    assert pair.mask.sum() == 10 * 20 + 5 * 10
    assert pair.mask[12, 40] == pair.mask[42, 10] == 1
    assert pair.notes == ("benign (2)_mask_1.png: has transparency, laid over black",)


def test_grey_levels_in_a_mask_count_from_half_on(fake_busi: Path, write_png: WritePng) -> None:
    mask = np.zeros((60, 80), dtype=np.uint8)
    mask[0, :4] = 1, 127, 128, 255
    write_png(fake_busi / "benign" / "benign (1)_mask.png", mask)
    dataset = Busi(fake_busi)
    assert dataset.load(case_of(dataset, "benign (1)")).mask[0, :4].tolist() == [0, 0, 1, 1]


def test_a_mask_that_never_reaches_half_is_refused(fake_busi: Path, write_png: WritePng) -> None:
    write_png(fake_busi / "benign" / "benign (1)_mask.png", np.ones((60, 80), dtype=np.uint8))
    dataset = Busi(fake_busi)
    with pytest.raises(BrokenDataError, match=r"nowhere brighter than 1 of 255.*Save the mask with 0 outside and 255"):
        dataset.load(case_of(dataset, "benign (1)"))


def test_a_lesion_label_with_an_empty_mask_is_noted(fake_busi: Path, write_png: WritePng) -> None:
    write_png(fake_busi / "benign" / "benign (1)_mask.png", np.zeros((60, 80), dtype=np.uint8))
    dataset = Busi(fake_busi)
    pair = dataset.load(case_of(dataset, "benign (1)"))
    assert pair.notes == ("benign (1): labelled benign, but its mask marks no lesion",)


def test_a_missing_mask_is_named_with_the_way_out(fake_busi: Path) -> None:
    (fake_busi / "malignant" / "malignant (2)_mask.png").unlink()
    dataset = Busi(fake_busi)
    wanted = r"malignant \(2\)\.png: has no mask\. Put malignant \(2\)_mask\.png beside it, or remove the image"
    with pytest.raises(BrokenDataError, match=wanted):
        dataset.load(case_of(dataset, "malignant (2)"))


def test_a_mask_of_another_size_is_named_with_both_sizes(fake_busi: Path, write_png: WritePng) -> None:
    write_png(fake_busi / "benign" / "benign (1)_mask.png", np.full((30, 40), 255, dtype=np.uint8))
    dataset = Busi(fake_busi)
    with pytest.raises(BrokenDataError, match=r"\(1\)_mask\.png: is 40 x 30 pixels, but its image is 80 x 60"):
        dataset.load(case_of(dataset, "benign (1)"))


def test_an_unreadable_image_does_not_hide_a_bad_mask(fake_busi: Path) -> None:
    (fake_busi / "benign" / "benign (1).png").write_bytes(b"not an image")
    (fake_busi / "benign" / "benign (1)_mask.png").write_bytes(b"")
    dataset = Busi(fake_busi)
    with pytest.raises(BrokenDataError) as caught:
        dataset.load(case_of(dataset, "benign (1)"))
    assert [Path(problem.where).name for problem in caught.value.problems] == ["benign (1).png", "benign (1)_mask.png"]


def test_a_case_of_another_dataset_is_refused(fake_busi: Path) -> None:
    with pytest.raises(DataError, match=r"Case 'phantom-00001' has no image file; take cases from cases\(\)"):
        Busi(fake_busi).load(Case("phantom-00001", "benign"))


def test_an_absent_folder_says_what_to_fetch_and_where_to_put_it(home: Path) -> None:
    with pytest.raises(
        BrokenDataError, match=r"raw/busi: holds no images\. Run `dmf data get busi`, or fetch https://"
    ):
        Busi().cases()


def test_a_missing_class_folder_stops_training(fake_busi: Path) -> None:
    for file in (fake_busi / "malignant").iterdir():
        file.unlink()
    assert [problem.what for problem in Busi(fake_busi).problems()] == ["holds no images"]
    (fake_busi / "malignant").rmdir()
    assert [problem.what for problem in Busi(fake_busi).problems()] == ["is missing"]
    with pytest.raises(
        DataError, match=r"malignant: is missing\. Unpack the whole archive again\. `dmf data check busi`"
    ):
        prepare(Busi(fake_busi), DataConfig(dataset="busi"))


def test_masks_without_an_image_stop_training(fake_busi: Path) -> None:
    (fake_busi / "benign" / "benign (2).png").unlink()
    problems = Busi(fake_busi).problems()
    assert [Path(problem.where).name for problem in problems] == ["benign (2)_mask.png", "benign (2)_mask_1.png"]
    assert str(problems[0]).endswith("is a mask without an image. Put benign (2).png beside it, or remove the mask.")
    with pytest.raises(DataError, match="There are 1 more problems"):
        prepare(Busi(fake_busi), DataConfig(dataset="busi"))


def test_other_files_are_remarked_on_and_left_alone(fake_busi: Path) -> None:
    (fake_busi / "benign" / "._benign (1).png").touch()
    (fake_busi / "benign" / "notes.txt").touch()
    dataset = Busi(fake_busi)
    assert len(dataset.cases()) == 5
    assert len(dataset.remarks()) == 2
    assert dataset.problems() == []


def test_the_fingerprint_follows_the_files(fake_busi: Path, write_png: WritePng) -> None:
    before = Busi(fake_busi).fingerprint()
    assert Busi(fake_busi).fingerprint() == before
    write_png(fake_busi / "benign" / "benign (1)_mask.png", np.full((60, 80), 255, dtype=np.uint8))
    assert Busi(fake_busi).fingerprint() != before


def test_the_real_images_are_counted_as_published(shared: Callable[[str], Path]) -> None:
    dataset = Busi(shared("BUSI"), normal=True)
    cases = dataset.cases()
    labels = [case.label for case in cases]
    assert {label: labels.count(label) for label in set(labels)} == {"benign": 393, "malignant": 189, "normal": 120}
    assert sum(len(case.masks) for case in cases) == 717
    assert dataset.problems() == dataset.remarks() == []


def test_the_real_originals_are_read_whatever_their_mode(shared: Callable[[str], Path]) -> None:
    dataset = Busi(shared("BUSI_originals"), normal=True)
    assert len(dataset.cases()) == 11
    for case in dataset.cases():
        pair = dataset.load(case)
        assert pair.image.ndim == 2
        assert pair.image.shape == pair.mask.shape
        assert pair.mask.any() == (case.label != "normal")
    assert len(case_of(dataset, "benign (4)").masks) == 2
