"""Pictures of segmentations."""

import numpy as np
import pytest

from app.charts.overlay import compare, decode, encode, outline

COLORS = {"true positive": (0, 0, 200), "false positive": (200, 100, 0), "false negative": (200, 0, 100)}


def test_each_pixel_is_coloured_by_how_the_prediction_did() -> None:
    image = np.full((1, 4, 3), 100, np.uint8)
    truth = np.array([[0, 1, 1, 0]], np.uint8)
    prediction = np.array([[0, 1, 0, 1]], np.uint8)
    picture = compare(image, truth, prediction, COLORS, 1.0)
    assert picture[0].tolist() == [[100, 100, 100], [0, 0, 200], [200, 0, 100], [200, 100, 0]]


def test_another_kind_of_lesion_counts_as_missed() -> None:
    picture = compare(np.zeros((1, 1, 3), np.uint8), np.uint8([[1]]), np.uint8([[2]]), COLORS, 1.0)
    assert picture[0, 0].tolist() == [200, 0, 100]


def test_void_pixels_are_striped_grey_whatever_is_predicted_there() -> None:
    image = np.full((1, 6, 3), 100, np.uint8)
    truth = np.array([[0, 255, 255, 255, 255, 1]], np.uint8)
    for picture in (
        compare(image, truth, np.uint8([[0, 1, 0, 1, 1, 1]]), COLORS, 1.0),
        outline(image, truth, {1: (0, 0, 200)}, 1.0),
    ):
        assert picture[0].tolist() == [[100] * 3, [128] * 3, [100] * 3, [100] * 3, [128] * 3, [0, 0, 200]]


def test_inside_an_area_the_image_shines_through_and_its_edge_stays() -> None:
    image = np.full((9, 9, 3), 100, np.uint8)
    area = np.zeros((9, 9), np.uint8)
    area[2:7, 2:7] = 1
    picture = outline(image, area, {1: (200, 200, 200)}, 0.5)
    assert picture[0, 0].tolist() == [100] * 3
    assert picture[4, 4].tolist() == [150] * 3  # halfway between 100 and 200
    assert picture[2, 4].tolist() == [190] * 3  # 0.1 * 100 + 0.9 * 200


def test_a_picture_survives_its_png() -> None:
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    np.testing.assert_array_equal(decode(encode(picture), grey=False), picture)
    grey = picture[..., 0]
    np.testing.assert_array_equal(decode(encode(grey)), grey)


@pytest.mark.parametrize("png", [b"", b"not a picture"])
def test_what_is_no_png_is_refused(png: bytes) -> None:
    with pytest.raises(ValueError, match="Expected a PNG, got"):
        decode(png)
