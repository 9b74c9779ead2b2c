"""COCO as programs export it: run lengths, crowds, boxes, several files, umbrella categories, and mistakes."""

import json

import numpy as np
import pytest
from pycocotools import mask as coco

from dmf.data import BrokenDataError, Coco
from dmf.errors import ConfigError


@pytest.fixture
def change(fake_coco):
    """Changes the file by a function of its document."""

    def apply(edit):
        file = fake_coco / "instances.json"
        document = json.loads(file.read_text())
        edit(document)
        file.write_text(json.dumps(document))
        return fake_coco

    return apply


def mask_of(dataset):
    return dataset.load(dataset.cases()[0]).mask


def problem(root, **options):
    (found,) = Coco(root, 0, **options).problems()
    return str(found)


def test_classes_are_the_categories_by_their_ids(fake_coco):
    assert Coco(fake_coco).class_names == ("background", "lesion", "cyst")


def test_run_lengths_are_read_in_both_spellings(change):
    inside = np.random.default_rng(0).random((20, 30)) < 0.3
    packed = coco.encode(np.asfortranarray(inside, np.uint8))
    flat = np.concatenate([[0], inside.ravel(order="F")])
    runs = np.diff([0, *np.flatnonzero(np.diff(flat)), 600]).tolist()
    for counts in (packed["counts"].decode(), runs):

        def edit(document, counts=counts):
            document["annotations"] = [
                {"image_id": 7, "category_id": 2, "segmentation": {"size": [20, 30], "counts": counts}, "iscrowd": 0}
            ]

        np.testing.assert_array_equal(mask_of(Coco(change(edit))), inside)


def test_run_lengths_that_break_off_are_refused(change):
    root = change(lambda each: each["annotations"][0].update(segmentation={"size": [20, 30], "counts": [5, 5]}))
    with pytest.raises(
        BrokenDataError, match=r"a\.png: annotation 1 has run lengths that cover 10 pixels, expected 600"
    ):
        mask_of(Coco(root))


@pytest.mark.parametrize(("way", "cysts", "void"), [("class", 16, 0), ("ignore", 0, 16), ("leave", 0, 0)])
def test_crowds_are_a_doubt_that_an_option_settles(change, way, cysts, void):
    root = change(lambda each: each["annotations"][1].update(iscrowd=1))
    dataset = Coco(root, crowd=way)
    mask = mask_of(dataset)
    assert ((mask == 2).sum(), (mask == 255).sum()) == (cysts, void)
    assert dataset.ignore == (255 if void else None)
    (doubt,) = dataset.doubts()
    assert doubt.options == ("crowd=class", "crowd=ignore", "crowd=leave")
    assert "marks 1 regions as crowds" in doubt.what


def test_boxes_without_outline_are_refused_drawn_or_left(change):
    root = change(lambda each: each["annotations"][1].update(segmentation=[], bbox=[10, 10, 3, 2]))
    assert "has 1 annotations that have a box but no outline: annotation 2. Set the option boxes=draw" in problem(root)
    assert (mask_of(Coco(root, boxes="draw")) == 2).sum() == 6
    assert (mask_of(Coco(root, boxes="leave")) == 2).sum() == 0


def test_other_words_than_the_options_know_are_refused():
    for option in ("crowd", "boxes"):
        with pytest.raises(ConfigError, match=rf"Option '{option}' of dataset 'coco' takes .* or leave; got 'perhaps'"):
            Coco(None, 0, **{option: "perhaps"})


def test_folders_of_a_split_share_their_classes_by_name(fake_coco, put_json, write_png):
    """As Roboflow exports: a file beside the pictures of each part, ids of their own, an umbrella category."""
    first = json.loads((fake_coco / "instances.json").read_text())
    for part, ids in (("train", (2, 5)), ("valid", (1, 9))):
        categories = [{"id": 0, "name": "things", "supercategory": "none"}]
        categories += [
            {"id": id, "name": name, "supercategory": "things"}
            for id, name in zip(ids, ("lesion", "cyst"), strict=True)
        ]
        annotations = [{**each, "category_id": id} for each, id in zip(first["annotations"], ids, strict=True)]
        put_json(
            fake_coco / part / "_annotations.coco.json",
            first | {"categories": categories, "annotations": annotations},
        )
        for stem in "ab":
            write_png(fake_coco / part / f"{stem}.png", np.full((20, 30), 90, np.uint8))
    (fake_coco / "instances.json").unlink()
    dataset = Coco(fake_coco)
    assert dataset.class_names == ("background", "lesion", "cyst")
    assert [(case.id, case.split) for case in dataset.cases()] == [
        ("train/a", "train"), ("train/b", "train"), ("valid/a", "validation"), ("valid/b", "validation")
    ]  # fmt: skip
    for case in dataset.cases()[::2]:
        assert np.bincount(dataset.load(case).mask.ravel()).tolist() == [572, 12, 16]
    assert dataset.problems() == []
    remarks = " ".join(dataset.remarks())
    assert "only the name above other categories, no class: things" in remarks
    assert "2 pictures of which no file speaks, not read: a.png, b.png" in remarks


def test_files_beside_those_of_instances_are_left_or_chosen(fake_coco, put_json):
    document = json.loads((fake_coco / "instances.json").read_text())
    document["annotations"].pop()
    put_json(fake_coco / "person_keypoints.json", document)
    dataset = Coco(fake_coco)
    assert mask_of(dataset).max() == 2
    assert "person_keypoints.json: beside files of instances, not read" in dataset.remarks()
    assert mask_of(Coco(fake_coco, annotations="person_keypoints")).max() == 1
    assert "holds no other.json, only instances.json, person_keypoints.json" in problem(
        fake_coco, annotations="other.json:instances"
    )
    assert "of which instances.json speaks too" in str(
        Coco(fake_coco, annotations="instances:person_keypoints").problems()[0]
    )


def test_a_file_that_is_no_coco_is_told(fake_coco):
    (fake_coco / "captions.json").write_text('{"images": [], "annotations": []}')
    (fake_coco / "instances.json").rename(fake_coco / "lesions.json")
    assert any("captions.json: has no categories" in remark for remark in Coco(fake_coco).remarks())
    (fake_coco / "lesions.json").unlink()
    assert "captions.json: has no categories, so it is no COCO file of instances" in problem(fake_coco)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda each: each["annotations"][0].update(image_id=99), "annotations that are of pictures that are not"),
        (lambda each: each["annotations"][0].update(category_id="2"), "a category that is not among its"),
        (lambda each: each["annotations"][0].update(segmentation=[[1, 2, 3]]), "an odd number of coordinates"),
        (lambda each: each["images"][1].update(id=7), "the same id to several pictures: 7"),
        (lambda each: each["images"][0].pop("file_name"), "a mistake at images.0.file_name: Field required"),
        (lambda each: each["images"][1].update(file_name="a.png"), "speaks of a.png twice"),
    ],
)  # fmt: skip
def test_mistakes_in_the_file_are_told_in_one_sentence(change, edit, said):
    found = Coco(change(edit)).problems()
    assert len(found) == 1
    assert "\n" not in str(found[0])
    assert said in str(found[0])


def test_names_of_windows_are_understood(change):
    root = change(lambda each: each["images"][0].update(file_name="images\\a.png"))
    assert [case.id for case in Coco(root).cases()] == ["a", "b"]
    root = change(lambda each: each["images"][0].update(file_name="../../../a.png"))
    assert [case.id for case in Coco(root).cases()] == ["a", "b"]  # nothing above the root is looked at
