"""Weights over the steps, averaged over the repeats of a study: a line with its band for each loss."""

from collections.abc import Mapping
from math import ceil

import pandas as pd
import plotly.graph_objects as go
from plotly.colors import hex_to_rgb
from plotly.subplots import make_subplots

from app.charts.words import as_text

COLUMNS = 3


def study_weights(frame: pd.DataFrame, colors: Mapping[str, str], text: str) -> go.Figure:
    """A field for each configuration.

    Args:
        frame: Columns ``configuration``, ``repeats``, ``term``, ``step``, ``mean``, ``low`` and ``high``; no band where
            ``low`` is NaN.
        colors: Term to colour, as ``#rrggbb``.
        text: Colour of words and axes.
    """
    names = list(dict.fromkeys(frame["configuration"]))
    repeats = dict(zip(frame["configuration"], frame["repeats"], strict=True))
    columns = min(COLUMNS, max(1, len(names)))
    rows = max(1, ceil(len(names) / columns))
    titles = [f"{as_text(name)} ({repeats[name]})" for name in names]
    figure = make_subplots(
        rows,
        columns,
        subplot_titles=titles or None,
        shared_yaxes=True,
        horizontal_spacing=0.03,
        vertical_spacing=0.25 / rows,
    )
    shown: set[str] = set()
    for place, name in enumerate(names):
        row, column = place // columns + 1, place % columns + 1
        for term, points in frame[frame["configuration"] == name].groupby("term", sort=False):
            for trace in _traces(str(term), points, colors[str(term)], in_legend=term not in shown):
                figure.add_trace(trace, row, column)
            shown.add(str(term))
    figure.update_xaxes(title_text="Optimizer step", row=rows)
    figure.update_yaxes(title_text="Weight", col=1)
    return figure.update_layout(
        font={"color": text},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        height=110 + 220 * rows,
        margin={"l": 10, "r": 10, "t": 40, "b": 40},
        legend={"orientation": "h", "y": 1 + 0.18 / rows, "yanchor": "bottom"},
    )


def _traces(term: str, points: pd.DataFrame, color: str, *, in_legend: bool) -> list[go.Scatter]:
    """The band, where there is one, and the line above it."""
    step = points["step"].to_numpy("f8")
    traces = []
    if points["low"].notna().all():
        red, green, blue = hex_to_rgb(color)
        traces.append(
            go.Scatter(
                x=[*step, *step[::-1]],
                y=[*points["high"], *points["low"][::-1]],
                fill="toself",
                fillcolor=f"rgba({red},{green},{blue},0.2)",
                line={"width": 0},
                hoverinfo="skip",
                legendgroup=term,
                showlegend=False,
            )
        )
    line = go.Scatter(
        x=step,
        y=points["mean"].to_numpy("f8"),
        mode="lines",
        name=as_text(term),
        line={"color": color, "width": 2},
        legendgroup=term,
        showlegend=in_legend,
        hovertemplate="step %{x:.0f}<br>%{y:.3f}",
    )
    return [*traces, line]
