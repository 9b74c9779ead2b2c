import math
import subprocess
import sys
import warnings

import numpy as np
import pytest
from sklearn import metrics as sk

from dmf.tasks.segmentation.metrics import METRIC_INFO
from dmf.tasks.segmentation.metrics.scores import (
    accuracy,
    cb_dice,
    dice,
    f1,
    f1_macro,
    iou,
    macro,
    matthews,
    micro,
    pixel_accuracy,
    precision,
    recall,
    specificity,
    summarise,
    weighted,
)

# Two images of 100 pixels, background and lesion.
# Image 1: 90 + 2 pixels right, 5 lesion pixels missed, 3 invented. Image 2: 80 + 10 right, 0 missed, 10 invented.
COUNTS = np.array([[[90, 5, 3], [2, 3, 5]], [[80, 0, 10], [10, 10, 0]]])
NAMES = ["background", "lesion"]
# Class 1 is neither in the target nor predicted.
ABSENT = np.array([[90, 10, 0], [0, 0, 0], [0, 0, 10]])


def counts_of(prediction, target, classes):
    return np.array(
        [
            [((prediction == c) & (target == c)).sum(), ((prediction == c) & (target != c)).sum(),
             ((prediction != c) & (target == c)).sum()]
            for c in range(classes)
        ]
    )  # fmt: skip


@pytest.fixture(params=[2, 4])
def labels(request):
    generator = np.random.default_rng(request.param)
    target = generator.choice(request.param, 2000, p=[0.7, *[0.3 / (request.param - 1)] * (request.param - 1)])
    prediction = np.where(generator.random(2000) < 0.7, target, generator.integers(request.param, size=2000))
    return prediction, target, request.param


class TestAgreesWithScikitLearn:
    """Where the definitions coincide; ours has 1e-7 in the denominator."""

    def test_averages_over_classes(self, labels):
        prediction, target, classes = labels
        counts = counts_of(prediction, target, classes)
        for ours, theirs in [
            (iou, sk.jaccard_score),
            (dice, sk.f1_score),
            (precision, sk.precision_score),
            (recall, sk.recall_score),
        ]:
            np.testing.assert_allclose(ours(counts), theirs(target, prediction, average=None), rtol=1e-6)
            np.testing.assert_allclose(macro(ours(counts)), theirs(target, prediction, average="macro"), rtol=1e-6)
        np.testing.assert_allclose(f1_macro(counts), sk.f1_score(target, prediction, average="macro"), rtol=1e-6)

    def test_micro_and_weighted_averages(self, labels):
        prediction, target, classes = labels
        counts = counts_of(prediction, target, classes)
        lesions = list(range(1, classes))  # without the background, or micro averages are all pixel accuracy
        for ours, theirs in [(iou, sk.jaccard_score), (dice, sk.f1_score), (recall, sk.recall_score)]:
            expected = theirs(target, prediction, average="micro", labels=lesions)
            np.testing.assert_allclose(micro(ours, counts[1:]), expected, rtol=1e-6)
            expected = theirs(target, prediction, average="weighted")
            np.testing.assert_allclose(weighted(ours(counts), counts), expected, rtol=1e-6)

    def test_pixel_accuracy_and_matthews_correlation(self, labels):
        prediction, target, classes = labels
        counts = counts_of(prediction, target, classes)
        np.testing.assert_allclose(pixel_accuracy(counts), sk.accuracy_score(target, prediction))
        np.testing.assert_allclose(matthews(counts), sk.matthews_corrcoef(target, prediction))
        of_one = counts_of(np.zeros_like(target), target, classes)
        assert matthews(of_one) == sk.matthews_corrcoef(target, np.zeros_like(target)) == 0

    def test_accuracy_and_specificity_of_each_class(self, labels):
        prediction, target, classes = labels
        counts = counts_of(prediction, target, classes)
        for c in range(classes):
            is_target, is_predicted = target == c, prediction == c
            expected = sk.accuracy_score(is_target, is_predicted)
            np.testing.assert_allclose(accuracy(counts, target.size)[c], expected, rtol=1e-6)
            expected = sk.recall_score(~is_target, ~is_predicted)
            np.testing.assert_allclose(specificity(counts, target.size)[c], expected, rtol=1e-6)


