"""How rare a class is, and what is found of it: shares of pixels, recall by size, precision against recall."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.integer[Any]]
Size = Literal["small", "middle", "large"]
SIZES: tuple[Size, ...] = ("small", "middle", "large")


def class_shares(counts: Counts) -> NDArray[np.float64]:
    """(classes,) share of each class in the pixels of the truth of all images; NaN without a pixel.

    Args:
        counts: (images, classes, 3) true positives, false positives and false negatives, in pixels.
    """
    pixels = _in_truth(counts).sum(0)
    with np.errstate(invalid="ignore"):
        shares: NDArray[np.float64] = pixels / pixels.sum()
    return shares


def background_ratios(counts: Counts) -> NDArray[np.float64]:
    """(images,) pixels of background for each that is not, by image; NaN where there is none that is not.

    Args:
        counts: (images, classes, 3), see :func:`class_shares`.
    """
    pixels = _in_truth(counts)
    objects = pixels[:, 1:].sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios: NDArray[np.float64] = np.where(objects > 0, pixels[:, 0] / objects, np.nan)
    return ratios


@dataclass(frozen=True)
class SizeRecall:
    """What is found of a class in the images where it is of one size.

    Attributes:
        size: A third of the images that show the class, by its area in them.
        images: How many they are.
        smallest, largest: Its share of an image there, 0..1.
        recall: Its pixels that are found, of all of them in these images.
    """

    size: Size
    images: int
    smallest: float
    largest: float
    recall: float


def recall_by_size(counts: Counts, number: int) -> list[SizeRecall]:
    """Recall of a class where it is small, of middle size and large: thirds of the images that show it, by its area.

    Args:
        counts: (images, classes, 3), see :func:`class_shares`.
        number: Of the class.

    Returns:
        Sizes with at least one image, the smallest first; empty where no image shows the class.
    """
    pixels = _in_truth(counts)
    area = pixels[:, number]
    order = np.argsort(area, kind="stable")
    thirds = np.array_split(order[area[order] > 0], len(SIZES))
    recalls = []
    for size, third in zip(SIZES, thirds, strict=True):
        if len(third):
            shares = area[third] / pixels[third].sum(1)
            recall = float(counts[third, number, 0].sum() / area[third].sum())
            recalls.append(SizeRecall(size, len(third), float(shares.min()), float(shares.max()), recall))
    return recalls


@dataclass(frozen=True)
class PrecisionRecall:
    """Precision against recall of a class over the pixels of images, one point per threshold, by rising threshold.

    Attributes:
        threshold: (points,) a pixel counts as found from this probability on.
        precision: (points,) found pixels that are of the class.
        recall: (points,) pixels of the class that are found.
        average: Average precision: the mean precision over recall, 0..1; NaN without a pixel of the class.
        base: Share of the class in all pixels: the precision of calling everything found.
    """

    threshold: NDArray[np.float64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    average: float
    base: float

    def at(self, threshold: float) -> tuple[float, float]:
        """Recall and precision at the first point that is not below a threshold; the last where all are, else NaN."""
        if not len(self.threshold):
            return math.nan, math.nan
        place = min(int(np.searchsorted(self.threshold, threshold)), len(self.threshold) - 1)
        return float(self.recall[place]), float(self.precision[place])


def precision_recall(pixels: Counts, members: Counts) -> PrecisionRecall:
    r"""The curve, from how many pixels have each of L equally spaced probabilities 0..1.

    .. math:: AP = \sum_i (R_i - R_{i+1}) P_i

    over rising thresholds, as scikit-learn has it. Thresholds at which nothing is found any more are left out.

    Args:
        pixels: (L,) pixels with probability i / (L - 1).
        members: (L,) how many of them are of the class.

    Raises:
        ValueError: If the shapes differ or have fewer than two levels, or more pixels are of the class than there are.
    """
    if pixels.shape != members.shape or pixels.ndim != 1 or len(pixels) < 2:
        raise ValueError(
            f"`pixels` and `members` must have one shape (L,), L >= 2, got {pixels.shape}, {members.shape}."
        )
    if (members < 0).any() or (members > pixels).any():
        raise ValueError("`members` must lie between 0 and `pixels` at every level.")
    predicted = np.cumsum(pixels[::-1])[::-1]
    right = np.cumsum(members[::-1])[::-1]
    kept = (pixels > 0) & (predicted > 0)  # a threshold between levels that occur finds what the next one finds
    total = int(members.sum())
    threshold = np.linspace(0, 1, len(pixels))[kept]
    precision = right[kept] / predicted[kept]
    if not total:
        return PrecisionRecall(threshold, precision, np.full(len(threshold), np.nan), np.nan, 0.0)
    recall = right[kept] / total
    average = float(-(np.diff(recall, append=0.0) * precision).sum())
    return PrecisionRecall(threshold, precision, recall, average, total / int(pixels.sum()))


def _in_truth(counts: Counts) -> NDArray[np.int64]:
    """(images, classes) pixels; every pixel that is not void has one class."""
    pixels: NDArray[np.int64] = counts[:, :, 0] + counts[:, :, 2]
    return pixels
