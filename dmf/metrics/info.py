"""What each metric's name means, so that every page and table can say it beside the number."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

Direction: TypeAlias = Literal["higher", "lower"]


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
        better: Which values are better; None where nobody knows, and for what is no score.
        low, high: The least and the greatest value it can have; infinite where there is no bound that is known.
        counted: The metric that says how many images are behind this one; None where that is all of the split.
    """

    title: str
    pooling: Literal["pooled", "per image", "as recorded"]
    classes: str
    sentence: str
    better: Direction | None = "higher"
    low: float = 0
    high: float = 1
    counted: str | None = None

    @property
    def range(self) -> tuple[float, float] | None:
        """Least and greatest value; None where one of them has no bound."""
        return (self.low, self.high) if math.isfinite(self.low) and math.isfinite(self.high) else None

    @property
    def is_count(self) -> bool:
        """Whether it says how many images are behind another one, and is no score."""
        return self.title.startswith(_IMAGES)

    def is_better(self, value: float, than: float) -> bool:
        """Whether one value is better than another; a number is better than none. False where nobody knows."""
        if self.better is None or not math.isfinite(value):
            return False
        if not math.isfinite(than):
            return True
        return value > than if self.better == "higher" else value < than


_IMAGES = "Images"
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
    "images": MetricInfo(_IMAGES, "pooled", _ALL, "Images behind the mean over images.", better=None, high=math.inf),
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


# Names of scores that the field agrees on, as whole words; of any other nobody knows which values are better.
_LOWER = re.compile(
    r"(mae|mse|rmse|mape|nll|ece|mce|brier|loss|error|err|distance|hausdorff|hd|hd95|assd|asd|masd|perplexity|ppl|fid|"
    r"kid|lpips|wer|cer|eer|fpr|fnr|vae|rvd|voe)\d*"
)
_HIGHER = re.compile(
    r"(dice|dsc|iou|miou|jaccard|acc|accuracy|f1|fscore|precision|recall|sensitivity|specificity|ppv|npv|auc|auroc|auprc|"
    r"map|ap|ar|mcc|kappa|r2|psnr|ssim|nsd|bleu|rouge|top|score|reward|tpr|tnr)\d*"
)
_WORDS = re.compile(r"[^a-z0-9]+")


def recorded_metric(name: str) -> MetricInfo:
    """What can be said of a score that a program of someone's own recorded under a name of its own.

    Which values are better is known of the names that the field agrees on (``mae``, ``val_loss``, ``top1``, ...), of
    the last such word in it. Of any other nobody knows, so that none is called the best.
    """
    words = [word for word in _WORDS.split(name.lower()) if word]
    known = [word for word in words if _LOWER.fullmatch(word) or _HIGHER.fullmatch(word)]
    better: Direction | None = None
    if known:
        better = "lower" if _LOWER.fullmatch(known[-1]) else "higher"
    sentence = "A score that the program of this run computed."
    if better is not None:
        sentence += f" {better.capitalize()} is taken to be better, by its name."
    return MetricInfo(name, "as recorded", "by its own program", sentence, better=better, low=-math.inf, high=math.inf)


def known_metric(name: str, stored: Mapping[str, Any] | None = None) -> MetricInfo:
    """How to read a metric, whoever computed it: one of ours, one that its program told of, or what its name says.

    Args:
        name: Of the metric.
        stored: What programs told of theirs, see :func:`told_metrics`.
    """
    try:
        return metric_info(name)
    except KeyError:
        about = recorded_metric(name)
    if stored is None or name not in stored:
        return about
    better, low, high = stored[name]["better"], stored[name]["low"], stored[name]["high"]
    direction = f"{better.capitalize()} is better" if better else "The chosen runs disagree which values are better"
    return replace(
        about,
        better=better,
        sentence=f"A score that the program of this run computed. {direction}.",
        low=-math.inf if low is None else low,
        high=math.inf if high is None else high,
    )


def told_metrics(configs: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """What programs told of metrics of their own: name to ``better``, ``low`` and ``high`` (None: no bound).

    Where the experiments disagree on one, nothing is known of it.

    Args:
        configs: Of the experiments.
    """
    stored: dict[str, dict[str, Any]] = {}
    for config in configs:
        for name, about in (config.get("metrics") or {}).items():
            same = stored.setdefault(name, dict(about)) == about
            stored[name] = stored[name] if same else {"better": None, "low": None, "high": None}
    return stored


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
            info, title=f"{info.title} ({label})", classes=label, sentence="Images with it in truth or prediction."
        )
    sentence = info.sentence.partition(";")[0].rstrip(".") + "."
    return replace(info, title=f"{info.title} ({label})", classes=label, sentence=sentence, counted=f"images/{label}")
