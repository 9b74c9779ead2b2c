"""Figures of a paper beside ours: read from a table that somebody typed from it, and checked for what cannot be."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dmf.errors import ConfigError

COLUMNS = ("dataset", "auxiliary", "weighting", "metric", "mean", "std")
_MARK = "#"  # before a line of the citation
_SLACK = 1e-12  # of arithmetic


@dataclass(frozen=True)
class Figure:
    """One number of a published table: a mean, and a standard deviation where one is printed.

    Attributes:
        rounding: How far the mean may lie from what is printed: half of its last digit.
    """

    mean: float
    std: float | None
    rounding: float = 0.0


@dataclass(frozen=True)
class Published:
    """Figures of one paper.

    Attributes:
        figures: Dataset, auxiliary loss and weighting to metric to figure; metrics in 0..1.
        citation: Where they are printed; empty where the file does not say.
    """

    figures: Mapping[tuple[str, str, str], Mapping[str, Figure]]
    citation: str = ""


def read_published(file: Path) -> Published:
    """Published figures from a CSV file with the columns ``dataset,auxiliary,weighting,metric,mean,std``.

    Lines before them that begin with ``#`` are the citation.

    Raises:
        ConfigError: If the file cannot be read, or a row of it is not as it should be.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"Cannot read {file}: {getattr(error, 'strerror', None) or error}.", "published") from error
    above = next((number for number, line in enumerate(lines) if not line.startswith(_MARK)), len(lines))
    figures: dict[tuple[str, str, str], dict[str, Figure]] = {}
    for number, row in enumerate(csv.DictReader(lines[above:]), start=above + 2):
        if set(row) != set(COLUMNS):
            raise ConfigError(
                f"{file} needs the columns {','.join(COLUMNS)}, got {','.join(map(str, row))}.", "published"
            )
        key = row["dataset"].strip(), row["auxiliary"].strip(), row["weighting"].strip()
        try:
            figure = Figure(
                float(row["mean"]), float(row["std"]) if row["std"].strip() else None, _rounding(row["mean"].strip())
            )
        except ValueError as error:
            raise ConfigError(f"{file}, line {number}: {error}.", "published") from error
        if not 0 <= figure.mean <= 1:
            raise ConfigError(f"{file}, line {number}: means lie in 0..1, got {figure.mean:g}.", "published")
        figures.setdefault(key, {})[row["metric"].strip()] = figure
    return Published(figures, " ".join(line.lstrip(_MARK).strip() for line in lines[:above]))


def _rounding(text: str) -> float:
    return 0.5 * 10.0 ** -len(text.partition(".")[2])


def iou_range(dice: float) -> tuple[float, float]:
    r"""The least and the greatest mean IoU that any set of images can have whose mean Dice is ``dice``.

    Of one image :math:`IoU = D / (2 - D)`, a convex function with the ends (0, 0) and (1, 1). So the mean IoU is at
    least the IoU of the mean Dice (Jensen), and at most the mean Dice. The same holds of means over classes and over
    repeats.
    """
    return dice / (2 - dice), dice


def most_f1(precision: float, recall: float) -> float:
    r"""The greatest mean of harmonic means that any set of pairs can have with these means of precision and recall.

    The harmonic mean :math:`2 P R / (P + R)` is concave, so its mean is at most that of the means (Jensen). This bounds
    both the paper's F1 and Dice, which is the harmonic mean of precision and recall of a class.
    """
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def impossible(published: Published) -> list[str]:
    """Sentences about figures that no set of images can have, beyond what rounding explains."""
    sentences = []
    for (dataset, auxiliary, weighting), metrics in published.figures.items():
        where = f"{dataset}, {auxiliary}/{weighting}"
        if "dice" in metrics and "iou" in metrics:
            dice, iou = metrics["dice"], metrics["iou"]
            low = iou_range(max(0.0, dice.mean - dice.rounding))[0] - iou.rounding - _SLACK
            high = iou_range(min(1.0, dice.mean + dice.rounding))[1] + iou.rounding + _SLACK
            if not low <= iou.mean <= high:
                least, greatest = iou_range(dice.mean)
                sentences.append(
                    f"{where}: a mean IoU of {iou.mean:g} is printed beside a mean Dice of {dice.mean:g}; whatever the "
                    f"images, it lies between {least:.4f} and {greatest:.4f}."
                )
        if "precision" not in metrics or "recall" not in metrics:
            continue
        precision, recall = metrics["precision"], metrics["recall"]
        most = most_f1(precision.mean + precision.rounding, recall.mean + recall.rounding) + _SLACK
        for name in ("f1", "dice"):
            if name in metrics and metrics[name].mean - metrics[name].rounding > most:
                sentences.append(
                    f"{where}: a mean {name} of {metrics[name].mean:g} is printed beside a mean precision of "
                    f"{precision.mean:g} and recall of {recall.mean:g}; whatever the images, it is at most "
                    f"{most_f1(precision.mean, recall.mean):.4f}."
                )
    return sentences
