"""Metrics of a race: one chosen metric over the epochs, and a table that says of each number what it is over."""

import html
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app.charts.lines import AXIS_LABELS
from app.components.fields import run_title
from app.components.live_chart import Mark, Series, live_chart
from app.components.page_style import dash_sample, number
from app.components.race import Race
from app.theme import Color, Dash

HEADLINES = ("lesion_dice", "cb_dice")
SPLITS = ("validation", "test", "train")
NEUTRAL = Color("#1b2430", "#e3e8ef")

Info = Callable[[str], Any]


def ordered(metrics: pd.DataFrame) -> list[str]:
    """Metric names: lesion Dice and CB-Dice first, then the others, those of a single class last."""
    names = list(dict.fromkeys(metrics["metric"])) if len(metrics) else list(HEADLINES)
    rank = {name: index for index, name in enumerate(HEADLINES)}
    return sorted(names, key=lambda name: ("/" in name, rank.get(name, len(rank)), name))


def scores(race: Race, info: Info) -> None:
    """Chart and table beside each other."""
    metrics: pd.DataFrame = race.snapshot.metrics
    names = ordered(metrics)
    chart, table = st.columns([1, 1], gap="medium")
    with chart, st.container(key="metrics-chart"):
        metric = st.selectbox(
            "Metric", names, format_func=lambda name: info(name).title, key="metric", persist_state="session"
        )
        _chart(race, metrics, metric, info)
    with table, st.container(key="metrics-table"):
        by_class = st.toggle("Each class by itself", key="by-class", persist_state="session")
        shown = [name for name in names if by_class or "/" not in name]
        st.html(table_html(race.snapshot.experiment.runs, race.dashes, metrics, shown, info))


def _chart(race: Race, metrics: pd.DataFrame, metric: str, info: Info) -> None:
    about = info(metric)
    key = f"scores-{race.view.axis}"
    series = []
    if len(metrics):
        own = metrics[(metrics["metric"] == metric) & (metrics["split"] == "validation")]
        for run, live, dash in zip(race.snapshot.experiment.runs, race.snapshot.live, race.dashes, strict=True):
            rows = own[own["run"] == run.id].sort_values("epoch")
            x = [race.view.at(step, live.time_of(step)) for step in rows["step"]]
            name, values = run_title(run.label), rows["value"].to_numpy()
            series.append(Series(name, _array(x), values, NEUTRAL.pair, dash=dash, run=name, term=about.title))
    live_chart(
        series,
        key=key,
        title=f"Validation {about.title}",
        x_label=AXIS_LABELS[race.view.axis],
        y_label=about.title,
        y_range=(0, 1),
        marks=[Mark(mark.x, mark.text, mark.kind) for mark in race.marks],
        note=f"{about.pooling}, {about.classes}" if len(metrics) else "the first scores come before the first training",
        height=340,
    )


def table_html(
    runs: Sequence[Any], dashes: Sequence[Dash], metrics: pd.DataFrame, names: Sequence[str], info: Info
) -> str:
    """Scores of each split at its latest epoch: metrics down, runs across; the best of each row stands out."""
    head = "".join(
        f"<th>{dash_sample(dash)}{html.escape(run_title(run.label))}</th>"
        for run, dash in zip(runs, dashes, strict=True)
    )
    body = "".join(_split(split, runs, metrics, names, info) for split in SPLITS) if len(metrics) else ""
    if not body:
        body = f'<tr><td class="muted" colspan="{len(runs) + 1}">No scores yet.</td></tr>'
    head = f"<thead><tr><th>Metric</th>{head}</tr></thead>"
    return f'<div class="race scores"><table>{head}<tbody>{body}</tbody></table></div>'


def _split(split: str, runs: Sequence[Any], metrics: pd.DataFrame, names: Sequence[str], info: Info) -> str:
    rows = metrics[metrics["split"] == split]
    if rows.empty:
        return ""
    latest = rows[rows["epoch"] == rows.groupby("run")["epoch"].transform("max")]
    values = latest.set_index(["run", "metric"])["value"].to_dict()
    epochs = latest.groupby("run")["epoch"].first().to_dict()
    images = ", ".join(f"{count:,}" for count in sorted(set(latest["images"])))
    per_run = "".join(f"<th>{f'epoch {epochs[run.id]}' if run.id in epochs else '–'}</th>" for run in runs)
    lines = [f'<tr class="split"><th>{split.capitalize()}, {images} images</th>{per_run}</tr>']
    for name in names:
        about = info(name)
        found = [values.get((run.id, name)) for run in runs]
        best = max((value for value in found if value is not None and not math.isnan(value)), default=None)
        best = best if len(runs) > 1 else None
        cells = "".join(_cell(value, is_best=best is not None and value == best) for value in found)
        headline = ' class="headline"' if name in HEADLINES else ""
        lines.append(
            f'<tr{headline}><td title="{html.escape(about.sentence)}">{html.escape(about.title)} '
            f'<span class="how">{about.pooling}, {html.escape(about.classes)}</span></td>{cells}</tr>'
        )
    return "".join(lines)


def _cell(value: float | None, *, is_best: bool) -> str:
    return f'<td class="best">{number(value)}</td>' if is_best else f"<td>{number(value)}</td>"


def _array(values: Sequence[float]) -> np.ndarray:
    return np.asarray(values, np.float64)
