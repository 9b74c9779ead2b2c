"""What the page says without an experiment: what this is, and experiments to open."""

import html
import time
from collections.abc import Sequence
from typing import Any

import streamlit as st

from app.components.page_style import chip, seconds_in_words
from app.components.status import summary_state
from app.state import watch_link


def welcome() -> None:
    """What this is, in four lines."""
    st.title("Watch the weights of several losses adapt")
    st.markdown(
        "A network is trained on **several losses at once**; a rule sets their weights W1..WK anew at every step, "
        "from how the losses moved lately. Here several rules race in lockstep on ultrasound images: same batches, "
        "same first network, and you watch weights, losses and predictions as they change."
    )
    st.markdown(
        "Press **Start training** in the sidebar (on a phone, » at the top opens it): the embedded phantom needs no "
        "download, and the first points come within seconds. Nothing is lost when this page is closed."
    )


def missing(id: str) -> None:
    """The URL names an experiment that is not there."""
    st.error(f"There is no experiment `{id[:100]}` in this store. Open one of the recent ones, or start a new one.")


def recent(experiments: Sequence[Any]) -> None:
    """Experiments to open, newest first; they open in place of this page, so each is a link that can be shared."""
    st.markdown("#### Recent experiments")
    if not experiments:
        st.caption("None yet.")
        return
    lines = []
    for experiment in experiments:
        state = summary_state([run.state for run in experiment.runs])
        when = f"{seconds_in_words(time.time() - experiment.created)} ago"
        data, training = experiment.config["data"], experiment.config["training"]
        runs = "1 run" if len(experiment.runs) == 1 else f"{len(experiment.runs)} runs"
        about = f"{data['dataset']} at {data['image_size']} px · {runs} · {training['epochs']} epochs · {when}"
        lines.append(
            f'<a href="{watch_link(experiment.id)}" target="_self"><span class="title">{html.escape(experiment.name)}'
            f'</span>{chip(state.value)}<span class="muted">{html.escape(about)}</span></a>'
        )
    with st.container(key="recent"):
        st.html(f'<div class="race recent">{"".join(lines)}</div>')
