"""Metrics of a race: one chosen metric over the epochs, and a table that says of each number what it is over."""

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from app.charts.lines import AXIS_LABELS
from app.components.live_chart import Height, Series, live_chart
from app.components.page_style import dash_sample, number
from app.components.race import TALL, Race, x_from
from app.theme import Color
from app.views import ExperimentRow, MetricInfo

METRIC = "metric-{}"  # in session state
SPLITS = ("validation", "test", "train")
BEST = ' class="best"'
NEUTRAL = Color("#1b2430", "#e3e8ef")

Info = Callable[[str], MetricInfo]


@dataclass(frozen=True)
class ScoreWords:
    """How the scores of an experiment are told.

    Attributes:
        info: How a metric is to be read.
        note: What the settings of the experiment do to its scores.
        first: Metrics that stand first.
        headline: What the metric is called that decides the best epoch.
    """

    info: Info
    note: str
    first: Sequence[str]
    headline: str


def ordered(metrics: pd.DataFrame, words: ScoreWords) -> list[str]:
    """Metric names: those that stand first, then the others, those of a single class last; no image counts."""
    names = list(dict.fromkeys(metrics["metric"])) if len(metrics) else list(words.first)
    names = [name for name in names if not words.info(name).is_count]  # they stand beside the metrics they belong to
    rank = {name: index for index, name in enumerate(words.first)}
    return sorted(names, key=lambda name: ("/" in name, rank.get(name, len(rank)), name))


def scores(race: Race, words: ScoreWords) -> None:
    """Two chosen metrics over the epochs, and all of them in a table.

    Args:
        race: The runs.
        words: How they are told.
    """
    metrics: pd.DataFrame = race.snapshot.metrics
    info = words.info
    names = ordered(metrics, words)
    with st.container(key="metrics-chart"):
        for index, place in enumerate(st.columns(2, gap="medium")):
            with place:
                st.selectbox(
                    "Metric on the first screen" if index == 0 else "Another metric",
                    names,
                    index=min(index, len(names) - 1),
                    format_func=lambda name: info(name).title,
                    key=METRIC.format(index),
                    persist_state="session",
                )
        _chart(race, metrics, chosen(names, 1), info, key=f"scores-1-{race.view.axis}", height=340)
    with st.container(key="metrics-table"):
        by_class = st.toggle("Each class by itself", key="by-class", persist_state="session")
        shown = [name for name in names if by_class or "/" not in name]
        st.html(table_html(race, metrics, shown, words))


def chosen(names: Sequence[str], index: int) -> str:
    """The metric that is chosen for the first or the second chart."""
    held = st.session_state.get(METRIC.format(index))
    return str(held) if held in names else names[min(index, len(names) - 1)]


def first_score(race: Race, words: ScoreWords) -> None:
    """The chosen validation score over the training."""
    names = ordered(race.snapshot.metrics, words)
    with st.container(key="score-chart", gap=None):
        metric = chosen(names, 0)
        key = f"scores-0-{race.view.axis}"
        _chart(race, race.snapshot.metrics, metric, words.info, key=key, height=TALL)


def _chart(race: Race, metrics: pd.DataFrame, metric: str, info: Info, *, key: str, height: Height) -> None:
    about = info(metric)
    series = []
    if len(metrics):
        own = metrics[(metrics["metric"] == metric) & (metrics["split"] == "validation")]
        for run, live, dash in zip(race.snapshot.experiment.runs, race.snapshot.live, race.dashes, strict=True):
            rows = own[own["run"] == run.id].sort_values("epoch")
            x = [race.view.at(step, live.time_of(step)) for step in rows["step"]]
            name, values = race.titles[run.id], rows["value"].to_numpy()
            series.append(Series(name, _array(x), values, NEUTRAL.pair, dash=dash, run=name, term=about.title))
    live_chart(
        series,
        key=key,
        scope=race.scope,
        title=f"Validation {about.title}",
        help=about.sentence,
        x_label=AXIS_LABELS[race.view.axis],
        y_label=about.title if about.range is None else f"{about.title} ({about.range[0]:g} to {about.range[1]:g})",
        y_range=about.range,
        x_from=x_from(race.view.axis),
        marks=race.drawn_marks,
        note=f"{about.pooling}, {about.over}" if len(metrics) else "the first scores come before the first training",
        height=height,
    )


