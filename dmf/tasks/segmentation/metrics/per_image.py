"""Scores of each image by itself, from hard confusion counts: what paired tests and lists of worst cases rest on."""

from collections.abc import Callable
from typing import Literal, TypeAlias

from dmf.tasks.segmentation.metrics.scores import Absent, Counts, Scores, dice, iou, macro, precision, recall

ImageScore: TypeAlias = Literal["lesion_dice", "lesion_iou", "lesion_precision", "lesion_recall"]

IMAGE_SCORES: dict[ImageScore, Callable[[Counts, Absent], Scores]] = {
    "lesion_dice": dice,
    "lesion_iou": iou,
    "lesion_precision": precision,
    "lesion_recall": recall,
}
"""Name to the score of one class. The mean over images of ``lesion_dice`` is the metric ``lesion_dice_per_image``."""


def image_scores(counts: Counts, name: ImageScore, absent: Absent = "ignore") -> Scores:
    """One score per image: the mean over the classes other than background.

    Args:
        counts: (N, C, 3) TP, FP, FN of N images and C >= 2 classes, in pixels.
        name: One of ``IMAGE_SCORES``.
        absent: What a class scores that is in neither truth nor prediction of an image.

    Returns:
        (N,) 0..1; NaN where every class was ignored.

    Raises:
        ValueError: If ``counts`` is not (N, C, 3) or no score has this name.
    """
    if counts.ndim != 3 or counts.shape[1] < 2 or counts.shape[2] != 3:
        raise ValueError(f"`counts` must have shape (N, C, 3) with C >= 2, got {counts.shape}.")
    if name not in IMAGE_SCORES:
        raise ValueError(f"`name` must be one of {', '.join(IMAGE_SCORES)}, got {name!r}.")
    return macro(IMAGE_SCORES[name](counts, absent)[:, 1:])
