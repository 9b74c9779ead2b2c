"""Chosen runs as charts that share one x: every run a line, or every group of runs a mean line with a band."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
import streamlit as st

from app.charts.lines import AXIS_LABELS, Axis, Source, View, Window, draw, honest
from app.charts.parallel import parallel
from app.charts.ternary import ternary
from app.charts.twin import twin
from app.components.fields import named, run_title
from app.components.live_chart import Series, live_chart
from app.components.page_style import mode
from app.components.race import AUXILIARY, AXES, LOSSES, SMOOTHINGS, TERMS, WEIGHTS, zoom_of
from app.theme import AUXILIARY_COLOR, DASHES, TERM_COLORS, TEXT, Color, Dash, run_dashes, term_colors

SCOPE = "compare"
LAYOUTS = {"Overlaid": "overlaid", "One per loss": "loss", "One per run": "run"}
SCORE = "score"
CORNERS = 3  # of a triangle


@dataclass(frozen=True)
class Panel:
    """A kind of chart: which columns it draws, and how its y is to be read."""

    title: str
    column: str
    y_label: str
    help: str
    y_range: tuple[float | None, float | None] | None = None
    is_loss: bool = False
    by_term: bool = True


PANELS = {
    "Weights": Panel("Weights", "weight", "Weight (share)", WEIGHTS, (0, None)),
    "Losses": Panel("Losses", "loss", "Loss (no unit)", LOSSES, is_loss=True),
    "Share of the total": Panel(
        "Share of the total",
        "share",
        "Share (0 to 1)",
        "What each loss, times its weight, contributes to the total that the network learns from.",
        (0, 1),
    ),
    "Auxiliary loss": Panel("Auxiliary loss", AUXILIARY, "Loss (no unit)", TERMS[AUXILIARY], None, True, False),
    "γ(t)": Panel(
        "Auxiliary weight γ(t)",
        "gamma",
        "γ (factor)",
        "γ(t): the weight of the auxiliary loss, which fades from γ₀ as training goes on.",
        (0, None),
        by_term=False,
    ),
    "Validation score": Panel(
        "Validation", SCORE, "(0 to 1)", "A metric on the validation images at every epoch.", (0, 1), by_term=False
    ),
}


class Compared(Protocol):
    """A chosen run; see ``app.access.ComparedRun``."""

    run: Any
    experiment: Any
    live: Any
    steps_per_epoch: int

    @property
    def id(self) -> str:
        """Of the run."""

    @property
    def origin(self) -> float:
        """Unix time of 0 s."""


@dataclass(frozen=True)
class Look:
    """How the reader wants the charts."""

    axis: Axis = "step"
    smoothing: float = 0.0
    log_y: bool = False
    layout: str = "overlaid"
    panels: tuple[str, ...] = ("Weights", "Losses")

    def view(self, run: Compared) -> View:
        """How x counts for a run: each has epochs of its own, and time from its own first step."""
        return View(self.axis, run.steps_per_epoch, run.origin, self.smoothing)


@dataclass(frozen=True)
class Groups:
    """Runs taken together.

    Attributes:
        members: Name of each group to ids of its runs.
        band: Takes curves (x, y) of a group's runs; gives an object with x, mean, low and high.
    """

    members: Mapping[str, Sequence[str]]
    band: Callable[[Sequence[tuple[np.ndarray, np.ndarray]]], Any]


@dataclass(frozen=True)
class _Item:
    """What becomes a line: a column of the runs of one owner, which is a run or a group."""

    owner: str
    term: str
    column: str
    runs: tuple[Compared, ...]

    @property
    def name(self) -> str:
        return f"{named(self.term)} · {self.owner}" if self.term else self.owner


def titles_of(runs: Sequence[Compared]) -> dict[str, str]:
    """Run id to a title that no other chosen run has: its label, with its experiment or its id where needed."""
    said = {run.id: run_title(run.run.label) for run in runs}
    for more in (lambda run: run.experiment.name, lambda run: run.id):
        often = {title for title in said.values() if list(said.values()).count(title) > 1}
        said = {run.id: f"{said[run.id]} · {more(run)}" if said[run.id] in often else said[run.id] for run in runs}
    return said


def look(metrics: Sequence[str], named_metric: Callable[[str], Any]) -> tuple[Look, str]:
    """The row of choices above the charts, which the URL carries; the look, and the metric of the validation score.

    Args:
        metrics: Metrics to choose from.
        named_metric: Metric to its title.
    """
    with st.container(key="chart-options", horizontal=True, vertical_alignment="bottom", gap="medium"):
        axis = st.segmented_control(
            "Horizontal axis", list(AXES), default="Step", required=True, key="x", bind="query-params"
        )
        smoothing = st.select_slider(
            "Smoothing",
            SMOOTHINGS,
            key="smooth",
            width=190,
            format_func=lambda share: "none" if share == 0 else f"{share:g}",
            help="Exponential: the share of the average that is kept at each step.",
            bind="query-params",
        )
        layout = st.segmented_control(
            "Charts",
            list(LAYOUTS),
            default="Overlaid",
            required=True,
            key="layout",
            help="All in one chart, a small chart for each loss, or a small chart for each run (or group).",
            bind="query-params",
        )
        metric = st.selectbox(
            "Score",
            metrics,
            index=metrics.index("cb_dice") if "cb_dice" in metrics else 0,
            format_func=lambda name: named_metric(name).title,
            key="score",
            width=210,
            help="The metric drawn as the validation score.",
            bind="query-params",
        )
        log_y = st.toggle("Log y", key="log", help="Logarithmic losses.", bind="query-params")
    panels = st.pills(
        "Shown",
        list(PANELS),
        selection_mode="multi",
        default=["Weights", "Losses", "Validation score"],
        key="show",
        help="Which charts; dragging in one zooms all of them, and the pointer is followed in all of them.",
        bind="query-params",
    )
    return Look(AXES[axis], smoothing, log_y, LAYOUTS[layout], tuple(panels)), metric


def charts(
    runs: Sequence[Compared], look: Look, metrics: pd.DataFrame, metric: Any, groups: Groups | None = None
) -> None:
    """All chosen charts, two beside each other.

    Args:
        runs: What is chosen.
        look: How it is to be shown.
        metrics: Rows of these runs as ``RunStore.epoch_metrics`` gives them.
        metric: Name of the metric that is drawn as the validation score, and how it is to be read.
        groups: Runs to be taken together; None draws each by itself.
    """
    drawn = _Drawn(runs, look, metrics, metric, groups)
    wanted = [
        (name, part, items) for name in PANELS if name in look.panels for part, items in drawn.charts(PANELS[name])
    ]
    for first in range(0, len(wanted), 2):
        for place, (name, part, items) in zip(st.columns(2, gap="medium"), wanted[first : first + 2], strict=False):
            with place:
                drawn.chart(PANELS[name], part, items)


def figures(
    runs: Sequence[Compared], look: Look, metrics: pd.DataFrame, metric: Any, groups: Groups | None = None
) -> dict[str, Any]:
    """The same charts by title, as figures to be saved; takes what :func:`charts` takes."""
    drawn = _Drawn(runs, look, metrics, metric, groups)
    return {
        drawn.title(PANELS[name], part): twin(
            drawn.lines(PANELS[name], items)[0],
            title=drawn.title(PANELS[name], part),
            x_label=AXIS_LABELS[look.axis],
            y_label=drawn.y_label(PANELS[name]),
            log_y=look.log_y and PANELS[name].is_loss,
        )
        for name in PANELS
        if name in look.panels
        for part, items in drawn.charts(PANELS[name])
    }


class _Drawn:
    """What the charts of one rerun share."""

    def __init__(
        self,
        runs: Sequence[Compared],
        look: Look,
        metrics: pd.DataFrame,
        metric: Any,
        groups: Groups | None,
    ) -> None:
        self.look, self.groups, self.metric = look, groups, metric
        titles = titles_of(runs)
        by_id = {run.id: run for run in runs}
        members = {titles[run.id]: (run.id,) for run in runs} if groups is None else groups.members
        self.owners = {name: tuple(by_id[id] for id in ids) for name, ids in members.items()}
        methods = [owner[0].run.config.get("weighting", "") for owner in self.owners.values()]
        self.dashes = dict(zip(self.owners, run_dashes(methods), strict=True))
        self.colors = run_colors(list(self.owners))
        terms = list(dict.fromkeys(term for run in runs for term in run.live.terms))
        # Only so many terms can be told apart; runs with further ones are told apart by run.
        self.term_colors = {**term_colors(terms[: len(TERM_COLORS)]), AUXILIARY: AUXILIARY_COLOR}
        chosen = (
            metrics[(metrics["metric"] == metric.name) & (metrics["split"] == "validation")]
            if len(metrics)
            else metrics
        )
        self.scores = dict(iter(chosen.sort_values("epoch").groupby("run"))) if len(chosen) else {}

    def charts(self, panel: Panel) -> list[tuple[str, list[_Item]]]:
        """What is drawn of a panel: heading of each chart beside the panel's own, and its items."""
        items = self.items(panel)
        if self.look.layout == "overlaid":
            return [("", items)]
        by_run = self.look.layout == "run"
        if not by_run and not panel.by_term:
            return [("", items)]
        parts: dict[str, list[_Item]] = {}
        for item in items:
            parts.setdefault(item.owner if by_run else named(item.term), []).append(item)
        return list(parts.items()) or [("", [])]

    def items(self, panel: Panel) -> list[_Item]:
        made = []
        for owner, runs in self.owners.items():
            if not panel.by_term:
                with_it = tuple(run for run in runs if panel.column == SCORE or _has_auxiliary(run))
                made += [_Item(owner, "", panel.column, with_it)] if with_it else []
                continue
            terms = list(dict.fromkeys(term for run in runs for term in run.live.terms))
            if panel.column == "share" and any(map(_has_auxiliary, runs)):
                terms.append(AUXILIARY)
            for term in terms:
                with_it = tuple(
                    run for run in runs if (term in run.live.terms or (term == AUXILIARY and _has_auxiliary(run)))
                )
                made.append(_Item(owner, term, f"{panel.column}_{term}", with_it))
        return made

    def chart(self, panel: Panel, part: str, items: Sequence[_Item]) -> None:
        axis = self.look.axis
        key = "-".join(
            word for word in ("compared", panel.column, part, axis, "grouped" if self.groups else "") if word
        )
        key = "".join(letter if letter.isalnum() else "-" for letter in key)
        series, note = self.lines(panel, items, zoom_of(key, SCOPE))
        live_chart(
            series,
            key=key,
            scope=SCOPE,
            zoom_group=f"compare-{axis}",
            title=self.title(panel, part),
            help=self.metric.sentence if panel.column == SCORE else panel.help,
            about={named(term): said for term, said in TERMS.items()},
            x_label=AXIS_LABELS[axis],
            y_label=self.y_label(panel),
            y_range=panel.y_range,
            log_y=self.look.log_y and panel.is_loss,
            note=note if items else "no chosen run has an auxiliary loss",
            height=340 if self.look.layout == "overlaid" else 270,
        )

    def title(self, panel: Panel, part: str) -> str:
        title = f"{panel.title} {self.metric.title}" if panel.column == SCORE else panel.title
        return f"{title} · {part}" if part else title

    def y_label(self, panel: Panel) -> str:
        return f"{self.metric.title} {panel.y_label}" if panel.column == SCORE else panel.y_label

    def lines(self, panel: Panel, items: Sequence[_Item], window: Window | None = None) -> tuple[list[Series], str]:
        """The lines of a chart, and what is to be said of them."""
        if self.groups:
            return self.banded(items), "a mean line per group, in its band"
        if panel.column == SCORE:
            return [self.series(item, *self.score(item.runs[0]), items) for item in items], ""
        sources = [
            Source(item.runs[0].live, item.column, item.owner, item.term, item.name, self.look.view(item.runs[0]))
            for item in items
        ]
        lines = draw(sources, View(self.look.axis), window)
        return [self.series(item, line.x, line.y, items) for item, line in zip(items, lines, strict=True)], honest(
            lines
        )

    def score(self, run: Compared) -> tuple[np.ndarray, np.ndarray]:
        rows = self.scores.get(run.id)
        if rows is None:
            return np.empty(0), np.empty(0)
        view = self.look.view(run)
        x = [view.at(step, run.live.time_of(step)) for step in rows["step"]]
        return np.asarray(x, np.float64), rows["value"].to_numpy(np.float64)

    def banded(self, items: Sequence[_Item]) -> list[Series]:
        """Mean, upper and lower end of each group's band; a group of one run is its line."""
        made = []
        for item in items:
            curves = [
                self.score(run) if item.column == SCORE else whole(run, item.column, self.look.view(run))
                for run in item.runs
            ]
            found = self.groups.band([_rising(*curve) for curve in curves])  # type: ignore[union-attr]
            mean = self.series(item, found.x, found.mean, items)
            made.append(mean)
            if np.isfinite(found.low).any():
                shared: dict[str, Any] = {"color": mean.color, "width": 0.5, "run": mean.run, "term": mean.term}
                made.append(Series(f"{item.name}, low", found.x, found.low, **shared))
                made.append(Series(f"{item.name}, high", found.x, found.high, band_to=f"{item.name}, low", **shared))
        return made

    def series(self, item: _Item, x: np.ndarray, y: np.ndarray, among: Sequence[_Item]) -> Series:
        color, dash = self.style(item, among)
        if len({each.owner for each in among}) == 1:
            return Series(item.name, x, y, color.pair, dash=dash, term=named(item.term) or item.owner)
        return Series(item.name, x, y, color.pair, dash=dash, run=item.owner, term=named(item.term) or " ")

    def style(self, item: _Item, among: Sequence[_Item]) -> tuple[Color, Dash]:
        """Losses by colour and runs by dash; where a chart shows one loss, runs by colour too."""
        if len({each.term for each in among}) > 1 and item.term in self.term_colors:
            return self.term_colors[item.term], self.dashes[item.owner]
        return self.colors[item.owner]


