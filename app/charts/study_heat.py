"""Mean scores of configurations on datasets, as a heat map."""

import pandas as pd
import plotly.graph_objects as go

from app.charts.words import as_text


def study_heat(means: pd.DataFrame, metric: str, text: str) -> go.Figure:
    """A field of colour for each configuration and dataset, with its number.

    Args:
        means: Configurations (rows) x datasets (columns); NaN where there is none.
        metric: What they are means of.
        text: Colour of words and axes.
    """
    figure = go.Figure(
        go.Heatmap(
            x=[as_text(str(name)) for name in means.columns],
            y=[as_text(str(name)) for name in means.index],
            z=means.to_numpy("f8"),
            texttemplate="%{z:.3f}",
            colorscale="Viridis",
            colorbar={"title": {"text": as_text(metric)}, "thickness": 14},
            hovertemplate="%{y}<br>%{x}<br>%{z:.4f}<extra></extra>",
        )
    )
    return figure.update_layout(
        yaxis={"autorange": "reversed"},
        font={"color": text},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        height=max(220, 80 + 28 * len(means)),
        margin={"l": 10, "r": 10, "t": 20, "b": 40},
    )
