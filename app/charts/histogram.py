"""How bright the pixels of pictures are, one line per picture."""

import pandas as pd
import plotly.graph_objects as go

from app.charts.words import as_text

HEIGHT = 280  # px


def intensity_histogram(frame: pd.DataFrame, colors: dict[str, str]) -> go.Figure:
    """Lines over the intensities.

    Args:
        frame: Columns picture, intensity (0..255) and share, in percent of the values of that picture.
        colors: Picture to ``#rrggbb``; others keep plotly's.
    """
    figure = go.Figure()
    for name, rows in frame.groupby("picture", sort=False):
        figure.add_scatter(
            x=rows["intensity"].to_numpy(),
            y=rows["share"].to_numpy(),
            name=as_text(name),
            mode="lines",
            line={"color": colors.get(str(name)), "width": 1.8},
            hovertemplate="%{y:.2f} % of the pixels",
        )
    figure.update_layout(
        height=HEIGHT,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        hovermode="x unified",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        xaxis={"title": "Intensity (0 black, 255 white)", "range": [0, 255]},
        yaxis={"title": "Share of the pixels (%)", "rangemode": "tozero"},
    )
    return figure
