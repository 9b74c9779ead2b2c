"""How far the outline of a prediction lies from that of the truth, in original pixels or in millimetres."""

import math
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
        hausdorff: Hausdorff distance; NaN where ``empty`` is not None, as the others.
        hausdorff95: 95 % Hausdorff distance.
        average: Average symmetric surface distance.
        unit: ``px`` or ``mm``.
        empty: Which of the two masks has no pixel, so that there is no distance; None if both have an outline.
        diagonal: Of the image, in ``unit``: no distance within it is greater.
    """

    hausdorff95: float
    average: float
    unit: Literal["px", "mm"]
    empty: Empty | None
    hausdorff: float = np.nan
    diagonal: float = np.nan


@dataclass(frozen=True)
class BoundarySummary:
    """Boundary distances of many images.

    A missed object has no outline to measure to. Left out, it would make a network that finds nothing perfect, so it
    counts with the diagonal of its image, the greatest distance there is; so does one that was made up. Only images
    where neither truth nor prediction has anything are left out.

    Attributes:
        hausdorff, hausdorff95, average: Means over ``images``; NaN without any.
        unit: ``px`` or ``mm``.
        images: How many images have an object in truth or prediction.
        missed: In how many of them nothing of the truth was found.
        made_up: In how many of them something was found where nothing is.
        found_hausdorff95, found_average: Means over images where both have an outline, without the missed and made up:
            how well what was found is drawn. NaN without any.
        empty: How many images had no truth, no prediction, or neither.
    """

    hausdorff95: float
    average: float
    unit: Literal["px", "mm"]
    images: int
    empty: dict[Empty, int]
    hausdorff: float
    missed: int
    made_up: int
    found_hausdorff95: float
    found_average: float


def boundary_distances(
    prediction: NDArray[np.bool_],
    truth: NDArray[np.bool_],
    spacing: tuple[float, ...] | None = None,
    *,
    void: NDArray[np.bool_] | None = None,
) -> BoundaryDistances:
    r"""Hausdorff distances and average symmetric surface distance of two masks.

    The outline of a mask are its pixels that touch, by a side, a pixel outside of it or the edge of the image. With
    :math:`d(a, B)` the distance from the centre of pixel a to the nearest of outline B,

    .. math:: HD_{95} = \max(Q_{95}\{d(p, T): p \in P\}, Q_{95}\{d(t, P): t \in T\}), \quad
              ASSD = \frac{\sum_{p \in P} d(p, T) + \sum_{t \in T} d(t, P)}{|P| + |T|}

    with the quantile interpolated linearly; the Hausdorff distance itself has the greatest in its place. These are
    MONAI's definitions (``compute_hausdorff_distance``, for the first with ``percentile=95``, and
    ``compute_average_surface_distance`` with ``symmetric=True``), except that a mask without a pixel gives NaN and is
    named, where MONAI gives NaN or infinity.

    Args:
        prediction: (H, W) bool, in the pixels of the original image; see :func:`restore`. Of a volume (D, H, W), and so
            is all else.
        truth: (H, W) bool.
        spacing: Height and width of a pixel in millimetres (of a voxel depth first); None measures in pixels.
        void: (H, W) bool, pixels of which nobody said what they show: they belong to neither mask, so that an outline
            that runs through them is that of the rest.

    Raises:
        ValueError: If the masks are not boolean and (H, W) alike, or a spacing is not above 0.
    """
    masks = {"prediction": prediction, "truth": truth} | ({} if void is None else {"void": void})
    for name, mask in masks.items():
        if mask.dtype != np.bool_:
            raise ValueError(f"`{name}` must be boolean, got {mask.dtype}. Compare the labels with a class first.")
    if prediction.ndim not in (2, 3) or any(mask.shape != truth.shape for mask in masks.values()):
        raise ValueError(
            f"`prediction` and `truth` must both have shape (H, W), or (D, H, W), and `void` too, got "
            f"{' and '.join(str(mask.shape) for mask in masks.values())}. "
            "Bring the prediction to the size of the truth with `restore` first."
        )
    fits = spacing is None or len(spacing) == truth.ndim
    if spacing is not None and not (fits and all(np.isfinite(side) and side > 0 for side in spacing)):
        raise ValueError(f"`spacing` must be the height and width of a pixel in mm, both above 0, got {spacing}.")
    if void is not None and void.any():
        prediction, truth = prediction & ~void, truth & ~void
    unit: Literal["px", "mm"] = "px" if spacing is None else "mm"
    diagonal = math.hypot(
        *(length * side for length, side in zip(truth.shape, spacing or (1,) * truth.ndim, strict=True))
    )
    empty = _empty(bool(prediction.any()), bool(truth.any()))
    if empty is not None:
        return BoundaryDistances(np.nan, np.nan, unit, empty, diagonal=diagonal)
    both = _between_outlines(prediction, truth, spacing)
    hausdorff95, hausdorff = (max(float(np.percentile(one, share)) for one in both) for share in (95, 100))
    average = float(np.concatenate(both).mean())
    return BoundaryDistances(hausdorff95, average, unit, None, hausdorff, diagonal)


def surface_dice(
    prediction: NDArray[np.bool_],
    truth: NDArray[np.bool_],
    tolerance: float,
    spacing: tuple[float, ...] | None = None,
    *,
    void: NDArray[np.bool_] | None = None,
) -> float:
    r"""Share of both outlines that lies within a tolerance of the other, 0..1 (normalised surface distance).

    .. math:: NSD = \frac{|\{p \in P : d(p, T) \le \tau\}| + |\{t \in T : d(t, P) \le \tau\}|}{|P| + |T|}

    over the pixels of the outlines, as MONAI's ``compute_surface_dice`` counts them without subvoxels.

    Args:
        prediction: (H, W) bool, as of :func:`boundary_distances`.
        truth: (H, W) bool.
        tolerance: In millimetres, or in pixels without ``spacing``. At least 0.
        spacing: Height and width of a pixel in millimetres; None measures in pixels.
        void: (H, W) bool, pixels that belong to neither mask.

    Returns:
        NaN where neither has an outline, 0 where one has none.

    Raises:
        ValueError: If ``tolerance`` is below 0 or not a number, and as of :func:`boundary_distances`.
    """
    if not tolerance >= 0:
        raise ValueError(f"`tolerance` must be at least 0, got {tolerance}.")
    distances = boundary_distances(prediction, truth, spacing, void=void)
    if distances.empty is not None:
        return np.nan if distances.empty == "both" else 0.0
    if void is not None:
        prediction, truth = prediction & ~void, truth & ~void
    within = np.concatenate(_between_outlines(prediction, truth, spacing)) <= tolerance
    return float(within.mean())


def _between_outlines(
    prediction: NDArray[np.bool_], truth: NDArray[np.bool_], spacing: tuple[float, ...] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distances of each outline's pixels to the other outline; both masks have one."""
    box = _box(prediction | truth)  # the outlines lie inside, so the distances between them do not change
    outlines = [_outline(mask[box]) for mask in (prediction, truth)]
    from_prediction, from_truth = (
        ndimage.distance_transform_edt(~other, sampling=spacing)[own] for own, other in (outlines, outlines[::-1])
    )
    return from_prediction, from_truth


