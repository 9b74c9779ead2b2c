"""Intensities along a line through pictures."""

import pandas as pd
import plotly.graph_objects as go

from app.charts.words import as_text

HEIGHT = 300  # px


def line_profile(frame: pd.DataFrame, colors: dict[str, str], dashes: dict[str, str]) -> go.Figure:
    """One line per picture.

    Args:
        frame: Columns picture, way (0..100, percent of the line) and intensity (0 black, 1 white).
        colors: Picture to ``#rrggbb``; others keep plotly's.
        dashes: Picture to plotly's name of a dash; others are solid.
    """
    figure = go.Figure()
    for name, rows in frame.groupby("picture", sort=False):
        figure.add_scatter(
            x=rows["way"].to_numpy(),
            y=rows["intensity"].to_numpy(),
            name=as_text(name),
            mode="lines",
            line={"color": colors.get(str(name)), "dash": dashes.get(str(name), "solid"), "width": 1.8},
            hovertemplate="%{y:.3f}",
        )
    figure.update_layout(
        height=HEIGHT,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        hovermode="x unified",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        xaxis={"title": "Way along the line, from its start (%)", "range": [0, 100]},
        yaxis={"title": "Intensity (0 black, 1 white)"},
    )
    return figure
