"""Scores from hard confusion counts: numbers in, numbers out, numpy only.

``counts`` is always (..., C, 3): true positives, false positives and false negatives of C classes, in pixels; class 0
is the background. True negatives follow from the number of pixels.

A ratio is num / (den + e) with e = 1e-7, as the authors' notebook has it. The ``absent`` policy says what a class
scores that is in neither target nor prediction: with ``ignore`` NaN, left out of every mean, and a mean over nothing is
NaN; with ``one`` 1 (nothing was there, nothing was found), which makes a class that nothing has as good as one that was
found; with ``zero`` 0 (the notebook).

Reference:
    Golnari & Diba, arXiv 2410.19745, eq. (11)-(15).
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Absent: TypeAlias = Literal["one", "zero", "ignore"]
Counts: TypeAlias = NDArray[np.int64]
Scores: TypeAlias = NDArray[np.float64]

EPS = 1e-7
_ABSENT_SCORES = {"one": 1.0, "zero": 0.0, "ignore": np.nan}


def dice(counts: Counts, absent: Absent = "ignore") -> Scores:
    """(..., C) Dice, 2 TP / (2 TP + FP + FN)."""
    tp, fp, fn = _split(counts)
    return _score(2 * tp, 2 * tp + fp + fn, tp + fp + fn == 0, absent)


def iou(counts: Counts, absent: Absent = "ignore") -> Scores:
    """(..., C) intersection over union, TP / (TP + FP + FN)."""
    tp, fp, fn = _split(counts)
    return _score(tp, tp + fp + fn, tp + fp + fn == 0, absent)


def precision(counts: Counts, absent: Absent = "ignore") -> Scores:
    """(..., C) precision, TP / (TP + FP); 0 for a class of the target that is never predicted."""
    tp, fp, fn = _split(counts)
    return _score(tp, tp + fp, tp + fp + fn == 0, absent)


def recall(counts: Counts, absent: Absent = "ignore") -> Scores:
    """(..., C) recall (sensitivity), TP / (TP + FN); 0 for a predicted class that is not in the target."""
    tp, fp, fn = _split(counts)
    return _score(tp, tp + fn, tp + fp + fn == 0, absent)


def accuracy(counts: Counts, pixels: int) -> Scores:
    """(..., C) accuracy, (TP + TN) / all, where ``pixels`` is the number of pixels behind each count.

    (!) Of one class against all others. See :func:`pixel_accuracy` for that of all together.
    """
    _, fp, fn = _split(counts)
    return _score(pixels - fp - fn, np.full_like(fp, pixels), np.zeros(fp.shape, bool), "one")


def specificity(counts: Counts, pixels: int, absent: Absent = "ignore") -> Scores:
    """(..., C) recall of not-class, TN / (TN + FP). The policy holds where target and prediction are all this class."""
    tp, fp, fn = _split(counts)
    tn = pixels - tp - fp - fn
    return _score(tn, tn + fp, tn + fp + fn == 0, absent)


def f1(counts: Counts, absent: Absent = "ignore") -> Scores:
    """(...) the paper's F1: the harmonic mean of macro precision and macro recall.

    (!) Not scikit-learn's macro F1, the mean over classes, which equals the mean Dice; they differ by 0.05 or more on
    imbalanced masks. See :func:`f1_macro`.
    """
    p, r = macro(precision(counts, absent)), macro(recall(counts, absent))
    return np.asarray(2 * p * r / (p + r + EPS), np.float64)


def f1_macro(counts: Counts, absent: Absent = "ignore") -> Scores:
    """(...) scikit-learn's macro F1: the mean over classes of the class F1, which is Dice."""
    return macro(dice(counts, absent))


