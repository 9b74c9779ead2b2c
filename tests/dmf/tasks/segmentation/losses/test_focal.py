import math

import pytest
import torch

from dmf.errors import ConfigError
from dmf.tasks.segmentation.losses import CrossEntropy, Focal, Prediction


def test_value_by_hand(two_pixels):
    # -(0.25 / 2) (0.25^2 log 0.75 + 0.2^2 log 0.8)
    expected = -0.125 * (0.0625 * math.log(0.75) + 0.04 * math.log(0.8))
    assert Focal()(two_pixels()).item() == pytest.approx(expected)


def test_best_and_worst_case(certain):
    assert Focal()(certain([[[0, 1]]], [[[0, 1]]])).item() == pytest.approx(0, abs=1e-12)
    # Certain and wrong: (1 - p) is 1, the log-probability -40, times 0.25.
    assert Focal()(certain([[[1, 0]]], [[[0, 1]]])).item() == pytest.approx(10)


def test_without_discount_it_is_cross_entropy(two_pixels):
    torch.testing.assert_close(Focal(gamma=0, alpha=1)(two_pixels()), CrossEntropy()(two_pixels()))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_gradient_is_finite_where_the_prediction_is_certain(gamma):
    logits = torch.tensor([200.0, -200.0]).reshape(1, 2, 1, 1).requires_grad_()
    for true_class in (0, 1):
        Focal(gamma)(Prediction(logits, torch.full((1, 1, 1), true_class))).backward()
        assert logits.grad.isfinite().all()


@pytest.mark.parametrize("option", ["gamma", "alpha"])
def test_a_negative_option_is_refused(option):
    with pytest.raises(ConfigError, match=f"`{option}` must be a number of at least 0, got -1"):
        Focal(**{option: -1})


def one_hot_logits(*labels):
    """(1, 2, 1, N) logits that are sure of these classes."""
    return torch.nn.functional.one_hot(torch.tensor([[labels]]), 2).movedim(-1, 1) * 40.0


def test_of_precisions_it_is_the_class_mean_of_their_focal_terms():
    logits = one_hot_logits(0, 0, 1, 1, 1, 1).requires_grad_()
    target = torch.tensor([[[0, 0, 0, 1, 1, 1]]])
    # Precision 2/2 of the background, whose term is 0, and 3/4 of the lesion: -0.25 (1/4)² ln(3/4), halved.
    expected = -0.25 * (1 / 4) ** 2 * math.log(3 / 4) / 2
    hard = Focal(of="precision")(Prediction(logits, target, counts="hard"))
    assert hard.item() == pytest.approx(expected, rel=1e-5)
    assert not hard.requires_grad
    soft = Focal(of="precision")(Prediction(logits, target))
    assert soft.item() == pytest.approx(expected, rel=1e-5)
    assert soft.requires_grad


def test_a_class_that_is_never_predicted_leaves_the_loss_of_precisions_finite():
    logits, target = one_hot_logits(0, 0), torch.tensor([[[0, 1]]])
    loss = Focal(of="precision", alpha=1, gamma=0)(Prediction(logits, target, counts="hard"))
    assert loss.item() == pytest.approx((math.log(2) - math.log(1e-7)) / 2, rel=1e-5)  # precisions 1/2 and 1e-7


def test_another_probability_is_refused():
    with pytest.raises(ConfigError, match="`of` must be 'pixels' or 'precision', got 'recall'"):
        Focal(of="recall")
