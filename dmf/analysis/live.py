"""What a page shows of a run while it trains: all that was recorded, in memory, brought up to date by what is new.

A refresh reads only steps after the last one it has; a new attempt starts over.
"""

import math
import threading
from collections import OrderedDict
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dmf.analysis.extremes import Extremes
from dmf.analysis.smoothing import Smoother
from dmf.runs import RunRow, RunStore, Telemetry

Axis = Literal["step", "epoch", "time"]
Window = tuple[float, float]

SMOOTHINGS_KEPT = 3  # per run: people compare a few, not many
WINDOW_STEPS = 100_000  # a window of more steps is drawn from its extremes


class LiveRun:
    """Telemetry of one run with what follows from it, in memory. Safe to share between threads.

    Beside the stored columns there are ``share_<term>`` and ``share_auxiliary``: the part of the total that a term
    contributes, weight times loss over the total, and gamma times the auxiliary loss over the total.

    Args:
        run: Which run; its configuration names the terms.
    """

    def __init__(self, run: RunRow) -> None:
        self.id = run.id
        self.terms: tuple[str, ...] = tuple(run.config["terms"])
        self.history_min = int(run.config["history_min"])
        self._lock = threading.RLock()
        self._forget(run.attempt)

    def refresh(self, store: RunStore) -> None:
        """Read what is new.

        Raises:
            RunNotFoundError: If the run is gone.
            StoreError: If the store cannot be read.
        """
        with self._lock:
            fresh = store.telemetry(self.id, after=self._last)
            if fresh.attempt != self.attempt:
                self._forget(fresh.attempt)
                fresh = store.telemetry(self.id)
            if len(fresh.steps):
                self._take(fresh)

    @property
    def size(self) -> int:
        """Steps recorded."""
        return len(self._steps)

    @property
    def collected(self) -> int:
        """Steps whose losses were all finite: those the history remembers."""
        return self._collected

    @property
    def started(self) -> float | None:
        """Unix time of the first step, in seconds."""
        return float(self._times.values[0]) if self.size else None

    def last(self, column: str) -> float:
        """Latest value of a column; NaN where there is none."""
        with self._lock:
            return float(self._rows.values[-1, self._columns.index(column)]) if self.size else math.nan

    def time_of(self, step: int) -> float:
        """Unix time by which ``step`` steps were taken; 0 where none was recorded."""
        with self._lock:
            if not self.size:
                return 0.0
            position = int(np.searchsorted(self._steps.values, step - 1))
            return float(self._times.values[min(position, self.size - 1)])

    def trace(
        self,
        column: str,
        *,
        axis: Axis = "step",
        steps_per_epoch: int = 1,
        origin: float = 0.0,
        smoothing: float = 0.0,
        window: Window | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """A line fit to be drawn: all its extremes, a few thousand points however long the run.

        Args:
            column: A stored column, ``share_<term>`` or ``share_auxiliary``.
            axis: What x counts: optimizer steps, epochs, or seconds.
            steps_per_epoch: Needed for epochs.
            origin: Unix time that counts as 0 s.
            smoothing: Share of the average kept at each step, in [0, 1). Smoothing comes before choosing points.
            window: Part of x to give in full, as far as it is not longer than 100,000 steps.

        Returns:
            x (n,) rising and y (n,), NaN in gaps.
        """
        with self._lock:
            if not self.size:
                return np.empty(0), np.empty(0)
            index = self._columns.index(column)
            positions, values = self._smoothed(smoothing).extremes[index].points()
            if window is not None:
                first, last = self._positions(window, axis, steps_per_epoch, origin)
                if last - first <= WINDOW_STEPS:
                    inside, inner = self._in_full(index, first, last, smoothing)
                    before, after = positions < first, positions >= last
                    positions = np.concatenate([positions[before], inside, positions[after]])
                    values = np.concatenate([values[before], inner, values[after]])
            return self._x(positions, axis, steps_per_epoch, origin), values

    def _forget(self, attempt: int) -> None:
        self.attempt = attempt
        self._last, self._collected = -1, 0
        self._columns: tuple[str, ...] = ()
        self._steps, self._times = Growing(np.dtype(np.int64)), Growing(np.dtype(np.float64))
        self._rows = Growing(np.dtype(np.float32))
        self._smooth: OrderedDict[float, _Smoothed] = OrderedDict()

    def _take(self, fresh: Telemetry) -> None:
        shares = _shares(fresh, self.terms)
        if not self._columns:
            self._columns = (*fresh.columns, *(f"share_{term}" for term in self.terms), "share_auxiliary")
            self._rows = Growing(np.dtype(np.float32), len(self._columns))
        rows = np.concatenate([fresh.values, shares], axis=1)
        self._steps.extend(fresh.steps)
        self._times.extend(fresh.times)
        self._rows.extend(rows)
        self._last = int(fresh.steps[-1])
        self._collected += int((fresh.values[:, fresh.columns.index("finite")] == 1).sum())
        for smoothed in self._smooth.values():
            smoothed.extend(rows)

    def _smoothed(self, share: float) -> "_Smoothed":
        if share not in self._smooth:
            self._smooth[share] = _Smoothed(share, len(self._columns))
            self._smooth[share].extend(self._rows.values)
            if len(self._smooth) > SMOOTHINGS_KEPT:
                self._smooth.popitem(last=False)
        self._smooth.move_to_end(share)
        return self._smooth[share]

    def _in_full(
        self, index: int, first: int, last: int, share: float
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        # Steps this far back weigh less than 1e-4 of the average, so smoothing may begin there.
        warm_up = 0 if share == 0 else math.ceil(math.log(1e-4) / math.log(share))
        begin = max(0, first - warm_up)
        rows = self._rows.values[begin:last, index : index + 1]
        return np.arange(first, last), Smoother(share, 1)(rows)[first - begin :, 0]

    def _positions(self, window: Window, axis: Axis, steps_per_epoch: int, origin: float) -> tuple[int, int]:
        low, high = window
        known: NDArray[np.int64] | NDArray[np.float64] = self._steps.values
        match axis:
            case "epoch":
                low, high = low * steps_per_epoch, high * steps_per_epoch
            case "time":
                known, low, high = self._times.values, low + origin, high + origin
        return int(np.searchsorted(known, low)), int(np.searchsorted(known, high, side="right"))

    def _x(self, positions: NDArray[np.int64], axis: Axis, steps_per_epoch: int, origin: float) -> NDArray[np.float64]:
        match axis:
            case "epoch":
                return self._steps.values[positions] / steps_per_epoch
            case "time":
                return np.asarray(self._times.values[positions] - origin, np.float64)
            case _:
                return self._steps.values[positions].astype(np.float64)


class Growing:
    """Rows that are only ever added, in one array that doubles when it is full."""

    def __init__(self, dtype: np.dtype, columns: int | None = None) -> None:
        self._rows = np.empty(64 if columns is None else (64, columns), dtype)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def values(self) -> NDArray:
        """All rows so far, without a copy."""
        return self._rows[: self._count]

    def extend(self, rows: NDArray) -> None:
        """Add rows at the end."""
        needed = self._count + len(rows)
        if needed > len(self._rows):
            larger = np.empty((max(needed, 2 * len(self._rows)), *self._rows.shape[1:]), self._rows.dtype)
            larger[: self._count] = self.values
            self._rows = larger
        self._rows[self._count : needed] = rows
        self._count = needed


class _Smoothed:
    """Extremes of every column under one smoothing."""

    def __init__(self, share: float, columns: int) -> None:
        self.extremes = [Extremes() for _ in range(columns)]
        self._smoother = Smoother(share, columns)

    def extend(self, rows: NDArray[np.float32]) -> None:
        values = self._smoother(rows)
        for index, extremes in enumerate(self.extremes):
            extremes.extend(values[:, index])


def _shares(fresh: Telemetry, terms: tuple[str, ...]) -> NDArray[np.float32]:
    """(n, K + 1): share of the total that each term, and the auxiliary loss, contributes."""
    column = {name: fresh.values[:, index] for index, name in enumerate(fresh.columns)}
    parts = [column[f"loss_{term}"] * column[f"weight_{term}"] for term in terms]
    parts.append(column["auxiliary"] * column["gamma"])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.stack(parts, axis=1) / column["total"][:, None]
