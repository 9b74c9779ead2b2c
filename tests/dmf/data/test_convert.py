"""Every reader's dataset, written as a folder and read back, has the same pixels and masks; or nothing is written."""

import csv
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
from pydicom.data import get_testdata_file

from dmf.data import DATASETS, IGNORE, BrokenDataError, Case, Contrast, Dataset, RawPair, convert
from dmf.data.convert import CASES, CLASSES
from dmf.errors import ConfigError, DataError

OPTIONS = {
    "busi": {"normal": True},
    "pets": {},
    "folder": {},
    "coco": {"crowd": "ignore"},
    "phantom-4": {"images": 3},
    "dicom": {"missing": "empty"},
}


def tables(root):
    return [list(csv.DictReader((root / name).read_text().splitlines())) for name in (CLASSES, CASES)]


def _name(case):
    """The id of a case below its label, as one name."""
    return case.id.removeprefix(f"{case.label}/").replace("/", "_")


@pytest.fixture
def fake_nifti(tmp_path):
    """Two volumes of three slices; the middle ones have a lesion."""
    for number in range(2):
        grey = np.random.default_rng(number).integers(0, 900, (8, 10, 3)).astype(np.int16)
        mask = np.zeros((8, 10, 3), np.uint8)
        mask[2:5, 3:7, 1] = 1
        for folder, voxels in (("images", grey), ("labels", mask)):
            file = tmp_path / "volumes" / folder / f"p{number}.nii.gz"
            file.parent.mkdir(parents=True, exist_ok=True)
            nibabel.save(nibabel.Nifti1Image(voxels, np.diag([0.5, 0.25, 3, 1])), file)
    return tmp_path / "volumes"


@pytest.fixture
def fake_dicom(tmp_path):
    """A slice of CT without a mask."""
    (tmp_path / "ct").mkdir()
    shutil.copy(get_testdata_file("CT_small.dcm"), tmp_path / "ct" / "slice.dcm")
    return tmp_path / "ct"


@pytest.mark.parametrize(
    "name",
    [
        *("busi", "busc", "bus_synthetic", "pets", "folder", "coco", "labelme", "cvat", "ddti", "phantom-4"),
        *("nifti", "dicom"),
    ],
)
def test_what_is_read_back_is_what_was_read(name, request, tmp_path):
    root = None if name == "phantom-4" else request.getfixturevalue(f"fake_{name}")
    dataset = DATASETS.build(name, root, 0, **OPTIONS.get(name, {}))
    seen = []
    converted = convert(dataset, tmp_path / "out", on_progress=lambda done, total: seen.append((done, total)))
    again = DATASETS.build("folder", converted.root, 0, **converted.options)
    assert again.class_names == dataset.class_names
    pairs = {_name(case): dataset.load(case) for case in dataset.cases()}
    back = {_name(case): (again.load(case), case) for case in again.cases()}
    assert pairs.keys() == back.keys()
    assert seen[-1] == (len(pairs), len(pairs))
    for id, pair in pairs.items():
        np.testing.assert_array_equal(pair.image, back[id][0].image)
        np.testing.assert_array_equal(pair.mask, back[id][0].mask)
    assert {(_name(case), case.label, case.group, case.split) for case in dataset.cases()} == {
        (id, case.label, case.group, case.split) for id, (_, case) in back.items()
    }
    assert again.problems() == []
    assert sorted(each.name for each in tmp_path.iterdir() if each.name.startswith(".")) == []


def test_tables_tell_classes_and_cases(fake_ddti, tmp_path):
    convert(DATASETS.build("ddti", fake_ddti), tmp_path / "out")
    classes, cases = tables(tmp_path / "out")
    assert [(row["value"], row["name"]) for row in classes] == [("0", "background"), ("255", "nodule")]
    assert all(row["colour"].startswith("#") for row in classes)
    assert cases[0] == {"image": "TI-RADS 4a/1_1.png", "label": "TI-RADS 4a", "group": "1", "split": ""}
    assert (tmp_path / "out" / "images" / "TI-RADS 4a" / "1_1.png").is_file()


