"""Small pictures of cases."""

import base64

import cv2
import numpy as np

from app.tasks.segmentation.thumbnails import SIDE, thumbnail


def decode(url: str) -> np.ndarray:
    head, _, data = url.partition(",")
    assert head == "data:image/webp;base64"
    return cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def test_a_picture_keeps_its_shape() -> None:
    assert decode(thumbnail(np.zeros((100, 200), np.uint8), None, None)).shape == (SIDE // 2, SIDE, 3)


def test_truth_is_outlined_in_white_and_the_prediction_in_yellow() -> None:
    truth = np.zeros((4, 4), np.uint8)
    truth[:, :2] = 1  # the left half
    prediction = np.zeros((8, 8), np.uint8)
    prediction[:, 6:] = 2  # the right quarter, another size and class
    picture = decode(thumbnail(np.zeros((SIDE, SIDE), np.uint8), truth, prediction)).astype(int)
    left, right = picture[SIDE // 2, 0], picture[SIDE // 2, SIDE - 1]
    assert left.min() > 120  # white, as far as WebP keeps it
    assert right[0] > 120
    assert right[2] < right[0] - 30  # yellow has no blue, as far as WebP keeps it
    assert picture[SIDE // 2, SIDE // 4].max() < 60  # inside there is only the image