def entropy(runs: Sequence[Compared], titles: Mapping[str, str], behaviours: Mapping[str, Any]) -> None:
    """How even the weights of each run were, over its steps."""
    colors = run_colors(list(titles.values()))
    series = []
    for run in runs:
        title = titles[run.id]
        found, (color, dash) = behaviours[title], colors[title]
        series.append(Series(title, found.entropy_step, found.entropy, color.pair, dash=dash, term=title))
    live_chart(
        series,
        key="compared-entropy",
        scope=SCOPE,
        zoom_group="compare-step",
        title="Entropy of the weights",
        help="1: all losses weigh the same. 0: one loss has all of the weight.",
        x_label=AXIS_LABELS["step"],
        y_label="Entropy (0 to 1)",
        y_range=(0, 1),
        height=400,
    )


def triangle(runs: Sequence[Compared], titles: Mapping[str, str], path: Callable[[Any], Any]) -> None:
    """Where three weights went, for the runs that have the same three; says so where there is none."""
    three = [run for run in runs if len(run.live.terms) == CORNERS]
    if not three:
        st.caption("Runs with three losses are also drawn as paths in a triangle (W1, W2, W3).")
        return
    terms = three[0].live.terms
    alike = [run for run in three if run.live.terms == terms]
    colors = run_colors(list(titles.values()))
    figure = ternary(
        {titles[run.id]: path(run) for run in alike},
        [named(term) for term in terms],
        {title: color.of(mode()) for title, (color, _) in colors.items()},
        TEXT.of(mode()),
    )
    st.markdown(
        "**Paths of the weights**",
        help="Each corner is one loss having all of the weight, the middle is all weighing the same; dots are ends.",
    )
    st.plotly_chart(figure, key="compared-triangle", theme=None)
    if len(alike) < len(runs):
        st.caption(f"Only the {len(alike)} runs that weigh {', '.join(map(named, terms))}.")


