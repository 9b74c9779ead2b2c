"""Public sets of volumes under the names that they unpack to."""

from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from dmf.data import Volumes, check
from dmf.data.nifti import suggest_volume_options

SHAPE = (8, 10, 6)


def save(file: Path, labels: Sequence[int] = ()) -> None:
    """An image, or a mask with six voxels of each label in its slices 2 and 3."""
    voxels = np.random.default_rng(len(str(file))).integers(-100, 1000, SHAPE).astype(np.int16)
    if labels:
        voxels = np.zeros(SHAPE, np.uint8)
        for place, label in enumerate(labels):
            voxels[place, 2:5, 2:4] = label
    file.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(voxels, np.diag([1.0, 1.0, 2.0, 1.0])), file)


@pytest.fixture
def lits(tmp_path: Path) -> Path:
    for number in range(4):
        folder = tmp_path / f"Training Batch {1 + number // 2}"
        save(folder / f"volume-{number}.nii")
        save(folder / f"segmentation-{number}.nii", (1, 2))
    return tmp_path


@pytest.fixture
def brats(tmp_path: Path) -> Path:
    for case in ("BraTS20_Training_001", "BraTS20_Training_002", "BraTS20_Training_355"):
        folder = tmp_path / "MICCAI_BraTS2020_TrainingData" / case
        for channel in ("flair", "t1", "t1ce", "t2"):
            save(folder / f"{case}_{channel}.nii.gz")
        mask = f"{case}_seg.nii.gz" if case[-1] != "5" else "W39_1998.09.19_Segm.nii.gz"
        save(folder / mask, (1, 2, 4))
    return tmp_path


@pytest.fixture
def atlas(tmp_path: Path) -> Path:
    for subject, session in (("r001s001", 1), ("r001s001", 2), ("r001s002", 1)):
        folder = tmp_path / "Training" / "R001" / f"sub-{subject}" / f"ses-{session}" / "anat"
        name = f"sub-{subject}_ses-{session}_space-MNI152NLin2009aSym"
        save(folder / f"{name}_T1w.nii.gz")
        save(folder / f"{name}_label-L_desc-T1lesion_mask.nii.gz", (1,))
    return tmp_path


def read(root: Path, **options: str) -> tuple[list[str], int]:
    """Volumes in order, and how many voxels of them are marked; nothing is wrong with them."""
    dataset = Volumes(root, **options)
    assert not check(dataset).problems
    cases = dataset.cases()
    groups = list(dict.fromkeys(str(case.group) for case in cases))
    return groups, sum(int((dataset.load(case).mask > 0).sum()) for case in cases)


def test_lits(lits: Path) -> None:
    assert suggest_volume_options(Volumes(lits)) == {"values": "0:1:2"}
    groups, marked = read(lits, values="0:1:2", names="background:liver:tumour", window="-160:240")
    assert groups == ["Training Batch 1/0", "Training Batch 1/1", "Training Batch 2/2", "Training Batch 2/3"]
    assert marked == 4 * 2 * 6


@pytest.mark.parametrize("channel", ["flair", "t1ce"])
def test_brats_with_the_mask_that_is_called_otherwise(brats: Path, channel: str) -> None:
    assert suggest_volume_options(Volumes(brats)) == {"values": "0:1:2:4"}
    names = "background:core:oedema:enhancing"
    groups, marked = read(brats, values="0:1:2:4", names=names, channel=channel)
    folder = "MICCAI_BraTS2020_TrainingData"
    assert groups == [f"{folder}/BraTS20_Training_{n}/BraTS20_Training_{n}" for n in ("001", "002", "355")]
    assert marked == 3 * 3 * 6
    dataset = Volumes(brats, values="0:1:2:4", names=names, channel=channel)
    case = next(case for case in dataset.cases() if case.id.endswith("355/002"))
    assert case.image is not None
    assert case.image.name == f"BraTS20_Training_355_{channel}.nii.gz"


def test_atlas_keeps_the_sessions_of_a_person_together(atlas: Path) -> None:
    groups, marked = read(atlas, names="background:lesion", group="^(sub-[^_]+)_")
    assert groups == ["sub-r001s001", "sub-r001s002"]
    assert marked == 3 * 6
