"""How far the outline of a prediction lies from that of the truth, in original pixels or in millimetres."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Empty = Literal["truth", "prediction", "both"]


@dataclass(frozen=True)
class BoundaryDistances:
    """Distances between two outlines.

    Attributes:
        hausdorff95: 95 % Hausdorff distance; NaN where ``empty`` is not None.
        average: Average symmetric surface distance; NaN where ``empty`` is not None.
        unit: ``px`` or ``mm``.
        empty: Which of the two masks has no pixel, so that there is no distance; None if both have an outline.
    """

    hausdorff95: float
    average: float
    unit: Literal["px", "mm"]
    empty: Empty | None


@dataclass(frozen=True)
class BoundarySummary:
    """Boundary distances of many images.

    Attributes:
        hausdorff95, average: Means over the images where both masks have an outline; NaN without any.
        images: How many these are.
        empty: How many images had no truth, no prediction, or neither; left out of the means.
    """

    hausdorff95: float
    average: float
    unit: Literal["px", "mm"]
    images: int
    empty: dict[Empty, int]


def boundary_distances(
    prediction: NDArray[np.bool_],
    truth: NDArray[np.bool_],
    spacing: tuple[float, float] | None = None,
    *,
    void: NDArray[np.bool_] | None = None,
) -> BoundaryDistances:
    r"""95 % Hausdorff distance and average symmetric surface distance of two masks.

    The outline of a mask are its pixels that touch, by a side, a pixel outside of it or the edge of the image. With
    :math:`d(a, B)` the distance from the centre of pixel a to the nearest of outline B,

    .. math:: HD_{95} = \max(Q_{95}\{d(p, T): p \in P\}, Q_{95}\{d(t, P): t \in T\}), \quad
              ASSD = \frac{\sum_{p \in P} d(p, T) + \sum_{t \in T} d(t, P)}{|P| + |T|}

    with the quantile interpolated linearly. These are MONAI's definitions (``compute_hausdorff_distance`` with
    ``percentile=95``, ``compute_average_surface_distance`` with ``symmetric=True``), except that a mask without a pixel
    gives NaN and is named, where MONAI gives NaN or infinity.

    Args:
        prediction: (H, W) bool, in the pixels of the original image; see :func:`restore`.
        truth: (H, W) bool.
        spacing: Height and width of a pixel in millimetres; None measures in pixels.
        void: (H, W) bool, pixels of which nobody said what they show: they belong to neither mask, so that an outline
            that runs through them is that of the rest.

    Raises:
        ValueError: If the masks are not boolean and (H, W) alike, or a spacing is not above 0.
    """
    masks = {"prediction": prediction, "truth": truth} | ({} if void is None else {"void": void})
    for name, mask in masks.items():
        if mask.dtype != np.bool_:
            raise ValueError(f"`{name}` must be boolean, got {mask.dtype}. Compare the labels with a class first.")
    if prediction.ndim != 2 or any(mask.shape != truth.shape for mask in masks.values()):
        raise ValueError(
            f"`prediction` and `truth` must both have shape (H, W), and `void` too, got "
            f"{' and '.join(str(mask.shape) for mask in masks.values())}. "
            "Bring the prediction to the size of the truth with `restore` first."
        )
    if spacing is not None and not (len(spacing) == 2 and all(np.isfinite(side) and side > 0 for side in spacing)):
        raise ValueError(f"`spacing` must be the height and width of a pixel in mm, both above 0, got {spacing}.")
    if void is not None and void.any():
        prediction, truth = prediction & ~void, truth & ~void
    unit: Literal["px", "mm"] = "px" if spacing is None else "mm"
    empty = _empty(bool(prediction.any()), bool(truth.any()))
    if empty is not None:
        return BoundaryDistances(np.nan, np.nan, unit, empty)
    box = _box(prediction | truth)  # the outlines lie inside, so the distances between them do not change
    outlines = [_outline(mask[box]) for mask in (prediction, truth)]
    from_prediction, from_truth = (
        ndimage.distance_transform_edt(~other, sampling=spacing)[own] for own, other in (outlines, outlines[::-1])
    )
    hausdorff = max(np.percentile(from_prediction, 95), np.percentile(from_truth, 95))
    average = np.concatenate([from_prediction, from_truth]).mean()
    return BoundaryDistances(float(hausdorff), float(average), unit, None)


def summarise_boundaries(distances: Sequence[BoundaryDistances]) -> BoundarySummary:
    """Means over images; those with an empty mask are counted apart.

    Raises:
        ValueError: If there is no image, or some are in pixels and some in millimetres.
    """
    units = {found.unit for found in distances}
    if len(units) != 1:
        raise ValueError(f"`distances` must hold at least one image, all in one unit, got {sorted(units) or 'none'}.")
    kinds: tuple[Empty, ...] = ("truth", "prediction", "both")
    measured = [found for found in distances if found.empty is None]
    hausdorff, average = (
        float(np.mean([getattr(found, name) for found in measured])) if measured else np.nan
        for name in ("hausdorff95", "average")
    )
    counts = {kind: sum(found.empty == kind for found in distances) for kind in kinds}
    return BoundarySummary(hausdorff, average, units.pop(), len(measured), counts)


def restore(pixels: NDArray[Any], size: tuple[int, int], fit: Literal["stretch", "pad"] = "stretch") -> NDArray[Any]:
    """Bring what a network made of a square image back to the pixels of the original, by nearest neighbour.

    Undoes the geometry of ``dmf.data.filtering.square``: padding is cut away, then every original pixel takes the
    value found at its centre.

    Args:
        pixels: (S, S) labels, mask or probabilities.
        size: Height and width of the original image.
        fit: How the image was made square.

    Returns:
        ``size``, of the same type.

    Raises:
        ValueError: If ``pixels`` are not square, ``size`` has a side below 1, or ``fit`` is neither word.
    """
    if pixels.ndim != 2 or pixels.shape[0] != pixels.shape[1]:
        raise ValueError(f"`pixels` must have shape (S, S), got {pixels.shape}.")
    if min(size) < 1:
        raise ValueError(f"`size` must be at least one pixel high and wide, got {size}.")
    if fit not in ("stretch", "pad"):
        raise ValueError(f"`fit` must be 'stretch' or 'pad', got {fit!r}.")
    side = len(pixels)
    scale = side / max(size)
    index = []
    for length in size:
        inside = side if fit == "stretch" else max(1, round(length * scale))
        # The centre of original pixel i lies at (i + 1/2) inside / length; whole numbers, so that nothing is rounded.
        index.append((side - inside) // 2 + (2 * np.arange(length) + 1) * inside // (2 * length))
    return pixels[np.ix_(*index)]


def _empty(has_prediction: bool, has_truth: bool) -> Empty | None:
    if has_prediction and has_truth:
        return None
    if has_prediction:
        return "truth"
    return "prediction" if has_truth else "both"


def _box(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _outline(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = ndimage.binary_erosion(mask)
    return mask & ~inside
