import numpy as np
import pytest
import torch

from dmf.tasks.segmentation.metrics import class_counts
from dmf.tasks.segmentation.metrics.labels import label_counts


def test_counts_are_those_of_the_device():
    generator = np.random.default_rng(0)
    prediction, truth = generator.integers(0, 4, (2, 16, 16)).astype(np.uint8)
    truth[:3] = 255
    theirs = class_counts(torch.from_numpy(prediction)[None], torch.from_numpy(truth)[None], 4)
    np.testing.assert_array_equal(label_counts(prediction, truth, 4), theirs[0])


def test_an_image_that_is_void_counts_nothing():
    assert not label_counts(np.ones((2, 2), np.uint8), np.full((2, 2), 255, np.uint8), 2).any()


@pytest.mark.parametrize(
    ("prediction", "truth", "words"),
    [
        ([[0, 2]], [[0, 1]], "`prediction` has the class numbers 0 to 2, but there are 2 classes"),
        ([[0, 1]], [[3, 3]], "`truth` has the class numbers 3 to 3"),
        ([[0, 1]], [[0], [1]], r"one shape, got \(1, 2\) and \(2, 1\)"),
    ],
)
def test_what_is_no_class_is_refused(prediction, truth, words):
    with pytest.raises(ValueError, match=words):
        label_counts(np.array(prediction), np.array(truth), 2)
