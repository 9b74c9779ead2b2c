"""What the page remembers: the experiment in its URL, and the keys of session state."""

import re

import streamlit as st

EXPERIMENT = "experiment"  # in the URL: ?experiment=ID
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


def experiment_id() -> str | None:
    """The experiment the URL names; None without one. Anything but a plain id reads as it stands, and is not found."""
    return st.query_params.get(EXPERIMENT) or None


def is_plain(id: str) -> bool:
    """Whether a text from the URL may be an id at all."""
    return bool(_PLAIN.fullmatch(id))


def show_experiment(id: str | None) -> None:
    """Put an experiment into the URL, or take it out."""
    if id is None:
        st.query_params.pop(EXPERIMENT, None)
    else:
        st.query_params[EXPERIMENT] = id


def field_key(name: str) -> str:
    """Key of the form's widget for a configuration field."""
    return f"form-{name}"
