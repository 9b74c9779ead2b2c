"""What each metric of segmentation is."""

import math
from dataclasses import replace
from typing import Literal

from dmf.metric_info import IMAGES, MetricInfo

_ALL, _LESION = "all classes", "lesion only"

METRIC_INFO: dict[str, MetricInfo] = {
    "dice": MetricInfo("Dice", "pooled", _ALL, "Twice the overlap over the sum of both areas; the mean over classes."),
    "iou": MetricInfo("IoU", "pooled", _ALL, "Overlap over the area of both together; the mean over classes."),
    "f1": MetricInfo(
        "F1", "pooled", _ALL, "The paper's F1: harmonic mean of the mean precision and the mean recall of the classes."
    ),
    "f1_macro": MetricInfo(
        "F1 (macro)", "pooled", _ALL, "scikit-learn's macro F1: the mean over classes of the F1 of each, equal to Dice."
    ),
    "precision": MetricInfo(
        "Precision", "pooled", _ALL, "Share of the predicted pixels that are right; the mean over classes."
    ),
    "recall": MetricInfo("Recall", "pooled", _ALL, "Share of the true pixels that were found; the mean over classes."),
    "accuracy": MetricInfo(
        "Accuracy (one against the rest)",
        "pooled",
        _ALL,
        "Share of pixels on which a class and the rest are told apart; the mean over classes. With more than two "
        "classes higher than pixel accuracy.",
    ),
    "pixel_accuracy": MetricInfo("Pixel accuracy", "pooled", _ALL, "Share of pixels whose class was found."),
    "mcc": MetricInfo(
        "MCC",
        "pooled",
        _ALL,
        "Matthews correlation of truth and prediction over all classes: 1 is perfect, 0 no better than chance.",
        low=-1,
    ),
    "specificity": MetricInfo(
        "Specificity", "pooled", _ALL, "Share of the pixels outside a class that were left out; the mean over classes."
    ),
    "cb_dice": MetricInfo(
        "CB-Dice",
        "pooled",
        _ALL,
        "Class-balanced Dice: Dice of each class, weighted so that classes rare in the split's targets count more.",
    ),
    "lesion_dice": MetricInfo(
        "Lesion Dice", "pooled", _LESION, "Dice without the background; the mean over lesion classes."
    ),
    "lesion_dice_per_image": MetricInfo(
        "Lesion Dice per image",
        "per image",
        _LESION,
        "Lesion Dice of each image, averaged over the images.",
        counted="images",
    ),
    "lesion_iou": MetricInfo(
        "Lesion IoU", "pooled", _LESION, "IoU without the background; the mean over lesion classes."
    ),
    "images": MetricInfo(IMAGES, "pooled", _ALL, "Images behind the mean over images.", better=None, high=math.inf),
}
"""Every metric of ``summarise`` but those of a single class; for these see :func:`metric_info`."""


ABSENT_SENTENCES: dict[str, str] = {
    "ignore": "A class in neither truth nor prediction is left out of the mean; a mean over images is one over those "
    "that have a lesion in either.",
    "one": "A class in neither truth nor prediction scores 1.",
    "zero": "A class in neither truth nor prediction scores 0.",
}
"""What the setting ``absent`` of a run does to its means."""

BEFORE_STORED: Literal["one"] = "one"
"""The ``absent`` of runs that do not say theirs: all of a time when nothing else was the default."""


def absent_sentence(absent: str | None) -> str:
    """What a run's setting ``absent`` does to its means; None where the run does not say."""
    return ABSENT_SENTENCES.get(absent or BEFORE_STORED, "")


def over_sentence(over: str | None) -> str:
    """What a run's setting ``metrics_over`` does to its scores; empty where they are pooled over the split."""
    return "Pooled scores are those of each batch, averaged over the batches." if over == "batch" else ""


def metric_info(name: str) -> MetricInfo:
    """How to read a metric, also one of a single class such as ``dice/lesion``.

    Raises:
        KeyError: If there is no such metric.
    """
    metric, slash, label = name.partition("/")
    info = METRIC_INFO[metric]
    if not slash:
        return info
    if metric == "images":
        return replace(
            info, title=f"{info.title} ({label})", over=label, sentence="Images with it in truth or prediction."
        )
    sentence = info.sentence.partition(";")[0].rstrip(".") + "."
    return replace(info, title=f"{info.title} ({label})", over=label, sentence=sentence, counted=f"images/{label}")
