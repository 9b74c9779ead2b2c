import pytest

from dmf.errors import ConfigError
from dmf.tasks.segmentation.losses import MeanDice


def test_value_by_hand(two_pixels):
    # Class 0: 1.6 / (1.05 + 1) = 0.780488.  Class 1: 1.5 / (0.95 + 1) = 0.769231.
    assert MeanDice(smooth=0)(two_pixels()).item() == pytest.approx(1 - (1.6 / 2.05 + 1.5 / 1.95) / 2)


def test_best_and_worst_case(certain):
    assert MeanDice()(certain([[[0, 1]]], [[[0, 1]]])).item() == pytest.approx(0, abs=1e-9)
    assert MeanDice()(certain([[[1, 0]]], [[[0, 1]]])).item() == pytest.approx(1, abs=1e-5)


def test_counts_are_summed_over_the_batch_before_the_ratio(certain):
    # Image 1 finds its 2 lesion pixels, image 2 misses its 2.
    # Lesion: 2*2 / (2 + 4) = 2/3; background: 2*4 / (6 + 4) = 4/5.
    loss = MeanDice()(certain([[[1, 1, 0, 0]], [[0, 0, 0, 0]]], [[[1, 1, 0, 0]], [[1, 1, 0, 0]]]))
    assert loss.item() == pytest.approx(1 - (2 / 3 + 4 / 5) / 2, abs=1e-6)


def test_an_absent_class_that_is_not_predicted_costs_nothing_and_teaches_if_it_is(certain):
    empty = [[[0, 0]]]
    assert MeanDice()(certain(empty, empty)).item() == pytest.approx(0, abs=1e-9)
    prediction = certain([[[0, 1]]], empty)
    # Background: 2*1 / (1 + 2) = 2/3.  Lesion: 1e-6 / (1 + 1e-6), almost 0.
    loss = MeanDice()(prediction)
    assert loss.item() == pytest.approx(1 - (2 / 3) / 2, abs=1e-5)


def test_negative_smoothing_is_refused():
    with pytest.raises(ConfigError, match="`smooth` must be"):
        MeanDice(smooth=float("nan"))
