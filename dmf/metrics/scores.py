"""Scores from counts: the names of :mod:`dmf.tasks.segmentation.metrics.scores`."""

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

__all__ = [
    "accuracy",
    "cb_dice",
    "dice",
    "f1",
    "f1_macro",
    "iou",
    "macro",
    "matthews",
    "micro",
    "pixel_accuracy",
    "precision",
    "recall",
    "specificity",
    "summarise",
    "weighted",
]
