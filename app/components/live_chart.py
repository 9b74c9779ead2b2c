"""The one live chart of the app: lines that grow while a run trains, without losing zoom, legend choices or cursor.

uPlot draws in the browser. One chart object lives per ``key`` and is fed with new data at every call, so a fragment may
call `live_chart` on each tick. Two elements are mounted: the engine (uPlot and our script, 84 kB), once per page where
nothing ticks, and the chart, whose message holds little but the data.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

from app.components.browser_script import engine_and_part, joined_script
from app.components.glossary import address_of

_HERE = Path(__file__).parent
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")

Color = str | tuple[str, str]
Height = int | str


@dataclass(frozen=True, eq=False)
class Series:
    """One line.

    Args:
        name: Unique within the chart; shown on hover.
        x: (N,) ascending and finite.
        y: (N,) values; a non-finite one is drawn as a gap.
        color: ``#rrggbb``, or a pair of them for the light and the dark theme.
        dash: Lengths of dashes and gaps in CSS pixels; empty for a solid line.
        width: Line width in CSS pixels.
        run: Legend entry shared by the lines of one run, told apart by dash; may be empty.
        term: Legend entry shared by the lines of one loss term, told apart by colour; the name where it is empty.
        fill: Shade the area below the line.
        band_to: Name of the line down to which the area is shaded, as of the two ends of a band.
        owner: What the line is of in small charts and in the table at the cursor; ``run`` where empty. A line without
            any is drawn in every small chart.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    color: Color
    dash: tuple[int, ...] = ()
    width: float = 1.75
    run: str = ""
    term: str = ""
    fill: bool = False
    band_to: str = ""
    owner: str = ""

    def __post_init__(self) -> None:
        x, y = np.asarray(self.x), np.asarray(self.y)
        if x.ndim != 1 or x.shape != y.shape:
            raise ValueError(
                f"Series {self.name!r}: `x` and `y` must have one shape (N,), got {x.shape} and {y.shape}."
            )
        if not np.isfinite(x).all() or (np.diff(x) < 0).any():
            raise ValueError(f"Series {self.name!r}: `x` must be finite and ascending; sort it first.")
        for color in _pair(self.color):
            if not _COLOR.fullmatch(color):
                raise ValueError(f"Series {self.name!r}: `color` must be #rrggbb, got {color!r}.")


@dataclass(frozen=True)
class Mark:
    """An event at ``x``: a vertical line with its ``text`` above.

    Args:
        x: Where it happened.
        text: What happened, e.g. ``"γ₀ 1 → 0.3"``.
        kind: Picks the colour: change, warning, error; any other kind (such as state) is neutral.
        owners: Owners of the lines that it concerns, where these are not all: it stands on them alone.
        whose: The same in words.
    """

    x: float
    text: str
    kind: str = "state"
    owners: tuple[str, ...] = ()
    whose: str = ""


def chart_engine() -> None:
    """Give the page what draws its live charts; call it once per page, before or after them. Takes no room."""
    with st.container(key="chart-engine"):  # which style.css takes out of the flow of the page
        _components()[0](key="live-chart-engine", height="content")


