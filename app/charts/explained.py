"""The window of one loss at one step: what a weighting looks at, with what it makes of it drawn in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

PANEL = 150  # px, height of one panel
FEW_STEPS = 4  # fewer than these have a mark each
FAINT = "rgba(128,128,128,0.25)"


@dataclass(frozen=True)
class Panel:
    """Values of one loss over the steps of its window.

    Attributes:
        title: What the values are.
        values: (T,) oldest first, of the last T steps of the window.
        levels: Horizontal lines, by what they are called.
        band: Lower and upper end of a shaded stripe, e.g. a median and what half of the values stay within.
    """

    title: str
    values: NDArray[np.float64]
    levels: Mapping[str, float] = field(default_factory=dict)
    band: tuple[float, float] | None = None


def window_chart(
    steps: NDArray[np.int64],
    panels: Sequence[Panel],
    *,
    step: int,
    leaving: NDArray[np.bool_],
    color: str,
    text: str,
    page: str,
    unit: str = "step",
) -> go.Figure:
    """One panel below the other over the same steps.

    Args:
        steps: (T,) of the window, ascending.
        panels: From the losses as they are to what the statistic sees.
        step: The step that is explained; a dot where it is in the window.
        leaving: (T,) which values leave the window next; open circles.
        color: Of the loss, ``#rrggbb``.
        text: Colour of words and axes.
        page: Colour behind words in the chart.
        unit: What a step is called on the axis and when hovered.
    """
    figure = make_subplots(rows=len(panels), shared_xaxes=True, vertical_spacing=0.09 if len(panels) > 1 else 0)
    for row, panel in enumerate(panels, start=1):
        own, gone = steps[-len(panel.values) :], leaving[-len(panel.values) :]
        here = own == step
        hover = f"{unit} %{{x}}: %{{y:.5g}}<extra></extra>"
        traces = (
            ("lines", slice(None), {"line": {"color": color, "width": 1.6}}),
            ("markers", gone, {"marker": {"color": color, "size": 10, "symbol": "circle-open", "line": {"width": 2}}}),
            ("markers", here, {"marker": {"color": color, "size": 12, "line": {"color": text, "width": 1.5}}}),
        )
        for mode, which, look in traces:
            figure.add_scatter(
                x=own[which], y=panel.values[which], mode=mode, hovertemplate=hover, **look, row=row, col=1
            )
        if panel.band is not None:
            figure.add_hrect(*panel.band, fillcolor=color, opacity=0.18, line_width=0, layer="below", row=row, col=1)
        for name, level in panel.levels.items():
            figure.add_hline(
                level,
                line={"color": text, "width": 1.5, "dash": "dash"},
                annotation={
                    "text": f"{name} {level:.3g}",
                    "font": {"color": text, "size": 11},
                    "bgcolor": page,
                    "opacity": 0.85,
                    "yshift": 3,
                },
                annotation_position="top left",
                row=row,
                col=1,
            )
        figure.update_yaxes(title={"text": panel.title, "font": {"size": 12}, "standoff": 6}, row=row, col=1)
    figure.update_xaxes(title={"text": unit.capitalize()}, row=len(panels), col=1)
    if steps.size and steps[-1] - steps[0] < FEW_STEPS:  # else there would be marks between whole steps
        figure.update_xaxes(tick0=int(steps[0]), dtick=1, range=[steps[0] - 0.5, steps[-1] + 0.5])
    axes = {"gridcolor": FAINT, "zeroline": False, "linecolor": FAINT, "color": text, "nticks": 4, "automargin": True}
    return (
        figure.update_xaxes(**axes)
        .update_yaxes(**axes)
        .update_layout(
            showlegend=False,
            height=PANEL * len(panels) + 60,
            margin={"l": 56, "r": 8, "t": 8, "b": 44},
            font={"color": text, "size": 12},
            paper_bgcolor="rgba(0,0,0,0)",
            plot_bgcolor="rgba(0,0,0,0)",
        )
    )
