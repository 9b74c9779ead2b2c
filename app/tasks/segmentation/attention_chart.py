"""Chart of how much of what attention lets pass lies on the lesion, over a training."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

HEIGHT = 300  # px


def attention_chart(frame: pd.DataFrame, even: Sequence[float], colors: dict[str, str]) -> alt.LayerChart:
    """A line per run over the epochs, and dashed what attention would have there that is the same everywhere.

    Args:
        frame: Columns run, epoch and share, 0..1.
        even: Shares of the pixels that are lesion, 0..1; one for each set of images.
        colors: Run to ``#rrggbb``.
    """
    y = alt.Y(
        "share:Q", title="Share of attention on the lesion", axis=alt.Axis(format=".1%"), scale=alt.Scale(zero=False)
    )
    lines = (
        alt.Chart(frame)
        .mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=24))
        .encode(
            x=alt.X("epoch:Q", title="Epoch", axis=alt.Axis(tickMinStep=1, format="d")),
            y=y,
            color=alt.Color(
                "run:N",
                title=None,
                scale=alt.Scale(domain=list(colors), range=list(colors.values())),
                legend=alt.Legend(orient="top", labelLimit=400, columns=3),
            ),
            tooltip=["run:N", "epoch:Q", alt.Tooltip("share:Q", title="on the lesion", format=".1%")],
        )
    )
    rule = alt.Chart(pd.DataFrame({"share": list(even)})).mark_rule(strokeDash=[4, 4], color="#8a93a0").encode(y=y)
    return alt.LayerChart(layer=[rule, lines]).properties(height=HEIGHT)
