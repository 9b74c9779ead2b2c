"""What another page hands to the form: settings it opens filled with."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app.components import rows
from app.components.fields import as_held
from app.components.page_style import sentence_of
from app.state import field_key, task_key
from dmf import declared
from dmf.config import CHOSEN_FOR_ALL, DataConfig, ModelConfig
from dmf.config_text import SECTIONS, field_info, names_of
from dmf.errors import ConfigError
from dmf.options import Choice

OF_TASK = frozenset({"dataset", "terms", "auxiliary"})  # fields that each task has a choice of its own for
_CARRIED, _RUNS = "carried-to-form", "carried-runs"


def put(settings: Mapping[str, Any], runs: Sequence[str] = ()) -> None:
    """Keep settings for the form, which takes them when it is shown next.

    Args:
        settings: Configuration field to value; the form keeps what it holds of others, but for the options of a dataset
            or network, which belong to the one that is carried.
        runs: Texts as :func:`dmf.config_text.parse_run` reads them, which take the place of the form's runs if given.
    """
    st.session_state[_CARRIED], st.session_state[_RUNS] = dict(settings), tuple(runs)


def apply() -> None:
    """Fill the form with what was carried to it; before any field of it is shown, because it sets them."""
    settings = st.session_state.pop(_CARRIED, None)
    if settings:
        fill(settings)
    runs = st.session_state.pop(_RUNS, ())
    if runs:
        try:
            rows.replace(runs)
        except ConfigError as error:
            st.warning(f"The runs of this form stay as they were. {sentence_of(error)}")


def fill(settings: Mapping[str, Any]) -> None:
    """Set the fields of the form that these settings name, and all options of the dataset that they name.

    Args:
        settings: Configuration field to value; dataset and losses are those of its
            ``task``, without one of the task that the form holds.
    """
    if "seed" in settings and not settings.get("seeds"):  # the form has one field for both
        settings = {**settings, "seeds": (settings["seed"],)}
    task = str(settings.get("task", rows.task()))
    st.session_state[field_key("task")] = task
    for model in SECTIONS.values():
        for name in names_of(model):
            if name in settings and not name.endswith("_options"):
                key = task_key(task, name) if name in OF_TASK else field_key(name)
                st.session_state[key] = as_held(name, field_info(model, name).annotation, settings[name])
    for field in CHOSEN_FOR_ALL:
        _part(settings, field)
    for option, value in settings.get("task_options", {}).items():
        st.session_state[task_key(task, f"option-{option}")] = as_held(option, type(value), value)
    for kind, usual in (("dataset", DataConfig().dataset), ("model", ModelConfig().model)):
        chosen = settings.get(kind, usual)
        for key in [str(key) for key in st.session_state if str(key).startswith(field_key(f"{chosen}-"))]:
            del st.session_state[key]
        for option, value in settings.get(f"{kind}_options", {}).items():
            name = f"{chosen}-{option}"
            st.session_state[field_key(name)] = as_held(name, type(value), value)


def _part(settings: Mapping[str, Any], field: declared.Kind) -> None:
    """Put the options of a choice, which a configuration keeps behind its name, into fields of their own."""
    if field not in settings:
        return
    choice = Choice.model_validate(settings[field])
    st.session_state[field_key(field)] = choice.name
    model = declared.options_model(field, choice.name)
    if model is None:
        return
    options = model.of_words(choice.options)
    for name, word in model.words().items():
        st.session_state[field_key(word)] = as_held(word, model.model_fields[name].annotation, getattr(options, name))
