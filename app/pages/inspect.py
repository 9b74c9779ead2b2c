"""The Inspect page: what chosen runs make of single images, drawn as their task does."""

from collections.abc import Sequence

import streamlit as st

from app import access, state
from app.components.compared_charts import titles_of
from app.components.page_style import plain, shown_or_told, use_style
from app.components.plugin_question import plugin_question
from app.components.run_picker import run_picker
from app.tasks import ROOMS, pages_of
from app.views import InspectedRun

MOST_RUNS = 8  # beside each other


def show() -> None:
    """The runs that are chosen; then what the room of their task shows of them."""
    use_style("inspect.css")
    st.title("Inspect predictions")
    shown_or_told(show_runs)


def show_runs() -> None:
    table = access.all_runs()
    ids = state.chosen_runs()
    if table.empty and not ids:
        st.markdown("Nothing was trained yet. Start a race on **Home** and come back: its predictions appear here.")
        st.page_link(state.HOME, label="Races to start, on Home", icon=":material/home:")
        offer_to_bring()
        return
    with st.expander("Choose runs", expanded=not ids, key="choose-runs", icon=":material/checklist:"):
        run_picker(table, ids, state.choose_runs, MOST_RUNS, info=access.metric_info)
        offer_to_bring()
    if len(ids) > MOST_RUNS:
        st.caption(
            f"The first {MOST_RUNS} of the {len(ids)} chosen runs are shown; more would not fit beside each other."
        )
    runs, missing = access.inspected_runs(ids[:MOST_RUNS])
    if missing:
        st.warning(f"No run is called {', '.join(map(plain, missing))} in this store (any more).")
    if not runs:
        st.caption("Tick runs to see what they predict; the address of this page then leads back to them.")
        return
    plugin_question(access.unloaded_plugins(run.experiment for run in runs), access.run_plugin)
    show_task(runs, titles_of(runs))


def offer_to_bring() -> None:
    """What each task can take that was predicted elsewhere."""
    for room in ROOMS.values() if state.may_change() else ():
        room.bring()


def show_task(runs: Sequence[InspectedRun], titles: dict[str, str]) -> None:
    """The runs of the first one's task; pictures of two tasks say nothing beside each other."""
    task = runs[0].experiment.task
    shown = [run for run in runs if run.experiment.task == task]
    others = [run for run in runs if run.experiment.task != task]
    title = access.task_title(task)
    if others:
        names = dict.fromkeys(access.task_title(run.experiment.task) for run in others)
        st.info(
            f"These are the runs of the task {plain(title)}. Untick them to see "
            f"{', '.join(plain(titles[run.id]) for run in others)} ({', '.join(map(plain, names))}).",
            icon=":material/info:",
        )
    pages_of(task).inspect(title, shown, {run.id: titles[run.id] for run in shown})


show()
