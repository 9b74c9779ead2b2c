"""The losses' gradients as live charts: how long they are, whether they are in conflict, their shares in the whole."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import streamlit as st

from app.charts.lines import Source
from app.components.compare_look import Panel
from app.components.fields import named
from app.components.glossary import OF_COLUMNS
from app.components.page_style import sentence_of
from app.components.race import AUXILIARY, LEGEND_LINE, Race, charts
from app.theme import TERM_COLORS, Color
from app.views import LiveRun

HOW_TO_MEASURE = (
    "How hard each loss pulls at the network was not measured. To see it, open More, then Training, before you start, "
    "and set Measure gradients at."
)
HEADING = (
    "How hard each loss pulls at the network, measured every few steps. The price, every 10 steps on two cores: a step "
    "takes on average 1.00 times as long at the logits and 1.30 times at the parameters."
)
BELOW_ZERO = "Below it two losses are in conflict: what helps one harms the other."
HARM = -1e-3  # cosine of a loss's gradient with the step's from which on the step makes that loss worse
NO_ANGLE = "no two losses of a run have a gradient, so there is no angle"
NO_DIRECTION = "a loss without gradient has no direction"


NORM = Panel(
    "Gradient norm per loss",
    "grad_norm",
    "Length (loss per unit)",
    "How strongly each loss, before its weight, would change the network: the length of its gradient. 0 is a loss that "
    "teaches nothing.",
    is_loss=True,
)
COSINE = Panel(
    "Conflict of the losses",
    "grad_cos",
    "Cosine (-1 to 1)",
    "1: two losses pull the same way. 0: neither helps the other. Below 0 they are in conflict: what helps one harms "
    "the other.",
    (-1, 1),
)
SHARE = Panel(
    "Share of the gradient",
    "grad_share",
    "Share (0 to 1)",
    "How much of the whole pull is each loss's: its weight times the length of its gradient, over the sum of these. "
    "Below 0 the step makes that loss worse. Adam rescales the whole, so this is no share of the step.",
)
MEASURES = (NORM, COSINE, SHARE)


def columns(measure: Panel, terms: Sequence[str], *, auxiliary: bool) -> dict[str, tuple[str, ...]]:
    """Column to the losses that it is of: one, or for angles two."""
    if measure is COSINE:
        return {f"{measure.column}_{one}_{other}": (one, other) for one, other in combinations(terms, 2)}
    losses = [*terms, AUXILIARY] if auxiliary else list(terms)
    return {f"{measure.column}_{loss}": (loss,) for loss in losses}


def title_of(losses: Sequence[str]) -> str:
    """How one loss, or two, are called in a legend."""
    return " and ".join("Auxiliary" if loss == AUXILIARY else named(loss) for loss in losses)


def pair_colors(pairs: Iterable[tuple[str, ...]]) -> dict[str, Color]:
    """A colour for each pair of losses, by its title; they begin anew where there are more pairs than colours."""
    palette = list(TERM_COLORS.values())
    return {title_of(pair): palette[place % len(palette)] for place, pair in enumerate(dict.fromkeys(pairs))}


def lowest_share(lines: Iterable[np.ndarray]) -> float:
    """Where y begins: at 0, or at -1 where a step made a loss worse."""
    return -1.0 if any((values < 0).any() for values in lines) else 0.0


def where(configs: Iterable[Mapping[str, Any]]) -> str:
    """Where and how often gradients were measured, by the settings of experiments; empty where these do not say."""
    places = []
    for config in configs:
        training = config.get("training", {})
        place, every = training.get("gradients", "off"), training.get("gradients_every", 10)
        if place != "off":
            places.append(f"at the {place}, {'every step' if every == 1 else f'every {every} steps'}")
    return f"Measured {'; or '.join(dict.fromkeys(places))}." if places else ""


def heading(configs: Iterable[Mapping[str, Any]]) -> None:
    """Above the charts: what they are, and how it was measured."""
    st.markdown("#### Gradients", help=HEADING)
    if place := where(configs):
        st.caption(place)


def without_angle(angles: Mapping[str, bool]) -> str:
    """What is said of runs that have no line in the chart of angles, by whether each has one."""
    missing = [title for title, has in angles.items() if not has]
    if len(missing) == len(angles):
        return NO_ANGLE if missing else ""
    return f"no angle of {', '.join(missing)}: {NO_DIRECTION}" if missing else ""


def harmed(lives: Iterable[tuple[str, LiveRun]]) -> str:
    """Which losses the common step makes worse in which run, now or at times; empty where none is known to.

    Args:
        lives: Title of a run, and its telemetry; a run that was measured by an earlier version says nothing here.
    """
    sentences = []
    for title, live in lives:
        for loss in (*live.terms, AUXILIARY):
            column = f"grad_step_{loss}"
            values = live.trace(column)[1] if live.measured(column) else np.empty(0)
            values = values[np.isfinite(values)]
            if not len(values) or values.min() >= HARM:
                continue
            is_now = values[-1] < HARM
            when, cosine = ("at the last measurement", values[-1]) if is_now else ("at times", values.min())
            cosine_text = f"cosine {cosine:.2g}".replace("-", "\N{MINUS SIGN}", 1)
            sentences.append(f"{title_of((loss,))} in {title} ({when}, {cosine_text})")
    return f"The common step makes worse: {'; '.join(sentences)}." if sentences else ""


def gradient_charts(race: Race) -> None:
    """The three charts of a race whose gradients were measured; else a sentence on how they would be."""
    with st.container(key="gradient-charts"):
        if not any(_is_measured(race, live) for live in race.snapshot.live):
            st.caption(HOW_TO_MEASURE)
            return
        heading([race.snapshot.experiment.config])
        for place, measure in zip(st.columns(len(MEASURES)), MEASURES, strict=True):
            with place:
                _chart(race, measure)


def _is_measured(race: Race, live: LiveRun) -> bool:
    """Also before the first step."""
    place = race.snapshot.experiment.config.get("training", {}).get("gradients", "off")
    return bool(live.has_gradients or (not live.size and place != "off"))


def _chart(race: Race, measure: Panel) -> None:
    drawn: list[tuple[LiveRun, Source]] = []
    pairs: list[tuple[str, str]] = []
    angles: dict[str, bool] = {}
    lives: list[tuple[str, LiveRun]] = []
    for run, live in zip(race.snapshot.experiment.runs, race.snapshot.live, strict=True):
        if not _is_measured(race, live):
            continue
        measured = columns(measure, live.terms, auxiliary=run.config["auxiliary"] != "none")
        pairs += combinations(live.terms, 2)
        title = race.titles[run.id]
        lives.append((title, live))
        own = [
            Source(live, name, title, title_of(of), f"{title_of(of)} · {title}", points=live.measured(name))
            for name, of in measured.items()
        ]
        drawn += [(live, source) for source in own]
        if live.size:
            angles[title] = any(source.points for source in own)
    about: dict[str, Any] = {"y_range": measure.y_range, "zero": BELOW_ZERO if measure is COSINE else ""}
    if measure is SHARE:
        about["y_range"] = (lowest_share(live.trace(source.column)[1] for live, source in drawn), 1)
    charts(
        race,
        measure.column,
        measure.title,
        [source for _, source in drawn],
        y_label=measure.y_label,
        help=measure.help,
        glossary=OF_COLUMNS.get(measure.column, ""),
        log_y=race.options.log_y and measure.is_loss,
        colors={title_of((loss,)): color for loss, color in race.colors.items()} | pair_colors(pairs),
        height=340 + LEGEND_LINE,
        **about,
    )
    if measure is COSINE and (note := without_angle(angles)):
        st.caption(note)
    if measure is SHARE and (note := harmed(lives)):
        st.caption(sentence_of(note))
