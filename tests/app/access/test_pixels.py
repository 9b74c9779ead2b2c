"""Where an image lies in what a network makes of it."""

import cv2
import numpy as np

from app.access.pixels import decode, decode_grey, inside, truth_at, window_of


def test_a_padded_image_lies_in_the_middle_of_what_the_network_sees() -> None:
    assert window_of((50, 100), (32, 32), "pad") == (0, 8, 32, 16)  # 50 / 100 * 32 = 16 rows, (32 - 16) / 2 above
    assert window_of((50, 100), (32, 32), "stretch") is None


def test_a_prediction_of_the_size_of_the_image_has_all_of_it() -> None:
    assert window_of((50, 50), (50, 50), "pad") is None
    assert window_of((50, 100), (50, 100), "pad") is None


def test_what_lies_under_the_image_is_cut_out() -> None:
    pixels = np.arange(16, dtype=np.uint8).reshape(4, 4)
    np.testing.assert_array_equal(inside(pixels, (0, 1, 4, 2)), pixels[1:3])
    np.testing.assert_array_equal(inside(pixels, None), pixels)


def test_the_truth_is_brought_to_the_pixels_of_a_prediction() -> None:
    truth = np.zeros((4, 8), np.uint8)
    truth[:, 4:] = 2
    np.testing.assert_array_equal(truth_at(truth, (2, 2), "stretch"), [[0, 2], [0, 2]])
    # Padded: 4 of 8 rows, so that 2 of 4 remain and one row of background lies on each side.
    np.testing.assert_array_equal(truth_at(truth, (4, 4), "pad"), [[0] * 4, [0, 0, 2, 2], [0, 0, 2, 2], [0] * 4])
    np.testing.assert_array_equal(truth_at(truth, (2, 4), "pad"), [[0, 0, 2, 2]] * 2)
    assert truth_at(truth, (4, 8), "pad") is truth


def test_pictures_are_read_as_they_were_kept() -> None:
    grey = np.array([[1, 2], [3, 250]], np.uint8)
    png = cv2.imencode(".png", grey)[1].tobytes()
    np.testing.assert_array_equal(decode(png), grey)
    np.testing.assert_array_equal(decode_grey(png), grey)
    colour = np.zeros((2, 2, 3), np.uint8)
    colour[..., 0] = 9  # red
    np.testing.assert_array_equal(decode(cv2.imencode(".png", colour[..., ::-1])[1].tobytes()), colour)
