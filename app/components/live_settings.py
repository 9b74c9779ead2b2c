"""Knobs of a race that may be turned while it trains, beside the buttons that steer it."""

import html
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.charts.event_marks import LIVE_SETTINGS as WORDS
from app.charts.event_marks import refused, turned
from app.components.fields import named, run_title
from app.components.page_style import sentence_of
from app.views import ExperimentRow, SettingsChanged
from dmf import declared
from dmf.config import FusionConfig
from dmf.errors import DMFError
from dmf.live_settings import LIVE_SETTINGS

ALL = "All runs"
OF_AUXILIARY = {"gamma": "an auxiliary loss", "decay_rate": "an auxiliary loss whose weight falls at a rate"}
"""What a run must have so that a setting can be changed."""

LABELS = {
    "gamma": "New γ₀",
    "decay_rate": "New decay rate",
    "lr": "New learning rate",
    "weighting": "New weighting method",
}
AT_REST = "While a race trains, its settings can be changed here."
EXPLAINED = "It takes effect between two steps, and every chart marks where."
WIDTHS = {"gamma": 84, "decay_rate": 112, "lr": 132, "weighting": 168}  # px of a field
WIDTH = 118  # px of the choice of runs
STEPS = {"gamma": 0.1, "decay_rate": 0.01, "lr": 0.0001}

Value = float | str


Turn = Callable[[str, Sequence[str], Mapping[str, Value]], SettingsChanged]


def place(can_change: bool, at_rest: str) -> DeltaGenerator | None:
    """A row of one height, to be filled by :func:`show`; None where nothing can be changed, and why is said."""
    row = st.container(key="knobs", gap=None)
    if can_change:
        return row
    row.html(f'<p class="outcome">{html.escape(at_rest)}</p>')
    return None


@st.fragment
def show(
    experiment: ExperimentRow, settings: Sequence[Mapping[str, Value]], methods: Sequence[str], turn: Turn
) -> None:
    """The live settings of a race that is active. Keep them out of what ticks, so that what is half typed stays.

    Args:
        experiment: The experiment as the store has it.
        settings: What the changes of each run stand at.
        methods: Weighting methods to choose from.
        turn: Called with (experiment id, run ids, change to new value).
    """
    row = st.container(key="knobs-row", horizontal=True, vertical_alignment="bottom", gap="xsmall")
    with row:
        chosen = _targets(experiment)
    runs = [run for run in experiment.runs if run.id in chosen]
    standing = dict(zip((run.id for run in experiment.runs), settings, strict=True))
    present = {field: list(dict.fromkeys(standing[id][field] for id in chosen)) for field in LIVE_SETTINGS}
    scope = f"{experiment.id}-{chosen[0] if len(chosen) == 1 else 'all'}"
    turning = {
        field: field not in OF_AUXILIARY or any(_has(field, run.config) for run in runs) for field in LIVE_SETTINGS
    }
    values: dict[str, Value | None] = {}
    slots = {}
    with (
        row,
        st.form(f"knobs-form-{experiment.id}", border=False),
        st.container(key="knobs-fields", horizontal=True, vertical_alignment="bottom", gap="xsmall"),
    ):
        for field in LIVE_SETTINGS:
            with st.container(width=WIDTHS[field], gap=None):
                values[field] = _field(field, present[field], methods, scope, is_off=not turning[field])
                slots[field] = st.empty()
        applied = st.form_submit_button("Apply", type="primary", icon=":material/check:", help=EXPLAINED)
        answers = st.container(key="knobs-answers", gap=None)
    told_key = f"knobs-told-{experiment.id}"
    if applied:
        wanted = {field: value for field, value in values.items() if value is not None and [value] != present[field]}
        st.session_state[told_key] = _applied(experiment, chosen, wanted, slots, turn)
    problem, sentences = st.session_state.get(told_key, (False, []))
    if problem:
        answers.error(sentences[0])
    else:
        sentences_html = "<br>".join(map(html.escape, sentences))
        whole = html.escape("\n".join(sentences))
        answers.html(f'<p class="outcome" role="status" title="{whole}">{sentences_html}</p>')


