"""Settings against results: a line per run through one axis for each."""

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from app.charts.words import as_text

LOW_TO_HIGH = ("#4a64e7", "#2aa198", "#d08a1c")
"""Colours of the lowest to the highest result, to be seen on light and on dark pages."""


def parallel(table: pd.DataFrame, color: str, text: str) -> go.Figure:
    """A line per row through an axis per column, coloured by the last column.

    Args:
        table: One row per run; numbers are drawn to scale, anything else as equally spaced words. A column in which a
            run has nothing takes the dash as a word of its own.
        color: The colour of lines that have no result.
        text: Colour of the words.
    """
    dimensions: list[dict[str, Any]] = []
    for name in table.columns:
        column = table[name]
        numbers = pd.to_numeric(column, errors="coerce")
        if len(column) and numbers.notna().all() and not column.map(lambda value: isinstance(value, bool)).any():
            dimensions.append({"label": as_text(name), "values": numbers.astype(float).tolist()})
            continue
        texts = ["–" if value is None or value is pd.NA else str(value) for value in column]
        words = sorted(set(texts))
        dimensions.append(
            {
                "label": as_text(name),
                "values": [words.index(word) for word in texts],
                "tickvals": list(range(len(words))),
                "ticktext": words,
            }
        )
    last = dimensions[-1]["values"] if dimensions else []
    varies = len(set(last)) > 1 and bool(np.isfinite(last).all())
    line = {"color": last, "colorscale": list(LOW_TO_HIGH)} if varies else {"color": color}
    figure = go.Figure()
    if dimensions:
        figure.add_parcoords(dimensions=dimensions, line=line, labelfont={"color": text}, tickfont={"color": text})
    return figure.update_layout(
        height=380, margin={"l": 90, "r": 60, "t": 60, "b": 30}, paper_bgcolor="rgba(0,0,0,0)", font={"color": text}
    )
