import math

import pytest
import torch

from dmf.tasks.segmentation.losses import CrossEntropy, Prediction


def test_value_by_hand(two_pixels):
    # -(log 0.75 + log 0.8) / 2
    assert CrossEntropy()(two_pixels()).item() == pytest.approx(-(math.log(0.75) + math.log(0.8)) / 2)


def test_best_and_worst_case(certain):
    assert CrossEntropy()(certain([[[0, 1]]], [[[0, 1]]])).item() == pytest.approx(0, abs=1e-12)
    # The true class is 40 below the other one: -log(e^-40 / (1 + e^-40)) = 40.
    assert CrossEntropy()(certain([[[1, 0]]], [[[0, 1]]])).item() == pytest.approx(40)


def test_an_undecided_network_has_log_of_the_number_of_classes():
    prediction = Prediction(torch.zeros(2, 4, 3, 3), torch.zeros(2, 3, 3, dtype=torch.int64))
    assert CrossEntropy()(prediction).item() == pytest.approx(math.log(4))


def test_hard_counts_leave_it_as_it_is(two_pixels):
    assert CrossEntropy()(two_pixels("hard")).item() == CrossEntropy()(two_pixels()).item()


def test_agrees_with_torch():
    logits = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    target = torch.randint(3, (2, 8, 8), generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(
        CrossEntropy()(Prediction(logits, target)), torch.nn.functional.cross_entropy(logits, target)
    )
