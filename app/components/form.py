"""The sidebar form: what to train. Every field of the configuration is here, the rest of them under "More"."""

import html
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st
from pydantic import BaseModel

from app.components import form_prefill, rows
from app.components.fields import Slots, complain, field, in_labels, label, widget
from app.components.gamma import gamma_curve
from app.components.method_options import AT_THE_TOP, option_groups, schedule_options, words_of
from app.components.page_style import sentence_of
from app.components.preset_menu import preset_menu
from app.components.runs_table import runs_table
from app.state import field_key, task_key
from app.views import Checked, Choices
from dmf.config import (
    CHOSEN_FOR_ALL,
    DEFAULT_TASK,
    DataConfig,
    ExperimentConfig,
    FusionConfig,
    ModelConfig,
    TrainingConfig,
)
from dmf.config_text import to_text
from dmf.errors import DMFError
from dmf.options import Options, default_of

ZOO = ("smp:unet/resnet18", "smp:unetplusplus/resnet18", "smp:fpn/resnet18", "smp:deeplabv3plus/resnet18")
"""Of the hundreds of networks of segmentation-models-pytorch, those that stand in the menu."""

AT_TOP = ("dataset", "image_size", "epochs", "batch_size", "seed", "seeds", "device")
"""Fields of data, network and training that stand above "More"."""


def _more_of(model: type[BaseModel], *first: str) -> tuple[type, tuple[str, ...]]:
    """A configuration and those of its fields that are not at the top, some of them first."""
    rest = (name for name in model.model_fields if name not in AT_TOP and not name.endswith("_options"))
    return model, tuple(dict.fromkeys((*first, *rest)))


MORE: dict[str, tuple[type, tuple[str, ...]]] = {
    "Data": _more_of(DataConfig, "root", "limit", "duplicates", "sizes"),
    "Network": _more_of(ModelConfig),
    "Training": _more_of(
        TrainingConfig,
        *(
            "lr",
            "optimizer",
            "lr_schedule",
            "patience",
            "watch",
            "precision",
            "threads",
            "memory_format",
            "deterministic",
            "test_at",
            "absent",
            "metrics_over",
        ),
        *("keep_probabilities", "probabilities_mb"),
    ),
    "Weighting": (FusionConfig, ("history_max", "detach_weights")),
    "Auxiliary weight": (FusionConfig, ("schedule",)),
    "Losses": (FusionConfig, ("loss_counts",)),
}
"""Group to its configuration and those of its fields that are not at the top; options of chosen methods join them."""

GROUPS = {"dataset": "Data", "model": "Network"}
"""Where the options stand that a dataset or a network has of its own."""


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
    values["terms"] = _of_task(FusionConfig, "terms", slots, offered, names["terms"])
    values["auxiliary"] = _of_task(FusionConfig, "auxiliary", slots, offered, offered.auxiliaries)
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        values["gamma"] = field(FusionConfig, "gamma", slots)
    with right:
        if AT_THE_TOP in schedule_options(rows.common("schedule")):
            values[AT_THE_TOP] = field(FusionConfig, AT_THE_TOP, slots)
    curve = st.container()
    values |= _in_pairs(TrainingConfig, ("epochs", "batch_size"), slots)
    left, right = st.columns(2)
    with left:
        values["image_size"] = field(DataConfig, "image_size", slots)
    with right:
        values["seeds"] = _seeds(slots)
    values["device"] = field(TrainingConfig, "device", slots, names["device"])
    runs, places = runs_table(names)
    with st.expander("More"):
        schedule = rows.common("schedule")
        methods = option_groups(runs, values["terms"], values["auxiliary"], offered.task, schedule)
        more, name = _more(dataset, offered, methods, slots)
    values |= more
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
    _start_button(checked, slots, {*more, "name"}, start)


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


def _in_pairs(model: type, names: Sequence[str], slots: Slots) -> dict[str, Any]:
    """Short fields, two beside each other."""
    values = {}
    for first in range(0, len(names), 2):
        for place, name in zip(st.columns(2), names[first : first + 2], strict=False):
            with place:
                values[name] = field(model, name, slots)
    return values


def _models(choices: Choices) -> tuple[str, ...]:
    """Networks to choose from: ours, some of the zoo, then those of plug-ins."""
    added = choices.added.get("model", ())
    ours = (name for name in choices.names["model"] if name not in added and "<" not in name)
    return (*ours, *ZOO, *added)


def _more(
    dataset: str, choices: Choices, methods: Mapping[str, tuple[str, ...]], slots: Slots
) -> tuple[dict[str, Any], str]:
    values: dict[str, Any] = {}
    for group in dict.fromkeys((*MORE, *methods)):
        model, names = MORE.get(group, (FusionConfig, ()))
        st.markdown(f"**{group}**")
        for name in (*names, *methods.get(group, ())):
            menus = {"model": _models(choices)}
            menus |= {kind: choices.names[kind] for kind in ("schedule", *CHOSEN_FOR_ALL)}
            values[name] = field(model, name, slots, menus.get(name))
            for part in CHOSEN_FOR_ALL:  # what the chosen one has of its own
                if name == part:
                    values |= {word: field(model, word, slots) for word in words_of(part, values[name])}
        for kind, chosen in (("dataset", dataset), ("model", str(values.get("model", "")))):
            if group == GROUPS[kind]:
                values[f"{kind}_options"] = _own_options(
                    choices.options[kind].get(chosen, Options), partial(_key_of, chosen)
                )
                slots[f"{kind}_options"] = st.empty()
    of_task = choices.options["task"][choices.task]
    if of_task.model_fields:
        st.markdown("**Task**")
        values["task_options"] = _own_options(of_task, lambda name: task_key(choices.task, f"option-{name}"))
        slots["task_options"] = st.empty()
    st.markdown("**Experiment**")
    name = st.text_input("Name", key=field_key("name"), help="To find it by.", persist_state="session")
    slots["name"] = st.empty()
    return values, name


def _key_of(owner: str, name: str) -> str:
    return field_key(f"{owner}-{name}")


def _own_options(declares: type[Options], key_of: Callable[[str], str]) -> dict[str, Any]:
    """Options of a dataset, network or task that differ from the default, so that two ways to say the same are one."""
    values = {}
    for name, info in declares.model_fields.items():
        default, title = default_of(info), info.title or name.replace("_", " ").capitalize()
        help = info.description or f"Default: {to_text(default)}."
        value = widget(name, info.annotation, default, help, title=title, key=key_of(name))
        if value != default:
            values[name] = value
    return values


def _about(title: str, images: Mapping[str, int]) -> str:
    if not images:
        return title
    counts = f"{images['train']} train · {images['validation']} validation · {images['test']} test"
    return f"{title}: {counts} images, {images['steps_per_epoch']} steps per epoch"


def _start_button(checked: Checked, slots: Slots, folded: set[str], start: Callable[[ExperimentConfig], None]) -> None:
    for name in (name for name in checked.problems if name in slots and name in folded):
        problem = html.escape(in_labels(checked.problems[name]))
        st.html(f'<p class="problem">Under More, {html.escape(label(str(name)))}: {problem}</p>')
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
