"""Presets at the top of the form: one click fills it with a race worth a look."""

import streamlit as st

from app.components import rows
from app.components.fields import as_held
from app.components.form_prefill import fill
from app.components.page_style import sentence_of
from app.state import PRESET, field_key
from dmf.config import DEFAULT_TASK, FusionConfig
from dmf.config_text import field_info, names_of
from dmf.errors import UnknownNameError
from dmf.presets import PRESETS, find_preset

_OPEN = "presets-open"


def preset_menu() -> None:
    """The presets to choose from, and what the race in the form is about if it is one of them.

    A preset in the URL is taken once; before any field of the form is shown, because it sets them.
    """
    wanted = st.query_params.get(PRESET)
    if wanted is not None:
        del st.query_params[PRESET]
        try:
            apply(wanted)
        except UnknownNameError as error:
            st.warning(sentence_of(error))
    with st.container(key="preset-menu", gap="xsmall"):
        with st.popover(
            "Presets",
            icon=":material/auto_awesome_motion:",
            help="Races ready to start: one click sets every field of this form.",
            width="stretch",
            key=_OPEN,
            on_change="rerun",  # so that a click on a preset can close it
        ):
            for name, preset in PRESETS.items():
                st.button(preset.title, key=f"preset-{name}", on_click=apply, args=(name,), width="stretch")
                st.caption(preset.about)
        shown = _shown()
        if shown is not None:
            st.caption(f"**{PRESETS[shown].title}.** {PRESETS[shown].about}")


def apply(name: str) -> None:
    """Fill the form: what the preset does not set goes back to its default.

    Raises:
        UnknownNameError: If there is no such preset; the form stays as it is.
    """
    preset = find_preset(name)
    for key in [str(key) for key in st.session_state if str(key).startswith(field_key(""))]:
        del st.session_state[key]
    fill(preset.settings)
    st.session_state[field_key("name")] = preset.title
    rows.replace(preset.runs)
    st.session_state[_OPEN] = False


def _shown() -> str | None:
    """The preset whose runs and settings of fusion the form holds."""
    texts = rows.texts()
    for name, preset in PRESETS.items():
        fields = {field: field_info(FusionConfig, field) for field in names_of(FusionConfig) if field != "weighting"}
        expected = {
            field: as_held(field, info.annotation, preset.settings.get(field, info.get_default()))
            for field, info in fields.items()
        }
        is_of_task = preset.settings.get("task", DEFAULT_TASK) == rows.task()
        same = all(rows.common(field) == value for field, value in expected.items())
        if is_of_task and list(preset.runs) == texts and same:
            return name
    return None
