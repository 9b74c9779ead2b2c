"""Weights of several methods as lines: thinned to fit a screen, and told apart before and after a change."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.charts.decimate import shown_of
from app.charts.lines import POINTS, POINTS_PER_CHART, Window, thin


@dataclass(frozen=True, eq=False)
class Drawn:
    """A line to be drawn.

    Attributes:
        owner: The method it belongs to; empty for a loss.
        term: The loss it belongs to.
        y: (S,) a value per step.
        is_before: It shows what was before the history was changed.
    """

    owner: str
    term: str
    y: NDArray[np.float64]
    is_before: bool = False


def thinned(
    lines: Sequence[Drawn], first: int, window: Window | None = None
) -> tuple[list[tuple[NDArray[np.int64], NDArray[np.float64]]], str]:
    """Each line as x and y with so many points as a screen can show, and how many those are where that is not all.

    Args:
        lines: What is drawn.
        first: Step of the first value.
        window: Steps that the reader has zoomed to, which are shown in more detail.
    """
    points = max(200, min(POINTS, POINTS_PER_CHART // max(1, len(lines))))
    thinned_lines, shown, total = [], 0, 0
    for line in lines:
        x = np.arange(first, first + len(line.y))
        kept = thin(x.astype(np.float64), line.y, points, window)
        thinned_lines.append((x[kept], line.y[kept]))
        shown, total = shown + len(kept), total + len(x)
    return thinned_lines, shown_of(shown, total) if shown < total else ""


def paled(color: str, background: str, share: float = 0.45) -> str:
    """A colour ``#rrggbb`` moved towards the page's."""
    parts = [(int(color[at : at + 2], 16), int(background[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(own * share + other * (1 - share)):02x}" for own, other in parts)
