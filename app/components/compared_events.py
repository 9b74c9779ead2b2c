"""What happened to compared runs: marks in their charts while they are few, and a list in any case."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd
import streamlit as st

from app.charts.event_marks import event_marks
from app.charts.lines import Happening, View
from app.components.compare_look import Look
from app.components.fields import method_title
from app.views import ComparedRun, EventRow

MOST_MARKED = 4  # runs whose events are drawn; more of them would hide the lines


def marks_of(
    runs: Sequence[ComparedRun], titles: Mapping[str, str], events: Sequence[EventRow], look: Look
) -> dict[str, list[Happening]]:
    """Run id to its marks; none where there are too many runs."""
    if len(runs) > MOST_MARKED:
        return {}
    return {run.id: _happened(run, titles[run.id], events, look.view(run), tell=len(runs) > 1) for run in runs}


def events_list(runs: Sequence[ComparedRun], titles: Mapping[str, str], events: Sequence[EventRow]) -> None:
    """All of it as a table, behind a bar."""
    rows = [
        {"Run": titles[run.id], "Step": int(mark.x), "What happened": mark.text}
        for run in runs
        for mark in _happened(run, titles[run.id], events, View(), tell=False)
    ]
    with st.expander(f"Events of the chosen runs ({len(rows)})", key="compared-events"):
        st.caption(
            "Changed settings, pauses and errors. "
            + (
                "They are also marked in the charts."
                if len(runs) <= MOST_MARKED
                else f"With more than {MOST_MARKED} runs they are listed here and not marked in the charts."
            )
        )
        if rows:
            st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch")


def _happened(run: ComparedRun, title: str, events: Sequence[EventRow], view: View, *, tell: bool) -> list[Happening]:
    own = [event for event in events if event.run == run.id]
    place = run.run.config.get("gradient_of")
    happened = event_marks(own, {run.id: title}, view, name=lambda word: method_title(word, place), end=run.live.ended)
    marks = sorted(happened, key=lambda mark: mark.x)
    return [replace(mark, whose=title) for mark in marks] if tell else marks
