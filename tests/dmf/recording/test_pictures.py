import cv2
import numpy as np
import pytest
import torch

from dmf.recording import pictures


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


def test_class_numbers_come_back_as_they_are():
    labels = pictures.classes("truth", torch.tensor([[[0, 1], [2, 255]]]))
    np.testing.assert_array_equal(decoded(pictures.classes_png(labels)), [[0, 1], [2, 255]])
    np.testing.assert_array_equal(pictures.classes("truth", np.array([[True, False]])), [[1, 0]])


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (torch.rand(2, 4, 4), r"`truth` must hold the class number of each pixel.*\(2, 4, 4\) float32. From logits"),
        (torch.rand(4, 4), r"got \(4, 4\) float32"),
        (np.full((2, 2), 256), r"`truth` must hold class numbers in 0..255, got 256 to 256"),
    ],
)
def test_what_are_no_class_numbers_is_refused(labels, words):
    with pytest.raises(ValueError, match=words):
        pictures.classes("truth", labels)


def test_dice_is_the_mean_over_the_classes_that_are_there():
    truth = np.array([[0, 1, 1, 2]], np.uint8)
    prediction = np.array([[0, 1, 3, 2]], np.uint8)
    # Class 1: 2 * 1 / (2 + 1); class 2: 1; class 3, made up: 0
    assert pictures.dice(truth, prediction) == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert pictures.dice(np.zeros((2, 2), np.uint8), np.zeros((2, 2), np.uint8)) is None


def test_void_pixels_count_in_no_dice():
    truth, prediction = np.array([[1, 0, 255, 255]], np.uint8), np.array([[1, 0, 1, 2]], np.uint8)
    assert pictures.dice(truth, prediction) == 1
    assert pictures.dice(truth[:, 2:], prediction[:, 2:]) is None