def coordinates(together: pd.DataFrame) -> None:
    """Settings against results, a line per run."""
    st.plotly_chart(
        parallel(together, AUXILIARY_COLOR.of(mode()), TEXT.of(mode())), key="compared-parallel", theme=None
    )


def run_colors(titles: Sequence[str]) -> dict[str, tuple[Color, Dash]]:
    """A colour for each run, with another dash when the colours begin again."""
    colors = list(TERM_COLORS.values())
    return {
        title: (colors[place % len(colors)], DASHES[place // len(colors) % len(DASHES)])
        for place, title in enumerate(titles)
    }


def whole(run: Compared, column: str, view: View) -> tuple[np.ndarray, np.ndarray]:
    """A column of a run at every step; of a run of more than 100,000 steps, its extremes."""
    return run.live.trace(
        column,
        axis=view.axis,
        steps_per_epoch=view.steps_per_epoch,
        origin=view.origin,
        smoothing=view.smoothing,
        window=(-np.inf, np.inf),
    )


def _rising(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Without points whose x is that of the point before, as two steps may have been stored at one time."""
    kept = np.concatenate([[True], np.diff(x) > 0]) if len(x) else np.empty(0, bool)
    return x[kept], y[kept]


def _has_auxiliary(run: Compared) -> bool:
    return run.run.config.get("auxiliary", "none") != "none"
