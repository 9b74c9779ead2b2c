"""CVAT's kinds of shapes, their order, subsets, and mistakes."""

import numpy as np
import pytest

from dmf.data import BrokenDataError, Cvat


@pytest.fixture
def draw(fake_cvat):
    """Puts other shapes into the first picture."""

    def put(shapes, attributes=""):
        file = fake_cvat / "annotations.xml"
        head, _, rest = file.read_text().partition('<image id="0"')
        _, _, rest = rest.partition("</image>")
        file.write_text(f'{head}<image id="0" name="a.png" width="30" height="20" {attributes}>{shapes}</image>{rest}')
        return Cvat(fake_cvat)

    return put


def mask_of(dataset):
    return dataset.load(dataset.cases()[0]).mask


@pytest.mark.parametrize(
    ("shape", "area"),
    [
        ('<box label="lesion" xtl="2" ytl="3" xbr="6" ybr="7"/>', 16),
        ('<box label="lesion" xtl="2" ytl="8" xbr="12" ybr="10" rotation="90"/>', 20),
        ('<ellipse label="lesion" cx="15" cy="10" rx="8" ry="3"/>', np.pi * 24),
        ('<mask label="lesion" rle="1, 2, 3" left="4" top="3" width="3" height="2"/>', 2),
        ('<polygon label="lesion" points="2,3;6,3;6,7;2,7"/>', 16),
    ],
)
def test_every_kind_that_covers_an_area_is_drawn(draw, shape, area):
    assert mask_of(draw(shape)).sum() == pytest.approx(area, abs=2)


def test_classes_are_the_labels_of_the_task_then_others(draw):
    assert draw('<box label="nerve" xtl="2" ytl="3" xbr="6" ybr="7"/>').class_names == (
        *("background", "lesion", "cyst", "nerve"),
    )


def test_what_covers_no_area_is_left_out_and_told(draw):
    dataset = draw(
        '<polyline label="lesion" points="1,1;9,9"/><points label="lesion" points="1,1"/><tag label="cyst"/>'
    )
    assert not mask_of(dataset).any()
    flat = {note for note in dataset.remarks() if "covers no area" in note}
    assert flat == {"polyline: covers no area, not drawn: 1", "points: covers no area, not drawn: 1"}
    assert not any(
        "covers no area" in note for note in draw('<box label="lesion" xtl="2" ytl="3" xbr="6" ybr="7"/>').remarks()
    )


def test_shapes_of_one_order_are_drawn_as_they_follow(draw):
    shapes = '<box label="{}" xtl="2" ytl="3" xbr="6" ybr="7" z_order="{}"/>'
    assert mask_of(draw(shapes.format("cyst", 0) + shapes.format("lesion", 0))).max() == 1
    assert mask_of(draw(shapes.format("lesion", 0) + shapes.format("cyst", 0))).max() == 2
    assert mask_of(draw(shapes.format("cyst", 3) + shapes.format("lesion", -3))).max() == 2


def test_the_subset_says_which_part_a_picture_belongs_to(draw):
    assert [case.split for case in draw("", 'subset="Train"').cases()] == ["train", None]
    assert [case.split for case in draw("", 'subset="default"').cases()] == [None, None]


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        ('<polygon label="lesion" points="2,3;x,3"/>', "picture 'a.png': an attribute holds no number"),
        ('<polygon label="lesion" points="2,3;4"/>', "a polygon has a corner of other than two numbers"),
        ('<polygon points="2,3;4,4"/>', "a polygon has no attribute label"),
        ('<box label="lesion" xtl="2" ytl="3" xbr="6"/>', "a box has no attribute ybr"),
    ],
)
def test_mistakes_are_told_in_one_sentence(draw, shapes, said):
    (problem,) = draw(shapes).problems()
    assert said in str(problem)


def test_run_lengths_that_do_not_fill_their_box_are_refused(draw):
    with pytest.raises(
        BrokenDataError, match=r"a\.png: a mask \('cyst'\) has run lengths that cover 3 pixels, expected 4"
    ):
        mask_of(draw('<mask label="cyst" rle="1,2" left="0" top="0" width="2" height="2"/>'))


def test_tracks_of_a_video_and_other_files_are_told(fake_cvat):
    (fake_cvat / "annotations.xml").write_text("<annotations><track/></annotations>")
    (problem,) = Cvat(fake_cvat).problems()
    assert 'holds tracks of a video, not annotations of pictures. Export it as "CVAT for images 1.1"' in str(problem)
    (fake_cvat / "annotations.xml").write_text("<html/>")
    assert "1 XML files that are not of CVAT, not read: annotations.xml" in Cvat(fake_cvat).remarks()
