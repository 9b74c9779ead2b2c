"""Charts of what is found of a class: over the training, and at every threshold."""

import altair as alt
import pandas as pd

HEIGHT = 320  # px


def found_chart(frame: pd.DataFrame, colors: dict[str, str]) -> alt.Chart:
    """Recall (solid) and precision (dashed) of runs over the epochs.

    Args:
        frame: Columns run, epoch, recall and precision, 0..1; NaN where there is none.
        colors: Run to ``#rrggbb``.
    """
    long = frame.melt(["run", "epoch"], ["recall", "precision"], var_name="score", value_name="value").dropna()
    chart: alt.Chart = (
        alt.Chart(long)
        .mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=24))
        .encode(
            x=alt.X("epoch:Q", title="Epoch", axis=alt.Axis(tickMinStep=1, format="d")),
            y=alt.Y("value:Q", title="Recall and precision", scale=alt.Scale(domain=[0, 1])),
            color=_color(colors),
            strokeDash=alt.StrokeDash(
                "score:N",
                title=None,
                scale=alt.Scale(domain=["recall", "precision"], range=[[1, 0], [4, 3]]),
                legend=alt.Legend(orient="bottom", symbolType="stroke", symbolSize=400),
            ),
            tooltip=["run:N", "epoch:Q", "score:N", alt.Tooltip("value:Q", format=".3f")],
        )
        .properties(height=HEIGHT)
    )
    return chart


def precision_recall_chart(
    frame: pd.DataFrame, decided: pd.DataFrame, base: float, colors: dict[str, str]
) -> alt.LayerChart:
    """A curve per run, a dot where it decides, and the precision of calling everything found.

    Args:
        frame: Columns run, threshold, recall and precision, 0..1.
        decided: The same, a row per run.
        base: 0..1.
        colors: Run to ``#rrggbb``.
    """
    x = alt.X("recall:Q", title="Recall", scale=alt.Scale(domain=[0, 1]))
    y = alt.Y("precision:Q", title="Precision", scale=alt.Scale(domain=[0, 1]))
    score = [alt.Tooltip(f"{name}:Q", format=".3f") for name in ("threshold", "recall", "precision")]
    lines = (
        alt.Chart(frame)
        .mark_line(strokeWidth=2)
        .encode(x=x, y=y, color=_color(colors), order="threshold:Q", tooltip=["run:N", *score])
    )
    dots = (
        alt.Chart(decided)
        .mark_point(filled=True, size=110, opacity=1)
        .encode(x=x, y=y, color=_color(colors), tooltip=["run:N", *score])
    )
    line = alt.Chart(pd.DataFrame({"precision": [base]})).mark_rule(strokeDash=[4, 4], color="#8a93a0").encode(y=y)
    return alt.LayerChart(layer=[line, lines, dots]).properties(height=HEIGHT)


def _color(colors: dict[str, str]) -> alt.Color:
    return alt.Color(
        "run:N",
        title=None,
        scale=alt.Scale(domain=list(colors), range=list(colors.values())),
        legend=alt.Legend(orient="top", labelLimit=400, columns=3),
    )
