"""Chart of single images: how their scores are spread."""

import altair as alt
import pandas as pd

BRUSH = "range"
"""Name of the histogram's selection, whose ``low`` is the range that was dragged."""


def score_histogram(frame: pd.DataFrame, title: str, color: str) -> alt.Chart:
    """Bars of how many images have which score; dragging across selects a range.

    Args:
        frame: Columns low and high (the ends of a bar) and images (its height).
        title: Of the score, with its unit where it has one.
        color: ``#rrggbb``.
    """
    brush = alt.selection_interval(name=BRUSH, encodings=["x"])
    chart: alt.Chart = (
        alt.Chart(frame)
        .mark_bar(color=color, binSpacing=1)
        .encode(
            x=alt.X("low:Q", bin="binned", title=title, scale=alt.Scale(nice=False), axis=alt.Axis(tickCount=10)),
            x2="high:Q",
            y=alt.Y("images:Q", title="Images", axis=alt.Axis(tickMinStep=1, tickCount=4)),
            opacity=alt.condition(brush, alt.value(1.0), alt.value(0.3)),
            tooltip=[
                alt.Tooltip("low:Q", title="from", format=".3~f"),
                alt.Tooltip("high:Q", title="to", format=".3~f"),
                alt.Tooltip("images:Q"),
            ],
        )
        .add_params(brush)
        .properties(height=120)
    )
    return chart
