"""Runs that share settings, drawn as one line with a band: their mean and its spread, across seeds for instance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from dmf.analysis.differences import FlatConfig, in_order

Floats = NDArray[np.float64]
Curve = tuple[NDArray[Any], NDArray[Any]]
Spread = Literal["min-max", "sd", "interval"]

POINTS = 1000  # of a common grid, about what a chart can show


@dataclass(frozen=True)
class Band:
    """A mean curve with a band around it.

    Attributes:
        x: (n,) rising.
        mean: (n,) over the runs that have a value there.
        low, high: (n,) ends of the band; NaN where there is one run only, whose spread nobody knows.
        runs: (n,) int64 how many runs they are.
    """

    x: Floats
    mean: Floats
    low: Floats
    high: Floats
    runs: NDArray[np.int64]


def group_runs(configs: Mapping[str, FlatConfig], fields: Sequence[str]) -> dict[tuple[Any, ...], tuple[str, ...]]:
    """Runs with the same values of ``fields``, e.g. of all but the seed.

    Args:
        configs: Run id to what ``flat_config`` gives.
        fields: Names such as ``fusion.weighting``; none puts all runs into one group.

    Returns:
        Values of the fields to run ids, both in the order of the runs. A field that a run did not record counts as
        None.

    Raises:
        ValueError: If no run has one of the fields.
    """
    known = in_order(configs)
    for field in fields:
        if field not in known:
            raise ValueError(f"No run has a field {field!r}. Choose of: {', '.join(known)}.")
    groups: dict[tuple[Any, ...], tuple[str, ...]] = {}
    for run, config in configs.items():
        key = tuple(config.get(field) for field in fields)
        groups[key] = (*groups.get(key, ()), run)
    return groups


def common_grid(curves: Sequence[Curve], points: int = POINTS) -> tuple[Floats, Floats]:
    """Bring curves to one x.

    Where all curves together have at most ``points`` different x (epochs, or the same steps), these are the grid and
    every recorded value stays as it is. Else x is divided into ``points`` equal parts, and a curve's value in one is
    the mean of what it recorded there. A grid point at which a curve recorded nothing lies on the straight line
    between its neighbours. No curve is continued beyond its ends, and a value that is not finite is a gap.

    Args:
        curves: x (n,) rising and y (n,) of each run.
        points: Most grid points.

    Returns:
        x (m,) and y (runs, m), NaN where a run has no value.

    Raises:
        ValueError: If an x and its y differ in length or x does not rise.
    """
    for x, y in curves:
        if x.shape != y.shape or x.ndim != 1:
            raise ValueError(f"A curve needs as many x as y, (n,) each, got {x.shape} and {y.shape}.")
        if (np.diff(x) <= 0).any():
            raise ValueError("The x of a curve must rise from point to point.")
    every = np.unique(np.concatenate([x for x, _ in curves])) if curves else np.empty(0)
    grid = every.astype(np.float64)
    if len(grid) > points:
        edges = np.linspace(grid[0], grid[-1], points + 1)
        grid = (edges[:-1] + edges[1:]) / 2
        curves = [_averaged(x, y, edges) for x, y in curves]
    rows = [
        np.interp(grid, x, y, left=np.nan, right=np.nan) if len(x) else np.full(len(grid), np.nan) for x, y in curves
    ]
    return grid, np.array(rows, np.float64).reshape(len(curves), len(grid))


def band(
    x: Floats, values: Floats, spread: Spread = "interval", limits: tuple[float, float] = (-np.inf, np.inf)
) -> Band:
    """Mean of a group's runs at each x, and how far they spread.

    ``min-max`` is the range of the runs; ``sd`` the mean plus and minus their standard deviation (n - 1); ``interval``
    the 95 % interval of the mean with Student's t, which is wide for few runs: with 2 it is 9 standard deviations to
    each side.

    Runs may end at different x. A group of several is shown as far as at least two of its runs go, for beyond that
    there is no spread; where a run ends, ``runs`` falls, and the mean may jump because it is over fewer runs. Only a
    group of one run is shown as it is, without a band.

    Args:
        x: (n,).
        values: (runs, n), NaN where a run has no value.
        spread: What the band shows.
        limits: What such values lie between, as shares do between 0 and 1: the band goes no further, unless a value
            does.

    Raises:
        ValueError: If ``values`` is not (runs, n) or ``spread`` is none of the three.
    """
    if spread not in get_args(Spread):
        raise ValueError(f"`spread` must be one of {', '.join(get_args(Spread))}, got {spread!r}.")
    if values.ndim != 2 or values.shape[1] != len(x):
        raise ValueError(f"`values` must have shape (runs, {len(x)}), one row per run, got {values.shape}.")
    present = np.isfinite(values)
    runs = present.sum(0)
    kept = runs >= min(2, len(values)) if len(values) else np.zeros(len(x), bool)
    x, values, present, runs = x[kept], values[:, kept], present[:, kept], runs[kept]
    counts = np.maximum(runs, 1)
    mean = np.where(runs > 0, np.where(present, values, 0).sum(0) / counts, np.nan)
    if spread == "min-max":
        low = np.where(present, values, np.inf).min(0, initial=np.inf)
        high = np.where(present, values, -np.inf).max(0, initial=-np.inf)
    else:
        squares = np.where(present, (values - mean) ** 2, 0).sum(0)
        half = np.sqrt(squares / np.maximum(runs - 1, 1))
        if spread == "interval":
            half = half * stdtrit(np.maximum(runs - 1, 1), 0.975) / np.sqrt(counts)
        low, high = mean - half, mean + half
    lowest, highest = limits
    if not (values < lowest).any():
        low = np.maximum(low, lowest)
    if not (values > highest).any():
        high = np.minimum(high, highest)
    alone = runs < 2
    return Band(x, mean, np.where(alone, np.nan, low), np.where(alone, np.nan, high), runs.astype(np.int64))


def _averaged(x: NDArray[Any], y: NDArray[Any], edges: Floats) -> Curve:
    """Mean of the finite y, and of their x, in each part between two edges that has any."""
    finite = np.isfinite(y)
    part = np.clip(np.searchsorted(edges, x[finite], side="right") - 1, 0, len(edges) - 2)
    count = np.bincount(part, minlength=len(edges) - 1)
    centres = (edges[:-1] + edges[1:]) / 2
    mean = np.divide(np.bincount(part, y[finite], len(count)), count, out=np.full(len(count), np.nan), where=count > 0)
    gaps = np.clip(np.searchsorted(edges, x[~finite], side="right") - 1, 0, len(edges) - 2)
    kept = count > 0
    kept[gaps] = True  # a part in which nothing was finite stays a gap; in any other the gap is averaged over
    return centres[kept], mean[kept]
