"""The losses against class imbalance: values by hand and of their authors' code, corners, and what cannot be."""

import math

import pytest
import torch

from dmf.config import FusionConfig
from dmf.config_text import build
from dmf.errors import ConfigError
from dmf.options import Choice
from dmf.tasks.segmentation.losses import (
    Combo,
    CrossEntropy,
    Focal,
    FocalTversky,
    HybridFocal,
    MeanDice,
    Prediction,
    Tversky,
    UnifiedFocal,
    UnifiedFocalSymmetric,
    build_loss,
)

BACKGROUND = [[[0.9, 0.6, 0.2], [0.8, 0.05, 0.3]], [[0.99, 0.7, 0.4], [0.5, 0.95, 0.85]]]
TRUTH = [[[0, 0, 1], [0, 1, 1]], [[0, 0, 0], [1, 0, 0]]]

# What the functions of github.com/mlyg/unified-focal-loss (commit of 2022) give for these probabilities, run with NumPy
# in place of Keras: asym_unified_focal_loss, sym_unified_focal_loss, focal_tversky_loss and combo_loss. Their weight is
# one minus our mix; their combo loss is lower by one minus its alpha, as they subtract the Dice coefficient.
RECORDED = [
    (UnifiedFocal(), 0.25950244581905985),
    (UnifiedFocal(mix=0.7, balance=0.7, focus=0.2), 0.1871044244361516),
    (UnifiedFocal(mix=1), 0.11410354108105507),
    (UnifiedFocal(mix=0), 0.40490135055706467),
    (UnifiedFocalSymmetric(), 0.3080036956389738),
    (UnifiedFocalSymmetric(mix=0.7, balance=0.7, focus=0.2), 0.18835273783831606),
    (UnifiedFocalSymmetric(mix=1), 0.08772810974234875),
    (UnifiedFocalSymmetric(mix=0), 0.5282792815355988),
    (FocalTversky(per_image=True), 0.3924577158317165),
    (Focal(alpha=1), 0.055992023750595886),
    (Combo(per_image=True), -0.2730858353662652 + 0.5),
    (Combo(0.3, 0.3, per_image=True), -0.43826762300716104 + 0.7),  # theirs gives 0.7 to the background
]
UNIFIED = (UnifiedFocal, UnifiedFocalSymmetric)


def prediction(background=BACKGROUND, truth=TRUTH, **options):
    probs = torch.tensor(background, dtype=torch.float64)
    return Prediction(torch.stack((probs, 1 - probs), 1).log(), torch.tensor(truth), **options)


def random_step(classes=4):
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(3, classes, 5, 6, generator=generator, dtype=torch.float64).requires_grad_()
    return Prediction(logits, torch.randint(classes, (3, 5, 6), generator=generator))


@pytest.mark.parametrize(("loss", "expected"), RECORDED)
def test_values_are_those_of_the_authors_code(loss, expected):
    assert loss(prediction()).item() == pytest.approx(expected, abs=2e-6)  # they smooth by 1e-7, and clip there


def test_unified_by_hand(two_pixels):
    # p(true) is 0.75 for class 1 and 0.8 for class 0. TI of class 1: 0.75 / (0.75 + 0.6 * 0.25 + 0.4 * 0.2) = 75 / 98;
    # of class 0: 0.8 / (0.8 + 0.6 * 0.2 + 0.4 * 0.25) = 80 / 102.
    entropy = -(0.6 * math.log(0.75) + 0.4 * math.sqrt(0.2) * math.log(0.8)) / 2
    tversky = (math.sqrt(1 - 75 / 98) + 1 - 80 / 102) / 2
    assert UnifiedFocal(smooth=0)(two_pixels()).item() == pytest.approx((entropy + tversky) / 2)
    entropy = -(0.6 * math.sqrt(0.25) * math.log(0.75) + 0.4 * math.sqrt(0.2) * math.log(0.8)) / 2
    tversky = (math.sqrt(1 - 75 / 98) + math.sqrt(1 - 80 / 102)) / 2
    assert UnifiedFocalSymmetric(smooth=0)(two_pixels()).item() == pytest.approx((entropy + tversky) / 2)


