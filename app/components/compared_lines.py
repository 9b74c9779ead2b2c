"""Lines of compared runs: their colours, bands of groups, and columns in full."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from app.charts.lines import View
from app.components.live_chart import Series
from app.theme import DASHES, TERM_COLORS, Color, Dash
from app.views import Band, ComparedRun


def run_colors(titles: Sequence[str]) -> dict[str, tuple[Color, Dash]]:
    """A colour for each run, with another dash when the colours begin again."""
    colors = list(TERM_COLORS.values())
    return {
        title: (colors[place % len(colors)], DASHES[place // len(colors) % len(DASHES)])
        for place, title in enumerate(titles)
    }


def band_lines(name: str, band: Band, line: Series) -> list[Series]:
    """The mean of a group and the ends of its band, drawn as ``line`` is; no ends where nobody knows the spread."""
    lines = [replace(line, x=band.x, y=band.mean)]
    if np.isfinite(band.low).any():
        shared: dict[str, Any] = {"color": line.color, "width": 0.5, "run": line.run, "term": line.term}
        lines.append(Series(f"{name}, low", band.x, band.low, **shared))
        lines.append(Series(f"{name}, high", band.x, band.high, band_to=f"{name}, low", **shared))
    return lines


def whole(run: ComparedRun, column: str, view: View) -> tuple[np.ndarray, np.ndarray]:
    """A column of a run at every step; of a run of more than 100,000 steps, its extremes."""
    return run.live.trace(
        column,
        axis=view.axis,
        steps_per_epoch=view.steps_per_epoch,
        origin=view.origin,
        smoothing=view.smoothing,
        window=(-np.inf, np.inf),
    )


def rising(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Without points whose x is that of the point before, as two steps may have been stored at one time."""
    kept = np.concatenate([[True], np.diff(x) > 0]) if len(x) else np.empty(0, bool)
    return x[kept], y[kept]
