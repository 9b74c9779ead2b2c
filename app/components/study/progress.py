"""How far a study is: a bar, buttons, and a grid of its cells."""

from typing import Protocol

import streamlit as st

from app.components.page_style import plain, seconds_in_words
from app.state import may_change
from app.views.study import StudyView

ICONS = {
    "waiting": "⏳",
    "queued": "⏳",
    "running": "▶",
    "paused": "⏸",
    "finished": "✔",
    "stopped": "⏹",
    "failed": "✖",
    "interrupted": "⚡",
}


class Steering(Protocol):
    """What the buttons do."""

    def train_study(self, name: str, *, failed: bool = False) -> None:
        """Train what is left."""

    def pause_study(self, name: str, paused: bool) -> None:
        """Pause, or go on."""


def study_progress(view: StudyView, steering: Steering) -> None:
    """Sentence, bar and buttons of a study, then its cells.

    Args:
        view: The study.
        steering: What the buttons do.
    """
    if view.about:
        st.markdown(plain(view.about))
    total = len(view.cells)
    left = "" if view.seconds_left is None else f", about {seconds_in_words(view.seconds_left)} left"
    st.progress(view.finished / total if total else 0.0, text=f"{view.finished} of {total} cells finished{left}")
    if may_change():
        _buttons(view, steering, is_over=view.finished == total)
    if view.trouble is not None:
        st.error(plain(view.trouble), icon=":material/error:")
    _grid(view)


def _buttons(view: StudyView, steering: Steering, *, is_over: bool) -> None:
    with st.container(horizontal=True, gap="small"):
        if not view.trains_here and not is_over:
            st.button(
                "Train it here",
                key="study-train",
                icon=":material/play_arrow:",
                type="primary",
                help="In this dashboard, one cell after the other; more may train it elsewhere at the same time.",
                on_click=steering.train_study,
                args=(view.name,),
            )
        if not is_over:
            st.button(
                "Go on" if view.is_paused else "Pause",
                key="study-pause",
                icon=":material/play_arrow:" if view.is_paused else ":material/pause:",
                help="Whoever trains it, everywhere.",
                on_click=steering.pause_study,
                args=(view.name, not view.is_paused),
            )
        if view.failed:
            st.button(
                f"Retry {view.failed} failed",
                key="study-retry",
                icon=":material/replay:",
                on_click=steering.train_study,
                args=(view.name,),
                kwargs={"failed": True},
            )


def _grid(view: StudyView) -> None:
    shown = view.cells.assign(
        state=[f"{ICONS[state]} {state}" for state in view.cells["state"]],
        watch=[f"train?experiment={id}" if id else None for id in view.cells["experiment"]],
        compare=[f"compare?runs={runs}" if runs else None for runs in view.cells["runs"]],
        inspect=[f"inspect?runs={runs}" if runs else None for runs in view.cells["runs"]],
    )
    link = st.column_config.LinkColumn
    st.dataframe(
        shown[["cell", "state", "trained", "score", "watch", "compare", "inspect"]],
        key="study-cells",
        hide_index=True,
        column_config={
            "cell": st.column_config.TextColumn("Cell", help="A dataset and a seed: all configurations side by side."),
            "state": "State",
            "trained": st.column_config.ProgressColumn("Epochs", format="percent", min_value=0, max_value=1),
            "score": st.column_config.NumberColumn(
                f"{view.score} (validation)", format="%.3f", help="Mean of its runs, at the epoch evaluated last."
            ),
            "watch": link("Watch", display_text="watch"),
            "compare": link("Compare", display_text="compare"),
            "inspect": link("Inspect", display_text="inspect"),
        },
    )
