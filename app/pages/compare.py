"""The Compare page: choose runs of any experiment; what differs, how they went, what may be concluded."""

import html
import zlib
from collections.abc import Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from app import access, state
from app.components import (
    compare_look,
    compared_charts,
    compared_events,
    comparison_tables,
    exporting,
    grouping,
    play,
    race,
    report_parts,
    run_editor,
    samples,
    weight_views,
)
from app.components.copying import copying_run
from app.components.examples import examples
from app.components.lab.methods import explained
from app.components.live_chart import chart_engine
from app.components.page_style import plain, sentence_of, use_style
from app.components.run_picker import run_picker
from app.tasks import pages_of
from app.views import ComparedRun, EventRow, PlayedRuns
from dmf.errors import DMFError
from dmf.records import RunState

MOST_RUNS = 24  # compared at a time
TICK = 2.0  # s
DRAWN = "compared-look"  # in session state: how the charts are drawn, for the export
REPORT_CASES = 4  # of each experiment, in the report
MOST_ALONE = 2  # runs from which something can differ


def show() -> None:
    """The table of all runs; under it, what is chosen there."""
    use_style("home.css")
    chart_engine()
    st.title("Compare runs")
    try:
        archived = bool(st.session_state.get("archived"))
        table = access.all_runs(archived=archived)
        if table.empty and not archived and access.all_runs(archived=True).empty:
            first_day()
            return
        if access.only_examples():
            examples()
        run_picker(table, state.chosen_runs()[:MOST_RUNS], state.choose_runs, MOST_RUNS, info=access.metric_info)
        st.toggle("Show archived runs", key="archived", help="Runs that lists leave out.", persist_state="session")
        ids = state.chosen_runs()
        if len(ids) > MOST_RUNS:
            st.caption(
                f"The first {MOST_RUNS} of the {len(ids)} chosen runs are compared; more could not be told apart."
            )
        show_chosen(ids[:MOST_RUNS], table)
    except DMFError as error:
        st.error(sentence_of(error), icon=":material/error:")


def first_day() -> None:
    """What there is to do before anything was trained."""
    st.markdown("Nothing was trained yet. Start a race on **Home** and come back: its runs appear here at once.")
    st.page_link(state.HOME, label="Races to start, on Home", icon=":material/home:")


def show_chosen(ids: list[str], table: pd.DataFrame) -> None:
    runs, missing = access.compared_runs(ids)
    if missing:
        st.warning(f"No run is called {', '.join(map(plain, missing))} in this store (any more).")
    if not runs:
        st.caption("Tick runs to see them beside each other; the address of this page then leads back to them.")
        return
    titles = compared_charts.titles_of(runs)
    tasks = access.tasks_of(runs)
    if len(tasks) > 1:
        st.info(
            f"These runs are of {len(tasks)} tasks: {plain(', '.join(tasks))}. Their scores measure different things; "
            "each metric stands for the runs of its own task alone.",
            icon=":material/info:",
        )
    st.page_link(
        state.INSPECT,
        label="Inspect their predictions",
        icon=":material/image_search:",
        query_params={state.RUNS: ",".join(titles)},
        help="Every test image with what these runs predict there.",
    )
    st.page_link(
        state.LAB,
        label="Replay under other methods",
        icon=":material/science:",
        query_params={state.RUN: runs[0].id},
        help="Open the weighting lab with the losses of the first of these runs.",
    )
    st.page_link(
        state.LAB,
        label="Explain its weights",
        icon=":material/function:",
        query_params=explained(runs[0].id, runs[0].run.config.get("weighting", "")),
        help="Every stage on the way from the losses of a step to its weights, with its numbers: of the first run.",
    )
    configs = {run.id: run.config for run in runs}
    show_differences(configs, titles)
    ids = [run.id for run in runs]
    with st.container(key="charts-head", horizontal=True, vertical_alignment="center", gap="medium"):
        st.markdown(
            "#### Charts",
            help="Drag in one to zoom all of them; double click to see everything again.",
            width="content",
        )
        played = f"compared-{zlib.crc32(','.join(ids).encode()):x}"
        can_play = all(not run.run.state.is_active and run.live.size for run in runs)
        if can_play:
            play.play_button(played, lambda: access.compared_playback(runs))
        else:
            st.caption("Play needs runs that have ended and whose steps were recorded; one of these has not.")
    members, groups = grouping.grouping(
        titles,
        access.fields_of(configs),
        lambda by: access.groups_of(configs, by),
        access.band_of,
        compared_charts.repeats(runs),
    )
    with st.container(key="compared-charts"):
        if can_play and play.is_played(played):
            replay(played, ids, titles, groups)
        else:
            show_charts(ids, [run.run.state for run in runs], titles, groups)
    events = access.run_events(ids)
    compared_events.events_list(runs, titles, events)
    if len(tasks) == 1:
        pages_of(runs[0].experiment.task).details(ids, titles)
    report = {**show_results(runs, members, titles), **show_behaviour(runs, titles, members, groups)}
    together = comparison_tables.settings_and_results(
        access.what_differs(configs), titles, table, partial(access.named_metric, runs=runs)
    )
    has_axes = len(together) >= MOST_ALONE and len(together.columns) >= MOST_ALONE
    if has_axes:
        show_parallel(together)

    def build_report() -> exporting.Report:
        chosen, metric = st.session_state[DRAWN]
        drawn = compared_charts.figures(
            runs, chosen, access.run_metrics(ids), access.named_metric(metric, runs), groups
        )
        differing = access.what_differs(configs)
        sections = {"What differs": comparison_tables.differences_html(differing, titles)}
        tables = {
            "What differs": differing.rename(columns=titles),
            "Settings and results": comparison_tables.named_rows(together, titles),
        }
        by_run = {run.id: access.behaviour(run) for run in runs}
        paths = weight_views.figures(
            *(runs, titles, by_run, access.weight_path),
            together=together if has_axes else None,
            members=members,
            groups=groups,
        )
        return exporting.Report(
            tables={**tables, **{name: rows for name, (rows, _) in report.items()}},
            figures={**drawn, **paths},
            sections={**sections, **{name: text for name, (_, text) in report.items()}},
            runs=titles,
            run_file=access.run_file,
            run_data=access.run_data,
            annex=annex(runs, titles, configs),
        )

    exporting.exporting(build_report)
    copying_run(runs, titles, events)
    if state.may_change():
        run_editor.run_editor(runs, titles, access.describe_run, delete)


