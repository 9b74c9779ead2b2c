"""Areas are kept, holes stay holes, and what cannot be drawn is told."""

import base64

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco

from dmf.data.base import IGNORE
from dmf.data.drawing import Bitmap, ColumnRuns, Outlines, RowRuns, Shape, box, ellipse, paint
from dmf.errors import DataError

SIZE = 20, 30


def outline(*corners):
    return Outlines([np.array(corners, np.float64).reshape(-1, 2)])


def test_a_square_covers_the_pixels_between_its_corners(square):
    inside = outline(*square(2, 3, 4)).fill(*SIZE)
    assert inside.sum() == 16
    assert inside[3:7, 2:6].all()


def test_a_disc_keeps_its_area_wherever_it_lies():
    rng = np.random.default_rng(0)
    for radius, tolerance in ((3, 0.02), (10, 0.005)):
        areas = [ellipse(*rng.uniform(12, 18, 2), radius, radius).fill(30, 30).sum() for _ in range(50)]
        assert np.mean(areas) == pytest.approx(np.pi * radius**2, rel=tolerance)


def test_an_ellipse_and_a_box_turn_clockwise():
    lying = ellipse(15, 10, 8, 3).fill(*SIZE)
    assert (lying.any(0).sum(), lying.any(1).sum()) == (16, 6)
    standing = ellipse(15, 10, 8, 3, 90).fill(*SIZE)
    assert (standing.any(0).sum(), standing.any(1).sum()) == (6, 16)
    rows, columns = np.nonzero(ellipse(15, 10, 8, 1, 45).fill(*SIZE))
    assert np.corrcoef(rows, columns)[0, 1] > 0.9  # downwards to the right, as y points down
    assert np.array_equal(box(5, 8, 15, 12, 90).fill(*SIZE), box(8, 5, 12, 15).fill(*SIZE))


def test_parts_of_one_shape_are_united_though_they_overlap(square):
    parts = [np.array(square(*place, 4)) for place in ((2, 3), (4, 5))]
    assert Outlines(parts).fill(*SIZE).sum() == 16 + 16 - 4


def test_an_outline_inside_another_is_filled_as_in_coco_and_told(square):
    ring = Outlines([np.array(square(2, 3, 10)), np.array(square(4, 5, 4)[::-1])])
    painted = paint(shapes(("a", ring)), {"a": 1}, *SIZE)
    assert painted.mask.sum() == 100
    assert painted.notes == ("shapes with an outline inside another, which cuts no hole and is filled as COCO does: 1",)
    apart = Outlines([np.array(square(2, 3, 4)), np.array(square(4, 5, 4)), np.zeros((4, 2))])
    assert not apart.is_filled(*SIZE)


def test_corners_outside_are_cut_and_told(square):
    whole = outline(*square(-2, -2, 5))
    assert whole.fill(*SIZE).sum() == 9
    assert whole.is_cut(*SIZE)
    assert outline(*square(28, 18, 9)).fill(*SIZE).sum() == 4
    assert not outline((0, 0), (30, 0), (30.4, 20)).is_cut(*SIZE)


@pytest.mark.parametrize("corners", [[(1, 1)], [(1, 1), (5, 9)], [(3, 3)] * 4, []])
def test_less_than_a_triangle_covers_nothing(corners):
    assert not outline(*corners).fill(*SIZE).any()


@pytest.mark.parametrize(("corner", "said"), [(float("nan"), "no number"), (1e9, r"at \(1e\+09, 1\), far outside")])
def test_a_corner_that_is_no_place_is_refused(corner, said):
    with pytest.raises(DataError, match=said):
        outline((corner, 1), (2, 2), (3, 1)).fill(*SIZE)


def test_run_lengths_are_those_of_coco():
    inside = np.random.default_rng(1).random(SIZE) < 0.4
    packed = coco.encode(np.asfortranarray(inside, np.uint8))
    assert np.array_equal(ColumnRuns(packed["counts"].decode(), SIZE).fill(*SIZE), inside)
    flat = inside.ravel(order="F")
    runs = np.diff([0, *(np.flatnonzero(np.diff(flat)) + 1), flat.size]).tolist()
    runs = [0, *runs] if flat[0] else runs
    assert np.array_equal(ColumnRuns(runs, SIZE).fill(*SIZE), inside)


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ([3, 5], "cover 8 pixels, expected 600: 30 x 20"),
        ([-600, 1200], "hold a negative number"),
        ("", "cover 0 pixels"),
        ("3", "cover 3 pixels"),
        ("~~", "the letter '~'"),
        ("oo", "break off"),
    ],
)
def test_run_lengths_that_do_not_fill_the_picture_are_refused(counts, said):
    with pytest.raises(DataError, match=said):
        ColumnRuns(counts, SIZE).fill(*SIZE)


