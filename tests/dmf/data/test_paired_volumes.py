"""Paired volumes: slices of both on one scale, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from dmf.data import PairedVolumes, check, identify
from dmf.errors import ConfigError, DataError

SHAPE = (8, 10, 6)
AFFINE = np.diag([0.5, 0.8, 3.0, 1.0])


def save(file: Path, voxels: np.ndarray, affine: np.ndarray = AFFINE) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(voxels, affine), file)


def levels(subject: int) -> np.ndarray:
    """100 more per slice, 1000 more per subject; the first slice holds nothing."""
    slices = np.arange(6) * 100 + subject * 1000
    voxels = np.broadcast_to(slices, SHAPE).astype(np.int16) + np.arange(8, dtype=np.int16)[:, None, None]
    voxels[..., 0] = 0
    return voxels


@pytest.fixture
def volumes(tmp_path: Path) -> Callable[..., Path]:
    def write() -> Path:
        for subject in range(3):
            save(tmp_path / "set" / "source" / f"p{subject}.nii.gz", levels(subject))
            save(tmp_path / "set" / "target" / f"p{subject}.nii.gz", levels(subject) * np.int16(2))
        return tmp_path / "set"

    return write


def test_slices_are_pairs_on_one_scale_grouped_by_subject(volumes: Callable[..., Path]) -> None:
    dataset = PairedVolumes(volumes())
    cases = dataset.cases()
    assert [(case.id, case.group) for case in cases[::6]] == [("p0/000", "p0"), ("p1/000", "p1"), ("p2/000", "p2")]
    pair = dataset.load(cases[6 + 3])
    assert pair.image.shape == pair.mask.shape == (10, 8)
    assert pair.spacing == pytest.approx((0.8, 0.5))
    columns = 1300.0 + np.arange(8)[::-1]  # the patient's right on the left
    white = 2 * (2500.0 + 7)  # the largest value of all targets; 0 is black
    np.testing.assert_allclose(pair.image[0] / 65535, columns / white, atol=1e-5)
    np.testing.assert_allclose(pair.mask[0] / 65535, 2 * columns / white, atol=1e-5)
    assert "grey levels by percentiles 0 and 100, the same in all images: 0 black, 5014 white" in dataset.remarks()


def test_each_side_may_have_a_range_of_its_own(volumes: Callable[..., Path]) -> None:
    dataset = PairedVolumes(volumes(), scale="own")
    pair = dataset.load(dataset.cases()[9])
    np.testing.assert_array_equal(pair.image, pair.mask)
    assert [note.split(":")[0] for note in dataset.remarks()[-2:]] == ["source", "target"]


def test_slices_without_content_can_be_left_out(volumes: Callable[..., Path]) -> None:
    root = volumes()
    assert len(PairedVolumes(root, slices="content").cases()) == 15
    report = check(PairedVolumes(root))
    assert report.is_sound
    assert any("slices of one value all over" in note for note in report.notes)


def test_a_missing_partner_other_voxels_and_another_place_are_refused(volumes: Callable[..., Path]) -> None:
    root = volumes()
    (root / "target" / "p0.nii.gz").rename(root / "target" / "p7.nii.gz")
    save(root / "target" / "p1.nii.gz", levels(1)[..., :5])
    moved = AFFINE.copy()
    moved[0, 3] = 4.0
    save(root / "target" / "p2.nii.gz", levels(2), moved)
    problems = [str(problem) for problem in check(PairedVolumes(root)).problems]
    said = " ".join(problems)
    assert len(problems) == 4
    assert "p7.nii.gz: is a target without a source. Put its source among the sources, or remove the target." in said
    assert "p0.nii.gz: has no target. Put a target of the same name among the targets, or remove the source." in said
    assert "is 8 x 10 x 5 voxels in canonical order, but its source is 8 x 10 x 6. Resample the target onto" in said
    assert "lies elsewhere than its source: its affine differs, corners are up to 8 voxels apart" in said


def test_damage_is_named_once_for_all_slices(volumes: Callable[..., Path]) -> None:
    root = volumes()
    file = root / "target" / "p1.nii.gz"
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    problems = check(PairedVolumes(root)).problems
    assert len(problems) == 1
    assert str(file) in problems[0].where


def test_it_is_recognised_and_odd_options_are_refused(volumes: Callable[..., Path]) -> None:
    layout = identify(volumes())
    assert layout.dataset == "paired-volumes"
    with pytest.raises(ConfigError, match="takes all, content, or every:n"):
        PairedVolumes(slices="lesion")
    with pytest.raises(ConfigError, match="takes common or own"):
        PairedVolumes(scale="both")
    dataset = PairedVolumes(volumes())
    case = dataset.cases()[0]
    with pytest.raises(DataError, match="is not of dataset 'paired-volumes'"):
        dataset.load(type(case)("p9/001", ""))
