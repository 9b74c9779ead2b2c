"""Paths of three weights that sum to one, in a triangle: each corner is one loss having all of the weight."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from app.charts.words import as_text


def ternary(
    paths: Mapping[str, NDArray[np.float64]], terms: Sequence[str], colors: Mapping[str, str], text: str
) -> go.Figure:
    """A line per run, with a dot where it ends.

    Args:
        paths: Name of the run to (n, 3) shares.
        terms: What the three corners are called.
        colors: Name of the run to its colour.
        text: Colour of words and axes.

    Raises:
        ValueError: If there are not three terms.
    """
    if len(terms) != 3:
        raise ValueError(f"A triangle has three corners, got {len(terms)} terms: {', '.join(terms)}.")
    figure = go.Figure()
    for name, path in paths.items():
        color = colors[name]
        figure.add_scatterternary(
            a=path[:, 0],
            b=path[:, 1],
            c=path[:, 2],
            name=as_text(name),
            mode="lines+markers",
            line={"color": color, "width": 1.5},
            marker={"color": color, "size": [0] * (len(path) - 1) + [10] * bool(len(path))},
        )
    axes = {
        f"{side}axis": {
            "title": {"text": as_text(term)},
            "min": 0,
            "gridcolor": "rgba(128,128,128,0.3)",
            "linecolor": text,
        }
        for side, term in zip("abc", terms, strict=True)
    }
    return figure.update_layout(
        ternary={"sum": 1, "bgcolor": "rgba(0,0,0,0)", **axes},
        font={"color": text},
        paper_bgcolor="rgba(0,0,0,0)",
        height=460,
        margin={"l": 40, "r": 40, "t": 40, "b": 40},
        legend={"orientation": "h", "y": -0.12},
    )
