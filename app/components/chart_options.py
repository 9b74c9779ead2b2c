"""The choices above charts that every page with charts of runs offers: layout, what x counts, smoothing, log y."""

from typing import Any

import streamlit as st

from app.charts.lines import Axis
from app.components.remembered import remembered

OVERLAY, MULTIPLES, PER_LOSS = "Overlay", "Small multiples", "One per loss"
MANY = 3  # runs from which on lines in one chart are more than can be told apart
_CHOSEN = "layout-chosen"  # in session state

AXES: dict[str, Axis] = {"Step": "step", "Epoch": "epoch", "Time": "time"}
SMOOTHINGS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995)


def axis(key: str, **kept: Any) -> Axis:
    """What x counts; ``kept`` says where the choice is remembered."""
    return AXES[
        st.segmented_control(
            "Horizontal axis",
            list(AXES),
            default="Step",
            required=True,
            key=key,
            help="What x counts: optimizer steps, passes over the training images, or seconds.",
            **kept,
        )
    ]


def smoothing(key: str, **kept: Any) -> float:
    """Share of the average kept at each step."""
    chosen: float = st.select_slider(
        "Smoothing",
        SMOOTHINGS,
        key=key,
        width=190,
        format_func=lambda share: "none" if share == 0 else f"{share:g}",
        help="Exponential: the share of the average that is kept at each step.",
        **kept,
    )
    return chosen


def log_y(key: str, **kept: Any) -> bool:
    """Whether losses are drawn on a logarithmic scale."""
    return st.toggle("Log y", key=key, help="Logarithmic losses.", **kept)


def layout(runs: int) -> str:
    """How runs share charts where the reader of this page has not said: as this browser remembers, else by how many."""
    held = remembered("layout", st.session_state.get(_CHOSEN))
    wanted = st.session_state.get(_CHOSEN) or held
    if wanted in (OVERLAY, MULTIPLES, PER_LOSS):
        return str(wanted)
    return MULTIPLES if runs >= MANY else OVERLAY


def keep_layout(layout: str) -> None:
    """Begin with it from now on, on every page of this browser."""
    st.session_state[_CHOSEN] = layout
