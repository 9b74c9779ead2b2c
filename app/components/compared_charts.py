"""Chosen runs as charts that share one x: every run a line, or every group of runs a mean line with a band."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app.charts.lines import AXIS_LABELS, Happening, Source, View, Window, draw, honest
from app.charts.twin import twin
from app.components import near_uniform
from app.components.compare_look import PANELS, SCORE, Look, Panel
from app.components.compared_lines import band_lines, rising, run_colors, whole
from app.components.comparison_tables import setting_words
from app.components.fields import named, run_title
from app.components.glossary import OF_COLUMNS
from app.components.gradients import (
    BELOW_ZERO,
    COSINE,
    HOW_TO_MEASURE,
    MEASURES,
    SHARE,
    columns,
    harmed,
    heading,
    lowest_share,
    pair_colors,
    title_of,
    without_angle,
)
from app.components.grouping import Groups
from app.components.live_chart import Mark, Series, live_chart
from app.components.page_style import sentence_of
from app.components.race import AUXILIARY, ZERO, term_words, x_from, zero_line, zoom_of
from app.theme import AUXILIARY_COLOR, Color, Dash, run_dashes, term_colors
from app.views import ComparedRun, ExperimentRow, InspectedRun, NamedMetric
from dmf.naming import Named, names_of, names_of_groups, repeats_of

SCOPE = "compare"
NONE = NamedMetric("", "", "")  # where no score is drawn
UNBOUNDED = (-np.inf, np.inf)
BETWEEN = {"weight": (0.0, 1.0), "share": (0.0, 1.0), SHARE.column: (0.0, 1.0), COSINE.column: (-1.0, 1.0)}
"""Column to what its values lie between; a band goes no further, unless some value does."""
FULL_STEPS = 100_000  # of a longer run only the extremes are taken together
EXTREMES = "; made from the lowest and highest points of each stretch, as runs have more than 100,000 steps"


@dataclass(frozen=True)
class _Item:
    """What becomes a line: a column of the runs of one owner, which is a run or a group."""

    owner: str
    term: str
    column: str
    runs: tuple[ComparedRun, ...]

    @property
    def name(self) -> str:
        return f"{named(self.term)} · {self.owner}" if self.term else self.owner


def titles_of(runs: Sequence[ComparedRun | InspectedRun]) -> dict[str, str]:
    """Run id to what the run is called beside the others, see :func:`dmf.naming.names_of`."""
    return names_of(_named_runs(runs), run_title, setting_words)


def repeats(runs: Sequence[ComparedRun]) -> dict[str, tuple[str, ...]]:
    """Groups of runs that differ in nothing but the seed, by name; none where every run is by itself."""
    named_runs = _named_runs(runs)
    groups = repeats_of(named_runs)
    return names_of_groups(named_runs, groups, run_title, setting_words) if len(groups) < len(named_runs) else {}


def _named_runs(runs: Sequence[ComparedRun | InspectedRun]) -> dict[str, Named]:
    return {run.id: Named(run.run.label, run.config, given_name(run.experiment)) for run in runs}


def given_name(experiment: ExperimentRow) -> str:
    """The name that somebody gave to an experiment; empty where it has the one that lists its data and runs."""
    return str(experiment.config.get("name", experiment.name))


def charts(
    runs: Sequence[ComparedRun],
    look: Look,
    metrics: pd.DataFrame,
    metric: NamedMetric,
    groups: Groups | None = None,
    *,
    happened: Mapping[str, Sequence[Happening]] | None = None,
    switched: Collection[str] = (),
) -> None:
    """All chosen charts, two beside each other.

    Args:
        runs: What is chosen.
        look: How it is to be shown.
        metrics: Rows of these runs as ``RunStore.epoch_metrics`` gives them.
        metric: Name of the metric that is drawn as the validation score, and how it is to be read.
        groups: Runs to be taken together; None draws each by itself.
        happened: Run id to what is marked of it.
        switched: Ids of runs whose method was changed while they trained.
    """
    drawn = _Drawn(runs, look, metrics, metric, groups, happened=happened or {})
    wanted = [(PANELS[name], *part) for name in PANELS if name in look.panels for part in drawn.charts(PANELS[name])]

    def show(chart: tuple[Panel, str, list[_Item]]) -> None:
        place = st.container()  # above the choice of its axis, which is read first
        if chart is wanted[0] and chart[0] is PANELS["Weights"]:
            near_equal = near_uniform.nearly((run.run.config, run.live) for run in runs if run.id not in switched)
            drawn.fits_weights = near_uniform.note(near_equal, key="fit", bind="query-params")
        with place:
            drawn.chart(*chart)

    drawn.in_rows(wanted, show)


def gradient_charts(
    runs: Sequence[ComparedRun],
    look: Look,
    groups: Groups | None = None,
    *,
    happened: Mapping[str, Sequence[Happening]] | None = None,
) -> None:
    """What the losses' gradients were, of those runs that measured them; else a sentence on how that is done.

    Args:
        runs: What is chosen.
        look: How it is to be shown.
        groups: Runs to be taken together; None draws each by itself.
        happened: Run id to what is marked of it.
    """
    with st.container(key="gradient-charts"):
        if not any(run.live.has_gradients for run in runs):
            st.caption(HOW_TO_MEASURE)
            return
        heading(run.experiment.config for run in runs if run.live.has_gradients)
        drawn = _Drawn(runs, look, pd.DataFrame(), NONE, groups, happened=happened or {})
        wanted = [(panel, *part) for panel in MEASURES for part in drawn.charts(panel)]
        drawn.in_rows(wanted, lambda chart: drawn.chart(*chart), len(MEASURES) if look.layout == "overlaid" else 2)


def figures(
    runs: Sequence[ComparedRun],
    look: Look,
    metrics: pd.DataFrame,
    metric: NamedMetric,
    groups: Groups | None = None,
) -> dict[str, Any]:
    """The same charts by title, as figures to be saved; takes what :func:`charts` takes."""
    drawn = _Drawn(runs, look, metrics, metric, groups, happened={})
    measured = MEASURES if any(run.live.has_gradients for run in runs) else ()
    return {
        drawn.title(panel, part): twin(
            drawn.lines(panel, items)[0],
            title=drawn.title(panel, part),
            x_label=AXIS_LABELS[look.axis],
            y_label=drawn.y_label(panel),
            log_y=look.log_y and panel.is_loss,
        )
        for panel in (*(PANELS[name] for name in PANELS if name in look.panels), *measured)
        for part, items in drawn.parts(panel)
    }


class _Drawn:
    """What the charts of one rerun share."""

    def __init__(
        self,
        runs: Sequence[ComparedRun],
        look: Look,
        metrics: pd.DataFrame,
        metric: NamedMetric,
        groups: Groups | None,
        *,
        happened: Mapping[str, Sequence[Happening]],
    ) -> None:
        self.happened = happened
        self.fits_weights = False
        self.look, self.groups, self.metric = look, groups, metric
        titles = titles_of(runs)
        by_id = {run.id: run for run in runs}
        members = {titles[run.id]: (run.id,) for run in runs} if groups is None else groups.members
        self.owners = {name: tuple(by_id[id] for id in ids) for name, ids in members.items()}
        methods = [owner[0].run.config.get("weighting", "") for owner in self.owners.values()]
        self.dashes = dict(zip(self.owners, run_dashes(methods), strict=True))
        self.colors = run_colors(list(self.owners))
        terms = list(dict.fromkeys(term for run in runs for term in run.live.terms))
        self.term_colors = {**term_colors(terms), AUXILIARY: AUXILIARY_COLOR}
        self.term_colors |= {title_of((term,)): color for term, color in self.term_colors.items()}
        self.term_colors |= pair_colors(pair for run in runs for pair in combinations(run.live.terms, 2))
        chosen = (
            metrics[(metrics["metric"] == metric.name) & (metrics["split"] == "validation")]
            if len(metrics)
            else metrics
        )
        self.scores = dict(iter(chosen.sort_values("epoch").groupby("run"))) if len(chosen) else {}

    def has_multiples(self, panel: Panel) -> bool:
        """Whether a panel is a row of small charts, one for each owner; one line of each is drawn in one chart."""
        return self.look.layout == "run" and (panel.by_term or panel in MEASURES) and len(self.owners) > 1

    def charts(self, panel: Panel) -> list[tuple[str, list[_Item]]]:
        """The charts of a panel: heading of each beside the panel's own, and its items."""
        if self.has_multiples(panel) or (self.look.layout == "run" and not panel.by_term):
            return [("", self.items(panel))]
        return self.parts(panel)

    def in_rows(
        self,
        wanted: Sequence[tuple[Panel, str, list[_Item]]],
        show: Callable[[tuple[Panel, str, list[_Item]]], None],
        beside: int = 2,
    ) -> None:
        """Charts beside each other; small ones have a row of their own."""
        rows: list[list[tuple[Panel, str, list[_Item]]]] = []
        for chart in wanted:
            is_alone = self.has_multiples(chart[0])
            if is_alone or not rows or len(rows[-1]) == beside or self.has_multiples(rows[-1][0][0]):
                rows.append([])
            rows[-1].append(chart)
        for row in rows:
            columns = 1 if self.has_multiples(row[0][0]) else beside
            for place, chart in zip(st.columns(columns, gap="medium"), row, strict=False):
                with place:
                    show(chart)

    def parts(self, panel: Panel) -> list[tuple[str, list[_Item]]]:
        """What is saved of a panel, each owner or loss by itself where the reader wants them apart."""
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
        items = []
        for owner, runs in self.owners.items():
            if panel in MEASURES:
                items += self.measured(panel, owner, runs)
                continue
            if not panel.by_term:
                with_it = tuple(run for run in runs if panel.column == SCORE or _has_auxiliary(run))
                items += [_Item(owner, "", panel.column, with_it)] if with_it else []
                continue
            terms = list(dict.fromkeys(term for run in runs for term in run.live.terms))
            if panel.column == "share" and any(map(_has_auxiliary, runs)):
                terms.append(AUXILIARY)
            for term in terms:
                with_it = tuple(
                    run for run in runs if (term in run.live.terms or (term == AUXILIARY and _has_auxiliary(run)))
                )
                items.append(_Item(owner, term, f"{panel.column}_{term}", with_it))
        return items

    def measured(self, panel: Panel, owner: str, runs: Sequence[ComparedRun]) -> list[_Item]:
        """Of the runs of an owner that measured gradients; each item is called as the losses it is of."""
        members: dict[tuple[str, str], list[ComparedRun]] = {}
        for run in runs:
            if run.live.has_gradients:
                for column, of in columns(panel, run.live.terms, auxiliary=_has_auxiliary(run)).items():
                    members.setdefault((column, title_of(of)), []).append(run)
        return [_Item(owner, title, column, tuple(measured_by)) for (column, title), measured_by in members.items()]

    def chart(self, panel: Panel, part: str, items: Sequence[_Item]) -> None:
        axis = self.look.axis
        key = "-".join(
            word for word in ("compared", panel.column, part, axis, "grouped" if self.groups else "") if word
        )
        key = "".join(letter if letter.isalnum() else "-" for letter in key)
        series, note = self.lines(panel, items, zoom_of(key, SCOPE))
        if panel is COSINE:
            angles = dict.fromkeys((item.owner for item in items), False)
            for item in items:
                angles[item.owner] |= any(run.live.measured(item.column) for run in item.runs)
            if angle_note := without_angle(angles):
                st.caption(angle_note)
        if panel is SHARE:
            owned = {(item.owner, run.id): run.live for item in items for run in item.runs}
            if angle_note := harmed((owner, live) for (owner, _), live in owned.items()):
                st.caption(sentence_of(angle_note))
        y_range = (lowest_share(line.y for line in series), 1) if panel is SHARE else panel.y_range
        if panel.column == SCORE:
            y_range = self.metric.range
        if panel is PANELS["Weights"] and self.fits_weights:
            y_range = None
        live_chart(
            [*series, *(zero_line(series) if panel is COSINE else ())],
            key=key,
            scope=SCOPE,
            zoom_group=f"compare-{axis}",
            title=self.title(panel, part),
            help=self.metric.sentence if panel.column == SCORE else panel.help,
            glossary=OF_COLUMNS.get(panel.column, ""),
            about={
                **term_words(term for item in items for run in item.runs for term in run.live.terms),
                ZERO: BELOW_ZERO,
            },
            x_label=AXIS_LABELS[axis],
            y_label=self.y_label(panel),
            y_range=y_range,
            log_y=self.look.log_y and panel.is_loss,
            x_from=x_from(axis),
            multiples=self.has_multiples(panel),
            legend="term" if self.has_multiples(panel) else True,
            marks=self.marks(items),
            note=note if items or panel in MEASURES else "no chosen run has an auxiliary loss",
            height=340 if self.look.layout == "overlaid" else 270,
        )

    def marks(self, items: Sequence[_Item]) -> list[Mark]:
        """What happened to the runs of a chart; of several runs, each mark says of which."""
        owners = {run.id: item.owner for item in items for run in item.runs}
        whose: dict[Happening, dict[str, str]] = {}
        for id, owner in owners.items():
            for mark in self.happened.get(id, ()):
                at = replace(mark, runs=(), whose="")
                whose.setdefault(at, {})[owner] = mark.whose
        marks = []
        for at, named_owners in whose.items():
            some = {} if set(named_owners) == set(owners.values()) else named_owners
            marks.append(Mark(at.x, at.text, at.kind, tuple(some), ", ".join(filter(None, some.values()))))
        return marks

    def title(self, panel: Panel, part: str) -> str:
        title = f"{panel.title} {self.metric.title}" if panel.column == SCORE else panel.title
        return f"{title} · {part}" if part else title

    def y_label(self, panel: Panel) -> str:
        return f"{self.metric.title} {panel.y_label}" if panel.column == SCORE else panel.y_label

    def lines(self, panel: Panel, items: Sequence[_Item], window: Window | None = None) -> tuple[list[Series], str]:
        """The lines of a chart, and what is to be said of them."""
        if self.groups:
            long = any(run.live.size > FULL_STEPS for item in items for run in item.runs)
            note = f"a mean line per group, in its band{EXTREMES if long else ''}"
            return self.banded(self.groups, panel, items), note
        if panel.column == SCORE:
            return [self.series(item, *self.score(item.runs[0]), items) for item in items], ""
        sources = [
            Source(
                item.runs[0].live,
                item.column,
                item.owner,
                item.term,
                item.name,
                self.look.view(item.runs[0]),
                item.runs[0].live.measured(item.column) if panel in MEASURES else None,
            )
            for item in items
        ]
        lines = draw(sources, View(self.look.axis), window)
        return [self.series(item, line.x, line.y, items) for item, line in zip(items, lines, strict=True)], honest(
            lines
        )

    def score(self, run: ComparedRun) -> tuple[np.ndarray, np.ndarray]:
        rows = self.scores.get(run.id)
        if rows is None:
            return np.empty(0), np.empty(0)
        view = self.look.view(run)
        x = [view.at(step, run.live.time_of(step)) for step in rows["step"]]
        return np.asarray(x, np.float64), rows["value"].to_numpy(np.float64)

    def banded(self, groups: Groups, panel: Panel, items: Sequence[_Item]) -> list[Series]:
        """Mean, upper and lower end of each group's band; a group of one run is its line."""
        limits = (self.metric.range if panel.column == SCORE else BETWEEN.get(panel.column)) or UNBOUNDED
        series = []
        for item in items:
            curves = [
                self.score(run) if item.column == SCORE else whole(run, item.column, self.look.view(run))
                for run in item.runs
            ]
            bands = groups.band([rising(*curve) for curve in curves], limits)
            series += band_lines(item.name, bands, self.series(item, bands.x, bands.mean, items))
        return series

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


def _has_auxiliary(run: ComparedRun) -> bool:
    return bool(run.run.config.get("auxiliary", "none") != "none")
