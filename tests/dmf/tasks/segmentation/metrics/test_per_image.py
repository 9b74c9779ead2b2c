import numpy as np
import pytest

from dmf.tasks.segmentation.metrics import summarise
from dmf.tasks.segmentation.metrics.per_image import IMAGE_SCORES, image_scores

# background, one lesion class; TP, FP, FN
COUNTS = np.array([[[90, 4, 2], [4, 2, 4]], [[95, 5, 0], [0, 0, 5]], [[100, 0, 0], [0, 0, 0]]])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # TP 4, FP 2, FN 4: Dice 8/14, IoU 4/10, precision 4/6, recall 4/8; then a missed lesion; then none, none found
        ("lesion_dice", [8 / 14, 0, 1]),
        ("lesion_iou", [0.4, 0, 1]),
        ("lesion_precision", [4 / 6, 0, 1]),
        ("lesion_recall", [0.5, 0, 1]),
    ],
)
def test_scores_of_each_image_by_hand(name, expected):
    np.testing.assert_allclose(image_scores(COUNTS, name, "one"), expected, atol=1e-7)
    np.testing.assert_allclose(image_scores(COUNTS, name), [*expected[:2], np.nan], atol=1e-7)


def test_lesion_classes_count_alike_and_the_background_does_not():
    counts = np.array([[[50, 9, 9], [4, 2, 4], [1, 0, 0]]])
    np.testing.assert_allclose(image_scores(counts, "lesion_dice"), [(8 / 14 + 1) / 2])


@pytest.mark.parametrize("absent", ["one", "zero", "ignore"])
def test_the_mean_over_images_is_the_metric_of_the_split(absent):
    mean = np.nanmean(image_scores(COUNTS, "lesion_dice", absent))
    assert mean == pytest.approx(summarise(COUNTS, 100, ["b", "l"], absent)["lesion_dice_per_image"])


def test_an_image_with_nothing_to_find_may_be_left_out():
    assert np.isnan(image_scores(COUNTS, "lesion_iou", "ignore")).tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("counts", "name", "message"),
    [
        (COUNTS[0], "lesion_dice", r"`counts` must have shape \(N, C, 3\) with C >= 2, got \(2, 3\)"),
        (COUNTS[:, :1], "lesion_dice", r"got \(3, 1, 3\)"),
        (COUNTS, "kappa", f"`name` must be one of {', '.join(IMAGE_SCORES)}, got 'kappa'"),
    ],
)
def test_what_has_no_score_is_refused(counts, name, message):
    with pytest.raises(ValueError, match=message):
        image_scores(counts, name)
