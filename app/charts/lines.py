"""Recorded runs as lines for the live chart: one per run and column, smoothed, then thinned to fit a screen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from app.charts.decimate import decimate, shown_of

Axis = Literal["step", "epoch", "time"]
Window = tuple[float, float]
Kind = Literal["state", "change", "warning", "error"]
"""Of something that happened."""

AXIS_LABELS: dict[Axis, str] = {"step": "Optimizer step", "epoch": "Epoch", "time": "Time (s)"}
POINTS = 1000  # per line
POINTS_PER_CHART = 9000


class Trace(Protocol):
    """A run whose columns can be drawn."""

    @property
    def size(self) -> int:
        """Steps recorded."""

    def trace(
        self,
        column: str,
        *,
        axis: Axis,
        steps_per_epoch: int,
        origin: float,
        smoothing: float,
        window: Window | None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give rising x, and y with NaN in gaps."""


@dataclass(frozen=True)
class View:
    """What x counts, and how lines are smoothed.

    Attributes:
        steps_per_epoch: Optimizer steps in one epoch.
        origin: Unix time of 0 s.
        smoothing: Share of the average kept at each step, in [0, 1).
    """

    axis: Axis = "step"
    steps_per_epoch: int = 1
    origin: float = 0.0
    smoothing: float = 0.0

    def at(self, step: float, time: float) -> float:
        """Where something that happened at ``step`` and Unix ``time`` lies on x."""
        match self.axis:
            case "epoch":
                return step / self.steps_per_epoch
            case "time":
                return max(0.0, time - self.origin)
            case _:
                return float(step)


@dataclass(frozen=True)
class Source:
    """A column of a run and how its line is called.

    Attributes:
        run: Label of the run; lines of one run share a dash.
        term: Name of the loss term; lines of one term share a colour.
        view: How x is counted for this run; None where all runs of the chart count alike.
        points: Points that stand behind the line; one per step where not given.
    """

    data: Trace
    column: str
    run: str
    term: str
    name: str
    view: View | None = None
    points: int | None = None


@dataclass(frozen=True, eq=False)
class Line:
    """A line ready to be drawn: x (n,) rising, y (n,) with NaN in gaps; ``total`` points stand behind it."""

    name: str
    run: str
    term: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    total: int


def draw(sources: Sequence[Source], view: View, window: Window | None = None) -> list[Line]:
    """A line per source; a window the reader has zoomed to is drawn in more detail."""
    points = max(300, min(POINTS, POINTS_PER_CHART // max(1, len(sources))))
    lines = []
    for source in sources:
        own = source.view or view
        x, y = source.data.trace(
            source.column,
            axis=own.axis,
            steps_per_epoch=own.steps_per_epoch,
            origin=own.origin,
            smoothing=own.smoothing,
            window=window,
        )
        chosen = thin(x, y, points, window)
        total = source.data.size if source.points is None else source.points
        lines.append(Line(source.name, source.run, source.term, x[chosen], y[chosen], total))
    return lines


def thin(
    x: NDArray[np.float64], y: NDArray[np.float64], points: int, window: Window | None = None
) -> NDArray[np.int64]:
    """Positions of at most about ``points`` points that look like the line; inside a window as many again."""
    if window is None:
        return decimate(x, y, points)
    first, last = int(np.searchsorted(x, window[0])), int(np.searchsorted(x, window[1], side="right"))
    around = max(8, points // 4)
    parts = [(0, first, around), (first, last, points), (last, len(x), around)]
    return np.concatenate([decimate(x[a:b], y[a:b], most) + a for a, b, most in parts])


def honest(lines: Sequence[Line]) -> str:
    """How many points are shown, where that is not all: ``"6,000 of 90,000 points"``."""
    shown, total = sum(len(line.x) for line in lines), sum(line.total for line in lines)
    return shown_of(shown, total) if shown < total else ""


@dataclass(frozen=True)
class Happening:
    """Something that happened to some of the runs, to be marked on x.

    Attributes:
        runs: Ids of the runs that it happened to.
        whose: What these are called, where they are not all; else empty.
    """

    x: float
    text: str
    kind: Kind
    runs: tuple[str, ...] = ()
    whose: str = ""

    @property
    def sentence(self) -> str:
        """What happened, and to whom."""
        return f"{self.text} · {self.whose}" if self.whose else self.text
