import json
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from dmf.config import DataConfig
from dmf.data import IGNORE, BrokenDataError, Volumes, check, prepare, split_indices
from dmf.data.nifti import suggest_volume_options
from dmf.data.original import read_original
from dmf.errors import ConfigError

SHAPE = (8, 10, 6)
AFFINE = np.diag([0.5, 0.8, 3.0, 1.0])


def save(file: Path, voxels: np.ndarray, affine: np.ndarray = AFFINE) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(voxels, affine), file)


def lesion(value: int = 1) -> np.ndarray:
    """Marked in the slices 2 and 3 of 6, 2 x 3 voxels each."""
    mask = np.zeros(SHAPE, np.uint8)
    mask[1:3, 4:7, 2:4] = value
    return mask


@pytest.fixture
def volumes(tmp_path: Path) -> Callable[..., Path]:
    """Writes three volumes as nnU-Net names them; grey levels rise by 100 per slice, from those of the last by 1000."""

    def write(mask: np.ndarray | None = None, affine: np.ndarray = AFFINE) -> Path:
        for number in range(3):
            grey = np.broadcast_to(np.arange(6) * 100 + number * 1000, SHAPE).astype(np.int16)
            save(tmp_path / "set" / "imagesTr" / f"p{number}_0000.nii.gz", grey)
            save(tmp_path / "set" / "labelsTr" / f"p{number}.nii.gz", lesion() if mask is None else mask, affine)
        return tmp_path / "set"

    return write


def problems(root: Path, **options: str) -> list[str]:
    return [str(problem) for problem in check(Volumes(root, **options)).problems]


def test_slices_are_cases_grouped_by_their_volume(volumes: Callable[..., Path]) -> None:
    dataset = Volumes(volumes())
    cases = dataset.cases()
    assert [case.id for case in cases[:2]] == ["p0/000", "p0/001"]
    assert [case.group for case in cases] == ["p0"] * 6 + ["p1"] * 6 + ["p2"] * 6
    pair = dataset.load(cases[2])
    assert pair.image.shape == pair.mask.shape == (10, 8)
    assert pair.spacing == pytest.approx((0.8, 0.5))
    assert pair.mask.sum() == 6
    assert pair.mask[10 - 7 : 10 - 4, 8 - 3 : 8 - 1].all()  # anterior on top, the patient's right on the left


def test_no_volume_straddles_a_split(volumes: Callable[..., Path]) -> None:
    cases = Volumes(volumes()).cases()
    indices = split_indices(cases, (0.34, 0.33, 0.33), 0)
    groups = [{cases[n].group for n in part} for part in (indices.train, indices.validation, indices.test)]
    assert [len(group) for group in groups] == [1, 1, 1]
    assert len(set().union(*groups)) == 3


@pytest.mark.parametrize(
    ("slices", "numbers"),
    [("all", [0, 1, 2, 3, 4, 5]), ("lesion", [2, 3]), ("every:2", [0, 2, 4]), ("every:5", [0, 5])],
)
def test_which_slices_are_read_can_be_chosen(volumes: Callable[..., Path], slices: str, numbers: list[int]) -> None:
    cases = Volumes(volumes(), slices=slices).cases()
    assert [int(case.id[-3:]) for case in cases if case.group == "p1"] == numbers


@pytest.mark.parametrize(("axis", "count", "shape"), [("sagittal", 8, (6, 10)), ("coronal", 10, (6, 8))])
def test_slices_may_lie_along_another_axis(
    volumes: Callable[..., Path], axis: str, count: int, shape: tuple[int, int]
) -> None:
    dataset = Volumes(volumes(), axis=axis)
    assert len(dataset.cases()) == 3 * count
    assert dataset.load(dataset.cases()[0]).image.shape == shape
    assert sum(int(dataset.load(case).mask.sum()) for case in dataset.cases()) == 3 * 2 * 3 * 2


def test_image_and_mask_of_different_orientation_are_brought_together(volumes: Callable[..., Path]) -> None:
    root = volumes()
    upright = Volumes(root)
    expected = [upright.load(case).mask for case in upright.cases()]
    for file in (root / "labelsTr").iterdir():
        turned = nib.load(file).as_reoriented(np.array([[2, -1], [0, 1], [1, -1]]))
        save(file, np.asarray(turned.dataobj), turned.affine)
    found = Volumes(root)
    assert all(np.array_equal(found.load(case).mask, mask) for case, mask in zip(found.cases(), expected, strict=True))


def test_one_scale_holds_for_all_images(volumes: Callable[..., Path]) -> None:
    dataset = Volumes(volumes(), low=0, high=100)  # 0 to 2500
    levels = {case.id: int(dataset.load(case).image[0, 0]) for case in dataset.cases()}
    assert (levels["p0/000"], levels["p0/005"], levels["p1/000"], levels["p2/005"]) == (0, 51, 102, 255)
    assert "grey levels by percentiles 0 and 100, the same in all images: 0 black, 2500 white" in dataset.remarks()