def test_run_lengths_for_another_size_are_refused():
    with pytest.raises(DataError, match="for 5 x 4 pixels in one of 30 x 20"):
        ColumnRuns([20], (4, 5)).fill(*SIZE)


def test_runs_in_a_box_are_row_by_row_and_cut_at_the_border():
    runs = RowRuns("1, 2, 3", 4, 3, 3, 2)  # .XX / ...
    assert np.argwhere(runs.fill(*SIZE)).tolist() == [[3, 5], [3, 6]]
    assert not runs.is_cut(*SIZE)
    beyond = RowRuns("0,6", 28, 19, 3, 2)
    assert np.argwhere(beyond.fill(*SIZE)).tolist() == [[19, 28], [19, 29]]
    assert beyond.is_cut(*SIZE)
    assert not RowRuns("0,6", 40, 50, 3, 2).fill(*SIZE).any()
    assert not RowRuns("0,6", -9, -9, 3, 2).fill(*SIZE).any()
    for counts, said in (("1,2", "cover 3 pixels, expected 6"), ("a", "no whole numbers")):
        with pytest.raises(DataError, match=said):
            RowRuns(counts, 4, 3, 3, 2).fill(*SIZE)


def test_a_bitmap_lies_where_its_box_is():
    content = base64.b64encode(cv2.imencode(".png", np.array([[0, 1], [255, 0]], np.uint8))[1].tobytes()).decode()
    assert np.argwhere(Bitmap(content, 4, 3).fill(*SIZE)).tolist() == [[3, 5], [4, 4]]
    assert Bitmap(content, 29, 3).is_cut(*SIZE)
    for broken in ("", "no base64!", base64.b64encode(b"no picture").decode()):
        with pytest.raises(DataError, match="cannot be read as an image"):
            Bitmap(broken, 0, 0).fill(*SIZE)


def shapes(*drawn):
    return [Shape(f"shape {place}", label, region) for place, (label, region) in enumerate(drawn)]


def test_later_shapes_lie_over_earlier_ones_and_that_is_told(square):
    first, second = outline(*square(2, 3, 4)), outline(*square(4, 5, 4))
    painted = paint(shapes(("a", first), ("b", second)), {"a": 1, "b": 2}, *SIZE)
    assert np.bincount(painted.mask.ravel()).tolist() == [600 - 28, 12, 16]
    assert painted.notes == ("4 pixels lie in shapes of several classes; the shape drawn last counts",)
    assert paint(shapes(("a", first), ("a", second)), {"a": 1}, *SIZE).notes == ()


def test_a_hole_is_cut_by_a_shape_of_the_background_to_the_pixel(square):
    drawn = shapes(("a", outline(*square(2, 3, 10))), ("hole", outline(*square(4, 5, 4))))
    painted = paint(drawn, {"a": 1, "hole": 0}, *SIZE)
    assert painted.mask.sum() == 100 - 16
    assert painted.notes == ()


def test_pixels_of_no_class_and_shapes_without_class(square):
    drawn = [
        Shape("crowd", "a", outline(*square(2, 3, 4)), is_void=True),
        Shape("other", "b", outline(*square(9, 9, 4))),
        Shape("dot", "a", outline((1, 1))),
        Shape("edge", "a", outline(*square(-2, 0, 3))),
    ]
    painted = paint(drawn, {"a": 1}, *SIZE)
    assert ((painted.mask == IGNORE).sum(), (painted.mask == 1).sum()) == (16, 3)
    assert painted.notes == (
        "shapes that reach out of the picture, cut at its border: 1",
        "shapes that cover no pixel: 1",
    )


def test_the_shape_that_cannot_be_drawn_is_named():
    with pytest.raises(DataError, match=r"^shape 0 has a corner that is no number$"):
        paint(shapes(("a", outline((float("inf"), 0), (1, 1), (2, 0)))), {"a": 1}, *SIZE)
