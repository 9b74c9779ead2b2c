"""The Compare page: choose runs of any experiment; what differs, how they went, what may be concluded."""

from typing import Any

import streamlit as st

from app import access, state
from app.components import compared_charts, comparison_tables, grouping
from app.components.page_style import plain, use_style
from app.components.run_picker import run_picker
from dmf.errors import DMFError
from dmf.records import RunState

TICK = 2.0  # s
MOST_ALONE = 2  # runs from which something can differ


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
    configs = {run.id: run.config for run in runs}
    show_differences(configs, titles)
    st.markdown("#### Charts", help="Drag in one to zoom all of them; double click to see everything again.")
    members, spread = grouping.grouping(titles, access.fields_of(configs), lambda by: access.groups_of(configs, by))
    with st.container(key="compared-charts"):
        show_charts([run.id for run in runs], [run.run.state for run in runs], members, spread)
    show_results(runs, members)
    show_behaviour(runs, titles)


def show_differences(configs: dict[str, dict[str, Any]], titles: dict[str, str]) -> None:
    st.markdown("#### What differs", help="Only those settings that are not the same in all chosen runs.")
    found = access.what_differs(configs)
    with st.container(key="differences"):
        if len(found):
            st.html(comparison_tables.differences_html(found, titles))
        else:
            st.caption(
                "Choose at least two runs." if len(configs) < MOST_ALONE else "These runs have the same settings."
            )


def show_charts(
    ids: list[str], states: list[RunState], members: dict[str, tuple[str, ...]], spread: str | None
) -> None:
    """Brought up to date by themselves while one of the runs trains."""
    groups = None
    if spread is not None:
        groups = compared_charts.Groups(members, lambda curves: access.band_of(curves, spread))

    @st.fragment(run_every=TICK if any(state.is_active for state in states) else None)
    def live() -> None:
        runs, missing = access.compared_runs(ids)
        if missing or [run.run.state for run in runs] != states:
            st.rerun()  # results depend on it, and whether this goes on ticking
        chosen, metric = compared_charts.look(access.metric_names(ids), access.named_metric)
        compared_charts.charts(runs, chosen, access.run_metrics(ids), access.named_metric(metric), groups)

    live()


def show_results(runs: list[access.ComparedRun], members: dict[str, tuple[str, ...]]) -> None:
    st.markdown("#### Results", help="Metrics on the test images, which nothing was chosen by.")
    with st.container(key="results"):
        first, over = grouping.baseline(list(members))
        found = access.results(runs, members, first, over)
        if len(found.summary):
            st.html(comparison_tables.results_html(found, list(members), first, access.named_metric))
            st.caption(
                "Mean ± standard deviation over runs, or over images where there is one; after it, the difference to "
                "the baseline. Bold is what cannot be told apart from the best; a metric without bold cannot be tested."
            )
        metric = st.selectbox(
            "Metric that is tested",
            list(found.comparisons),
            format_func=lambda name: access.named_metric(name).title,
            key="metric",
            width=320,
            help="One number for the whole split can be tested over seeds only, one per image also with a single seed.",
            bind="query-params",
        )
        tested = found.comparisons[metric]
        if len(tested.table):
            st.html(comparison_tables.comparison_html(tested, first))
        st.markdown(plain(tested.sentence))
        if tested.family:
            st.caption(tested.family)


def show_behaviour(runs: list[access.ComparedRun], titles: dict[str, str]) -> None:
    st.markdown("#### Weight behaviour", help="What the weights did, in numbers.")
    with st.container(key="behaviour"):
        found = {titles[run.id]: access.behaviour(run) for run in runs}
        st.html(comparison_tables.behaviour_html(found))
        for sentence in comparison_tables.redundant_sentences(found):
            st.markdown(f":material/content_copy: {plain(sentence)}")
        left, right = st.columns(2, gap="medium")
        with left:
            compared_charts.entropy(runs, titles, found)
        with right:
            compared_charts.triangle(runs, titles, access.weight_path)


show()