def test_a_window_is_taken_as_it_is_given(volumes: Callable[..., Path]) -> None:
    dataset = Volumes(volumes(), window="100:300")
    levels = [int(dataset.load(case).image[0, 0]) for case in dataset.cases() if case.group == "p0"]
    assert levels == [0, 0, 128, 255, 255, 255]


def test_labels_that_were_scaled_are_whole_again(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        save(tmp_path / "images" / f"{name}.nii", np.zeros(SHAPE, np.int16))
        mask = nib.Nifti1Image(lesion().astype(np.float32), AFFINE)
        mask.set_data_dtype(np.int16)  # nibabel scales; a 1 comes back as 0.999999999767
        (tmp_path / "masks").mkdir(exist_ok=True)
        nib.save(mask, tmp_path / "masks" / f"{name}.nii")
    assert not (nib.load(tmp_path / "masks" / "a.nii").get_fdata() == 1).any()
    report = check(Volumes(tmp_path))
    assert report.is_sound
    assert (report.cases, report.masks) == (18, 3)
    assert report.class_shares["foreground"] == pytest.approx(12 / 480)


def test_labels_between_whole_numbers_are_refused(volumes: Callable[..., Path]) -> None:
    (found, *_) = problems(volumes(lesion().astype(np.float32) * 0.37))
    assert "holds 0.37, but the labels of a mask are whole numbers. Save the mask without smoothing" in found


def test_labels_with_gaps_become_classes_and_this_is_told(volumes: Callable[..., Path]) -> None:
    root = volumes(lesion(7))
    save(root / "labelsTr" / "p1.nii.gz", lesion(3))
    (found,) = problems(root)
    assert found.endswith(
        "labelsTr: 3 of 3 masks hold the labels 3, 7, but the classes are 0, 1. Set the option values=0:3:7."
    )
    save(root / "labelsTr" / "p1.nii.gz", lesion(7))
    with pytest.raises(BrokenDataError, match="holds the labels 7, but the classes are 0, 1"):
        Volumes(root).load(Volumes(root).cases()[2])
    assert suggest_volume_options(Volumes(root)) == {"values": "0:7"}
    dataset = Volumes(root, values="0:7", names="background:tumour")
    assert "labels 0, 7 become classes 0, 1" in dataset.remarks()
    assert check(dataset).class_shares["tumour"] == pytest.approx(12 / 480)


def test_255_beside_small_labels_is_offered_as_void(volumes: Callable[..., Path]) -> None:
    mask = lesion(2)
    mask[0, 0, 2], mask[0, 1, 2] = 255, 1
    root = volumes(mask)
    (found, *_) = problems(root)
    assert found.endswith("Set the option values=0:1:2,ignore=255 or values=0:1:2:255.")
    options = suggest_volume_options(Volumes(root))
    assert options == {"values": "0:1:2", "ignore": "255"}
    report = check(Volumes(root, 0, **options))
    assert (report.void, report.class_shares["class 2"]) == (pytest.approx(1 / 480), pytest.approx(12 / 479))
    (doubt,) = [each for each in report.doubts if "255" in each.what]
    assert doubt.is_settled(options)
    assert not doubt.is_settled({})


def test_voxels_of_no_class_are_void(volumes: Callable[..., Path]) -> None:
    mask = lesion()
    mask[0, 0, 2] = 200
    dataset = Volumes(volumes(mask), ignore="200")
    assert dataset.ignore == IGNORE
    assert np.unique(dataset.load(dataset.cases()[2]).mask).tolist() == [0, 1, IGNORE]


@pytest.mark.parametrize(
    ("shape", "move", "message"),
    [
        ((8, 10, 5), 0.0, "is 8 x 10 x 5 voxels in canonical order, but its image is 8 x 10 x 6. Resample the mask"),
        (SHAPE, 3.0, "lies elsewhere than its image: its affine differs, corners are up to 6 voxels apart. Resample"),
    ],
)
def test_a_mask_on_another_grid_is_refused_in_one_sentence(
    volumes: Callable[..., Path], shape: tuple[int, int, int], move: float, message: str
) -> None:
    affine = AFFINE.copy()
    affine[1, 3] = move
    found = problems(volumes(np.zeros(shape, np.uint8), affine))
    assert len(found) == 3
    assert message in found[0]


def test_an_image_of_four_dimensions_is_refused_or_one_channel_is_chosen(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        save(tmp_path / "images" / f"{name}.nii.gz", np.stack([np.full(SHAPE, n, np.int16) for n in (1, 5)], axis=-1))
        save(tmp_path / "labels" / f"{name}.nii.gz", lesion())
    assert "holds 2 values per voxel, such as points in time" in problems(tmp_path)[0]
    assert "Choose channel=0 to channel=1" in problems(tmp_path, channel="2")[0]
    dataset = Volumes(tmp_path, channel="1", intensity="window", window="0:5")
    assert dataset.load(dataset.cases()[0]).image.min() == 255


def test_channels_in_files_of_their_own_are_told_and_can_be_chosen(volumes: Callable[..., Path]) -> None:
    root = volumes()
    for number in range(3):
        save(root / "imagesTr" / f"p{number}_0001.nii.gz", np.full(SHAPE, 7, np.int16))
    sheet = {"channel_names": {"0": "T2", "1": "ADC"}, "labels": {"background": 0, "tumour": 1}}
    (root / "dataset.json").write_text(json.dumps(sheet))
    doubts = [str(doubt) for doubt in Volumes(root).doubts()]
    assert doubts[0] == ("images have 2 channels (T2, ADC); 0000 is read. Settle it with channel=0000 or channel=0001.")
    assert "names=background:tumour" in doubts[1]
    for wanted in ("0001", "1", "ADC"):
        dataset = Volumes(root, channel=wanted)
        assert dataset.cases()[0].image == root / "imagesTr" / "p0_0001.nii.gz"
    assert "p0 has no channel CT. Choose channel=0000 or channel=0001." in problems(root, channel="CT")[0]


def test_masks_may_lie_beside_their_images(tmp_path: Path) -> None:
    for patient in ("a", "b", "c"):
        for channel in ("flair", "t1"):
            save(tmp_path / patient / f"{patient}_{channel}.nii.gz", np.zeros(SHAPE, np.int16))
        save(tmp_path / patient / f"{patient}_seg.nii.gz", lesion())
    dataset = Volumes(tmp_path, channel="t1")
    assert [case.id for case in dataset.cases()][::6] == ["a/a/000", "b/b/000", "c/c/000"]
    assert dataset.cases()[0].image == tmp_path / "a" / "a_t1.nii.gz"


def test_what_belongs_to_a_patient_can_be_said(tmp_path: Path) -> None:
    for name in ("P1_a", "P1_b", "P2_a"):
        save(tmp_path / "images" / name[:2] / f"{name}.nii.gz", np.zeros(SHAPE, np.int16))
        save(tmp_path / "masks" / name[:2] / f"{name}.nii.gz", lesion())
    for option in (r"^(P\d+)_", "folder:1"):
        groups = [case.group for case in Volumes(tmp_path, group=option, slices="every:6").cases()]
        assert groups == ["P1", "P1", "P2"]


def test_what_is_missing_is_said(volumes: Callable[..., Path], tmp_path: Path) -> None:
    root = volumes()
    (root / "labelsTr" / "p1.nii.gz").rename(root / "labelsTr" / "p9.nii.gz")
    save(root / "imagesTs" / "q_0000.nii.gz", np.zeros(SHAPE, np.int16))
    found = problems(root)
    assert "p9.nii.gz: is a mask without an image" in found[0]
    assert "p1_0000.nii.gz: has no mask" in found[1]
    (root / "labelsTr" / "p9.nii.gz").rename(root / "labelsTr" / "p1.nii.gz")
    assert "1 images of imagesTs have no masks and are left out" in Volumes(root).remarks()
    with pytest.raises(BrokenDataError, match=r"nowhere: is missing\. Put volumes"):
        Volumes(tmp_path / "nowhere").cases()


def test_a_damaged_volume_is_one_problem_not_one_for_each_slice(volumes: Callable[..., Path]) -> None:
    root = volumes()
    file = root / "imagesTr" / "p1_0000.nii.gz"
    file.write_bytes(file.read_bytes()[:-20])
    found = problems(root, intensity="window", window="0:1")
    assert len(found) == 1
    assert "p1_0000.nii.gz: cannot be read as NIfTI" in found[0]


def test_prepared_slices_equal_what_was_drawn(volumes: Callable[..., Path]) -> None:
    data = prepare(Volumes(volumes()), DataConfig(dataset="nifti", image_size=40))
    assert data.targets.sum() == 3 * 12 * 4 * 5  # 10 x 8 pixels stretched to 40 x 40
    assert data.sizes.tolist() == [[10, 8]] * 18


def test_inspect_sees_the_spacing_of_the_file(volumes: Callable[..., Path]) -> None:
    original = read_original(Volumes(volumes()), "p1/002")
    assert original.spacing == pytest.approx((0.8, 0.5))


@pytest.mark.parametrize(
    ("option", "value", "wanted"),
    [
        ("values", "0", "2 to 32 different numbers"),
        ("values", "a:b", "whole numbers parted by colons"),
        ("names", "one", "2 different names"),
        ("ignore", "1", "not among the values"),
        ("axis", "top", "axial"),
        ("slices", "every:0", "every:n"),
        ("group", "P", "one group"),
        ("group", "(", "one group"),
        ("intensity", "best", "percentile or window"),
        ("intensity", "window", "values that become black and white"),
        ("high", 101, "a number above 0 and of at most 100"),
        ("window", "3:1", "values that become black and white"),
    ],
)
def test_an_option_that_means_nothing_is_refused(option: str, value: str | int, wanted: str) -> None:
    with pytest.raises(ConfigError, match=f"Option '.*' of dataset 'nifti' takes .*{wanted}"):
        Volumes(**{option: value})
