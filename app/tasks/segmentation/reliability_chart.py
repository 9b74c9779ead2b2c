"""Chart of whether probabilities mean what they say."""

import altair as alt
import pandas as pd


def reliability_chart(frame: pd.DataFrame, colors: dict[str, str]) -> alt.LayerChart:
    """A line per run through its bins; on the diagonal, probabilities mean what they say.

    Args:
        frame: Columns run, confidence (0..1), frequency (0..1) and pixels.
        colors: Run to ``#rrggbb``.
    """
    axis, ticks = alt.Scale(domain=[0, 1]), alt.Axis(tickCount=5)
    diagonal = alt.Chart(pd.DataFrame({"at": [0, 1]})).mark_line(strokeDash=[4, 4], opacity=0.6, color="#8a93a0")
    ideal = diagonal.encode(x=alt.X("at:Q", scale=axis, axis=ticks), y=alt.Y("at:Q", scale=axis, axis=ticks))
    lines = (
        alt.Chart(frame)
        .mark_line(point={"size": 45}, strokeWidth=2)
        .encode(
            x=alt.X("confidence:Q", scale=axis, axis=ticks, title="Probability that the network gives"),
            y=alt.Y("frequency:Q", scale=axis, axis=ticks, title="Share of these pixels that is lesion"),
            color=alt.Color(
                "run:N",
                title=None,
                scale=alt.Scale(domain=list(colors), range=list(colors.values())),
                legend=alt.Legend(orient="top", labelLimit=400, columns=3),
            ),
            tooltip=[
                "run:N",
                alt.Tooltip("confidence:Q", title="probability", format=".3f"),
                alt.Tooltip("frequency:Q", title="share that is lesion", format=".3f"),
                alt.Tooltip("pixels:Q", format=","),
            ],
        )
    )
    return alt.LayerChart(layer=[ideal, lines]).properties(height=380)
