import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dmf.config import DataConfig
from dmf.data import BrokenDataError, Folder, check, prepare, split_cases
from dmf.data.suggesting import suggest
from dmf.errors import ConfigError, DataError

Draw = Callable[..., Path]


@pytest.fixture
def draw(tmp_path: Path, write_png: Callable[[Path, NDArray[np.generic]], None]) -> Draw:
    """Draws grey pictures of 8 x 8; a number marks the first so many pixels with 255."""

    def make(**marked: int | dict[str, int]) -> Path:
        for folder, names in marked.items():
            for name, count in names.items() if isinstance(names, dict) else ():
                pixels = np.zeros((8, 8), dtype=np.uint8)
                pixels.flat[:count] = 255
                write_png(tmp_path / "own" / folder / f"{name}.png", pixels)
        return tmp_path / "own"

    return make


def patients(draw: Draw) -> Path:
    names = {f"P{p}_{k}": 4 + k for p in range(6) for k in range(3)}
    return draw(images=names, masks=names)


def test_groups_by_name_never_straddle_a_split(draw: Draw) -> None:
    root = patients(draw)
    plain, dataset = Folder(root), Folder(root, group=r"^(P\d)_")
    (doubt,) = plain.doubts()
    assert doubt.options == (r"group=^(P\d+)_", "group=none")
    assert Folder(root, group="none").doubts() == dataset.doubts() == []
    cases = dataset.cases()
    parts = split_cases(dataset, cases, DataConfig(dataset="folder"), 0)
    held = [{cases[n].group for n in part} for part in (parts.train, parts.validation, parts.test)]
    assert sum(map(len, held)) == 6
    assert (check(dataset).groups, check(plain).groups) == (6, None)


def test_a_given_split_is_used_as_it_stands(draw: Draw) -> None:
    names = {f"train/{n}": 3 for n in range(12)} | {f"test/{n}": 3 for n in range(12, 16)}
    dataset = Folder(draw(images=names, masks=names))
    cases = dataset.cases()
    for seed in (0, 1):
        parts = split_cases(dataset, cases, DataConfig(dataset="folder"), seed)
        assert {cases[n].id for n in parts.test} == {f"test/{n}" for n in range(12, 16)}
        assert {cases[n].split for n in (*parts.train, *parts.validation)} == {"train"}
        assert len(parts.validation) == 2  # 15 of 85 shares of 12
    assert dataset.given_split() == "used as given by folders: 12 train, 4 test; validation cut from train"
    assert {case.split for case in Folder(dataset.root, split="ignore").cases()} == {None}


def test_a_patient_in_two_parts_of_a_given_split_is_a_doubt(draw: Draw) -> None:
    names = {"train/P1_1": 3, "train/P2_1": 3, "test/P1_2": 3, "test/P3_1": 3}
    root = draw(images=names, masks=names)
    (doubt,) = Folder(root, group=r"^(P\d)").doubts()
    assert doubt.what == "1 groups have images in more than one part of the split (P1)"
    assert doubt.options == ("split=given", "split=ignore")


def test_images_without_a_mask_are_one_problem_found_before_training(draw: Draw) -> None:
    root = draw(images=dict.fromkeys("abcde", 0), masks={"a": 3})
    report = check(Folder(root))
    (problem,) = report.problems
    assert problem.what == "holds no mask for 4 of 5 images (b, c, d and 1 more)"
    assert problem.options == ("missing=leave", "missing=empty")
    with pytest.raises(DataError, match="holds no mask for 4 of 5 images"):
        prepare(Folder(root), DataConfig(dataset="folder"))


def test_images_without_a_mask_are_left_out_or_empty_as_chosen(draw: Draw) -> None:
    root = draw(images=dict.fromkeys("abc", 0), masks={"a": 3})
    left, empty = (Folder(root, missing=word) for word in ("leave", "empty"))
    assert [case.id for case in left.cases()] == ["a"]
    assert left.remarks() == ["2 images without a mask are left out: b, c"]
    assert [int(empty.load(case).mask.sum()) for case in empty.cases()] == [3, 0, 0]
    assert empty.remarks() == ["2 images without a mask are taken as background alone: b, c"]
    assert check(left).is_sound
    assert check(empty).is_sound