def _applied(
    experiment: ExperimentRow, chosen: Sequence[str], wanted: Mapping[str, Value], slots: Mapping[str, Any], turn: Turn
) -> tuple[bool, list[str]]:
    """Send what was changed; returns whether something is wrong with all of it, and what to say."""
    if not wanted:
        return False, ["Nothing was changed, so nothing was sent."]
    try:
        answer = turn(experiment.id, chosen, wanted)
    except DMFError as error:
        return True, [str(error)]
    for field, sentence in answer.problems.items():
        slots[field].html(f'<p class="problem" role="alert">{html.escape(sentence[:1].upper() + sentence[1:])}</p>')
    if answer.problems:
        return False, ["Nothing was sent."]
    sentences = outcome(answer, {run.id: run_title(run.label) for run in experiment.runs})
    for sentence in sentences:
        st.toast(sentence_of(sentence), icon=":material/tune:")  # also for whoever has scrolled on
    return False, sentences


def outcome(answer: SettingsChanged, titles: Mapping[str, str]) -> list[str]:
    """What came of a command, in sentences; what several runs answered alike is said once."""
    if not answer.asked:
        return ["Nothing to change: the runs stand there already, or have ended."]
    grouped: dict[str, list[str]] = {}
    for event in answer.events:
        if event.kind == "knob":
            sentence = f"{turned(event.data, named)} from step {event.step:,} on"
        else:
            sentence = refused(event.data, named).rstrip(".")
        grouped.setdefault(sentence, []).append(titles[event.run])
    sentences = []
    for sentence, runs in grouped.items():
        whose = f"{', '.join(runs)}: " if len(titles) > len(runs) else ""
        sentences.append(f"{whose}{sentence}.")
    late = [WORDS[field] for field in answer.unanswered]
    if late:
        sentences.append(f"Asked for: {', '.join(late)}. It takes effect before the next step; the charts mark where.")
    return sentences


def _targets(experiment: ExperimentRow) -> list[str]:
    """Ids of the runs to change: every active one, or the one chosen."""
    active = {run_title(run.label): run.id for run in experiment.runs if run.state.is_active}
    if len(active) == 1:
        return list(active.values())
    choice = st.selectbox(
        "Change it for",
        [ALL, *active],
        key=f"knobs-target-{experiment.id}",
        width=WIDTH,
        help="Every run of the race, or one of them alone.",
    )
    return list(active.values()) if choice == ALL or choice not in active else [active[choice]]


def _field(name: str, present: Sequence[Value], methods: Sequence[str], scope: str, *, is_off: bool) -> Value | None:
    """A widget that starts at the present value; empty where the runs differ, and then left alone unless filled."""
    key, seen = f"knob-{name}-{scope}", f"knob-{name}-{scope}-seen"
    start = present[0] if len(present) == 1 else None
    # Set anew only when it was changed elsewhere: what is being typed otherwise stays, also right after Apply.
    if key not in st.session_state or st.session_state[key] != start != st.session_state.get(seen):
        st.session_state[key] = start
    st.session_state[seen] = start
    differs = "differs: " if start is None else ""
    standing = differs + ", ".join(_text(value) for value in present)
    help = f"No run here has {OF_AUXILIARY[name]}, so there is nothing to change." if is_off else LIVE_SETTINGS[name]
    about: dict[str, Any] = {"key": key, "help": help, "disabled": is_off, "placeholder": standing}
    if name == "weighting":
        chosen: str | None = st.selectbox(LABELS[name], methods, index=None, format_func=named, **about)
        return chosen
    typed: float | None = st.number_input(LABELS[name], value=None, step=STEPS[name], format="%g", **about)
    return typed


def _has(field: str, config: Mapping[str, Any]) -> bool:
    """Whether a run has what a setting of the auxiliary loss changes."""
    model = declared.options_model(
        "schedule", str(config.get("schedule", FusionConfig.model_fields["schedule"].default))
    )
    return config["auxiliary"] != "none" and (field == "gamma" or model is None or field in model.words().values())


def _text(value: Value) -> str:
    return named(value) if isinstance(value, str) else f"{value:g}"
