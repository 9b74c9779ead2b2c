"""How rare a class is, and what is found of it."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve

from dmf.tasks.segmentation.metrics.imbalance import (
    background_ratios,
    class_shares,
    precision_recall,
    recall_by_size,
)


def counts(*images: tuple[int, int], pixels: int = 100) -> np.ndarray:
    """(images, 2, 3): of each image how many lesion pixels are found, and how many are missed; nothing is made up."""
    return np.array([[[pixels - found - missed, missed, 0], [found, 0, missed]] for found, missed in images])


def test_shares_and_ratios_by_hand() -> None:
    images = counts((4, 6), (0, 20), (0, 0))  # 10, 20 and 0 lesion pixels of 100
    np.testing.assert_allclose(class_shares(images), [0.9, 0.1])
    np.testing.assert_allclose(background_ratios(images), [9, 4, np.nan])
    assert np.isnan(class_shares(np.zeros((2, 2, 3), np.int64))).all()


def test_recall_is_that_of_thirds_by_area() -> None:
    found = recall_by_size(counts((1, 1), (2, 2), (6, 4), (15, 5), (30, 10), (0, 0), (1, 2)), 1)
    # Areas 2, 3 | 4, 10 | 20, 40; the image without any counts nowhere.
    assert [(one.size, one.images) for one in found] == [("small", 2), ("middle", 2), ("large", 2)]
    assert [one.recall for one in found] == [pytest.approx(2 / 5), pytest.approx(8 / 14), pytest.approx(45 / 60)]
    assert [(one.smallest, one.largest) for one in found] == [(0.02, 0.03), (0.04, 0.1), (0.2, 0.4)]


def test_fewer_images_than_thirds_leave_sizes_out() -> None:
    assert [one.size for one in recall_by_size(counts((1, 1), (0, 0)), 1)] == ["small"]
    assert recall_by_size(counts((0, 0)), 1) == []


def test_the_curve_is_that_of_scikit_learn() -> None:
    generator = np.random.default_rng(0)
    truth = generator.random(5000) < 0.1
    levels = np.clip(generator.normal(60 + 80 * truth, 40), 0, 255).astype(np.int64)
    found = precision_recall(np.bincount(levels, minlength=256), np.bincount(levels[truth], minlength=256))
    precision, recall, threshold = precision_recall_curve(truth, levels / 255)
    np.testing.assert_allclose(found.threshold, threshold)
    np.testing.assert_allclose(found.precision, precision[:-1])
    np.testing.assert_allclose(found.recall, recall[:-1])
    assert found.average == pytest.approx(average_precision_score(truth, levels / 255))
    assert found.base == pytest.approx(truth.mean())
    at = levels / 255 >= 0.5
    assert found.at(0.5) == (
        pytest.approx((at & truth).sum() / truth.sum()),
        pytest.approx((at & truth).sum() / at.sum()),
    )


def test_a_curve_without_the_class_has_no_recall() -> None:
    found = precision_recall(np.array([3, 0, 1]), np.zeros(3, np.int64))
    assert np.isnan(found.average)
    assert np.isnan(found.recall).all()
    assert (found.threshold.tolist(), found.precision.tolist(), found.base) == ([0, 1], [0, 0], 0)


@pytest.mark.parametrize(
    ("pixels", "members", "words"),
    [([1], [1], "one shape"), ([1, 2], [1, 2, 3], "one shape"), ([1, 2], [2, 2], "between 0 and `pixels`")],
)
def test_counts_that_cannot_be_are_refused(pixels: list[int], members: list[int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        precision_recall(np.array(pixels), np.array(members))


def test_without_a_pixel_there_is_no_point_to_name() -> None:
    found = precision_recall(np.zeros(3, np.int64), np.zeros(3, np.int64))  # void all over
    assert len(found.threshold) == 0
    assert np.isnan(found.at(0.5)).all()