def annex(runs: Sequence[ComparedRun], titles: dict[str, str], configs: dict[str, dict[str, Any]]) -> dict[str, str]:
    """What stands behind the charts of the report: pictures of each task, notes, settings."""
    looked_at, _ = access.inspected_runs([run.id for run in runs])
    pictures = [
        report_parts.pictures_html(
            access.last_samples([run for run in looked_at if run.experiment.task == task], REPORT_CASES),
            titles,
            pages_of(task).samples,
        )
        for task in dict.fromkeys(run.experiment.task for run in looked_at)
    ]
    return {
        "Predictions": "".join(pictures),
        "Notes": report_parts.notes_html(runs, titles, access.tagged_images(looked_at)),
        "Settings": report_parts.settings_html(configs, titles),
    }


def delete(ids: list[str]) -> None:
    """Delete runs, and compare those that are left."""
    access.delete_runs(ids)
    state.choose_runs(id for id in state.chosen_runs() if id not in ids)


def show_differences(configs: dict[str, dict[str, Any]], titles: dict[str, str]) -> None:
    st.markdown("#### What differs", help="Only those settings that are not the same in all chosen runs.")
    differences = access.what_differs(configs)
    with st.container(key="differences"):
        if len(differences):
            st.html(comparison_tables.differences_html(differences, titles))
        else:
            st.caption(
                "Choose at least two runs." if len(configs) < MOST_ALONE else "These runs have the same settings."
            )


def show_charts(ids: list[str], states: list[RunState], titles: dict[str, str], groups: grouping.Groups | None) -> None:
    """Brought up to date by themselves while one of the runs trains."""

    @st.fragment(run_every=TICK if any(state.is_active for state in states) else None)
    def live() -> None:
        runs, missing = access.compared_runs(ids)
        if missing or [run.run.state for run in runs] != states:
            st.rerun()  # results depend on it, and whether this goes on ticking
        metrics = access.run_metrics(ids)
        draw(runs, metrics, access.metric_names(runs, metrics), titles, groups, events=access.run_events(ids))

    live()


def replay(key: str, ids: list[str], titles: dict[str, str], groups: grouping.Groups | None) -> None:
    """The charts as they were, moment by moment, with what the networks found in the sample images."""
    ticks = play.goes_on(key)

    @st.fragment(run_every=play.TICK if ticks else None)
    def played() -> None:
        runs, missing = access.compared_runs(ids)
        if missing or any(run.run.state.is_active for run in runs):
            st.rerun()  # deleted or resumed, here or elsewhere
        now: PlayedRuns = play.play_bar(key, ticks)
        events = [event for snapshot in now.snapshots for event in snapshot.events]
        names = access.metric_names(runs, access.run_metrics(ids))
        draw(now.runs, now.metrics, names, titles, groups, events=events)
        snapshot = now.snapshots[0]
        if len(now.snapshots) > 1:
            by_id = {each.experiment.id: each for each in now.snapshots}
            name = st.selectbox(
                "Predictions of",
                list(by_id),
                format_func=lambda id: str(by_id[id].experiment.name),
                key=f"played-samples-{key}",
                width=420,
                help="Each experiment shows the images that its runs were watched on.",
            )
            snapshot = by_id[name]
        try:
            view = pages_of(snapshot.experiment.task).samples
            samples.samples(snapshot, race.dashes_of(snapshot), access.pictures, view)
        except DMFError as error:
            st.caption(sentence_of(error))

    played()