def cb_dice(
    counts: Counts, cb_weights: Literal["complement", "inverse"] = "complement", absent: Absent = "ignore"
) -> Scores:
    """(...) Dice weighted by 1 - share (paper) or 1 / share (notebook) of each class in the target.

    Shares are those of whatever ``counts`` was summed over: of the split, if pooled over a split. Weights are
    normalised to sum 1; a class absent from the target has weight 0, a single class present has weight 1.

    Raises:
        ValueError: If ``cb_weights`` is neither word.
    """
    if cb_weights not in ("complement", "inverse"):
        raise ValueError(f"`cb_weights` must be 'complement' or 'inverse', got {cb_weights!r}.")
    tp, _, fn = _split(counts)
    actual = (tp + fn).astype(np.float64)
    ratios = actual / np.maximum(actual.sum(-1, keepdims=True), 1)
    present = actual > 0
    weights = present * (1 - ratios if cb_weights == "complement" else 1 / (ratios + 1e-6))
    weights = np.where(present.sum(-1, keepdims=True) == 1, present, weights)
    # A class of weight 0 may score NaN, which must not spread.
    weighted = np.where(present, weights * dice(counts, absent), 0).sum(-1)
    total = weights.sum(-1)
    return np.asarray(np.divide(weighted, total, out=np.full(total.shape, np.nan), where=total > 0), np.float64)


def macro(scores: Scores) -> Scores:
    """Mean over the last axis without the NaN of ignored classes; NaN where nothing is left."""
    valid = ~np.isnan(scores)
    number = valid.sum(-1)
    total = np.where(valid, scores, 0).sum(-1)
    return np.asarray(np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0), np.float64)


def pixel_accuracy(counts: Counts) -> Scores:
    """(...) share of pixels whose class was found; NaN without a pixel.

    (!) Not :func:`accuracy`, which tells each class from all others and is higher: with many classes
    nearly all pixels are true negatives of each. For two classes both are one number.

    Args:
        counts: (..., C, 3) TP, FP, FN of all C classes, in pixels.
    """
    pixels = (counts[..., 0] + counts[..., 2]).sum(-1)
    return _ratio(counts[..., 0].sum(-1), pixels)


def matthews(counts: Counts) -> Scores:
    r"""(...) Matthews correlation of truth and prediction over all classes, -1..1; NaN without a pixel.

    .. math:: R_K = \frac{c s - \sum_k p_k t_k}{\sqrt{(s^2 - \sum_k p_k^2)(s^2 - \sum_k t_k^2)}}

    with s pixels, c right ones, and :math:`p_k, t_k` those of class k in prediction and truth. It needs no more of the
    confusion matrix than that. Where truth or prediction has one class only, it is 0.

    Args:
        counts: (..., C, 3) TP, FP, FN of all C classes, in pixels.

    Reference:
        Gorodkin, Comparing two K-category assignments by a K-category correlation coefficient, 2004.
    """
    tp, fp, fn = (counts[..., column].astype(np.float64) for column in range(3))
    predicted, actual = tp + fp, tp + fn
    right, pixels = tp.sum(-1), actual.sum(-1)
    spread = [pixels**2 - (side**2).sum(-1) for side in (predicted, actual)]
    coefficient = _ratio(right * pixels - (predicted * actual).sum(-1), np.sqrt(spread[0] * spread[1]))
    return np.asarray(np.where((pixels > 0) & np.isnan(coefficient), 0, coefficient), np.float64)


def micro(score: Callable[[Counts, Absent], Scores], counts: Counts, absent: Absent = "ignore") -> Scores:
    """(...) a score of the counts summed over classes: each pixel counts alike, whichever class it is of.

    Over all classes of one class per pixel, micro Dice, precision and recall are all :func:`pixel_accuracy`; leave the
    background out (``counts[..., 1:, :]``) to say something else.

    Args:
        score: ``dice``, ``iou``, ``precision`` or ``recall`` of this module.
        counts: (..., C, 3) TP, FP, FN, in pixels.
        absent: What is scored where no class is in truth or prediction.
    """
    return np.asarray(score(counts.sum(-2, keepdims=True), absent)[..., 0], np.float64)


def weighted(scores: Scores, counts: Counts) -> Scores:
    """(...) mean of the scores of classes, weighted by their pixels in truth; NaN scores are left out.

    Args:
        scores: (..., C).
        counts: (..., C, 3) TP, FP, FN that they are of.
    """
    support = np.where(np.isnan(scores), 0, counts[..., 0] + counts[..., 2])
    return _ratio((np.nan_to_num(scores) * support).sum(-1), support.sum(-1))


