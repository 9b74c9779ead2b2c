"""Weights over steps and values of one parameter, as a heat map."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from app.charts.words import as_text


def heat_map(
    steps: NDArray[np.int64],
    values: Sequence[float],
    weights: NDArray[np.float64],
    *,
    parameter: str,
    loss: str,
    now: float | None,
    text: str,
) -> go.Figure:
    """A row of colours for each value.

    Args:
        steps: (C,) first step of each column.
        values: (V,) of the parameter, ascending; they stand at equal distances whatever they are.
        weights: (V, C) of one loss.
        parameter: What the parameter is called.
        loss: What the loss is called.
        now: What the parameter stands at on the page, marked by a line; None where it is out of the range.
        text: Colour of words and axes.
    """
    places = np.arange(len(values))
    figure = go.Figure(
        go.Heatmap(
            x=steps,
            y=places,
            z=weights.astype("f4"),
            customdata=np.repeat(np.array([f"{value:g}" for value in values])[:, None], len(steps), axis=1),
            colorscale="Viridis",
            colorbar={"title": {"text": f"Weight of<br>{as_text(loss)} (share)"}, "thickness": 14},
            hovertemplate=f"step %{{x}}<br>{parameter} %{{customdata}}<br>weight %{{z:.3f}}<extra></extra>",
        )
    )
    every = max(1, len(values) // 12)
    figure.update_layout(
        xaxis={"title": {"text": "Step"}},
        yaxis={
            "title": {"text": parameter},
            "tickvals": places[::every],
            "ticktext": [f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" for value in values[::every]],
        },
        font={"color": text},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        height=420,
        margin={"l": 70, "r": 10, "t": 20, "b": 50},
    )
    if now is not None and len(values) > 1 and values[0] <= now <= values[-1]:
        figure.add_hline(float(np.interp(now, values, places)), line={"color": "#ffffff", "dash": "dash", "width": 1.5})
    return figure