def test_focal_tversky_by_hand(two_pixels):
    # Tversky indices as in test_tversky.py: 0.8 / 1.015 and 0.75 / 0.985.
    expected = ((1 - 0.8 / 1.015) ** 0.75 + (1 - 0.75 / 0.985) ** 0.75) / 2
    assert FocalTversky(smooth=0)(two_pixels()).item() == pytest.approx(expected)


def test_hybrid_focal_and_combo_by_hand(two_pixels):
    both = HybridFocal(Focal(gamma=1), FocalTversky(focus=0.5), mix=0.3)(two_pixels())
    parts = 0.3 * Focal(gamma=1)(two_pixels()) + 0.7 * FocalTversky(focus=0.5)(two_pixels())
    torch.testing.assert_close(both, parts)
    # Dice of class 0: 1.6 / 2.05, of class 1: 1.5 / 1.95; the pixel of class 1 counts 0.9, the other 0.1.
    entropy = -(0.9 * math.log(0.75) + 0.1 * math.log(0.8)) / 2
    dice = 1 - (1.6 / 2.05 + 1.5 / 1.95) / 2
    assert Combo(0.4, 0.9, smooth=0)(two_pixels()).item() == pytest.approx(0.4 * entropy + 0.6 * dice)


@pytest.mark.parametrize("loss", UNIFIED)
@pytest.mark.parametrize("classes", [2, 4])
def test_corners_are_cross_entropy_and_dice(loss, classes):
    step = random_step(classes)
    torch.testing.assert_close(loss(mix=1, balance=0.5, focus=0)(step), 0.5 * CrossEntropy()(step))
    dice = MeanDice(2e-6, per_image=True)(step)  # the Tversky index of 0.5 and 0.5 is Dice with half its smoothing
    torch.testing.assert_close(loss(mix=0, balance=0.5, focus=0)(step), dice)
    torch.testing.assert_close(Combo(mix=1)(step), 0.5 * CrossEntropy()(step))
    torch.testing.assert_close(Combo(mix=0)(step), MeanDice()(step))
    torch.testing.assert_close(FocalTversky(focus=0)(step), Tversky()(step))


def test_any_set_of_classes_may_be_rare():
    step = random_step()
    y, p, log_p = step.onehot, step.probs, step.log_probs
    ratio = (step.tp + 1e-6) / (step.tp + 0.6 * step.fn + 0.4 * step.fp + 1e-6)
    expected = torch.zeros((), dtype=torch.float64)
    for number in range(4):
        mine, is_rare = y[:, number], number in (1, 3)
        factor = 0.6 if is_rare else 0.4 * (1 - p[:, number]).sqrt()
        expected = expected - (factor * mine * log_p[:, number]).mean() / 2
        missed = 1 - ratio[:, number]
        expected = expected + (missed.sqrt() if is_rare else missed).mean() / 8
    torch.testing.assert_close(UnifiedFocal(rare=(1, 3))(step), expected)
    assert UnifiedFocal(rare=(1, 2, 3))(step) == UnifiedFocal()(step) != UnifiedFocal(rare=(3,))(step)


@pytest.mark.parametrize("loss", UNIFIED)
def test_soft_labels_that_are_certain_are_class_numbers(loss):
    step = random_step()
    soft = Prediction(step.logits, step.onehot)
    torch.testing.assert_close(loss()(soft), loss()(step))


def test_soft_labels_are_weighed_class_by_class():
    probs = torch.tensor([0.3, 0.7], dtype=torch.float64)
    soft = Prediction(probs.log().reshape(1, 2, 1, 1), torch.tensor([0.25, 0.75]).reshape(1, 2, 1, 1))
    expected = -(0.4 * math.sqrt(0.7) * 0.25 * math.log(0.3) + 0.6 * 0.75 * math.log(0.7))
    assert UnifiedFocal(mix=1)(soft).item() == pytest.approx(expected)


