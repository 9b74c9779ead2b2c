"""What a page shows of a run while it trains: all that was recorded, in memory, brought up to date by what is new.

A refresh reads only steps after the last one it has; a new attempt starts over.
"""

import math
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from dmf.analysis.extremes import Extremes
from dmf.analysis.near_uniform import NearUniform, Spread, near_uniform, spread
from dmf.analysis.smoothing import Smoother
from dmf.facts import facts
from dmf.runs import Position, RunRow, Telemetry

Axis = Literal["step", "epoch", "time"]
Window = tuple[float, float]

MEASURED = "grad_"  # columns with values at some steps only
LINES_KEPT = 96  # columns times smoothings, per run
WINDOW_STEPS = 100_000  # a window of more steps is drawn from its extremes


class TelemetrySource(Protocol):
    """Where telemetry is read: a store."""

    def telemetry(self, run_id: str, *, after: int = -1) -> Telemetry:
        """Steps of a run later than ``after``."""


def _losses_needed(config: Mapping[str, Any]) -> int:
    """Losses that must have been seen when the weights first move, by a run's configuration."""
    about = facts("weighting", str(config.get("weighting")))
    if about is None or about.losses_needed is None:  # not known here, or one that never moves
        return int(config["history_min"])
    needed = about.losses_needed
    return needed.of(lambda word: int(config.get(word, needed.default)))


