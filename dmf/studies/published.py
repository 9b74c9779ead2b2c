"""Figures of a paper beside ours: read from a table that somebody typed from it, and checked for what cannot be."""

import csv
from dataclasses import dataclass
from pathlib import Path

from dmf.errors import ConfigError

COLUMNS = ("dataset", "auxiliary", "weighting", "metric", "mean", "std")


@dataclass(frozen=True)
class Figure:
    """One number of a published table: a mean, and a standard deviation where one is printed."""

    mean: float
    std: float | None


Figures = dict[tuple[str, str, str], dict[str, Figure]]
"""Dataset, auxiliary loss and weighting to metric to figure; metrics in 0..1."""


def read_published(file: Path) -> Figures:
    """Published figures from a CSV file with the columns ``dataset,auxiliary,weighting,metric,mean,std``.

    Raises:
        ConfigError: If the file cannot be read, or a row of it is not as it should be.
    """
    try:
        with file.open(encoding="utf-8", newline="") as opened:
            rows = list(csv.DictReader(opened))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"Cannot read {file}: {getattr(error, 'strerror', None) or error}.", "published") from error
    found: Figures = {}
    for number, row in enumerate(rows, start=2):
        if set(row) != set(COLUMNS):
            raise ConfigError(
                f"{file} needs the columns {','.join(COLUMNS)}, got {','.join(map(str, row))}.", "published"
            )
        key = row["dataset"].strip(), row["auxiliary"].strip(), row["weighting"].strip()
        try:
            figure = Figure(float(row["mean"]), float(row["std"]) if row["std"].strip() else None)
        except ValueError as error:
            raise ConfigError(f"{file}, line {number}: {error}.", "published") from error
        if not 0 <= figure.mean <= 1:
            raise ConfigError(f"{file}, line {number}: means lie in 0..1, got {figure.mean:g}.", "published")
        found.setdefault(key, {})[row["metric"].strip()] = figure
    return found


def iou_range(dice: float) -> tuple[float, float]:
    r"""The least and the greatest mean IoU that any set of images can have whose mean Dice is ``dice``.

    Of one image :math:`IoU = D / (2 - D)`, a convex function with the ends (0, 0) and (1, 1). So the mean IoU is at
    least the IoU of the mean Dice (Jensen), and at most the mean Dice.
    """
    return dice / (2 - dice), dice


def impossible(figures: Figures, decimals: int = 4) -> list[str]:
    """Sentences about figures that no set of images can have, beyond what rounding explains.

    Args:
        figures: Published ones.
        decimals: To which they are printed, as shares.
    """
    slack = 10.0**-decimals
    found = []
    for (dataset, auxiliary, weighting), metrics in figures.items():
        if "dice" in metrics and "iou" in metrics:
            low, high = iou_range(metrics["dice"].mean)
            iou = metrics["iou"].mean
            if not low - slack <= iou <= high + slack:
                found.append(
                    f"{dataset}, {auxiliary}/{weighting}: a mean IoU of {iou:g} is printed beside a mean Dice of "
                    f"{metrics['dice'].mean:g}; whatever the images, it lies between {low:.4f} and {high:.4f}."
                )
    return found
