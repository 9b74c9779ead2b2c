import pytest
import torch

from dmf.errors import ConfigError
from dmf.tasks.segmentation.losses import MeanDice, MeanIoU, Tversky


def test_value_by_hand(two_pixels):
    # Class 0: TP 0.8, FP 0.25, FN 0.2: 0.8 / (0.8 + 0.3 * 0.25 + 0.7 * 0.2) = 0.8 / 1.015.
    # Class 1: TP 0.75, FP 0.2, FN 0.25: 0.75 / (0.75 + 0.3 * 0.2 + 0.7 * 0.25) = 0.75 / 0.985.
    assert Tversky(smooth=0)(two_pixels()).item() == pytest.approx(1 - (0.8 / 1.015 + 0.75 / 0.985) / 2)


def test_best_and_worst_case(certain):
    assert Tversky()(certain([[[0, 1]]], [[[0, 1]]])).item() == pytest.approx(0, abs=1e-9)
    assert Tversky()(certain([[[1, 0]]], [[[0, 1]]])).item() == pytest.approx(1, abs=1e-5)


def test_default_penalises_a_missed_lesion_more_than_a_false_one(certain):
    missed = Tversky()(certain([[[1, 0, 0, 0]]], [[[1, 1, 0, 0]]]))
    false = Tversky()(certain([[[1, 1, 1, 0]]], [[[1, 1, 0, 0]]]))
    notebook = Tversky(fp_weight=0.7, fn_weight=0.3)(certain([[[1, 0, 0, 0]]], [[[1, 1, 0, 0]]]))
    # Missed: lesion 1 / (1 + 0.7), background 2 / (2 + 0.3). Notebook: lesion 1 / 1.3, background 2 / 2.7.
    assert missed.item() == pytest.approx(1 - (1 / 1.7 + 2 / 2.3) / 2, abs=1e-6)
    assert notebook.item() == pytest.approx(1 - (1 / 1.3 + 2 / 2.7) / 2, abs=1e-6)
    # False: lesion 2 / (2 + 0.3), background 1 / (1 + 0.7): classes swap roles, so the two-class mean is the same.
    assert false.item() == pytest.approx(missed.item(), abs=1e-6)


def test_equal_penalties_are_dice_and_iou(two_pixels):
    torch.testing.assert_close(Tversky(0.5, 0.5, 1e-6)(two_pixels()), MeanDice(2e-6)(two_pixels()))
    torch.testing.assert_close(Tversky(1, 1)(two_pixels()), MeanIoU()(two_pixels()))


@pytest.mark.parametrize("option", ["fp_weight", "fn_weight", "smooth"])
def test_a_negative_option_is_refused(option):
    with pytest.raises(ConfigError, match=f"`{option}` must be a number of at least 0"):
        Tversky(**{option: -0.1})


def test_no_penalty_at_all_is_refused():
    with pytest.raises(ConfigError, match="cannot both be 0"):
        Tversky(0, 0)
