"""The sidebar form: what to train. What a race is about comes first; every other field is folded below it."""

import html
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st
from pydantic import BaseModel

from app.components import form_prefill, rows
from app.components.fields import Slots, complain, field, in_labels, label, widget
from app.components.form_more import more_fields
from app.components.gamma import gamma_curve
from app.components.method_options import AT_THE_TOP, option_groups, schedule_options
from app.components.page_style import sentence_of
from app.components.preset_menu import preset_menu
from app.components.runs_table import runs_table
from app.state import field_key, task_key
from app.views import Checked, Choices
from dmf.config import (
    DEFAULT_TASK,
    DataConfig,
    ExperimentConfig,
    FusionConfig,
    TrainingConfig,
)
from dmf.errors import DMFError

SIZES = "size-and-length"
IN_FOLD = ("image_size", "epochs", "batch_size", "seeds", "device")
"""Fields of the fold that has some of their values in its title."""


Check = Callable[[Mapping[str, Any], Sequence[str], str], Checked]


@st.fragment
def form(choices: Callable[[str], Choices], check: Check, start: Callable[[ExperimentConfig], None]) -> None:
    """Show the form; a click on Start hands a configuration that can work to ``start``, then the page runs again.

    Args:
        choices: What can be chosen, by the task.
        check: Looks at what was chosen.
        start: Trains it.
    """
    form_prefill.apply()
    preset_menu()
    slots: Slots = {}
    offered = choices(DEFAULT_TASK)
    values: dict[str, Any] = {}
    if len(offered.names["task"]) > 1:
        values["task"] = field(ExperimentConfig, "task", slots, offered.names["task"])
        offered = choices(values["task"])
    names = offered.names
    dataset = values["dataset"] = _of_task(DataConfig, "dataset", slots, offered, names["dataset"])
    about_data = st.empty()
    runs, places = runs_table(names)
    values["terms"] = _of_task(FusionConfig, "terms", slots, offered, names["terms"])
    values["auxiliary"] = _of_task(FusionConfig, "auxiliary", slots, offered, offered.auxiliaries)
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        values["gamma"] = field(FusionConfig, "gamma", slots)
    with right:
        if AT_THE_TOP in schedule_options(rows.common("schedule")):
            values[AT_THE_TOP] = field(FusionConfig, AT_THE_TOP, slots)
    curve = st.container()
    values |= _size_and_length(slots, names["device"])
    with st.expander("More", key="more-settings"):
        schedule = rows.common("schedule")
        methods = option_groups(runs, values["terms"], values["auxiliary"], offered.task, schedule)
        folded, name = more_fields(dataset, offered, methods, slots)
    values |= folded
    checked = check(values, runs, name)
    complain(slots, checked.problems)
    for index, place in enumerate(places):
        if index in checked.rows:
            place.complain(*checked.rows[index])
        elif index in checked.notes:
            place.note(checked.notes[index])
    about_data.caption(_about(offered.titles.get(dataset, ""), checked.images))
    with curve:
        fusions = [run.fusion.flat() for run in checked.config.runs] if checked.config is not None else []
        gamma_curve(values, checked.images.get("steps_per_epoch"), fusions)
    folds = dict.fromkeys((*folded, "name"), "More") | dict.fromkeys(IN_FOLD, f"“{_in_brief()}”")
    _start_button(checked, slots, folds, start)


def _seeds(slots: Slots) -> str:
    """One field for a seed or several."""
    about = TrainingConfig.model_fields["seeds"]
    typed = str(widget("seeds", about.annotation, (TrainingConfig().seed,), about.description or ""))
    slots["seeds"] = st.empty()
    return typed


def _of_task(model: type[BaseModel], name: str, slots: Slots, offered: Choices, options: Sequence[str]) -> Any:
    """A field whose names are the task's; another task than the usual one has a choice of its own, kept beside it."""
    if not offered.first:
        return field(model, name, slots, options)
    about = model.model_fields[name]
    key = task_key(offered.task, name)
    value = widget(name, about.annotation, offered.first[name], about.description or "", options, key=key)
    slots[name] = st.empty()
    return value


def _size_and_length(slots: Slots, devices: Sequence[str]) -> dict[str, Any]:
    """Image size, epochs, seed, batch size and device, folded, with their values in the title of the fold."""
    values: dict[str, Any] = {}
    # Said again, since a fold with another title is another one, which would be closed.
    st.session_state[SIZES] = bool(st.session_state.get(SIZES, False))
    with st.expander(_in_brief(), key=SIZES, on_change="rerun"):
        left, right = st.columns(2)
        with left:
            values["image_size"] = field(DataConfig, "image_size", slots)
            values["batch_size"] = field(TrainingConfig, "batch_size", slots)
        with right:
            values["epochs"] = field(TrainingConfig, "epochs", slots)
            values["seeds"] = _seeds(slots)
        values["device"] = field(TrainingConfig, "device", slots, devices)
    return values


def _in_brief() -> str:
    """What the fold holds: ``"128 px · 20 epochs · seed 0"``."""
    size = st.session_state.get(field_key("image_size"), DataConfig().image_size)
    epochs = st.session_state.get(field_key("epochs"), TrainingConfig().epochs)
    seeds = st.session_state.get(field_key("seeds"), str(TrainingConfig().seed))
    size, epochs = ("?" if value is None else value for value in (size, epochs))
    several = "s" if "," in seeds else ""
    return f"{size} px · {epochs} epoch{'' if epochs == 1 else 's'} · seed{several} {seeds}"


def _about(title: str, images: Mapping[str, int]) -> str:
    if not images:
        return title
    counts = f"{images['train']} train · {images['validation']} validation · {images['test']} test"
    return f"{title}: {counts} images, {images['steps_per_epoch']} steps per epoch"


def _start_button(
    checked: Checked, slots: Slots, folds: Mapping[str, str], start: Callable[[ExperimentConfig], None]
) -> None:
    for name in (name for name in checked.problems if name in slots and name in folds):
        problem = html.escape(in_labels(checked.problems[name]))
        st.html(f'<p class="problem">Under {folds[str(name)]}, {html.escape(label(str(name)))}: {problem}</p>')
    for blamed, sentence in checked.problems.items():
        if blamed not in slots:
            st.error(sentence_of(in_labels(sentence)))
    with st.container(key="start"):
        clicked = st.button(
            "Start training",
            key="start-training",
            type="primary",
            icon=":material/play_arrow:",
            width="stretch",
            disabled=checked.config is None,
        )
    if clicked and checked.config is not None:
        try:
            start(checked.config)
        except DMFError as error:
            st.error(sentence_of(error))
        else:
            st.rerun()