def summarise(
    counts: Counts,
    pixels: int | NDArray[np.int64],
    class_names: Sequence[str],
    absent: Absent = "ignore",
    cb_weights: Literal["complement", "inverse"] = "complement",
) -> dict[str, float]:
    """Every score of a split, by the names of ``METRIC_INFO``, then each class's as ``dice/<class name>`` and so on.

    All are pooled over the split (counts are summed over images first), except ``lesion_dice_per_image``: for each
    image the mean over the lesion classes, then the mean over images. ``images`` says over how many, and
    ``images/<class name>`` how many images have a class, in truth or prediction.

    Args:
        counts: (N, C, 3) TP, FP, FN of N >= 1 images and C >= 2 classes, in pixels.
        pixels: Pixels of one image, or (N,) where images differ in size; none can have counted more. Void pixels may be
            among them: true negatives are what is left of the pixels that have a class in truth.
        class_names: C names, the background first.
        absent: What an absent class scores; for pooled scores a class absent from the whole split. With ``ignore`` the
            mean over images is one over those that have a lesion in truth or prediction.
        cb_weights: Class weights of ``cb_dice``.

    Returns:
        Name to value, or NaN where nothing was left to average; in the ranges of ``METRIC_INFO``.

    Raises:
        ValueError: If ``counts`` is not (N, C, 3), has more counts than ``pixels``, or ``class_names`` are not C.
    """
    if counts.ndim != 3 or counts.shape[0] < 1 or counts.shape[1] < 2 or counts.shape[2] != 3:
        raise ValueError(f"`counts` must have shape (N, C, 3) with N >= 1 and C >= 2, got {counts.shape}.")
    if len(class_names) != counts.shape[1]:
        raise ValueError(f"`class_names` must name {counts.shape[1]} classes, got {list(class_names)}.")
    sizes = np.broadcast_to(np.asarray(pixels, np.int64), len(counts))
    excess = counts.sum(2).max(1) - sizes
    if excess.max() > 0:
        worst = int(excess.argmax())
        raise ValueError(
            f"`counts` has {counts[worst].sum(1).max()} pixels in one image, more than `pixels` = {sizes[worst]}."
        )
    pooled = counts.sum(0)
    total = int(pooled[:, [0, 2]].sum())  # every pixel that is not void has one class in truth
    per_class = {
        "dice": dice(pooled, absent),
        "iou": iou(pooled, absent),
        "precision": precision(pooled, absent),
        "recall": recall(pooled, absent),
        "accuracy": accuracy(pooled, total),
        "specificity": specificity(pooled, total, absent),
    }
    per_image = macro(dice(counts, absent)[:, 1:])
    has_class = counts.sum(2) > 0  # (N, C)
    summary = {name: macro(scores) for name, scores in per_class.items()} | {
        "f1": f1(pooled, absent),
        "f1_macro": f1_macro(pooled, absent),
        "cb_dice": cb_dice(pooled, cb_weights, absent),
        "lesion_dice": macro(per_class["dice"][1:]),
        "lesion_iou": macro(per_class["iou"][1:]),
        "lesion_dice_per_image": macro(per_image),
        "pixel_accuracy": pixel_accuracy(pooled),
        "mcc": matthews(pooled),
        "images": np.count_nonzero(~np.isnan(per_image)),
    }
    per_class["images"] = has_class.sum(0)
    for name, scores in per_class.items():
        summary |= {f"{name}/{label}": score for label, score in zip(class_names, scores, strict=True)}
    return {name: float(value) for name, value in summary.items()}


def _split(counts: Counts) -> tuple[Counts, Counts, Counts]:
    return counts[..., 0], counts[..., 1], counts[..., 2]


def _score(numerator: Counts, denominator: Counts, is_absent: NDArray[np.bool_], absent: str) -> Scores:
    if absent not in _ABSENT_SCORES:
        raise ValueError(f"`absent` must be one of {', '.join(_ABSENT_SCORES)}, got {absent!r}.")
    scores: Any = np.where(is_absent, _ABSENT_SCORES[absent], numerator / (denominator + EPS))
    return np.asarray(scores, np.float64)


def _ratio(over: Scores | Counts, under: Scores | Counts) -> Scores:
    over, under = np.asarray(over, np.float64), np.asarray(under, np.float64)
    return np.asarray(np.divide(over, under, out=np.full(under.shape, np.nan), where=under > 0), np.float64)
