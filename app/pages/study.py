"""The Studies page: how far a study is, cell by cell, and what came out of it."""

import streamlit as st

from app import access, state
from app.components.page_style import sentence_of, use_style
from app.components.study.progress import study_progress
from app.components.study.results import study_results
from dmf.errors import DMFError

TICK = 2.0  # s


def show() -> None:
    """The studies there are, and the chosen one."""
    use_style("home.css")
    st.title("Studies")
    try:
        names = access.study_names()
        if not names:
            st.markdown(
                "A study repeats an experiment over seeds, datasets and configurations, and says what can be "
                "concluded. There is none yet; begin one in a terminal, and it appears here at once:"
            )
            st.code("dmf study run paper --dataset phantom --repeats 2 --epochs 2 --image-size 32", language="sh")
            return
        named = state.chosen_study()
        chosen = st.selectbox("Study", names, index=names.index(named) if named in names else 0, key="study-name")
        state.choose_study(chosen)
        show_progress(chosen)
        show_results(chosen)
    except DMFError as error:
        st.error(sentence_of(error), icon=":material/error:")


@st.fragment(run_every=TICK)
def show_progress(name: str) -> None:
    """How far it is, as long as the page is open."""
    try:
        study_progress(access.study_view(name), access)
    except DMFError as error:
        st.error(sentence_of(error), icon=":material/error:")


def show_results(name: str) -> None:
    """The table of what has come to its end, read with the page and not while it stands."""
    found = access.study_results(name)
    if found.rows:
        study_results(found)


show()
