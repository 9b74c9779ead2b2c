"""What each metric's name means, so that every page and table can say it beside the number."""

from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True)
class MetricInfo:
    """How a metric is to be read.

    Attributes:
        title: Short name for a column or an axis.
        pooling: ``pooled``: counts are summed over the split's images first; ``per image``: averaged over images;
            ``as recorded``: only the program that computed it knows.
        classes: ``all classes`` averages background and lesions; ``lesion only`` leaves the background out; for the
            metric of one class, the name of that class.
        sentence: What it measures.
    """

    title: str
    pooling: Literal["pooled", "per image", "as recorded"]
    classes: str
    sentence: str


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
        "Accuracy",
        "pooled",
        _ALL,
        "Share of pixels on which a class and the rest are told apart; the mean over classes.",
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
        "Lesion Dice per image", "per image", _LESION, "Lesion Dice of each image, averaged over the images."
    ),
    "lesion_iou": MetricInfo(
        "Lesion IoU", "pooled", _LESION, "IoU without the background; the mean over lesion classes."
    ),
}
"""Every metric of ``summarise`` but those of a single class; for these see :func:`metric_info`."""


def recorded_metric(name: str) -> MetricInfo:
    """What can be said of a score that a program of someone's own recorded under a name of its own."""
    return MetricInfo(name, "as recorded", "by its own program", "A score that the program of this run computed.")


def metric_info(name: str) -> MetricInfo:
    """How to read a metric, also one of a single class such as ``dice/lesion``.

    Raises:
        KeyError: If there is no such metric.
    """
    metric, slash, label = name.partition("/")
    info = METRIC_INFO[metric]
    if not slash:
        return info
    sentence = info.sentence.partition(";")[0].rstrip(".") + "."
    return replace(info, title=f"{info.title} ({label})", classes=label, sentence=sentence)