def test_values_by_hand():
    counts = np.array([[90, 5, 3], [2, 3, 5]])
    np.testing.assert_allclose(dice(counts), [180 / 188, 4 / 12])
    np.testing.assert_allclose(iou(counts), [90 / 98, 2 / 10])
    np.testing.assert_allclose(precision(counts), [90 / 95, 2 / 5])
    np.testing.assert_allclose(recall(counts), [90 / 93, 2 / 7])
    np.testing.assert_allclose(accuracy(counts, 100), [0.92, 0.92])
    # Not-class of each class is the other class.
    np.testing.assert_allclose(specificity(counts, 100), [2 / 7, 90 / 93])


def test_f1_is_the_harmonic_mean_of_mean_precision_and_mean_recall():
    # Background only predicted: P = (0.9 + 0) / 2 = 0.45, R = (1 + 0) / 2 = 0.5, F1 = 0.45 / 0.95.
    counts = np.array([[90, 10, 0], [0, 0, 10]])
    assert f1(counts) == pytest.approx(2 * 0.45 * 0.5 / 0.95, abs=1e-6)
    # The mean of the class F1 is another number: (180 / 190 + 0) / 2. Here they happen to agree; below they do not.
    assert f1_macro(counts) == pytest.approx(180 / 190 / 2, abs=1e-6)
    counts = np.array([[60, 0, 30], [10, 30, 0]])
    # P = (1 + 0.25) / 2 = 0.625, R = (2/3 + 1) / 2 = 5/6: F1 = 5/7. Mean of class F1: (0.8 + 0.4) / 2 = 0.6.
    assert f1(counts) == pytest.approx(5 / 7, abs=1e-6)
    assert f1_macro(counts) == pytest.approx(0.6, abs=1e-6)


@pytest.mark.parametrize(("absent", "score"), [("one", 1), ("zero", 0), ("ignore", math.nan)])
@pytest.mark.parametrize("metric", [dice, iou, precision, recall])
def test_an_absent_class_scores_what_the_policy_says(metric, absent, score):
    scores = metric(ABSENT, absent)
    np.testing.assert_equal(scores[1], score)
    assert scores[0] > 0.8
    # Class 2 is in the target and missed: that is 0 under every policy.
    assert scores[2] == 0
    # Dice and so on of class 0 is kept; the mean is over three classes, or over two when the absent one is ignored.
    known = scores[0] / 2 if absent == "ignore" else (scores[0] + score) / 3
    np.testing.assert_allclose(macro(scores), known)


@pytest.mark.parametrize(("absent", "score"), [("one", 1), ("zero", 0), ("ignore", math.nan)])
def test_specificity_follows_the_policy_where_everything_is_one_class(absent, score):
    counts = np.array([[100, 0, 0], [0, 0, 0]])
    np.testing.assert_allclose(specificity(counts, 100, absent), [score, 1])


def test_specificity_is_zero_where_pixels_of_the_only_class_were_lost():
    # No pixel outside class 0 exists to be left out, yet 10 were predicted: mirrors precision and recall at 0 / 0.
    assert specificity(np.array([[90, 0, 10], [0, 10, 0]]), 100)[0] == 0


def test_accuracy_of_an_absent_class_counts_its_true_negatives():
    np.testing.assert_allclose(accuracy(ABSENT, 100), [0.9, 1.0, 0.9])


