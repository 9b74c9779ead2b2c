from pathlib import PurePosixPath

import pytest

from dmf.data.discovery import Discovered, discover


def find(*names: str, images: str = "", masks: str = "", together: bool = False) -> Discovered:
    return discover(map(PurePosixPath, names), images=images, masks=masks, together=together)


def pairs(found: Discovered) -> dict[str, list[str]]:
    assert found.problems == []
    return {entry.id: [str(mask) for mask, _ in entry.masks] for entry in found.entries}


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["imagesTr/c_0000.png", "labelsTr/c.png"], {"c_0000": "labelsTr/c.png"}),
        (["d/original/a.tif", "d/GT/a.tif"], {"a": "d/GT/a.tif"}),
        (["image/1.jpg", "label/1.png"], {"1": "label/1.png"}),
        (["img/1.jpg", "ann/1_seg.png"], {"1": "ann/1_seg.png"}),
        (["images/1.jpg", "ground_truth/1_gt.png"], {"1": "ground_truth/1_gt.png"}),
        (["images/t.png", "masks/t_tumor.png"], {"t": "masks/t_tumor.png"}),
        (["images/7.png", "masks/mask_7.png"], {"7": "masks/mask_7.png"}),
        (["images/image_7.png", "masks/mask_7.png"], {"image_7": "masks/mask_7.png"}),
        (["s/a.jpg", "s/a_segmentation.png"], {"a": "s/a_segmentation.png"}),
        (["x/tumor_1.png", "x/tumor_1_mask.png"], {"tumor_1": "x/tumor_1_mask.png"}),
        (
            ["benign/images/1.png", "benign/masks/1.png", "malignant/images/1.png", "malignant/masks/1.png"],
            {"benign/1": "benign/masks/1.png", "malignant/1": "malignant/masks/1.png"},
        ),
        (
            ["benign/1.png", "benign/1_mask.png", "malignant/1.png", "malignant/1_mask.png"],
            {"benign/1": "benign/1_mask.png", "malignant/1": "malignant/1_mask.png"},
        ),
        (["images/benign/1.png", "masks/benign/1.png"], {"benign/1": "masks/benign/1.png"}),
        (["Images/bus_1-l.png", "Images/bus_2-r.png", "Masks/mask_1-l.png", "Masks/mask_2-r.png"],
         {"bus_1-l": "Masks/mask_1-l.png", "bus_2-r": "Masks/mask_2-r.png"}),
        (["Segmentation/images/1.png", "Segmentation/masks/1.png"], {"1": "Segmentation/masks/1.png"}),
        (["images/a.png", "masks/a.png", "predictions/unet/a.png"], {"a": "masks/a.png"}),
    ],
)  # fmt: skip
def test_usual_names_are_understood(names: list[str], wanted: dict[str, str]) -> None:
    assert pairs(find(*names)) == {id: [mask] for id, mask in wanted.items()}


def test_folders_of_a_split_are_told_above_and_below() -> None:
    above = find("d/train/images/1.png", "d/train/masks/1.png", "d/Test/images/2.png", "d/Test/masks/2.png")
    below = find("images/train/1.png", "masks/train/1.png", "images/val/2.png", "masks/val/2.png")
    assert [(entry.id, entry.part, entry.folders) for entry in above.entries] == [
        ("Test/2", "test", ()),
        ("train/1", "train", ()),
    ]
    assert [(entry.id, entry.part) for entry in below.entries] == [("train/1", "train"), ("val/2", "validation")]


def test_several_masks_of_an_image_are_numbered() -> None:
    (entry,) = find("images/a.png", "masks/a_mask_1.png", "masks/a_mask.png").entries
    assert entry.masks == ((PurePosixPath("masks/a_mask.png"), 0), (PurePosixPath("masks/a_mask_1.png"), 1))


@pytest.mark.parametrize(
    ("names", "ways"),
    [
        (["images/1.tif", "mask/1_mask.gif", "1st_manual/1_manual1.gif"], ("masks=1st_manual", "masks=mask")),
        (["images/1.png", "labels/1.png", "masks/1.png"], ("masks=labels", "masks=masks")),
        (["images/1.png", "original/1.png", "masks/1.png"], ("images=images", "images=original")),
        (["us/1.png", "red/1.png"], ("images=red,masks=us", "images=us,masks=red")),
        (["images/1.png", "red/1.png"], ("masks=red",)),
        (["imagesTr/c_0000.png", "imagesTr/c_0001.png", "labelsTr/c.png"], ("images=*_0000.png", "images=*_0001.png")),
        (["a/images/1.png", "a/masks/1.png", "b/images/1.png", "b/masks/1.png"], ("group=folder:1", "group=none")),
    ],
)
def test_a_choice_is_refused_with_all_there_is_to_choose_from(names: list[str], ways: tuple[str, ...]) -> None:
    found = find(*names)
    assert found.entries == []
    (problem,) = found.problems
    assert problem.options == ways
    assert all(way in problem.remedy for way in ways)
    # Each way out leads out.
    for way in ways:
        said = dict(part.split("=") for part in way.split(","))
        together = said.pop("group", "") != ""
        assert pairs(find(*names, **said, together=together))  # type: ignore[arg-type]


