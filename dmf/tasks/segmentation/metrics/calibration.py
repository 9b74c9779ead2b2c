"""Whether a probability means what it says: of all pixels given 80 %, do 80 % belong to the lesion?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Binning: TypeAlias = Literal["mass", "width"]

BINS = 15


@dataclass(frozen=True)
class Reliability:
    """A reliability curve, one point per bin, by rising probability.

    Attributes:
        confidence: (bins,) mean probability of the bin's pixels.
        frequency: (bins,) share of them that are lesion in truth.
        count: (bins,) int64 how many pixels they are.
        error: Expected calibration error, 0..1; NaN without a pixel.
        images: Over how many images.
    """

    confidence: NDArray[np.float64]
    frequency: NDArray[np.float64]
    count: NDArray[np.int64]
    error: float
    images: int


def reliability(
    probabilities: Sequence[NDArray[np.floating[Any]]],
    truths: Sequence[NDArray[np.bool_]],
    bins: int = BINS,
    margin: int | None = None,
    *,
    voids: Sequence[NDArray[np.bool_]] | None = None,
    binning: Binning = "mass",
) -> Reliability:
    r"""Reliability curve and expected calibration error of lesion probabilities, pooled over the pixels of images.

    .. math:: ECE = \sum_b \frac{n_b}{n} \, | \mathrm{frequency}_b - \mathrm{confidence}_b |

    By default bins have equal mass: their edges are quantiles of the probabilities, because nearly all pixels of an
    image are background with a probability near 0, and bins of equal width would leave the others empty. Pixels of
    equal probability are never divided, so there may be fewer bins. Bins of equal width are the published form (Guo et
    al.), and what torchmetrics computes; over the same pixels the two give different errors.

    Over all pixels the many easy ones of the background make the error small whatever happens at the lesion;
    ``margin`` looks only at the lesion's bounding box and that many pixels around it.

    Args:
        probabilities: One (H, W) map per image, in [0, 1]; sizes may differ.
        truths: One (H, W) bool mask per image.
        bins: Most bins, at least 1.
        margin: In pixels, at least 0: only the bounding box of the lesion with this margin, and only images with one.
            None takes all pixels.
        voids: One (H, W) bool mask per image of pixels of which nobody said what they show; they are left out.
        binning: ``mass``, bins of as many pixels each, or ``width``, bins as wide as each other.

    Raises:
        ValueError: If there is not one mask of the same size for each map, a probability is outside [0, 1] or not a
            number, a mask is not boolean, ``bins`` or ``margin`` is too low, or ``binning`` is neither word.

    Reference:
        Nguyen & O'Connor, Posterior calibration and exploratory analysis for NLP models, EMNLP 2015 (equal mass).
        Guo et al., On calibration of modern neural networks, ICML 2017 (equal width).
    """
    if bins < 1:
        raise ValueError(f"`bins` must be at least 1, got {bins}.")
    if binning not in ("mass", "width"):
        raise ValueError(f"`binning` must be 'mass' or 'width', got {binning!r}.")
    if margin is not None and margin < 0:
        raise ValueError(f"`margin` must be at least 0 pixels, got {margin}.")
    if len(probabilities) != len(truths):
        raise ValueError(f"Pass one mask per map, got {len(truths)} masks for {len(probabilities)} maps.")
    if voids is not None and len(voids) != len(truths):
        raise ValueError(f"Pass one mask of void pixels per map, got {len(voids)} for {len(truths)} maps.")
    values, labels = [], []
    for place, (given, truth) in enumerate(zip(probabilities, truths, strict=True)):
        valid = None if voids is None else ~voids[place]
        if given.ndim != 2 or given.shape != truth.shape or truth.dtype != np.bool_:
            raise ValueError(
                f"Each map and its mask must both have shape (H, W) and the mask be boolean, got {given.shape} and "
                f"{truth.shape} of {truth.dtype}."
            )
        if valid is not None and valid.shape != truth.shape:
            raise ValueError(f"`voids` must have the shapes of their maps, got {valid.shape} for {truth.shape}.")
        if given.size and not (given.min() >= 0 and given.max() <= 1):  # neither holds of NaN
            raise ValueError("`probabilities` must be in [0, 1]. Take the softmax of logits first.")
        known = truth if valid is None else truth & valid
        box = (slice(None), slice(None)) if margin is None else lesion_box(known, margin)
        if box is not None:
            kept = ... if valid is None else valid[box]
            values.append(given[box][kept].ravel())
            labels.append(truth[box][kept].ravel())
    pooled = np.concatenate(values) if values else np.empty(0)
    if not len(pooled):
        return Reliability(np.empty(0), np.empty(0), np.empty(0, np.int64), np.nan, 0)
    return _curve(pooled, np.concatenate(labels), bins, len(values), binning)


def lesion_box(truth: NDArray[np.bool_], margin: int) -> tuple[slice, slice] | None:
    """Rows and columns of the bounding box of all lesion pixels, ``margin`` wider on each side; None without any."""
    if not truth.any():
        return None
    sides = []
    for axis in (1, 0):
        hit = np.flatnonzero(truth.any(axis))
        sides.append(slice(max(0, int(hit[0]) - margin), int(hit[-1]) + 1 + margin))
    return sides[0], sides[1]


def _curve(values: NDArray[Any], labels: NDArray[np.bool_], bins: int, images: int, binning: Binning) -> Reliability:
    inner = np.arange(1, bins) / bins
    if binning == "width" or bins == 1:
        edges, number = inner, _bins_of_equal_width(values, inner)
    else:
        # Edges are values that occur, so that pixels of equal probability fall on one side of an edge.
        edges = np.unique(np.quantile(values, inner, method="inverted_cdf"))
        number = np.searchsorted(edges, values)  # an edge belongs to the bin below it
    # Pixels of both kinds are counted at once, those of a lesion at odd places.
    background, lesion = np.bincount(2 * number + labels, minlength=2 * len(edges) + 2).reshape(-1, 2).T
    count = background + lesion
    kept = count > 0
    confidence = np.bincount(number, values, len(count))[kept] / count[kept]
    frequency, count = lesion[kept] / count[kept], count[kept]
    error = float((count * np.abs(frequency - confidence)).sum() / count.sum())
    return Reliability(confidence, frequency, count.astype(np.int64), error, images)


def _bins_of_equal_width(values: NDArray[Any], edges: NDArray[np.float64]) -> NDArray[np.intp]:
    """How many edges lie below each value, as ``searchsorted`` has it; a product is faster than a search."""
    # Right, or one off where a value is at an edge.
    near = np.multiply(values, len(edges) + 1, dtype=np.float64).astype(np.intp)
    below, above = np.concatenate(([-np.inf], edges)), np.concatenate((edges, [np.inf]))
    np.minimum(near, len(edges), out=near)
    np.subtract(near, below[near] >= values, out=near)
    number: NDArray[np.intp] = np.add(near, above[near] < values)
    return number


def level_reliability(
    pixels: NDArray[np.integer[Any]], lesions: NDArray[np.integer[Any]], images: int, bins: int = BINS
) -> Reliability:
    """The curve of :func:`reliability`, from how many pixels have each of L equally spaced probabilities 0..1.

    It needs no more room for a thousand images than for one.

    Args:
        pixels: (L,) pixels with probability i / (L - 1).
        lesions: (L,) how many of them are lesion in truth.
        images: Over how many images.
        bins: Most bins, at least 1.

    Raises:
        ValueError: If the shapes differ or have fewer than two levels, more pixels are lesion than there are, or
            ``bins`` is too low.
    """
    if bins < 1:
        raise ValueError(f"`bins` must be at least 1, got {bins}.")
    if pixels.shape != lesions.shape or pixels.ndim != 1 or len(pixels) < 2:
        raise ValueError(
            f"`pixels` and `lesions` must have one shape (L,), L >= 2, got {pixels.shape}, {lesions.shape}."
        )
    if (lesions < 0).any() or (lesions > pixels).any():
        raise ValueError("`lesions` must lie between 0 and `pixels` at every level.")
    total = int(pixels.sum())
    if not total:
        return Reliability(np.empty(0), np.empty(0), np.empty(0, np.int64), np.nan, 0)
    below = np.cumsum(pixels, dtype=np.int64)
    # In whole numbers: the first level that so many pixels do not lie above.
    edges = np.unique(np.searchsorted(below * bins, np.arange(1, bins, dtype=np.int64) * total))
    number = np.searchsorted(edges, np.arange(len(pixels)))
    values = np.linspace(0, 1, len(pixels))
    counts, confident, frequent = (
        np.bincount(number, each, len(edges) + 1) for each in (pixels, pixels * values, lesions)
    )
    kept = counts > 0
    counts, confident, frequent = counts[kept], confident[kept], frequent[kept]
    error = float(np.abs(frequent - confident).sum() / total)
    return Reliability(confident / counts, frequent / counts, counts.astype(np.int64), error, images)
