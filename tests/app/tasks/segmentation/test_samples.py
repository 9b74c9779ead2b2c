"""Sample pictures of segmentation say in colours what was found."""

import numpy as np

from app.charts.overlay import decode, encode
from app.tasks.segmentation.samples import OverlayView
from app.theme import OVERLAY_COLORS

IMAGE = encode(np.full((8, 8), 100, np.uint8))


def test_what_was_found_made_up_and_missed_have_their_colours() -> None:
    truth, prediction = np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.uint8)
    truth[:4], prediction[2:6] = 1, 1
    view = OverlayView()
    (png,) = view.prediction(IMAGE, encode(truth), encode(prediction), {"class_names": ["background", "a"]}, 1.0)
    drawn = decode(png, grey=False)
    assert tuple(drawn[0, 0]) == OVERLAY_COLORS["false negative"]
    assert tuple(drawn[3, 0]) == OVERLAY_COLORS["true positive"]
    assert tuple(drawn[5, 0]) == OVERLAY_COLORS["false positive"]
    assert tuple(drawn[7, 0]) == (100, 100, 100)


def test_the_legend_names_several_classes_and_void() -> None:
    view = OverlayView()
    assert "void" not in view.legend({"class_names": ["background", "a"], "ignore": None}, 1.0)
    words = view.legend({"class_names": ["background", "a<b", "c"], "ignore": 255}, 1.0)
    assert "a&lt;b" in words
    assert "void (counts nowhere)" in words