class Odd(Dataset):
    """Two cases with what a folder has to keep: groups, a split, and signs in names."""

    name = "odd"
    title = "Odd"
    class_names = ("background", "a:b", "c")
    spacing = (0.25, 0.125)
    how_to_get = licence = citation = "None."
    mask = np.array([[0, 1, 2], [2, 0, 1]], np.uint8)

    def cases(self):
        return [Case("one", "x/y", group="p1", split="train"), Case("two", "x/y", group="p2", split="test")]

    def load(self, case):
        return RawPair(np.arange(6, dtype=np.uint8).reshape(2, 3), self.mask, (f"{case.id}: odd",))


def test_groups_splits_and_spacing_are_kept(tmp_path):
    converted = convert(Odd(tmp_path / "nowhere"), tmp_path / "out")
    assert dict(converted.options) == {
        "names": "background:a-b:c",
        "values": "0:1:2",
        "spacing": "0.25:0.125",
        "group": "cases.csv:group",
        "split": "cases.csv:split",
    }
    assert converted.notes == ("one: odd", "two: odd")
    again = DATASETS.build("folder", tmp_path / "out", 0, **converted.options)
    assert [(case.group, case.split) for case in again.cases()] == [("p1", "train"), ("p2", "test")]
    np.testing.assert_array_equal(again.load(again.cases()[0]).mask, Odd.mask)
    assert again.spacing == (0.25, 0.125)


def test_pixels_of_no_class_stay_so(tmp_path, fake_labelme):
    dataset = DATASETS.build("labelme", fake_labelme, 0, ignore="cyst")
    converted = convert(dataset, tmp_path / "out")
    assert dict(converted.options) == {"names": "background:lesion", "values": "0:1", "ignore": "255"}
    again = DATASETS.build("folder", tmp_path / "out", 0, **converted.options)
    assert again.ignore == IGNORE
    np.testing.assert_array_equal(*(each.load(each.cases()[0]).mask for each in (dataset, again)))
    assert tables(tmp_path / "out")[0][-1]["value"] == "255"


def test_nothing_is_left_of_what_fails_or_is_interrupted(fake_coco, tmp_path):
    dataset = DATASETS.build("coco", fake_coco)
    before = sorted(tmp_path.iterdir())

    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(dataset, tmp_path / "out", on_progress=interrupt)
    dataset.cases()[1].image.write_bytes(b"no picture")
    with pytest.raises(BrokenDataError, match=r"b\.png"):
        convert(dataset, tmp_path / "out")
    assert sorted(tmp_path.iterdir()) == before


def test_a_folder_that_is_not_empty_or_is_read_is_refused(fake_coco, tmp_path):
    dataset = DATASETS.build("coco", fake_coco)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    with pytest.raises(ConfigError, match="full is there already and is never overwritten"):
        convert(dataset, tmp_path / "full")
    with pytest.raises(ConfigError, match=r"which is read\. Choose a folder elsewhere"):
        convert(dataset, fake_coco / "out")
    (tmp_path / "empty").mkdir()
    assert convert(dataset, tmp_path / "empty").cases == 2
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be written"):
        convert(dataset, tmp_path / "file" / "out")


def test_cases_that_some_systems_take_for_one_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Odd, "cases", lambda _: [Case("a", "x"), Case("A", "x")])
    with pytest.raises(DataError, match="Cases 'a' and 'A' would be one file on some systems"):
        convert(Odd(), tmp_path / "out")


def test_more_classes_than_a_folder_may_have_are_refused(tmp_path):
    dataset = Odd()
    dataset.class_names = tuple(map(str, range(33)))
    with pytest.raises(ConfigError, match="has 33 classes, but a folder may have 32"):
        convert(dataset, Path(tmp_path / "out"))


def test_images_to_be_made_are_no_masks_to_write(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'contrast' has images to be made, no classes"):
        convert(Contrast(subjects=1), tmp_path / "out")
    assert not (tmp_path / "out").exists()
