"""Lines over the pixels of pictures, one per picture: how bright they are, and along a line through them."""

import pandas as pd
import plotly.graph_objects as go

from app.charts.words import as_text


def intensity_histogram(frame: pd.DataFrame, colors: dict[str, str]) -> go.Figure:
    """Lines over the intensities.

    Args:
        frame: Columns picture, intensity (0..255) and share, in percent of the values of that picture.
        colors: Picture to ``#rrggbb``; others keep plotly's.
    """
    figure = _lines(frame, ("intensity", "share"), colors, hover="%{y:.2f} % of the pixels", height=280)
    figure.update_xaxes(title="Intensity (0 black, 255 white)", range=[0, 255])
    figure.update_yaxes(title="Share of the pixels (%)", rangemode="tozero")
    return figure


def line_profile(frame: pd.DataFrame, colors: dict[str, str], dashes: dict[str, str]) -> go.Figure:
    """Intensities along a line through pictures.

    Args:
        frame: Columns picture, way (0..100, percent of the line) and intensity (0 black, 1 white).
        colors: Picture to ``#rrggbb``; others keep plotly's.
        dashes: Picture to plotly's name of a dash; others are solid.
    """
    figure = _lines(frame, ("way", "intensity"), colors, dashes, hover="%{y:.3f}", height=300)
    figure.update_xaxes(title="Way along the line, from its start (%)", range=[0, 100])
    figure.update_yaxes(title="Intensity (0 black, 1 white)")
    return figure


def _lines(
    frame: pd.DataFrame,
    columns: tuple[str, str],
    colors: dict[str, str],
    dashes: dict[str, str] | None = None,
    *,
    hover: str,
    height: int,
) -> go.Figure:
    x, y = columns
    figure = go.Figure()
    for name, rows in frame.groupby("picture", sort=False):
        figure.add_scatter(
            x=rows[x].to_numpy(),
            y=rows[y].to_numpy(),
            name=as_text(name),
            mode="lines",
            line={"color": colors.get(str(name)), "dash": (dashes or {}).get(str(name), "solid"), "width": 1.8},
            hovertemplate=hover,
        )
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        hovermode="x unified",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
    )
    return figure
