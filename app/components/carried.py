"""What another page hands to the form: settings it opens filled with."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.components.fields import as_held
from app.state import field_key
from dmf.config import DataConfig
from dmf.config_text import SECTIONS

_CARRIED = "carried-to-form"


def carry(settings: Mapping[str, Any]) -> None:
    """Keep settings for the form, which takes them when it is shown next.

    Args:
        settings: Configuration field to value; the form keeps what it holds of others, but for the options of datasets,
            which belong to the one that is carried.
    """
    st.session_state[_CARRIED] = dict(settings)


def take() -> None:
    """Fill the form with what was carried to it; before any field of it is shown, because it sets them."""
    settings = st.session_state.pop(_CARRIED, None)
    if settings is None:
        return
    for model in SECTIONS.values():
        for name, info in model.model_fields.items():
            if name in settings and name != "dataset_options":
                st.session_state[field_key(name)] = as_held(name, info.annotation, settings[name])
    dataset = settings.get("dataset", DataConfig().dataset)
    for key in [str(key) for key in st.session_state if str(key).startswith(field_key(f"{dataset}-"))]:
        del st.session_state[key]
    for option, value in settings.get("dataset_options", {}).items():
        name = f"{dataset}-{option}"
        st.session_state[field_key(name)] = as_held(name, type(value), value)
