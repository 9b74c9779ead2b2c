"""The Studies page: how far a study is, cell by cell, and what came out of it."""

import streamlit as st

from app import access, state
from app.components.page_style import sentence_of, use_style
from app.components.study.planning import planning
from app.components.study.progress import study_progress
from app.components.study.results import study_results
from dmf.errors import DMFError

TICK = 2.0  # s


def show() -> None:
    """The form, the studies there are, and the chosen one."""
    use_style("home.css")
    st.title("Studies")
    try:
        names = access.study_names()
        chooser, form = st.container(), st.container()
        kept = None
        if state.may_change():
            with form:  # before the chooser is drawn, which then has what was kept
                kept = planning(access, access.PLAN_NAMES, access.dataset_names(), is_first=not names)
        if kept is not None:
            st.session_state["study-name"] = kept
            names = access.study_names()
        with chooser:
            chosen = _choose(names)
        if chosen is not None:
            show_progress(chosen)
            show_results(chosen)
    except DMFError as error:
        st.error(sentence_of(error), icon=":material/error:")


def _choose(names: list[str]) -> str | None:
    """The chosen study; None without one."""
    if not names:
        st.markdown(
            "A study repeats an experiment over seeds, datasets and configurations, and says what can be "
            "concluded. There is none yet; plan one below, or begin one in a terminal, and it appears here at once:"
        )
        st.code("dmf study run paper --dataset phantom --repeats 2 --epochs 2 --image-size 32", language="sh")
        return None
    named = state.chosen_study()
    chosen = st.selectbox("Study", names, index=names.index(named) if named in names else 0, key="study-name")
    state.choose_study(chosen)
    return chosen


@st.fragment(run_every=TICK)
def show_progress(name: str) -> None:
    """How far it is, as long as the page is open."""
    try:
        study_progress(access.study_view(name), access)
    except DMFError as error:
        st.error(sentence_of(error), icon=":material/error:")


def show_results(name: str) -> None:
    """The table of what has come to its end, read with the page and not while it stands."""
    results = access.study_results(name)
    if results.rows:
        study_results(name, results, access.STUDY_FILES, access)


show()