def test_several_masks_are_united_or_a_class_each(draw: Draw) -> None:
    root = draw(images={"a": 0, "b": 0}, masks={"a_mask": 5, "a_mask_1": 9, "b_mask_1": 2})
    (doubt,) = Folder(root).doubts()
    assert (doubt.what, doubt.decided) == ("1 images have several masks each (a)", "they are united")
    united, apart = Folder(root, several="union"), Folder(root, several="classes", names="background:left:right")
    assert [int((united.load(case).mask == 1).sum()) for case in united.cases()] == [9, 2]
    assert [np.bincount(apart.load(case).mask.ravel(), minlength=3).tolist() for case in apart.cases()] == [
        [55, 0, 9],  # the second mask lies over the first
        [62, 0, 2],
    ]
    with pytest.raises(BrokenDataError, match=r"has up to 2 masks for an image, but there are 2 classes\. Name each"):
        Folder(root, several="classes").load(Folder(root, several="classes").cases()[0])


def test_masks_of_one_image_that_contradict_each_other_are_refused(
    draw: Draw, write_png: Callable[[Path, NDArray[np.generic]], None]
) -> None:
    root = draw(images={"a": 0})
    for name, value in (("a_mask", 1), ("a_mask_1", 2)):
        write_png(root / "masks" / f"{name}.png", np.full((8, 8), value, dtype=np.uint8))
    dataset = Folder(root, values="0:1:2")
    with pytest.raises(BrokenDataError, match=r"a_mask\.png that they are of another class\. .*several=classes"):
        dataset.load(dataset.cases()[0])


def test_folders_side_by_side_are_one_set_where_each_is_a_patient(draw: Draw) -> None:
    names = {"1": 3, "2": 4}
    root = draw(**{f"P{p}/{kind}": names for p in (1, 2, 3) for kind in ("images", "masks")})
    with pytest.raises(BrokenDataError, match="holds several datasets"):
        Folder(root).cases()
    cases = Folder(root, group="folder:1").cases()
    assert [(case.id, case.group) for case in cases][:3] == [("P1/1", "P1"), ("P1/2", "P1"), ("P2/1", "P2")]


@pytest.mark.parametrize(
    ("option", "text"), [("several", "both"), ("missing", "skip"), ("split", "random"), ("group", "P")]
)
def test_a_wrong_option_is_refused_by_name(option: str, text: str) -> None:
    with pytest.raises(ConfigError, match=f"Option '{option}' of dataset 'folder' takes .*got '{text}'"):
        Folder(**{option: text})  # type: ignore[arg-type]


def test_a_name_that_is_not_utf_8_is_refused_in_words(draw: Draw) -> None:
    root = draw(images={"a": 0}, masks={"a": 3})
    (root / "images/a.png").rename(root / "images" / os.fsdecode(b"\xe9.png"))
    with pytest.raises(DataError, match=r"images/\\udce9\.png: has a name that is not UTF-8"):
        prepare(Folder(root), DataConfig(dataset="folder"))
    assert "not UTF-8" in str(check(Folder(root)).problems)


def test_nnu_net_names_its_classes(draw: Draw, write_png: Callable[[Path, NDArray[np.generic]], None]) -> None:
    root = draw(imagesTr={"c_0000": 0})
    write_png(root / "labelsTr" / "c.png", np.eye(8, dtype=np.uint8))
    (root / "dataset.json").write_text('{"labels": {"background": 0, "tumour": 1, "cyst": 2}}')
    options = suggest("folder", root)
    assert options == {"values": "0:1:2", "names": "background:tumour:cyst"}
    assert Folder(root, **options).class_names == ("background", "tumour", "cyst")
    (root / "dataset.json").write_text('{"labels": {"0": "background", "1": "tumour"}}')  # its older way
    assert suggest("folder", root)["names"] == "background:tumour"


def test_an_answer_goes_before_what_the_masks_suggest(
    draw: Draw, write_png: Callable[[Path, NDArray[np.generic]], None]
) -> None:
    root = draw(images={"a": 0})
    mask = np.arange(64, dtype=np.uint8).reshape(8, 8) % 3
    mask[0] = 255
    write_png(root / "masks" / "a.png", mask)
    assert suggest("folder", root) == {"values": "0:1:2", "ignore": "255"}
    assert suggest("folder", root, {"values": "0:1:2:255"}) == {"values": "0:1:2:255"}
    assert suggest("folder", root, {"ignore": "2:255"}) == {"values": "0:1", "ignore": "2:255"}
