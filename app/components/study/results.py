"""What came out of a study: its table, a heat map, and what may be concluded."""

import pandas as pd
import streamlit as st

from app.charts.study_heat import study_heat
from app.components.page_style import mode, plain
from app.theme import TEXT
from app.views.study import StudyResults


def study_results(found: StudyResults) -> None:
    """The table of what has come to its end."""
    st.markdown("#### What came out", help="On the test images; mean ± standard deviation over repeats.")
    st.button("Read it again", key="study-again", icon=":material/refresh:")  # a click draws the page anew
    st.dataframe(pd.DataFrame(list(found.rows), columns=list(found.headings)), hide_index=True, key="study-table")
    if found.means.notna().to_numpy().any():
        st.plotly_chart(study_heat(found.means, found.metric, TEXT.of(mode())), key="study-heat")
    st.markdown("#### What decides these numbers, and what may be concluded")
    st.markdown("\n".join(f"- {plain(sentence)}" for sentence in found.notes))
