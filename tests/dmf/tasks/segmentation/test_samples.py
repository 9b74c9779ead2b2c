import cv2
import numpy as np
import pytest
import torch

from dmf.tasks.segmentation import samples


def decoded(png):
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)


def test_class_numbers_come_back_as_they_are():
    labels = samples.classes("truth", torch.tensor([[[0, 1], [2, 255]]]))
    np.testing.assert_array_equal(decoded(samples.drawn(labels, labels)[1]), [[0, 1], [2, 255]])
    np.testing.assert_array_equal(samples.classes("truth", np.array([[True, False]])), [[1, 0]])


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
        samples.classes("truth", labels)


def test_dice_is_the_mean_over_the_classes_that_are_there():
    truth = np.array([[0, 1, 1, 2]], np.uint8)
    prediction = np.array([[0, 1, 3, 2]], np.uint8)
    # Class 1: 2 * 1 / (2 + 1); class 2: 1; class 3, made up: 0
    assert samples.dice(truth, prediction) == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert samples.dice(np.zeros((2, 2), np.uint8), np.zeros((2, 2), np.uint8)) is None


def test_void_pixels_count_in_no_dice():
    truth, prediction = np.array([[1, 0, 255, 255]], np.uint8), np.array([[1, 0, 1, 2]], np.uint8)
    assert samples.dice(truth, prediction) == 1
    assert samples.dice(truth[:, 2:], prediction[:, 2:]) is None
