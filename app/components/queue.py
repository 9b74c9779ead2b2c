"""Everything that trains or waits for its turn, with buttons for what waits."""

import html
from collections.abc import Callable, Sequence
from typing import Protocol

import streamlit as st

from app.components.page_style import chip, sentence_of
from app.components.status import summary_state
from app.state import may_change, watch_link
from app.views import ExperimentRow, QueueEntry
from dmf.errors import DMFError


class Steering(Protocol):
    """What the buttons do."""

    def move(self, experiment_id: str, places: int) -> None:
        """Let it go earlier (-1) or later (+1)."""

    def cancel(self, experiment_id: str) -> None:
        """Take it out of the queue."""


def queue(entries: Sequence[QueueEntry], watched: str, steering: Steering) -> None:
    """The list "Training and waiting"; nothing where the experiment that is watched is alone.

    Args:
        entries: In order.
        watched: Id of the experiment on the page.
        steering: What the buttons do.
    """
    if all(entry.experiment.id == watched for entry in entries):
        return
    with st.container(key="queue", border=True, gap="xxsmall"):
        st.markdown(
            "**Training and waiting**",
            help="One experiment trains at a time on each device; the others wait in this order.",
        )
        for entry in entries:
            _row(entry, is_watched=entry.experiment.id == watched, steering=steering)


def is_in_line(entries: Sequence[QueueEntry], id: str) -> bool:
    """Whether an experiment waits for another one that trains, or is paused, where it is to train."""
    own = next((entry for entry in entries if entry.experiment.id == id and entry.is_queued), None)
    return own is not None and any(
        (entry.owner, entry.device) == (own.owner, own.device) and not entry.is_queued for entry in entries
    )


def _row(entry: QueueEntry, *, is_watched: bool, steering: Steering) -> None:
    id = entry.experiment.id
    with st.container(
        key=f"queue-{id}", horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", gap="small"
    ):
        st.html(_words(entry, is_watched=is_watched), width="stretch")
        if not entry.is_queued or not may_change():
            return
        # Each button carries the id it was drawn for, so that a list that has changed meanwhile misleads no click.
        with st.container(horizontal=True, gap="xsmall", width="content"):
            for word, icon, help, off, action in (
                ("earlier", "arrow_upward", "Train it earlier", not entry.can_go_earlier, _move(steering, id, -1)),
                ("later", "arrow_downward", "Train it later", not entry.can_go_later, _move(steering, id, 1)),
                ("cancel", "close", _cancel_help(entry), False, lambda: steering.cancel(id)),
            ):
                st.button(
                    word.capitalize(),
                    icon=f":material/{icon}:",
                    key=f"queue-{word}-{id}",
                    help=help,
                    disabled=off,
                    on_click=_tried,
                    args=(action,),
                )


def _move(steering: Steering, id: str, places: int) -> Callable[[], None]:
    return lambda: steering.move(id, places)


def _tried(action: Callable[[], None]) -> None:
    try:
        action()
    except DMFError as error:
        st.toast(sentence_of(error), icon=":material/error:", duration="long")


def _cancel_help(entry: QueueEntry) -> str:
    whose = f"; it belongs to {entry.owner}" if entry.owner and entry.owner != "this dashboard" else ""
    return f"Take it out of the queue{whose}"


def _words(entry: QueueEntry, *, is_watched: bool) -> str:
    experiment = entry.experiment
    state = summary_state([run.state for run in experiment.runs])
    name = html.escape(experiment.name)
    link = (
        f"<b>{name}</b> (this one)"
        if is_watched
        else f'<a href="{watch_link(experiment.id)}" target="_self">{name}</a>'
    )
    facts = [progress(experiment), "any device" if entry.device == "auto" else entry.device]
    facts += [entry.owner] if entry.owner else []
    about = html.escape(" · ".join(fact for fact in facts if fact))
    return f'<div class="race entry">{link} {chip(state.value)} <span class="muted">{about}</span></div>'


def progress(experiment: ExperimentRow) -> str:
    """How far it has come: ``"epoch 3 of 20"``; empty before the first."""
    epochs = experiment.config.get("training", {}).get("epochs")
    done = max(run.summary["epoch"] for run in experiment.runs)
    begun = any(run.summary["step"] >= 0 for run in experiment.runs)
    return f"epoch {done:,} of {epochs:,}" if begun and epochs else ""