class TestCBDice:
    def test_value_by_hand(self):
        # Shares of the target 0.9, 0.1, so weights 0.1, 0.9. Dice 2*80/(2*80+0+10) = 16/17 and 2*10/(2*10+10) = 2/3.
        # COUNTS[1] has 90 background pixels of which 80 were found.
        assert cb_dice(COUNTS[1]) == pytest.approx(0.1 * 16 / 17 + 0.9 * 2 / 3, abs=1e-6)

    def test_the_two_weightings_differ_for_three_classes(self):
        # Shares 0.5, 0.3, 0.2; Dice 1, 0.8, 0.8 (class 1: TP 2, FN 1; class 2: TP 2, FP 1).
        counts = np.array([[5, 0, 0], [2, 0, 1], [2, 1, 0]])
        # Complement 0.5, 0.7, 0.8 over 2: 0.25 + 0.75 * 0.8. Inverse 2, 10/3, 5 over 31/3: 6/31 + 25/31 * 0.8.
        assert cb_dice(counts) == pytest.approx(0.85, abs=1e-6)
        assert cb_dice(counts, "inverse") == pytest.approx(26 / 31, abs=1e-5)

    @pytest.mark.parametrize("absent", ["one", "zero", "ignore"])
    def test_a_perfect_empty_mask_scores_one(self, absent):
        assert cb_dice(np.array([[100, 0, 0], [0, 0, 0]]), absent=absent) == pytest.approx(1)

    def test_an_absent_class_has_no_weight_even_if_predicted(self):
        # Only background, 10 of 100 taken for lesion: Dice 180 / 190.
        assert cb_dice(np.array([[90, 0, 10], [0, 10, 0]])) == pytest.approx(180 / 190)

    def test_no_pixel_of_any_class_is_undefined(self):
        assert np.isnan(cb_dice(np.zeros((2, 3), np.int64)))

    def test_unknown_weights_are_refused(self):
        with pytest.raises(ValueError, match="'complement' or 'inverse', got 'effective'"):
            cb_dice(COUNTS[0], "effective")


