"""What happened to the runs of a race, as a list: the same events that its charts mark."""

import html

import streamlit as st

from app.charts.lines import AXIS_LABELS
from app.components.race import Race

NONE = "Nothing has happened yet: changes of settings, pauses and warnings are listed here."


def events(race: Race) -> None:
    """The latest first, each with where it is marked."""
    with st.container(key="events"):
        if not race.marks:
            st.caption(NONE)
            return
        rows = "".join(
            f"<tr><td>{mark.x:,.10g}</td><td>{html.escape(mark.sentence)}</td></tr>" for mark in reversed(race.marks)
        )
        st.html(
            f'<div class="race scores events"><table><thead><tr><th>{AXIS_LABELS[race.view.axis]}</th><th>Event</th>'
            f"</tr></thead><tbody>{rows}</tbody></table></div>"
        )
