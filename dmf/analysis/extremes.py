"""A growing series kept small: its lowest and its highest value of every bucket of steps.

The first half of MinMaxLTTB (Van Der Donckt et al. 2023, https://arxiv.org/abs/2305.00332), done as values arrive, so
that drawing costs the same whether a thousand or a million steps were recorded. Spikes are never lost.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

BUCKETS = 2048  # at most; with two points each, several times what is drawn, so that the second half has a choice

_Columns = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]


class Extremes:
    """Extremes of a series of any length, in bounded memory.

    Args:
        buckets: Most buckets kept; even. When they run out, neighbours are merged in pairs.
    """

    def __init__(self, buckets: int = BUCKETS) -> None:
        self.size = 0  # values taken so far
        self.width = 1  # values per bucket
        self._limit = buckets
        self._first = self._last = np.nan
        self._buckets = _empty(0)

    def extend(self, values: ArrayLike) -> None:
        """Take the next values of the series, (n,); one that is not finite is a gap."""
        values = np.asarray(values, np.float64)
        if not len(values):
            return
        values = np.where(np.isfinite(values), values, np.nan)
        while -(-(self.size + len(values)) // self.width) > self._limit:
            self._halve()
        self._first = values[0] if self.size == 0 else self._first
        self._last = values[-1]
        lead = self.size % self.width
        fresh = _bucketed(values, lead, self.width, self.size - lead)
        if lead:
            joined = _merged(_part(self._buckets, slice(-1, None)), _part(fresh, slice(0, 1)))
            pieces: tuple[_Columns, ...] = (_part(self._buckets, slice(0, -1)), joined, _part(fresh, slice(1, None)))
        else:
            pieces = (self._buckets, fresh)
        self._buckets = _concatenated(*pieces)
        self.size += len(values)

    def points(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Positions in the series, rising, and the values there.

        The first and the last value are always among them; one position of every bucket with a gap has NaN.
        """
        low, low_value, high, high_value, gap = self._buckets
        low_first = low <= high
        # Early and late extreme of each bucket in turn; a bucket with a single value has only one.
        positions = np.stack([np.where(low_first, low, high), np.where(low_first, high, low)], 1).ravel()
        values = np.stack([np.where(low_first, low_value, high_value), np.where(low_first, high_value, low_value)], 1)
        keep = np.isfinite(values)
        keep[:, 1] &= low != high
        positions, values = positions[keep.ravel()], values.ravel()[keep.ravel()]
        gaps = gap[gap >= 0]
        if len(gaps):
            positions = np.concatenate([positions, gaps])
            order = np.argsort(positions, kind="stable")
            positions, values = positions[order], np.concatenate([values, np.full(len(gaps), np.nan)])[order]
        return self._with_ends(positions, values)

    def _with_ends(
        self, positions: NDArray[np.int64], values: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        if self.size and (not len(positions) or positions[0] != 0):
            positions, values = np.insert(positions, 0, 0), np.insert(values, 0, self._first)
        if self.size and positions[-1] != self.size - 1:
            positions, values = np.append(positions, self.size - 1), np.append(values, self._last)
        return positions, values

    def _halve(self) -> None:
        count = len(self._buckets[0])
        even = count - count % 2
        pairs = _merged(_part(self._buckets, slice(0, even, 2)), _part(self._buckets, slice(1, even, 2)))
        self._buckets = _concatenated(pairs, _part(self._buckets, slice(even, None)))
        self.width *= 2


def _empty(count: int) -> _Columns:
    whole = np.zeros(count, np.int64)
    return whole, np.full(count, np.inf), whole.copy(), np.full(count, -np.inf), np.full(count, -1)


def _part(buckets: _Columns, rows: slice) -> _Columns:
    low, low_value, high, high_value, gap = buckets
    return low[rows], low_value[rows], high[rows], high_value[rows], gap[rows]


def _concatenated(*pieces: _Columns) -> _Columns:
    low, low_value, high, high_value, gap = (np.concatenate(columns) for columns in zip(*pieces, strict=True))
    return low, low_value, high, high_value, gap


def _merged(left: _Columns, right: _Columns) -> _Columns:
    """Bucket by bucket, the extremes of both."""
    lower, higher = right[1] < left[1], right[3] > left[3]
    return (
        np.where(lower, right[0], left[0]),
        np.where(lower, right[1], left[1]),
        np.where(higher, right[2], left[2]),
        np.where(higher, right[3], left[3]),
        np.where(left[4] >= 0, left[4], right[4]),
    )


def _bucketed(values: NDArray[np.float64], lead: int, width: int, start: int) -> _Columns:
    """Extremes of each bucket; the first bucket starts at position ``start``, ``lead`` of its values are elsewhere."""
    rows = -(-(lead + len(values)) // width)
    finite = np.isfinite(values)
    table = np.full((3, rows * width), [[np.inf], [-np.inf], [0.0]])
    table[:, lead : lead + len(values)] = np.where(finite, values, np.inf), np.where(finite, values, -np.inf), ~finite
    cells = table.reshape(3, rows, width)
    offsets = start + width * np.arange(rows)
    low, high, gap = cells[0].argmin(1), cells[1].argmax(1), cells[2].argmax(1)
    row = np.arange(rows)
    has_gap = cells[2, row, gap] > 0
    return (
        offsets + low,
        cells[0, row, low],
        offsets + high,
        cells[1, row, high],
        np.where(has_gap, offsets + gap, -1),
    )