class LiveRun:
    """Telemetry of one run with what follows from it, in memory. Safe to share between threads.

    Beside the stored columns there are ``share_<term>`` and ``share_auxiliary``: the part that a term has in the
    weighted sum of them all: weight times loss, or gamma times the auxiliary loss, over their sum. That is the total,
    but for rules whose total is no sum or has more to it (``uncertainty``).

    Columns that begin with ``grad_`` have values at some steps only, those at which gradients were measured. Their
    lines have points there and nowhere else, and smoothing goes from one such point to the next.

    Args:
        run: Which run; its configuration names the terms.
    """

    _rows: "Growing"
    _spread: Spread | None
    _spread_seen: int

    def __init__(self, run: RunRow) -> None:
        self.id = run.id
        self.terms: tuple[str, ...] = tuple(run.config["terms"])
        self.history_min = _losses_needed(run.config)
        self.near_uniform: NearUniform | None = near_uniform(run.config)
        self._lock = threading.RLock()
        self._forget(run.attempt)

    def refresh(self, store: TelemetrySource) -> None:
        """Read what is new.

        Raises:
            RunNotFoundError: If the run is gone.
            StoreError: If the store cannot be read.
        """
        with self._lock:
            fresh = store.telemetry(self.id, after=self._last)
            if fresh.attempt != self.attempt:
                fresh = store.telemetry(self.id)
            self.take(fresh)

    @property
    def position(self) -> Position:
        """Up to where it was read."""
        with self._lock:
            return Position(self.attempt, self._last)

    def take(self, fresh: Telemetry) -> None:
        """Add what came after its position; of another attempt that is all there is, and what was before goes."""
        with self._lock:
            if fresh.attempt != self.attempt:
                self._forget(fresh.attempt)
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
    def skipped(self) -> int:
        """Steps that changed nothing, because a loss was not finite."""
        return self.size - self._collected

    @property
    def not_finite(self) -> tuple[str, ...]:
        """The terms, and ``auxiliary``, that were not finite at some step, in the order in which that was met."""
        return tuple(self._not_finite)

    @property
    def spread(self) -> Spread | None:
        """Where its weights were so far; None before the first step."""
        with self._lock:
            if self._spread_seen < self.size:  # only what is looked at is worked on
                columns = [self._columns.index(f"weight_{term}") for term in self.terms]
                latest = spread(self._rows.values[self._spread_seen : self.size][:, columns])
                self._spread = self._spread | latest if self._spread and latest else self._spread or latest
                self._spread_seen = self.size
            return self._spread

    @property
    def started(self) -> float | None:
        """Unix time of the first step, in seconds."""
        return float(self._times.values[0]) if self.size else None

    @property
    def ended(self) -> float | None:
        """Unix time of the last step so far, in seconds."""
        return float(self._times.values[-1]) if self.size else None

    @property
    def has_gradients(self) -> bool:
        """Whether the gradients of its losses were measured."""
        return any(name.startswith(MEASURED) for name in self._columns)

    def measured(self, column: str) -> int:
        """Steps at which a ``grad_`` column has a value; 0 where there is no such column."""
        with self._lock:
            return self._line(column, 0.0).extremes.size if column in self._columns else 0

    def last(self, column: str) -> float:
        """Latest value of a column; NaN where there is none."""
        with self._lock:
            return float(self._values(column, self.size - 1, self.size)[0]) if self.size else math.nan

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
            positions, values = self._line(column, smoothing).points()
            if window is not None:
                first, last = self._positions(window, axis, steps_per_epoch, origin)
                if last - first <= WINDOW_STEPS:
                    inside, inner = self._in_full(column, first, last, smoothing)
                    before, after = positions < first, positions >= last
                    positions = np.concatenate([positions[before], inside, positions[after]])
                    values = np.concatenate([values[before], inner, values[after]])
            return self._x(positions, axis, steps_per_epoch, origin), values

    def _forget(self, attempt: int) -> None:
        self.attempt = attempt
        self._last, self._collected = -1, 0
        self._not_finite: list[str] = []
        self._spread = None
        self._spread_seen = 0
        self._columns: tuple[str, ...] = ()
        self._steps, self._times = Growing(np.dtype(np.int64)), Growing(np.dtype(np.float64))
        self._rows = Growing(np.dtype(np.float32))
        self._lines: OrderedDict[tuple[str, float], _Line] = OrderedDict()

    def _take(self, fresh: Telemetry) -> None:
        if not self._columns:
            self._columns = fresh.columns
            self._rows = Growing(np.dtype(np.float32), len(fresh.columns))
        # Times inside a block are straight lines, and blocks are merged between two reads: they may meet unevenly.
        before = self._times.values[-1] if self.size else -math.inf
        self._times.extend(np.maximum.accumulate(np.maximum(fresh.times, before)))
        self._steps.extend(fresh.steps)
        self._rows.extend(_in_order(fresh, self._columns))
        self._last = int(fresh.steps[-1])
        finite = fresh.values[:, fresh.columns.index("finite")] == 1
        self._collected += int(finite.sum())
        if not finite.all():
            self._note_culprits(fresh, ~finite)

    def _note_culprits(self, fresh: Telemetry, bad: NDArray[np.bool_]) -> None:
        for name in (*self.terms, "auxiliary"):
            column = name if name == "auxiliary" else f"loss_{name}"
            values = fresh.values[bad, fresh.columns.index(column)]
            if name not in self._not_finite and not np.isfinite(values).all():
                self._not_finite.append(name)

    def _part(self, term: str, first: int, last: int) -> NDArray[np.float32]:
        names = ("auxiliary", "gamma") if term == "auxiliary" else (f"loss_{term}", f"weight_{term}")
        loss, weight = (self._values(name, first, last) for name in names)
        return loss * weight

    def _values(self, column: str, first: int, last: int) -> NDArray[np.float32]:
        """Rows ``first`` to ``last`` of a stored or derived column."""
        if column not in self._columns and column.startswith("share_"):
            parts = {name: self._part(name, first, last) for name in (*self.terms, "auxiliary")}
            with np.errstate(divide="ignore", invalid="ignore"):
                share: NDArray[np.float32] = parts[column.removeprefix("share_")] / np.sum(list(parts.values()), axis=0)
            return share
        return self._rows.values[first:last, self._columns.index(column)]

    def _line(self, column: str, share: float) -> "_Line":
        """Extremes of a column under a smoothing, brought up to date; only what is looked at is worked on."""
        line = self._lines.setdefault((column, share), _Line(Extremes(), Smoother(share)))
        self._lines.move_to_end((column, share))
        if len(self._lines) > LINES_KEPT:
            self._lines.popitem(last=False)
        values = self._values(column, line.seen, self.size)
        if column.startswith(MEASURED):
            present = np.flatnonzero(np.isfinite(values))
            line.places.extend(line.seen + present)
            values = values[present]
        line.seen = self.size
        line.extremes.extend(line.smoother(values))
        return line

    def _in_full(
        self, column: str, first: int, last: int, share: float
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        # Steps this far back weigh less than 1e-4 of the average, so smoothing may begin there.
        warm_up = 0 if share == 0 else math.ceil(math.log(1e-4) / math.log(share))
        if column.startswith(MEASURED):
            places = self._line(column, share).places.values
            first, last = (int(place) for place in np.searchsorted(places, (first, last)))
            begin = max(0, first - warm_up)
            values = self._values(column, 0, self.size)[places[begin:last]]
            return places[first:last], Smoother(share)(values)[first - begin :]
        begin = max(0, first - warm_up)
        return np.arange(first, last), Smoother(share)(self._values(column, begin, last))[first - begin :]

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


def _in_order(fresh: Telemetry, columns: Sequence[str]) -> NDArray[np.float32]:
    """Values (steps, columns) in another order, NaN where there are none: a run may go on under a later version."""
    if fresh.columns == columns:
        return fresh.values
    wide = np.full((len(fresh.steps), len(columns)), np.nan, np.float32)
    for place, name in enumerate(columns):
        if name in fresh.columns:
            wide[:, place] = fresh.values[:, fresh.columns.index(name)]
    return wide


class Growing:
    """Rows that are only ever added, in one array that doubles when it is full."""

    def __init__(self, dtype: np.dtype[Any], columns: int | None = None) -> None:
        self._rows = np.empty(64 if columns is None else (64, columns), dtype)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def values(self) -> NDArray[Any]:
        """All rows so far, without a copy."""
        return self._rows[: self._count]

    def extend(self, rows: NDArray[Any]) -> None:
        """Add rows at the end. The first ones are taken over as they are, so leave them alone afterwards."""
        if not self._count:
            self._rows, self._count = rows, len(rows)
            return
        needed = self._count + len(rows)
        if needed > len(self._rows):
            larger = np.empty((max(needed, 2 * len(self._rows)), *self._rows.shape[1:]), self._rows.dtype)
            larger[: self._count] = self.values
            self._rows = larger
        self._rows[self._count : needed] = rows
        self._count = needed


@dataclass
class _Line:
    """A column under a smoothing; ``seen`` rows were taken. Of a measured one ``places`` are the rows with values."""

    extremes: Extremes
    smoother: Smoother
    seen: int = 0
    places: Growing = field(default_factory=lambda: Growing(np.dtype(np.int64)))

    def points(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Rows, rising, and the values there."""
        positions, values = self.extremes.points()
        return (self.places.values[positions] if len(self.places) else positions), values