def test_a_folder_of_unknown_use_beside_masks_is_a_doubt() -> None:
    (doubt,) = find("images/1.png", "masks/1.png", "vessels/1.png").doubts
    assert doubt.options == ("masks=masks", "masks=vessels")
    assert find("images/1.png", "masks/1.png", "extra/other.png").doubts == []


def test_a_folder_whose_names_end_otherwise_is_a_doubt_too() -> None:
    eyes = [f"images/{n}_training.tif" for n in (21, 22)] + [f"mask/{n}_training_mask.gif" for n in (21, 22)]
    (doubt,) = find(*eyes, "vessels/21_manual1.gif", "vessels/22_manual1.gif").doubts
    assert doubt.options == ("masks=mask", "masks=vessels")
    assert find(*eyes, "vessels/31_manual1.gif", "vessels/32_manual1.gif").doubts == []


def test_a_part_without_any_masks_is_left_out_and_told() -> None:
    found = find("imagesTr/a_0000.png", "labelsTr/a.png", "imagesTs/b_0000.png")
    assert [entry.id for entry in found.entries] == ["a_0000"]
    assert found.remarks == ["imagesTs: 1 images without any masks beside them, not read"]


def test_images_and_masks_without_a_partner_are_kept_and_told() -> None:
    found = find("images/a.png", "images/b.png", "masks/b.png", "masks/c.png", "masks/d.txt")
    assert [(entry.id, len(entry.masks)) for entry in found.entries] == [("a", 0), ("b", 1)]
    assert [(problem.where, problem.what) for problem in found.problems] == [
        ("masks/c.png", "is a mask without an image")
    ]
    assert len(found.files) == 4
    assert found.others == [PurePosixPath("masks/d.txt")]


def test_a_pattern_chooses_among_files_of_one_folder() -> None:
    assert pairs(find("s/a.jpg", "s/a.png", images="*.jpg", masks="*.png")) == {"a": ["s/a.png"]}
    names = [f"{case}/{folder}/a.png" for case in (1, 2) for folder in ("us", "red")]
    assert pairs(find(*names, images="*/us/*", masks="*/red/*")) == {"1/a": ["1/red/a.png"], "2/a": ["2/red/a.png"]}


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["all/1.png", "all/1_L.png", "all/2.png", "all/2_L.png"], {"masks": "*_L.png"}),
        (["all/1.png", "all/1_L.png", "all/2.png", "all/2_L.png"], {"images": "[12].png"}),
        (["x/1.png", "x/2.png", "y/1_L.png", "y/2_L.png"], {"masks": "y"}),
        (["x/1.png", "x/2.png", "y/1_L.png", "y/2_L.png"], {"images": "x"}),
        (["x/1.png", "x/2.png", "y/1_L.png", "y/2_L.png", "predictions/m/1.png"], {"images": "x"}),
    ],
)
def test_what_an_option_leaves_is_the_other_kind(names: list[str], said: dict[str, str]) -> None:
    found = find(*names, images=said.get("images", ""), masks=said.get("masks", ""))
    masks = {name.rpartition("/")[2][0]: [name] for name in names if "_L" in name}
    assert pairs(found) == masks


def test_folders_whose_masks_have_longer_names_are_told_apart_by_an_option() -> None:
    names = ["in/1.png", "in/2.png", "truth_of_them/1_segmentation.png", "truth_of_them/2_segmentation.png"]
    (problem,) = find(*names).problems
    assert problem.options[0] == "images=in,masks=truth_of_them"
    assert pairs(find(*names, images="in", masks="truth_of_them")) == {"1": [names[2]], "2": [names[3]]}


def test_an_option_that_names_nothing_is_said() -> None:
    (problem,) = find("images/a.png", "masks/a.png", masks="gt").problems
    assert problem.what == "holds no pictures in gt, which the option masks names"
