"""What each metric's name means, so that every page and table can say it beside the number."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Direction: TypeAlias = Literal["higher", "lower"]

IMAGES = "Images"
"""How titles of metrics begin that say how many images are behind another one."""


@dataclass(frozen=True)
class MetricInfo:
    """How a metric is to be read.

    Attributes:
        title: Short name for a column or an axis.
        pooling: ``pooled``: counts are summed over the split's images first; ``per image``: averaged over images;
            ``as recorded``: only the program that computed it knows.
        over: What it is a mean of or about, e.g. ``all classes``, one class by its name, or ``all pixels``.
        sentence: What it measures.
        better: Which values are better; None where nobody knows, and for what is no score.
        low, high: The least and the greatest value it can have; infinite where there is no bound that is known.
        unit: Of the values, e.g. dB; empty where they have none.
        counted: The metric that says how many images are behind this one; None where that is all of the split.
    """

    title: str
    pooling: Literal["pooled", "per image", "as recorded"]
    over: str
    sentence: str
    better: Direction | None = "higher"
    low: float = 0
    high: float = 1
    counted: str | None = None
    unit: str = ""

    @property
    def range(self) -> tuple[float, float] | None:
        """Least and greatest value; None where one of them has no bound."""
        return (self.low, self.high) if math.isfinite(self.low) and math.isfinite(self.high) else None

    @property
    def is_count(self) -> bool:
        """Whether it says how many images are behind another one, and is no score."""
        return self.title.startswith(IMAGES)

    def is_better(self, value: float, than: float) -> bool:
        """Whether one value is better than another; a number is better than none. False where nobody knows."""
        if self.better is None or not math.isfinite(value):
            return False
        if not math.isfinite(than):
            return True
        return value > than if self.better == "higher" else value < than


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