def summarise_boundaries(distances: Sequence[BoundaryDistances]) -> BoundarySummary:
    """Means over images; see :class:`BoundarySummary` for what an empty mask counts.

    Raises:
        ValueError: If there is no image, or some are in pixels and some in millimetres.
    """
    units = {distance.unit for distance in distances}
    if len(units) != 1:
        raise ValueError(f"`distances` must hold at least one image, all in one unit, got {sorted(units) or 'none'}.")
    kinds: tuple[Empty, ...] = ("truth", "prediction", "both")
    counts = {kind: sum(distance.empty == kind for distance in distances) for kind in kinds}
    there = [distance for distance in distances if distance.empty != "both"]
    drawn = [distance for distance in there if distance.empty is None]
    return BoundarySummary(
        hausdorff95=_mean(
            [distance.hausdorff95 if distance.empty is None else distance.diagonal for distance in there]
        ),
        average=_mean([distance.average if distance.empty is None else distance.diagonal for distance in there]),
        unit=units.pop(),
        images=len(there),
        empty=counts,
        hausdorff=_mean([distance.hausdorff if distance.empty is None else distance.diagonal for distance in there]),
        missed=counts["prediction"],
        made_up=counts["truth"],
        found_hausdorff95=_mean([distance.hausdorff95 for distance in drawn]),
        found_average=_mean([distance.average for distance in drawn]),
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else np.nan


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


def _box(mask: NDArray[np.bool_]) -> tuple[slice, ...]:
    sides = []
    for axis in range(mask.ndim):
        hit = np.flatnonzero(mask.any(tuple(other for other in range(mask.ndim) if other != axis)))
        sides.append(slice(hit[0], hit[-1] + 1))
    return tuple(sides)


def _outline(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = ndimage.binary_erosion(mask)
    return mask & ~inside
