"""The race as live charts: weights, losses, auxiliary loss, γ(t) and shares of the total, one line per run and term."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import streamlit as st

from app.charts.event_marks import event_marks
from app.charts.lines import AXIS_LABELS, Axis, Happening, Line, Source, View, Window, draw, honest
from app.components import chart_options, near_uniform
from app.components.chart_options import MULTIPLES, OVERLAY
from app.components.fields import method_title, named, run_title
from app.components.glossary import OF_COLUMNS
from app.components.live_chart import Mark, Series, chart_key, live_chart
from app.theme import AUXILIARY_COLOR, Color, Dash, run_dashes, term_colors
from app.views import RunRow, Snapshot
from dmf.facts import facts
from dmf.options import Choice

AUXILIARY = "auxiliary"
ZERO = "Zero"
TALL = "var(--tall)"
"""Height of what stands on the first screen, in two rows below the status; see style.css."""
LEGEND_LINE = 24  # CSS pixels
AUXILIARY_WORDS = "A loss that is added with the weight γ, outside the weights that sum to one."
WEIGHTS = "The weights W1, W2, ...: how much each loss counts at each step, as the rule of the run sets it."
LOSSES = "The losses L1, L2, ...: what each measured at each step, before it is weighted; lower is better."


@dataclass(frozen=True)
class Options:
    """How the reader wants the charts."""

    axis: Axis = "step"
    smoothing: float = 0.0
    log_y: bool = False
    apart: bool = False
    """A small chart for each run, where runs have several lines."""


@dataclass(frozen=True)
class Race:
    """What the charts of one experiment share.

    Attributes:
        snapshot: The experiment as of now.
        dashes: One per run.
        titles: Run id to what the run is called.
    """

    snapshot: Snapshot
    dashes: tuple[Dash, ...]
    titles: dict[str, str]
    view: View
    options: Options
    marks: tuple[Happening, ...]

    @property
    def scope(self) -> str:
        """Whose charts these are: those of another experiment start without zoom."""
        return str(self.snapshot.experiment.id)

    @property
    def colors(self) -> dict[str, Color]:
        """A colour per loss term of any run, and one for the auxiliary loss."""
        terms = [term for live in self.snapshot.live for term in live.terms]
        return {**term_colors(list(dict.fromkeys(terms))), AUXILIARY: AUXILIARY_COLOR}

    @property
    def drawn_marks(self) -> list[Mark]:
        """As charts draw them: each on the lines of its runs."""
        return [
            Mark(
                mark.x,
                mark.text,
                mark.kind,
                tuple(self.titles[run] for run in mark.runs) if mark.whose else (),
                mark.whose,
            )
            for mark in self.marks
        ]

    def sources(self, column: str, *, auxiliary: bool = False) -> list[Source]:
        """A column of each term of each run, such as ``weight``; ``auxiliary`` adds that of the auxiliary loss."""
        sources = []
        for run, live in zip(self.snapshot.experiment.runs, self.snapshot.live, strict=True):
            own = [AUXILIARY] if auxiliary and run.config["auxiliary"] != "none" else []
            for term in [*live.terms, *own]:
                title = self.titles[run.id]
                sources.append(Source(live, f"{column}_{term}", title, term, f"{named(term)} · {title}"))
        return sources

    def of_auxiliary(self, column: str, name: str) -> list[Source]:
        """``auxiliary`` or ``gamma`` of each run that has an auxiliary loss."""
        return [
            Source(live, column, self.titles[run.id], AUXILIARY, f"{name} · {self.titles[run.id]}")
            for run, live in zip(self.snapshot.experiment.runs, self.snapshot.live, strict=True)
            if run.config["auxiliary"] != "none"
        ]


def dashes_of(snapshot: Snapshot) -> tuple[Dash, ...]:
    """A dash per run, by the method that it began with: a line must not change its look half way."""
    return tuple(run_dashes([run.config["weighting"] for run in snapshot.experiment.runs]))


def titles_of(snapshot: Snapshot) -> dict[str, str]:
    """Run id to what the run is called: its label, and its present method where that was changed."""
    titles = {}
    for run in snapshot.experiment.runs:
        method = snapshot.changes(run).get("weighting")
        now = f", now {method_title(str(method), run.config.get('gradient_of'))}" if method else ""
        titles[run.id] = run_title(run.label) + now
    return titles


def options(runs: int) -> Options:
    """The choices above the charts of so many runs: how these share them at once, the rest of them folded."""
    with st.container(key="chart-options", horizontal=True, vertical_alignment="center", gap="small"):
        layout = chart_options.layout(runs)
        st.session_state["apart"] = MULTIPLES if layout == MULTIPLES else OVERLAY
        st.segmented_control(
            "Runs",
            [OVERLAY, MULTIPLES],
            required=True,
            key="apart",
            label_visibility="collapsed",
            on_change=lambda: chart_options.keep_layout(st.session_state["apart"]),
        )
        with st.popover("Axes", icon=":material/show_chart:", key="axes", help="Horizontal axis, smoothing, log y."):
            axis = chart_options.axis("axis", persist_state="session")
            smoothing = chart_options.smoothing("smoothing", persist_state="session")
            log_y = chart_options.log_y("log-y", persist_state="session")
    return Options(axis, smoothing, log_y, layout == MULTIPLES)


def prepared(snapshot: Snapshot, dashes: Sequence[Dash], chosen: Options) -> Race:
    """Bring together what the charts need."""
    view = View(chosen.axis, snapshot.steps_per_epoch or 1, snapshot.origin, chosen.smoothing)
    labels = {run.id: run_title(run.label) for run in snapshot.experiment.runs}
    end = max((live.ended for live in snapshot.live if live.ended is not None), default=None)
    places = {run.config.get("gradient_of") for run in snapshot.experiment.runs}
    place = places.pop() if len(places) == 1 else None
    marks = event_marks(snapshot.events, labels, view, name=lambda word: method_title(word, place), end=end)
    return Race(snapshot, tuple(dashes), titles_of(snapshot), view, chosen, tuple(marks))


def weights_chart(race: Race, *, fits: bool = False) -> None:
    """W1..WK per run; ``fits``: on an axis of what the weights are, see :func:`fit_of_weights`."""
    y_range = _weights_range(race)
    with st.container(key="weights-chart", gap=None):
        charts(
            race,
            "weights",
            f"Loss weights {numbered('W', race)}",
            race.sources("weight"),
            y_label="Weight (share)" if y_range[1] else "Weight (factor)",
            y_range=None if fits else y_range,
            help=WEIGHTS,
            glossary=OF_COLUMNS["weight"],
            note=collecting(race.snapshot),
            height=TALL,
            legend=_legend(race),
        )


def _legend(race: Race) -> Literal["term"] | bool:
    """Terms alone: the runs and their dashes are named in the status right above."""
    return "term" if max((len(live.terms) for live in race.snapshot.live), default=0) > 1 else True


def fit_of_weights(race: Race) -> bool:
    """Which methods keep weights nearly equal, and the choice of an axis that fits these; nothing without any."""
    return near_uniform.note(_nearly(race), key="fit-weights", persist_state="session")


def numbered(letter: str, race: Race) -> str:
    """``"W1–W3"`` where some run has three loss terms."""
    most = max((len(live.terms) for live in race.snapshot.live), default=0)
    return f"{letter}1–{letter}{most}" if most > 1 else f"{letter}1"


def _nearly(race: Race) -> list[near_uniform.Nearly]:
    """Methods of its runs that keep weights nearly equal; a run that had another one too does not."""
    pairs = zip(_runs(race), race.snapshot.live, strict=True)
    return near_uniform.nearly(
        (run.config, live) for run, live in pairs if "weighting" not in race.snapshot.changes(run)
    )


def _weights_range(race: Race) -> tuple[float | None, float | None]:
    """From 0 to what the weights sum to; as far as they go where a rule, or one taken in between, has other weights."""
    begun = {run.config["weighting"] for run in _runs(race)}
    turned = {race.snapshot.changes(run).get("weighting") for run in _runs(race)} - {None}
    others = [facts("weighting", Choice.named(name)) for name in (begun | turned) - {"fixed"}]
    if not all(about is not None and about.sums for about in others):
        # Of these, rules that look at gradients may give negative weights.
        return None if any(about is not None and about.watches and not about.sums for about in others) else 0, None
    return 0, max(1.0 if run.config["sum_to"] == "1" else float(len(run.config["terms"])) for run in _runs(race))


def losses_chart(race: Race) -> None:
    """L1..LK per run."""
    with st.container(key="losses-chart", gap=None):
        charts(
            race,
            "losses",
            f"Unweighted losses {numbered('L', race)}",
            race.sources("loss"),
            y_label="Loss (no unit)",
            log_y=race.options.log_y,
            help=LOSSES,
            glossary=OF_COLUMNS["loss"],
            height=TALL,
            legend=_legend(race),
        )


def auxiliary_chart(race: Race) -> None:
    """The auxiliary loss, γ(t), and what each term contributes to the total."""
    absent = "" if race.of_auxiliary(AUXILIARY, "") else "no run has an auxiliary loss"
    panels: list[Callable[[], None]] = [
        lambda: charts(
            race,
            "auxiliary",
            "Auxiliary loss",
            race.of_auxiliary(AUXILIARY, _auxiliary_name(race)),
            y_label="Loss (no unit)",
            help=AUXILIARY_WORDS,
            glossary=OF_COLUMNS["auxiliary"],
            log_y=race.options.log_y,
            note=absent,
            height=270,
        ),
        lambda: charts(
            race,
            "gamma",
            "Auxiliary weight γ(t)",
            race.of_auxiliary("gamma", "γ"),
            y_label="γ (factor)",
            help="γ(t): the weight of the auxiliary loss, which fades from γ₀ as training goes on.",
            glossary=OF_COLUMNS["gamma"],
            y_range=(0, None),
            note=absent,
            height=270,
        ),
        lambda: charts(
            race,
            "shares",
            "Share of the total",
            race.sources("share", auxiliary=True),
            y_label="Share (0 to 1)",
            help="What each loss, times its weight, contributes to the total that the network learns from.",
            glossary=OF_COLUMNS["share"],
            y_range=(0, 1),
            height=270 + LEGEND_LINE,  # terms and runs: the plot is as high as those beside it
        ),
    ]
    with st.container(key="auxiliary-chart"):
        for place, panel in zip(st.columns(len(panels)), panels, strict=True):
            with place:
                panel()


def collecting(snapshot: Snapshot) -> str:
    """What the weights wait for: ``"collecting 7 of 10 losses, weights uniform until then"``; empty once they move."""
    waiting = [
        (live.collected, live.history_min, run.config["weights"])
        for run, live in zip(snapshot.experiment.runs, snapshot.live, strict=True)
        if run.config["weighting"] != "fixed" and live.collected < live.history_min
    ]
    if not waiting:
        return ""
    collected, needed, weights = max(waiting, key=lambda each: each[1] - each[0])
    until = "weights uniform until then" if weights is None else "weights as given until then"
    return f"collecting {collected} of {needed} losses, {until}"


def charts(
    race: Race,
    key: str,
    title: str,
    sources: Sequence[Source],
    *,
    note: str = "",
    colors: Mapping[str, Color] | None = None,
    zero: str = "",
    **about: Any,
) -> None:
    """One chart with every run, or with a small chart for each run that has several lines.

    Args:
        race: What all charts share.
        key: Of the chart.
        title: Of the chart.
        sources: Its lines.
        note: What is to be said of it.
        colors: Term to its colour, where terms are not losses.
        zero: What a line at 0 means, if one is to be drawn.
        about: Further arguments of :func:`live_chart`.
    """
    key = f"{key}-{race.view.axis}"  # another axis is another zoom
    lines = draw(sources, race.view, zoom_of(key, race.scope))
    dashes = {race.titles[run.id]: dash for run, dash in zip(_runs(race), race.dashes, strict=True)}
    shades = race.colors if colors is None else colors
    series = [_series(line, shades[line.term], dashes[line.run]) for line in lines]
    most = max(Counter(line.run for line in series).values(), default=0)
    live_chart(
        [*series, *(zero_line(series) if zero else ())],
        key=key,
        scope=race.scope,
        multiples=race.options.apart and most > 1,
        x_from=x_from(race.view.axis),
        title=title,
        about={**term_words(line.term for line in lines), ZERO: zero},
        x_label=AXIS_LABELS[race.view.axis],
        marks=race.drawn_marks,
        note=" · ".join(word for word in (note, honest(lines)) if word),
        **({"height": 340} | about),
    )


def x_from(axis: Axis) -> float | None:
    """Epochs are counted from 0, however few there are."""
    return 0.0 if axis == "epoch" else None


def _series(line: Line, color: Color, dash: Dash) -> Series:
    return Series(line.name, line.x, line.y, color.pair, dash=dash, run=line.run, term=term_title(line.term))


def zero_line(series: Sequence[Series]) -> list[Series]:
    """A line at 0 as long as the others; none where there are none."""
    ends = [end for line in series if len(line.x) for end in (line.x[0], line.x[-1])]
    if not ends:
        return []
    return [Series(ZERO, np.array([min(ends), max(ends)]), np.zeros(2), AUXILIARY_COLOR.pair, width=1, term=ZERO)]


def term_words(terms: Iterable[str]) -> dict[str, str]:
    """What each loss measures, in a sentence, by its title in charts; those that say nothing are left out."""
    words = {term_title(term): measures(term) for term in dict.fromkeys(terms)}
    return {title: sentence for title, sentence in words.items() if sentence}


def measures(term: str) -> str:
    """What a loss of a run measures; empty where it does not say."""
    if term == AUXILIARY:
        return AUXILIARY_WORDS
    about = facts("loss", term) or facts("loss", re.sub(r"-\d+$", "", term))  # the second of a name has a number
    return about.measures if about else ""


def term_title(term: str) -> str:
    """What a loss is called in charts."""
    return "Auxiliary" if term == AUXILIARY else named(term)


def zoom_of(key: str, scope: str) -> Window | None:
    """What the reader has zoomed to, as the chart's component left it in session state."""
    zoom = (st.session_state.get(chart_key(key, scope)) or {}).get("zoom")
    return (float(zoom[0]), float(zoom[1])) if zoom else None


def _runs(race: Race) -> Sequence[RunRow]:
    return race.snapshot.experiment.runs


def _auxiliary_name(race: Race) -> str:
    names = {run.config["auxiliary"] for run in _runs(race)} - {"none"}
    return named(names.pop()) if len(names) == 1 else "Auxiliary"