def draw(
    runs: list[ComparedRun],
    metrics: pd.DataFrame,
    names: list[str],
    titles: dict[str, str],
    groups: grouping.Groups | None,
    *,
    events: Sequence[EventRow],
) -> None:
    """The choices above the charts, and the charts."""
    named = partial(access.named_metric, runs=runs)
    lines = len(runs) if groups is None else len(groups.members)
    chosen, metric = compare_look.look(names, access.first_score(runs), named, lines)
    st.session_state[DRAWN] = chosen, metric
    happened = compared_events.marks_of(runs, titles, events, chosen)
    switched = {event.run for event in events if event.kind == "knob" and event.data["field"] == "weighting"}
    about = named(metric)
    compared_charts.charts(runs, chosen, metrics, about, groups, happened=happened, switched=switched)
    compared_charts.gradient_charts(runs, chosen, groups, happened=happened)


def show_results(
    runs: list[ComparedRun], members: dict[str, tuple[str, ...]], titles: dict[str, str]
) -> dict[str, tuple[pd.DataFrame, str]]:
    named = partial(access.named_metric, runs=runs)
    st.markdown("#### Results", help="Metrics on the test images, which nothing was chosen by.")
    with st.container(key="results"):
        first, over = grouping.baseline(list(members))
        results = access.results(runs, members, first, over)
        if len(results.summary):
            st.html(comparison_tables.results_html(results, members, first, named))
            st.caption(
                "Mean ± standard deviation over runs, or over images where there is one; after it, the difference to "
                "the baseline. Bold is the best, and what shows no significant difference to it; a metric without bold "
                f"cannot be tested. {plain(access.absent_words_of(runs, titles))}"
            )
        metric = st.selectbox(
            "Metric that is tested",
            list(results.comparisons),
            format_func=lambda name: named(name).title,
            key="metric",
            width=320,
            help="One number for the whole split can be tested over seeds only, one per image also with a single seed.",
            bind="query-params",
        )
        tested = results.comparisons[metric]
        table = comparison_tables.comparison_html(tested, first) if len(tested.table) else ""
        if table:
            st.html(table)
        st.markdown(plain(tested.sentence))
        if tested.family:
            st.caption(plain(tested.family))
    all_metrics = comparison_tables.results_html(results, members, first, named)
    concluded = f"{table}<p>{html.escape(tested.sentence)}</p><p>{html.escape(tested.family)}</p>"
    return {
        "Results": (results.summary, all_metrics),
        f"Compared by {named(metric).title}": (tested.table, concluded),
    }


def show_behaviour(
    runs: list[ComparedRun], titles: dict[str, str], members: dict[str, tuple[str, ...]], groups: grouping.Groups | None
) -> dict[str, tuple[pd.DataFrame, str]]:
    st.markdown("#### Weight behaviour", help="What the weights did, in numbers.")
    with st.container(key="behaviour"):
        behaviours, ids = access.behaviours(runs, members, titles)
        st.html(comparison_tables.behaviour_html(behaviours, ids))
        for sentence in comparison_tables.redundant_sentences(behaviours):
            st.markdown(f":material/content_copy: {plain(sentence)}")
        left, right = st.columns(2, gap="medium")
        with left:
            by_run = {run.id: access.behaviour(run) for run in runs}
            weight_views.entropy({name: [by_run[id] for id in group] for name, group in members.items()}, groups)
        with right:
            weight_views.triangle(runs, titles, access.weight_path, members)
    table = comparison_tables.behaviour_html(behaviours, ids)
    redundant = "".join(
        f"<p>{html.escape(sentence)}</p>" for sentence in comparison_tables.redundant_sentences(behaviours)
    )
    return {"Weight behaviour": (comparison_tables.behaviour_frame(behaviours, ids), table + redundant)}


def show_parallel(together: pd.DataFrame) -> None:
    st.markdown(
        "#### Settings against results",
        help="A line per run through its settings to its scores; drag along an axis to keep only some runs.",
    )
    with st.container(key="parallel"):
        weight_views.coordinates(together)


show()