@pytest.mark.parametrize("loss", UNIFIED)
def test_with_sigmoid_one_channel_is_two_classes(loss):
    step = prediction()
    one = Prediction(step.logits[:, 1:] - step.logits[:, :1], step.target, activation="sigmoid")
    torch.testing.assert_close(loss(mix=1)(one), loss(mix=1)(step))


@pytest.mark.parametrize("loss", [*UNIFIED, FocalTversky, HybridFocal, Combo])
@pytest.mark.parametrize("truth", ["same", "other"])
def test_gradients_are_finite_at_probabilities_of_0_and_1(loss, truth):
    target = torch.tensor(TRUTH)
    right = torch.nn.functional.one_hot(target, 2).movedim(-1, 1).float()
    logits = (200 * (right if truth == "same" else 1 - right)).requires_grad_()
    value = loss()(Prediction(logits, target))
    (gradient,) = torch.autograd.grad(value, logits)
    assert value.isfinite()
    assert gradient.isfinite().all()
    assert (value.item() < 1e-6) == (truth == "same")  # nothing is left where all is right


@pytest.mark.parametrize("loss", UNIFIED)
def test_void_pixels_count_nothing(loss):
    logits = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    target = torch.randint(3, (2, 4, 4), generator=torch.Generator().manual_seed(1))
    target[:, 0] = 255
    whole = loss()(Prediction(logits, target))
    torch.testing.assert_close(whole, loss()(Prediction(logits[:, :, 1:], target[:, 1:])))


@pytest.mark.parametrize(
    ("make", "wanted"),
    [
        (lambda: UnifiedFocal(mix=1.1), "`mix` must be from 0 to 1, got 1.1"),
        (lambda: UnifiedFocal(balance=-0.1), "`balance` must be from 0 to 1"),
        (lambda: UnifiedFocal(focus=1), "`focus` must be from 0 up to 1, got 1"),
        (lambda: FocalTversky(focus=float("nan")), "`focus` must be from 0 up to 1"),
        (lambda: HybridFocal(mix=2), "`mix` must be from 0 to 1"),
        (lambda: Combo(balance=2), "`balance` must be from 0 to 1"),
        (lambda: UnifiedFocal(rare=()), "`rare` must be class numbers"),
        (lambda: UnifiedFocal(rare=(4,))(random_step()), r"classes 4, but there are 4, 0 to 3\. Name some of them"),
        (lambda: Combo(rare=(0, 1, 2, 3))(random_step()), "Name some of them, not all"),
        (lambda: build(FusionConfig, {"terms": "unified-focal,rare=one"}), "rare: expected class numbers with colons"),
        (lambda: build(FusionConfig, {"auxiliary": "combo,combo_mix=2"}), "combo_mix"),
    ],
)
def test_what_cannot_be_is_refused(make, wanted):
    with pytest.raises(ConfigError, match=wanted):
        make()


def test_options_are_said_by_name():
    loss = build_loss("unified-focal,mix=0.3,balance=0.7,focus=0.2,rare=1:3,smooth=0.5")
    assert (loss.mix, loss.balance, loss.focus, loss.rare.rare, loss.smooth) == (0.3, 0.7, 0.2, (1, 3), 0.5)
    hybrid = build_loss(Choice(name="hybrid-focal", options={"gamma": 1.0, "fn_weight": 0.8, "mix": 0.1}))
    assert (hybrid.focal.gamma, hybrid.focal_tversky.fn_weight, hybrid.mix) == (1.0, 0.8, 0.1)


def test_one_part_alone_is_of_counts_alone():
    assert [loss(mix=mix).uses_counts for loss in (UnifiedFocal, Combo) for mix in (0, 0.5)] == [*(True, False) * 2]
