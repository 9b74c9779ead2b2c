"""A live chart as a figure of plotly's, to be saved as PNG, SVG or a page that stands alone."""

import html
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from app.charts.words import as_text


class Drawn(Protocol):
    """A line of the live chart; see ``app.components.live_chart.Series``."""

    @property
    def name(self) -> str: ...
    @property
    def x(self) -> np.ndarray: ...
    @property
    def y(self) -> np.ndarray: ...
    @property
    def color(self) -> str | tuple[str, str]: ...
    @property
    def dash(self) -> tuple[int, ...]: ...
    @property
    def width(self) -> float: ...
    @property
    def band_to(self) -> str: ...


def twin(lines: Sequence[Drawn], *, title: str, x_label: str, y_label: str, log_y: bool = False) -> go.Figure:
    """The same lines with the same colours and dashes, on white paper.

    An end of a band follows the line that it reaches down to, as the live chart has them.
    """
    figure = go.Figure()
    for line in lines:
        color = line.color if isinstance(line.color, str) else line.color[0]
        is_band = line.name.endswith((", low", ", high"))
        figure.add_scatter(
            x=line.x,
            y=line.y,
            name=as_text(line.name),
            mode="lines" if len(line.x) > 1 else "markers",
            line={
                "color": color,
                "width": line.width,
                "dash": ",".join(f"{length}px" for length in line.dash) or "solid",
            },
            fill="tonexty" if line.band_to else None,
            fillcolor=f"{color}26" if line.band_to else None,
            showlegend=not is_band,
            connectgaps=False,
        )
    return figure.update_layout(
        title=as_text(title),
        xaxis_title=as_text(x_label),
        yaxis={"title": as_text(y_label), "type": "log" if log_y else "linear"},
        template="plotly_white",
        height=460,
        legend={"orientation": "h", "y": -0.2},
        margin={"l": 70, "r": 20, "t": 60, "b": 60},
    )


def page(title: str, parts: Sequence[str | go.Figure]) -> str:
    """A page of HTML that needs nothing else: texts and tables as they are, figures that can be zoomed.

    Args:
        title: Its heading, as plain text.
        parts: HTML, or figures.
    """
    body = "\n".join(
        part if isinstance(part, str) else part.to_html(full_html=False, include_plotlyjs=False) for part in parts
    )
    name = html.escape(title)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{name}</title>\n'
        f"<style>{_STYLE}</style>\n<script>{get_plotlyjs()}</script></head>\n<body><h1>{name}</h1>\n{body}</body></html>\n"
    )


_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;color:#1b2430;max-width:1100px;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;font-size:13px}th,td{padding:4px 10px;border-bottom:1px solid #ddd;text-align:left}"
    ".scores{overflow-x:auto}.how{color:#5b6470}h3{margin:1.2rem 0 .3rem;font-size:14px}"
    ".pictures{display:flex;flex-wrap:wrap;gap:10px}figure{margin:0;width:170px}"
    "figure img{width:100%;image-rendering:pixelated;border-radius:4px}figcaption{font-size:12px;color:#5b6470}"
    ".key{display:flex;flex-wrap:wrap;gap:4px 16px}.key span{display:inline-flex;align-items:center;gap:6px}"
    ".key i{width:12px;height:12px;border-radius:3px;box-shadow:0 0 0 1px #bbb}"
)
