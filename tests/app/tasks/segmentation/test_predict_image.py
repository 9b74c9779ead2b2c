"""The mask that someone takes away."""

import numpy as np

from app.tasks.segmentation.predict_image import mask_of


def test_a_mask_is_white_where_the_threshold_is_reached() -> None:
    maps = np.array([[[127, 128], [0, 255]]], np.uint8)  # 0.5 of 255 is 127.5
    np.testing.assert_array_equal(mask_of(maps, None, (2, 2), 0.5), [[0, 255], [0, 255]])
    np.testing.assert_array_equal(mask_of(maps, None, (2, 2), 0.0), [[255, 255], [255, 255]])


def test_further_classes_are_darker() -> None:
    maps = np.array([[[200, 10]], [[20, 200]]], np.uint8)
    np.testing.assert_array_equal(mask_of(maps, None, (1, 2), 0.5), [[255, 128]])  # 255, and half of it, 127.5


def test_classes_together_reach_the_threshold() -> None:
    maps = np.array([[[90]], [[70]]], np.uint8)  # 160 of 255
    np.testing.assert_array_equal(mask_of(maps, None, (1, 1), 0.6), [[255]])


def test_what_was_padded_is_cut_away() -> None:
    maps = np.zeros((1, 4, 4), np.uint8)
    maps[0, 1] = 255  # the upper row of the picture, which lies in rows 1 and 2
    mask = mask_of(maps, (0, 1, 4, 2), (4, 8), 0.5)
    assert mask.shape == (4, 8)
    assert (mask[:2] == 255).all()
    assert (mask[2:] == 0).all()
