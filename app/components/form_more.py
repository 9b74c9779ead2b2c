"""The fields below "More" of the form: everything that has a default good enough for a first race, in groups."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import streamlit as st
from pydantic import BaseModel
from streamlit.delta_generator import DeltaGenerator

from app.components.fields import Slots, field, label, widget
from app.components.method_options import words_of
from app.state import field_key, task_key
from app.views import Choices
from dmf.config import CHOSEN_FOR_ALL, DataConfig, FusionConfig, ModelConfig, TrainingConfig
from dmf.config_text import field_info, to_text
from dmf.options import Options, default_of

SEARCH = "find-setting"

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


def more_fields(
    dataset: str, choices: Choices, methods: Mapping[str, tuple[str, ...]], slots: Slots
) -> tuple[dict[str, Any], str]:
    """Show the fields in groups, and a box that finds some of them; returns their values and the experiment's name.

    Args:
        dataset: The one that is chosen, whose options are shown.
        choices: What can be chosen.
        methods: Group to the words of options of the chosen methods that belong there.
        slots: Gets a place for what is wrong with each field.
    """
    wanted = st.text_input(
        "Find a setting",
        key=SEARCH,
        type="search",
        live=True,
        placeholder="Find a setting",
        icon=":material/search:",
        label_visibility="collapsed",
    )
    groups = _Groups(str(wanted or ""))
    values: dict[str, Any] = {}
    menus = {"model": _models(choices), **{kind: choices.names[kind] for kind in ("schedule", *CHOSEN_FOR_ALL)}}
    for group in dict.fromkeys((*MORE, *methods)):
        model, names = MORE.get(group, (FusionConfig, ()))
        groups.head(group)
        for name in (*names, *methods.get(group, ())):
            with groups.place(name, label(name), field_info(model, name).description):
                values[name] = field(model, name, slots, menus.get(name))
            for part in CHOSEN_FOR_ALL:  # what the chosen one has of its own
                for word in words_of(part, values[name]) if name == part else ():
                    with groups.place(word, label(word), field_info(model, word).description):
                        values[word] = field(model, word, slots)
        for kind, chosen in (("dataset", dataset), ("model", str(values.get("model", "")))):
            if group == GROUPS[kind]:
                values[f"{kind}_options"] = _own_options(
                    choices.options[kind].get(chosen, Options), partial(_key_of, chosen), groups
                )
                slots[f"{kind}_options"] = st.empty()
    of_task = choices.options["task"][choices.task]
    if of_task.model_fields:
        groups.head("Task")
        values["task_options"] = _own_options(of_task, lambda name: task_key(choices.task, f"option-{name}"), groups)
        slots["task_options"] = st.empty()
    groups.head("Experiment")
    with groups.place("name", "Name", "To find it by."):
        name = st.text_input("Name", key=field_key("name"), help="To find it by.", persist_state="session")
        slots["name"] = st.empty()
    groups.hide_others()
    return values, name


class _Groups:
    """Groups of fields, of which only those that are wanted are seen; all are there, so that none loses its value.

    Attributes:
        words: All of them are in the label, the name, the help or the group of a field that is wanted.
    """

    def __init__(self, wanted: str) -> None:
        self.words = wanted.casefold().split()
        self.group = ""
        self.seen: dict[str, bool] = {}  # key of a container to whether it is wanted

    def head(self, group: str) -> None:
        """Begin a group."""
        self.group = group
        key = _container("group", group)
        self.seen.setdefault(key, False)
        with st.container(key=key):
            st.markdown(f"**{group}**")

    def place(self, name: str, title: str, help: str | None) -> DeltaGenerator:
        """Where a field of the group goes."""
        searched = f"{name} {title} {help or ''} {self.group}".casefold()
        is_wanted = all(word in searched for word in self.words)
        key = _container("field", name)
        self.seen[key] = is_wanted
        self.seen[_container("group", self.group)] |= is_wanted
        return st.container(key=key)

    def hide_others(self) -> None:
        """Take what is not wanted out of sight; say so where that is all."""
        hidden = [key for key, is_wanted in self.seen.items() if not is_wanted]
        if self.words and len(hidden) == len(self.seen):
            st.caption("No setting is called so.")
        rules = ", ".join(f'[data-testid="stLayoutWrapper"]:has(> .st-key-{key})' for key in hidden)
        st.html(f"<style>{rules} {{ display: none; }}</style>" if hidden else "<style></style>")


def _container(kind: str, name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", f"more-{kind}-{name.casefold()}")


def _models(choices: Choices) -> tuple[str, ...]:
    """Networks to choose from: ours, some of the zoo, then those of plug-ins."""
    added = choices.added.get("model", ())
    ours = (name for name in choices.names["model"] if name not in added and "<" not in name)
    return (*ours, *ZOO, *added)


def _own_options(declares: type[Options], key_of: Callable[[str], str], groups: "_Groups") -> dict[str, Any]:
    """Options of a dataset, network or task that differ from the default, so that two ways to say the same are one."""
    values = {}
    for name, info in declares.model_fields.items():
        default, title = default_of(info), info.title or name.replace("_", " ").capitalize()
        help = info.description or f"Default: {to_text(default)}."
        with groups.place(key_of(name), title, help):
            value = widget(name, info.annotation, default, help, title=title, key=key_of(name))
        if value != default:
            values[name] = value
    return values


def _key_of(owner: str, name: str) -> str:
    return field_key(f"{owner}-{name}")
