"""labelme's kinds of shapes, pictures inside the file, and mistakes."""

import base64
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from dmf.data import BrokenDataError, Labelme
from dmf.errors import ConfigError


@pytest.fixture
def change(fake_labelme):
    def apply(**fields):
        file = fake_labelme / "a.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | fields))
        return fake_labelme

    return apply


def png(pixels):
    return base64.b64encode(cv2.imencode(".png", np.asarray(pixels, np.uint8))[1].tobytes()).decode()


def mask_of(root):
    dataset = Labelme(root)
    return dataset.load(dataset.cases()[0]).mask


def shape(kind, *points, **more):
    return {"label": "lesion", "points": points, "shape_type": kind, **more}


@pytest.mark.parametrize(
    ("drawn", "area"),
    [
        (shape("rectangle", (9, 7), (2, 3)), 28),
        (shape("circle", (15, 10), (15, 14)), np.pi * 16),
        (shape("oriented_rectangle", (5, 5), (9, 9), (7, 11), (3, 7)), 16),
        (shape(None, (2, 3), (6, 3), (6, 7), (2, 7)), 16),
        (shape("mask", (2, 3), (4, 4), mask=png([[1, 0, 1], [0, 1, 1]])), 4),
    ],
)
def test_every_kind_that_covers_an_area_is_drawn(change, drawn, area):
    assert mask_of(change(shapes=[drawn])).sum() == pytest.approx(area, abs=2)


def test_points_and_lines_are_left_out_and_told(change):
    flat = [shape("point", (3, 3)), shape("linestrip", (3, 3), (9, 9)), shape("line", (1, 1), (2, 2))]
    root = change(shapes=[*flat, shape("rectangle", (2, 3), (6, 7))])
    assert mask_of(root).sum() == 16
    assert "points and lines, which cover no area and are not drawn: 3" in Labelme(root).remarks()


def test_a_kind_that_is_not_known_is_named(change):
    (problem,) = Labelme(change(shapes=[shape("spline", (3, 3))])).problems()
    assert "a.json: has shape 1 ('lesion') of the type 'spline' with 1 points, which cannot be drawn" in str(problem)


def test_labels_of_the_background_cut_holes_and_labels_to_ignore_are_void(change):
    shapes = [shape("rectangle", (2, 3), (12, 13))]
    for label, place in (("_background_", 4), ("__ignore__", 8)):
        shapes.append(shape("rectangle", (place, 5), (place + 2, 9)) | {"label": label})
    root = change(shapes=shapes)
    dataset = Labelme(root)
    assert (dataset.class_names, dataset.ignore) == (("background", "lesion"), 255)
    mask = mask_of(root)
    assert ((mask == 1).sum(), (mask == 255).sum()) == (100 - 16, 8)


def test_the_copy_inside_is_read_where_the_picture_is_absent(change):
    root = change(imageData=png(np.full((20, 30), 70)))
    assert Labelme(root).load(Labelme(root).cases()[0]).image.max() == 90
    (root / "a.png").unlink()
    dataset = Labelme(root)
    case = dataset.cases()[0]
    pair = dataset.load(case)
    assert (case.id, case.image) == ("a", root / "a.json")
    assert (pair.image == 70).all()
    assert pair.mask.sum() == 2 * 12 + 16  # 12 pixels of the lesion, the second class, and 16 of the cyst
    assert "a.json: the picture is the copy inside it" in pair.notes


@pytest.mark.parametrize("data", ["no base64!", base64.b64encode(b"no picture").decode()])
def test_a_broken_copy_is_told(change, data):
    root = change(imageData=data)
    (root / "a.png").unlink()
    with pytest.raises(
        BrokenDataError, match=r"a\.json: holds a copy of its picture that cannot be read .*Put the picture a\.png"
    ):
        mask_of(root)


def test_pictures_without_a_file_are_empty_or_left_out(fake_labelme, write_png):
    write_png(fake_labelme / "c.png", np.zeros((5, 5), np.uint8))
    dataset = Labelme(fake_labelme)
    assert [case.id for case in dataset.cases()] == ["a", "b", "c"]
    assert not dataset.load(dataset.cases()[2]).mask.any()
    (doubt,) = dataset.doubts()
    assert str(doubt) == (
        "1 pictures have no annotation (c.png); they are taken as background. "
        "Settle it with unmarked=empty or unmarked=leave."
    )
    assert [case.id for case in Labelme(fake_labelme, unmarked="leave").cases()] == ["a", "b"]
    with pytest.raises(ConfigError, match="takes empty or leave; got 'perhaps'"):
        Labelme(fake_labelme, unmarked="perhaps").cases()


def test_other_json_files_are_told_and_damaged_ones_are_a_problem(fake_labelme):
    (fake_labelme / "settings.json").write_text("[]")
    assert "1 JSON files that are not of labelme, not read: settings.json" in Labelme(fake_labelme).remarks()
    (fake_labelme / "b.json").write_text('{"shapes": [')
    (problem,) = Labelme(fake_labelme).problems()
    assert Path(problem.where) == fake_labelme / "b.json"


def test_a_size_that_is_not_the_pictures_is_refused(change):
    with pytest.raises(BrokenDataError, match=r"was drawn on 60 x 20 pixels, but a\.png has 30 x 20"):
        mask_of(change(imageWidth=60))