def table_html(race: Race, metrics: pd.DataFrame, names: Sequence[str], words: ScoreWords) -> str:
    """Scores of each split at its latest epoch: runs down, metrics across; the best of each column stands out."""
    head = "".join(_heading(name, words) for name in names)
    body = "".join(_split(split, race, metrics, names, words) for split in SPLITS) if len(metrics) else ""
    if not body:
        body = f'<tr><td class="muted" colspan="{len(names) + 1}">No scores yet.</td></tr>'
    head = f"<thead><tr><th>Split and run</th>{head}</tr></thead>"
    return f'<div class="race scores"><table>{head}<tbody>{body}</tbody></table></div>'


def _heading(name: str, words: ScoreWords) -> str:
    about = words.info(name)
    headline = ' class="headline"' if name in words.first else ""
    how = f'<span class="how">{about.pooling}, {html.escape(about.over)}</span>'
    explanation = about.sentence if about.pooling == "as recorded" else f"{about.sentence} {words.note}"
    title = f'<span class="term" title="{html.escape(explanation)}">{html.escape(about.title)}</span>'
    return f"<th{headline}>{title} {how}</th>"


def _split(split: str, race: Race, metrics: pd.DataFrame, names: Sequence[str], words: ScoreWords) -> str:
    info = words.info
    rows = metrics[metrics["split"] == split]
    if rows.empty:
        return ""
    latest = rows[rows["epoch"] == rows.groupby("run")["epoch"].transform("max")]
    values = latest.set_index(["run", "metric"])["value"].to_dict()
    epochs = latest.groupby("run")["epoch"].first().to_dict()
    best = _best(latest, info) if len(epochs) > 1 else {}
    images = ", ".join(f"{count:,}" for count in sorted(set(latest["images"]) - {0}))  # 0: nobody said
    # Home and Compare show the best epoch's: a number says of which epoch it is.
    if split == "validation":
        when = ", at the latest epoch"
    else:
        when = "" if race.snapshot.experiment.is_recorded else f", {_tested(race.snapshot.experiment, words.headline)}"
    lines = [
        f'<tr class="split"><th colspan="{len(names) + 1}">{split.capitalize()}{f", {images} images" if images else ""}'
        f'<span class="muted">{when}</span></th></tr>'
    ]
    for run, dash in zip(race.snapshot.experiment.runs, race.dashes, strict=True):
        if run.id not in epochs:
            continue
        title = f"{dash_sample(dash)} {html.escape(race.titles[run.id])}"
        cells = "".join(
            _cell(
                values.get((run.id, name)),
                is_best=values.get((run.id, name)) in best.get(name, ()),
                images=values.get((run.id, info(name).counted or "")),
            )
            for name in names
        )
        lines.append(f'<tr><td>{title} <span class="how">epoch {epochs[run.id]}</span></td>{cells}</tr>')
    return "".join(lines)


def _tested(experiment: ExperimentRow, headline: str) -> str:
    if experiment.config.get("training", {}).get("test_at") == "last":
        return "at the last epoch"
    return f"at the epoch with the best validation {headline}"


def _best(latest: pd.DataFrame, info: Info) -> dict[str, tuple[float, ...]]:
    """Metric to its best value; none where nobody knows which values are better."""
    best: dict[str, tuple[float, ...]] = {}
    for metric, values in latest[np.isfinite(latest["value"])].groupby("metric")["value"]:
        about = info(metric)
        if about.better is not None and not about.is_count:
            best[str(metric)] = (float(values.max() if about.better == "higher" else values.min()),)
    return best


def _cell(value: float | None, *, is_best: bool, images: float | None) -> str:
    behind = "" if images is None else f' <span class="how">{_images(images)}</span>'
    return f"<td{BEST if is_best else ''}>{number(value)}{behind}</td>"


def _images(count: float) -> str:
    return "1 image" if count == 1 else f"{count:,.0f} images"


def _array(values: Sequence[float]) -> np.ndarray:
    return np.asarray(values, np.float64)