def live_chart(
    series: Sequence[Series],
    *,
    key: str,
    x_label: str,
    y_label: str,
    y_unit: str = "",
    y_range: tuple[float | None, float | None] | None = None,
    x_from: float | None = None,
    multiples: bool = False,
    log_y: bool = False,
    marks: Sequence[Mark] = (),
    height: Height = 320,
    sync: str = "cursor group",
    note: str = "",
    title: str = "",
    help: str = "",
    glossary: str = "",
    about: Mapping[str, str] | None = None,
    legend: bool | Literal["term"] = True,
    scope: str = "",
    zoom_group: str = "",
    on_pick: Callable[[float], None] | None = None,
    text: float = 1.0,
) -> tuple[float, float] | None:
    """Draw the lines, or feed them to the chart that ``key`` already has on the page, which needs `chart_engine`.

    Drag to zoom along x, double click (or Escape) to see everything again; arrow keys move the cursor. Send at most
    about 1,000 points per line (`app.charts.decimate`); they travel as raw float32 (x as float64 where needed).

    Args:
        series: The lines, in the order of legend and hover; empty while there is nothing yet.
        key: Unique on the page and stable over ticks.
        x_label: With its unit, e.g. ``"Optimizer step"`` or ``"Time (s)"``.
        y_label: With its unit where it has one.
        y_unit: Follows each value shown on hover.
        y_range: Fixed limits; None at either end follows the data.
        x_from: Where x begins at the latest, such as 0 for epochs; None where the data say.
        multiples: Draw a small chart for each owner of lines, all of one size with one y axis, legend and cursor.
        log_y: Logarithmic y; values that are not positive are left out.
        marks: Events, as vertical lines.
        height: Of the whole chart with title and legend, in CSS pixels, or a length as CSS writes it, such as one that
            follows the window's; it never changes while data arrive.
        sync: Charts of one page with the same word share the cursor's x; empty for none.
        note: Shown above the plot, or in its middle while there is nothing to draw.
        title: Heads the chart and its PNG.
        help: What the chart shows, in a sentence; read out, and shown where the pointer rests on the title or taps it.
        glossary: Title of the entry of the glossary that says more; empty for none.
        about: Legend entry to what it means, in a sentence.
        legend: Terms by colour and runs by dash, as buttons that hide and show them; "term" for terms alone, where
            runs are named elsewhere.
        zoom_group: Charts of one page with the same word are zoomed together; empty for a zoom of its own.
        scope: Of what the chart is; a chart of something else starts anew, without zoom.
        on_pick: Called, before the page or fragment runs again, with the x that was clicked, or chosen by Enter.
        text: Size of all its words, as a factor; above 1 for a projector.

    Returns:
        The x range the reader has zoomed to, or None; a page may answer with more detail in it.

    Raises:
        ValueError: If ``key`` is empty, two series share a name, or ``y_range`` is not ascending.
    """
    if not key:
        raise ValueError("`key` must not be empty: it keeps the chart's zoom over reruns. Pass e.g. 'weights'.")
    names = [line.name for line in series]
    if len(set(names)) < len(names):
        raise ValueError(f"Series names must be unique, got {names}.")
    if y_range is not None and None not in y_range and not y_range[0] < y_range[1]:  # type: ignore[operator]
        raise ValueError(f"`y_range` must be (low, high) with low < high, got {y_range}.")
    own = chart_key(key, scope)
    owners = list(dict.fromkeys(owner_of(line) for line in series if owner_of(line)))
    header = {
        "key": key,
        "zoom": (st.session_state.get(own) or {}).get("zoom"),
        "title": title,
        "help": help,
        "glossary": {"title": glossary, "address": address_of(glossary)},
        "about": {
            name: about_term for name, about_term in (about or {}).items() if name in {line.term for line in series}
        },
        "note": note,
        "xLabel": x_label,
        "yLabel": y_label,
        "yUnit": y_unit,
        "yRange": y_range,
        "xFrom": x_from,
        "panels": owners if multiples and len(owners) > 1 else [],
        "logY": log_y,
        "legend": legend,
        "height": height,
        "sync": sync,
        "zoomGroup": zoom_group,
        "marks": [[float(mark.x), mark.text, mark.kind, mark.owners, mark.whose] for mark in marks],
        "picks": on_pick is not None,
        "text": text,
    }
    heard: dict[str, Any] = {"on_zoom_change": _rerun_only}
    if on_pick is not None:
        heard["on_picked_change"] = lambda: _picked(own, on_pick)
    result = _components()[1](
        key=own, data=pack(header, series), height="content" if isinstance(height, str) else height, **heard
    )
    zoom = result.get("zoom")
    return (float(zoom[0]), float(zoom[1])) if zoom else None


def owner_of(line: Series) -> str:
    """What a line is of; empty for one that is drawn in every small chart."""
    return line.owner or line.run


def chart_key(key: str, scope: str) -> str:
    """Key of the chart's state in session state."""
    return f"{key}-{scope}" if scope else key


def pack(header: dict[str, Any], series: Sequence[Series]) -> bytes:
    """Header and lines as one message: uint32 length of the header, the header as JSON, then the columns.

    Padded so that every column starts at a multiple of its item size. Equal x columns are sent once. Little endian.
    """
    columns: list[np.ndarray] = []
    places: dict[bytes, int] = {}
    lines: list[dict[str, Any]] = []
    positions = {line.name: position for position, line in enumerate(series)}
    for line in series:
        x = _narrow(np.asarray(line.x))
        raw = x.dtype.str.encode() + x.tobytes()
        if raw not in places:
            places[raw] = len(columns)
            columns.append(x)
        lines.append(
            {
                "name": line.name,
                "run": line.run,
                "owner": owner_of(line),
                "term": line.term or line.name,
                "color": _pair(line.color),
                "dash": line.dash,
                "width": line.width,
                "fill": line.fill,
                "bandTo": positions.get(line.band_to),
                "x": places[raw],
                "y": len(columns),
            }
        )
        columns.append(np.ascontiguousarray(line.y, dtype="<f4"))
    body = bytearray()
    table = []
    for column in columns:
        body += b"\0" * (-len(body) % column.itemsize)
        table.append([column.itemsize, len(body), len(column)])
        body += column.tobytes()
    text = json.dumps({**header, "series": lines, "columns": table}, separators=(",", ":")).encode()
    text += b" " * (-(4 + len(text)) % 8)
    return len(text).to_bytes(4, "little") + text + bytes(body)


def _narrow(x: np.ndarray) -> np.ndarray:
    """As float32 where that is exact (steps up to 2**24), else float64 (Unix times)."""
    wide = np.ascontiguousarray(x, dtype="<f8")
    narrow = wide.astype("<f4")
    return narrow if np.array_equal(narrow, wide) else wide


def _pair(color: Color) -> tuple[str, str]:
    return (color, color) if isinstance(color, str) else color


def _picked(own: str, on_pick: Callable[[float], None]) -> None:
    x = (st.session_state.get(own) or {}).get("picked")
    if isinstance(x, int | float) and math.isfinite(x):
        on_pick(float(x))


def _rerun_only() -> None:
    """Named as a callback, which is how a component declares a state; the rerun itself delivers the zoom."""


@cache
def _components() -> tuple[ComponentRenderer, ComponentRenderer]:
    """Engine and chart."""
    uplot = _HERE / "vendor" / "uplot"
    styles = (uplot / "uPlot.min.css").read_text("utf-8") + (_HERE / "live_chart.css").read_text("utf-8")
    script = joined_script(_HERE / "live_chart.js", {"STYLES": styles}, (uplot / "uPlot.iife.min.js",))
    return engine_and_part("dmf_live_chart", "dmfLiveChart", script, '<div class="live-chart"></div>')
