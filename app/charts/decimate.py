"""Fewer points without losing spikes.

Pure numpy in, numpy out. Decimation is MinMaxLTTB (Van Der Donckt et al. 2023, https://arxiv.org/abs/2305.00332).
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray
from tsdownsample import LTTBDownsampler, MinMaxDownsampler

_MINMAX, _LTTB = MinMaxDownsampler(), LTTBDownsampler()  # type: ignore[no-untyped-call]


def decimate(x: ArrayLike, y: ArrayLike, points: int = 1000) -> NDArray[np.int64]:
    """Choose which points to draw so that the line looks the same.

    Gaps stay: of each run of non-finite values one index is kept (of the longest runs, should they be many), so that
    ``y[index]`` still breaks the line there.

    Args:
        x: (N,) ascending and finite.
        y: (N,), non-finite where there is no value.
        points: At most this many indices come back; at least 8.

    Returns:
        (M,) ascending indices, M <= ``points``; all of them where N <= ``points``.

    Raises:
        ValueError: If ``points`` is below 8, or the shapes are not one (N,).
    """
    x, y = np.ascontiguousarray(x, dtype=np.float64), np.ascontiguousarray(y, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"`x` and `y` must have one shape (N,), got {x.shape} and {y.shape}.")
    if points < 8:
        raise ValueError(f"`points` must be at least 8, got {points}.")
    if len(x) <= points:
        return np.arange(len(x))
    finite = np.isfinite(y)
    if finite.all():
        return _spread(x, y, points)
    gaps = _longest_gaps(finite, points // 4)
    kept = np.flatnonzero(finite)
    if len(kept) > points - len(gaps):
        kept = kept[_spread(x[kept], y[kept], points - len(gaps))]
    return np.sort(np.concatenate([kept, gaps]))


def _spread(x: NDArray[np.float64], y: NDArray[np.float64], points: int) -> NDArray[np.int64]:
    """MinMaxLTTB, with a tenth of the points kept back for the spikes that its triangles miss."""
    extra = points // 10
    candidates = np.arange(len(x))
    if len(x) > 4 * points:
        extremes = np.asarray(_MINMAX.downsample(x, y, n_out=4 * points), dtype=np.int64)
        candidates = np.unique(np.concatenate([[0], extremes, [len(x) - 1]]))
    x, y = np.ascontiguousarray(x[candidates]), np.ascontiguousarray(y[candidates])
    line = np.asarray(_LTTB.downsample(x, y, n_out=points - extra), dtype=np.int64)
    height = np.abs(y - np.median(sliding_window_view(np.pad(y, 2, mode="edge"), 5), axis=-1))
    height[line] = -1
    spikes = np.argsort(height)[len(height) - extra :]
    chosen: NDArray[np.int64] = candidates[np.sort(np.concatenate([line, spikes]))]
    return chosen


def _longest_gaps(finite: NDArray[np.bool_], count: int) -> NDArray[np.int64]:
    """First index of each run of non-finite values, of the ``count`` longest runs."""
    edges = np.diff(np.concatenate([[1], finite.astype(np.int8), [1]]))
    starts, ends = np.flatnonzero(edges == -1), np.flatnonzero(edges == 1)
    longest = np.argsort(starts - ends, kind="stable")[:count]
    return starts[longest]


def shown_of(shown: int, total: int) -> str:
    """What a chart shows, in honest words: ``"1,000 of 1,000,000 points"``, or ``"800 points"`` where that is all."""
    return f"{total:,} points" if shown >= total else f"{shown:,} of {total:,} points"