class TestSummarise:
    def test_has_every_metric_of_the_table_and_of_each_class(self):
        summary = summarise(COUNTS, 100, NAMES)
        per_class = ("dice", "iou", "precision", "recall", "accuracy", "specificity", "images")
        assert set(summary) == set(METRIC_INFO) | {f"{name}/{label}" for name in per_class for label in NAMES}
        assert all(type(value) is float for value in summary.values())

    def test_pools_counts_over_images_but_for_what_is_per_image(self):
        summary = summarise(COUNTS, 100, NAMES)
        # Lesion pooled: TP 12, FP 13, FN 5: Dice 24 / 42, IoU 12 / 30. Background: TP 170, FP 5, FN 13: Dice 340 / 358.
        assert summary["lesion_dice"] == summary["dice/lesion"] == pytest.approx(24 / 42, abs=1e-6)
        assert summary["lesion_iou"] == pytest.approx(12 / 30, abs=1e-6)
        assert summary["dice"] == pytest.approx((24 / 42 + 340 / 358) / 2, abs=1e-6)
        assert summary["accuracy"] == pytest.approx(182 / 200, abs=1e-6)
        # Per image: (4 / 12 + 20 / 30) / 2.
        assert summary["lesion_dice_per_image"] == pytest.approx(0.5, abs=1e-6)

    def test_lesion_scores_average_all_but_the_background(self):
        counts = np.array([[[50, 0, 10], [20, 10, 0], [20, 0, 0]]])
        # Class 1: 40 / 50, class 2: 1.
        assert summarise(counts, 100, ["background", "benign", "malignant"])["lesion_dice"] == pytest.approx(0.9)

    def test_ignored_images_leave_the_mean_over_images(self):
        empty = np.array([[[100, 0, 0], [0, 0, 0]]])
        both = np.concatenate([COUNTS[:1], empty])
        assert summarise(both, 100, NAMES, "ignore")["lesion_dice_per_image"] == pytest.approx(4 / 12, abs=1e-6)
        assert summarise(both, 100, NAMES, "one")["lesion_dice_per_image"] == pytest.approx((4 / 12 + 1) / 2, abs=1e-6)
        assert summarise(both, 100, NAMES, "zero")["lesion_dice_per_image"] == pytest.approx(4 / 12 / 2, abs=1e-6)

    def test_accuracy_of_all_pixels_and_of_one_class_against_the_rest_are_two_numbers(self):
        # Five classes of 20 pixels; of each 4 are right and 16 are taken for the next one.
        counts = np.array([[[4, 16, 16]] * 5])
        summary = summarise(counts, 100, list("abcde"))
        assert summary["pixel_accuracy"] == pytest.approx(0.20)
        assert summary["accuracy"] == pytest.approx(0.68)

    def test_a_class_that_one_image_has_and_that_is_always_missed_scores_0(self):
        missed, nothing = [[90, 10, 0], [0, 0, 10]], [[100, 0, 0], [0, 0, 0]]
        summary = summarise(np.array([missed, *[nothing] * 999]), 100, NAMES)
        assert (summary["lesion_dice_per_image"], summary["images"], summary["images/lesion"]) == (0, 1, 1)
        former = summarise(np.array([missed, *[nothing] * 999]), 100, NAMES, "one")
        assert (former["lesion_dice_per_image"], former["images"]) == (pytest.approx(0.999), 1000)

    def test_an_image_where_a_lesion_was_made_up_is_one_that_counts(self):
        made_up, nothing = [[90, 0, 10], [0, 10, 0]], [[100, 0, 0], [0, 0, 0]]
        summary = summarise(np.array([COUNTS[0], made_up, nothing]), 100, NAMES)
        assert summary["lesion_dice_per_image"] == pytest.approx(4 / 12 / 2)
        assert summary["images"] == 2

    def test_void_pixels_are_no_true_negatives(self):
        # 40 of 100 pixels are void; 6 of the other 60 are wrong: accuracy 54 / 60, specificity of lesion 50 / 53.
        counts = np.array([[[50, 3, 3], [4, 3, 3]]])
        summary = summarise(counts, 100, NAMES)
        assert summary["accuracy"] == pytest.approx(54 / 60)
        assert summary["specificity/lesion"] == pytest.approx(50 / 53)

    def test_nothing_left_to_average_is_nan_without_a_warning(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            summary = summarise(np.array([[[100, 0, 0], [0, 0, 0]]]), 100, NAMES, "ignore")
        assert math.isnan(summary["lesion_dice"])
        assert math.isnan(summary["lesion_dice_per_image"])
        assert summary["dice"] == pytest.approx(1)

    def test_a_perfect_prediction_scores_one_everywhere(self):
        counts = np.array([[[90, 0, 0], [10, 0, 0]]])
        assert all(value == pytest.approx(1) for value in summarise(counts, 100, NAMES).values())

    def test_a_prediction_wrong_everywhere_scores_zero_everywhere(self):
        counts = np.array([[[0, 10, 90], [0, 90, 10]]])
        summary = {name: value for name, value in summarise(counts, 100, NAMES).items() if "images" not in name}
        assert summary.pop("mcc") < 0
        assert all(value == pytest.approx(0) for value in summary.values())

    @pytest.mark.parametrize(
        ("counts", "names", "words"),
        [
            (COUNTS[0], NAMES, r"\(N, C, 3\) with N >= 1 and C >= 2, got \(2, 3\)"),
            (COUNTS[:0], NAMES, r"got \(0, 2, 3\)"),
            (COUNTS, ["lesion"], "must name 2 classes, got"),
            (COUNTS * 2, NAMES, "more than `pixels` = 100"),
        ],
    )
    def test_wrong_input_is_refused(self, counts, names, words):
        with pytest.raises(ValueError, match=words):
            summarise(counts, 100, names)

    def test_an_unknown_policy_is_refused(self):
        with pytest.raises(ValueError, match="`absent` must be one of one, zero, ignore, got 'two'"):
            summarise(COUNTS, 100, NAMES, "two")


def test_scores_are_read_without_torch():
    code = "import sys, dmf.metrics, dmf.metrics.scores; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_images_of_different_size_are_pooled_by_their_pixels():
    counts = np.array([[[20, 2, 0], [2, 0, 2]], [[25, 0, 0], [0, 0, 0]]])
    found = summarise(counts, np.array([24, 25]), ("background", "lesion"))
    assert found["accuracy"] == pytest.approx(47 / 49)
    with pytest.raises(ValueError, match="has 25 pixels in one image, more than `pixels` = 24"):
        summarise(counts, np.array([24, 24]), ("background", "lesion"))
