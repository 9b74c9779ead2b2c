"""The Compare page: choose runs of any experiment; what differs, how they went, what may be concluded."""

import streamlit as st

from app import access, state
from app.components import compared_charts, comparison_tables
from app.components.page_style import plain, use_style
from app.components.run_picker import run_picker
from dmf.errors import DMFError

TICK = 2.0  # s


def show() -> None:
    """The table of all runs; under it, what is chosen there."""
    use_style("home.css")
    st.title("Compare runs")
    try:
        table = access.all_runs()
        if table.empty:
            first_day()
            return
        run_picker(table, state.chosen_runs(), state.choose_runs, state.MOST_RUNS)
        show_chosen(state.chosen_runs())
    except DMFError as error:
        st.error(str(error), icon=":material/error:")


def first_day() -> None:
    """What there is to do before anything was trained."""
    st.markdown("Nothing was trained yet. Start a race on **Home** and come back: its runs appear here at once.")
    st.page_link(state.HOME, label="Races to start, on Home", icon=":material/home:")


def show_chosen(ids: list[str]) -> None:
    runs, missing = access.compared_runs(ids)
    if missing:
        st.warning(f"No run is called {', '.join(map(plain, missing))} in this store (any more).")
    if not runs:
        st.caption("Tick runs to see them beside each other; the address of this page then leads back to them.")
        return
    titles = compared_charts.titles_of(runs)
    show_differences(runs, titles)
    show_charts([run.id for run in runs], any(run.run.state.is_active for run in runs))


def show_differences(runs: list[access.ComparedRun], titles: dict[str, str]) -> None:
    st.markdown("#### What differs", help="Only those settings that are not the same in all chosen runs.")
    found = access.what_differs({run.id: run.config for run in runs})
    with st.container(key="differences"):
        if len(found):
            st.html(comparison_tables.differences_html(found, titles))
        else:
            st.caption("Choose at least two runs." if len(runs) < 2 else "These runs have the same settings.")


def show_charts(ids: list[str], is_active: bool) -> None:
    st.markdown("#### Charts", help="Drag in one to zoom all of them; double click to see everything again.")

    @st.fragment(run_every=TICK if is_active else None)
    def live() -> None:
        runs, _ = access.compared_runs(ids)
        metrics = access.run_metrics(ids)
        chosen = compared_charts.look()
        compared_charts.charts(runs, chosen, metrics, access.named_metric("cb_dice"))

    with st.container(key="compared-charts"):
        live()


show()
