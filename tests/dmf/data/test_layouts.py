from pathlib import PurePosixPath

import pytest

from dmf.data.layouts import Layout, recognise


def told(*names: str, hint: str = "") -> tuple[str, str, int] | str:
    found = recognise([PurePosixPath(name) for name in names], hint)
    return (
        (found.dataset, str(found.base), len(found.files))
        if isinstance(found, Layout)
        else f"{found.what}. {found.remedy}"
    )


@pytest.mark.parametrize(
    ("names", "hint", "wanted"),
    [
        (
            ["Dataset_BUSI_with_GT/benign/benign (1).png", "Dataset_BUSI_with_GT/benign/benign (1)_mask.png"],
            "archive",
            ("busi", "Dataset_BUSI_with_GT", 2),
        ),
        (["malignant/m.png", "malignant/m_mask.png", "normal/n.png", "x/y.png"], "", ("busi", ".", 3)),
        (["images/a_1.jpg", "annotations/trimaps/a_1.png", "annotations/list.txt"], "", ("pets", ".", 2)),
        (["pets/images/a_1.jpg", "pets/annotations/trimaps/a_1.png"], "", ("pets", "pets", 2)),
        (
            [
                "BUSC Dataset/BUSC_Dataset/Segmentation/images/1.png",
                "BUSC Dataset/BUSC_Dataset/Segmentation/masks/1.png",
            ],
            "",
            ("busc", "BUSC Dataset/BUSC_Dataset/Segmentation", 2),
        ),
        (["images/1.png", "masks/1.png"], "BUSC_Dataset (2)", ("busc", ".", 2)),
        (["imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz", "dataset.json", "x.txt"], "", ("nifti", ".", 3)),
        (["a.mhd", "a.raw", "a_seg.nrrd", "preview.png"], "", ("nifti", ".", 3)),
        (["images/a.dcm", "masks/a.png"], "", ("dicom", ".", 2)),
        (
            ["BUS Synthetic Dataset/B/images/1.png", "BUS Synthetic Dataset/B/masks/1.png"],
            "",
            ("bus_synthetic", "BUS Synthetic Dataset/B", 2),
        ),
        (["images/1.png", "masks/1.png"], "mine", ("folder", ".", 2)),
        (["my scans/Images/l/1.bmp", "my scans/Labels/l/1.bmp"], "", ("folder", "my scans", 2)),
        (["images/benign/1.png", "masks/benign/1_mask.png"], "buscar", ("folder", ".", 2)),
        (["a/images/1.png", "a/masks/1.png", "b/c/images/1.png", "b/c/masks/1.png"], "", ("folder", "a", 2)),
    ],
)
def test_a_layout_is_told_from_its_names(names: list[str], hint: str, wanted: tuple[str, str, int]) -> None:
    assert told(*names, hint=hint) == wanted


def test_images_by_class_without_masks_are_named_as_such() -> None:
    why = told("originals/benign/1.bmp", "originals/malignant/2.bmp")
    assert isinstance(why, str)
    assert why.startswith("holds images by class but no masks beside them. What is understood: BUSI: ")


def test_names_of_no_dataset_are_told_with_what_would_be_understood() -> None:
    assert str(told("a.png", "docs/b.png")).startswith(
        "holds no folder of images beside a folder of masks. What is understood: BUSI"
    )
    assert str(told()).startswith("holds no folder of images beside a folder of masks. What is understood: BUSI")
    assert str(told("images/readme.txt", "masks/readme.txt")).startswith("holds no folder of images")


def test_several_datasets_side_by_side_are_too_many() -> None:
    why = told("a/images/1.png", "a/masks/1.png", "b/images/1.png", "b/masks/1.png")
    assert str(why).startswith(
        "holds several datasets (a, b). Give one of these folders, or read all as one with group="
    )


def test_masks_beside_labels_are_one_too_many() -> None:
    why = told("images/1.png", "masks/1.png", "labels/1.png")
    assert why == (
        "holds labels and masks, so it is not clear which to read. "
        "Say which to read with the option masks=labels or masks=masks."
    )


def test_names_of_files_may_begin_with_underscores_but_such_folders_are_passed_by() -> None:
    assert told("images/_.png", "masks/__seg.png") == ("folder", ".", 2)
    assert "folder of images" in told("images/_.png", "__MACOSX/masks/_.png")
