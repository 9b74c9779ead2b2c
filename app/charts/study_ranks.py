"""Mean ranks of configurations, best on top."""

import pandas as pd
import plotly.graph_objects as go

from app.charts.words import as_text


def study_ranks(ranks: pd.DataFrame, color: str, text: str) -> go.Figure:
    """A point for each configuration on an axis of ranks, with a line to 1, the best there can be.

    Args:
        ranks: Columns ``configuration`` and ``rank`` (mean over blocks, at least 1), in the order they are drawn.
        color: Of points and lines.
        text: Colour of words and axes.
    """
    names = [as_text(str(name)) for name in ranks["configuration"]]
    values = ranks["rank"].to_numpy("f8")
    figure = go.Figure(
        go.Scatter(
            x=values,
            y=names,
            mode="markers+text",
            marker={"size": 11, "color": color},
            text=[f"{value:.2f}" for value in values],
            textposition="middle right",
            hovertemplate="%{y}<br>%{x:.3f}<extra></extra>",
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [0.0] * len(values),
                "arrayminus": values - 1,
                "thickness": 1.5,
                "width": 0,
                "color": color,
            },
        )
    )
    return figure.update_layout(
        xaxis={"title": {"text": "Mean rank (1 is the best)"}, "range": [0.9, len(values) + 0.6]},
        yaxis={"autorange": "reversed"},
        font={"color": text},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        height=max(200, 90 + 26 * len(values)),
        margin={"l": 10, "r": 10, "t": 10, "b": 40},
    )
