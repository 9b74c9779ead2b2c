import cv2
import numpy as np
import pytest
import torch

from dmf.tasks import pictures


def decoded(png):
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)


@pytest.mark.parametrize("shape", [(2, 3), (1, 2, 3)])
def test_a_grey_image_in_0_to_1_becomes_0_to_255(shape):
    image = torch.tensor([0, 0.2, 0.4, 0.6, 0.8, 1]).reshape(shape)
    np.testing.assert_array_equal(decoded(pictures.image_png(image)), [[0, 51, 102], [153, 204, 255]])
    np.testing.assert_array_equal(decoded(pictures.image_png(image.bfloat16())).shape, (2, 3))


def test_a_colour_image_keeps_its_red():
    image = np.zeros((3, 2, 2), np.uint8)
    image[0] = 200
    np.testing.assert_array_equal(decoded(pictures.image_png(image))[0, 0], [0, 0, 200])  # OpenCV has blue first


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((2, 4, 4)), r"`image` must have shape \(H, W\), \(1, H, W\) or \(3, H, W\), got \(2, 4, 4\)"),
        (np.zeros((1, 1, 4, 4)), r"got \(1, 1, 4, 4\)"),
        (np.full((2, 2), 2.0), r"`image` must lie in 0..1, got 2 to 2"),
        (np.full((2, 2), -1), r"`image` must lie in 0..255, got -1 to -1"),
        (np.full((2, 2), np.nan), r"`image` must lie in 0..1, got nan to nan"),
        (np.zeros((0, 2)), r"`image` must lie in 0..1, got nan to nan"),
    ],
)
def test_what_is_no_image_is_refused(image, words):
    with pytest.raises(ValueError, match=words):
        pictures.image_png(image)
