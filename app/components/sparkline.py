"""A sparkline: how the scores of an experiment's runs went over its epochs, small enough for a row of a list."""

import base64
import html
from collections.abc import Sequence
from typing import Protocol

from app.theme import Color, Dash, Mode

WIDTH, HEIGHT, MARGIN = 150, 40, 4  # CSS pixels
COLOR = Color("#3347c9", "#8fa9f7")  # as links
LEAST_SPAN = 0.05  # of the score axis, so that noise of a flat curve stays small


class Curve(Protocol):
    """One run's scores by epoch."""

    @property
    def epochs(self) -> Sequence[int]: ...
    @property
    def scores(self) -> Sequence[float]: ...
    @property
    def best_epoch(self) -> int | None: ...
    @property
    def best(self) -> float | None: ...


def sparkline(
    curves: Sequence[Curve], dashes: Sequence[Dash], epochs: int, description: str, mode: Mode, *, best: Curve | None
) -> str:
    """A picture of scores over epochs, as an ``<img>``; a page would strip an ``<svg>`` that stands in its HTML.

    Args:
        curves: One per run.
        dashes: One per run.
        epochs: How many are planned: the width stands for all of them.
        description: What it shows, for those who hear the page.
        mode: Of the page.
        best: Whose best score has a dot.
    """
    picture = base64.b64encode(drawing(curves, dashes, epochs, COLOR.of(mode), best).encode()).decode()
    return (
        f'<img class="sparkline" width="{WIDTH}" height="{HEIGHT}" alt="{html.escape(description)}" '
        f'src="data:image/svg+xml;base64,{picture}">'
    )


def drawing(curves: Sequence[Curve], dashes: Sequence[Dash], epochs: int, color: str, best: Curve | None) -> str:
    """An SVG with a line per run, from the untrained network to the last epoch planned, and a dot at the best score."""
    scores = [score for curve in curves for score in curve.scores]
    low, high = (min(scores), max(scores)) if scores else (0.0, 1.0)
    middle, span = (low + high) / 2, max(high - low, LEAST_SPAN)

    def place(epoch: int, score: float) -> tuple[float, float]:
        x = MARGIN + (WIDTH - 2 * MARGIN) * min(1.0, epoch / max(1, epochs))
        y = HEIGHT / 2 - (HEIGHT - 2 * MARGIN) * (score - middle) / span
        return round(x, 1), round(y, 1)

    marks = []
    for curve, dash in zip(curves, dashes, strict=True):
        points = [place(epoch, score) for epoch, score in zip(curve.epochs, curve.scores, strict=True)]
        if len(points) > 1:
            stroke = f' stroke-dasharray="{" ".join(str(length / 2) for length in dash)}"' if dash else ""
            marks.append(f'<polyline points="{" ".join(f"{x},{y}" for x, y in points)}"{stroke}/>')
        elif points:
            marks.append(_dot(*points[0], color))
    if best is not None:
        marks.append(_dot(*place(best.best_epoch or 0, best.best or 0.0), color))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" fill="none" stroke="{color}" '
        f'stroke-width="1.6">{"".join(marks)}</svg>'
    )


def _dot(x: float, y: float, color: str) -> str:
    return f'<circle cx="{x}" cy="{y}" r="2.6" fill="{color}" stroke="none"/>'
