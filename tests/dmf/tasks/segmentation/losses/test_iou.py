import pytest

from dmf.errors import ConfigError
from dmf.tasks.segmentation.losses import MeanIoU


def test_value_by_hand(two_pixels):
    # Class 0: 0.8 / (1.05 + 1 - 0.8) = 0.64.  Class 1: 0.75 / (0.95 + 1 - 0.75) = 0.625.  1 - mean = 0.3675
    assert MeanIoU(smooth=0)(two_pixels()).item() == pytest.approx(0.3675)


def test_smoothing_is_added_to_numerator_and_denominator(two_pixels):
    # Class 0: 1.8 / 2.25 = 0.8.  Class 1: 1.75 / 2.2 = 0.795454...  1 - mean = 0.202272...
    assert MeanIoU(smooth=1)(two_pixels()).item() == pytest.approx(1 - (0.8 + 1.75 / 2.2) / 2)


def test_best_and_worst_case(certain):
    assert MeanIoU()(certain([[[0, 1]]], [[[0, 1]]])).item() == pytest.approx(0, abs=1e-9)
    assert MeanIoU()(certain([[[1, 0]]], [[[0, 1]]])).item() == pytest.approx(1, abs=1e-5)


def test_hard_counts_by_hand(certain):
    # Labels 1 1 0 0 for 1 0 0 0. Class 0: 2 / 3.  Class 1: 1 / 2.
    loss = MeanIoU()(certain([[[1, 1, 0, 0]]], [[[1, 0, 0, 0]]], counts="hard"))
    assert loss.item() == pytest.approx(1 - (2 / 3 + 1 / 2) / 2, abs=1e-6)
    assert not loss.requires_grad


def test_negative_smoothing_is_refused():
    with pytest.raises(ConfigError, match="`smooth` must be a number of at least 0, got -1"):
        MeanIoU(smooth=-1)
