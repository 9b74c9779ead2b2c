"""Which training images come more often than others."""

import numpy as np
import pytest

from dmf.data.oversampling import sampling_shares
from dmf.errors import ConfigError

# Areas of classes 1 and 2 among 100 pixels, and how many are void: of images 0 to 4.
AREAS = [(10, 0, 0), (20, 0, 0), (0, 40, 0), (0, 0, 0), (0, 0, 100)]


def masks() -> np.ndarray:
    found = np.zeros((6, 10, 10), dtype=np.uint8)  # image 5 is not of the training set
    for place, (first, second, void) in enumerate(AREAS):
        flat = found[place].ravel()
        flat[:first], flat[first : first + second], flat[:void] = 1, 2, (255 if void else flat[:void])
    return found


def test_without_oversampling_there_are_no_shares() -> None:
    assert sampling_shares(masks(), np.arange(5), "none", 3) is None


def test_by_class_an_image_comes_as_its_rarest_class() -> None:
    # Class 0 is in four of five images, class 1 in two, class 2 in one; what is void all over counts as one of five.
    shares = sampling_shares(masks(), np.arange(5), "class", 3)
    expected = np.array([1 / 2, 1 / 2, 1, 1 / 4, 1 / 5])
    np.testing.assert_allclose(shares, expected / expected.sum())


def test_by_area_small_ones_come_more_often_up_to_ten_times() -> None:
    shares = sampling_shares(masks(), np.arange(5), "area", 3)
    expected = np.array([4, 2, 1, 1, 1])
    np.testing.assert_allclose(shares, expected / expected.sum())
    tiny = masks()[:3]
    tiny[0] = 0
    tiny[0, 0, 0] = 1  # one pixel of 100, where the largest has 40
    np.testing.assert_allclose(sampling_shares(tiny, np.arange(3), "area", 3), np.array([10, 2, 1]) / 13)


def test_only_training_images_count() -> None:
    np.testing.assert_allclose(sampling_shares(masks(), np.array([2, 0]), "area", 3), [1 / 5, 4 / 5])


def test_targets_that_are_images_are_refused() -> None:
    with pytest.raises(ConfigError, match="targets of this task are images") as caught:
        sampling_shares(np.zeros((2, 1, 4, 4)), np.arange(2), "class", 0)
    assert caught.value.field == "oversample"
