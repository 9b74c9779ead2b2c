"""The Inspect page: every image of a split, one of them large, and whether what runs believe of it can be trusted."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from app import access, state
from app.components.case_viewer import case_viewer_engine
from app.components.compared_charts import titles_of
from app.components.inspect import (
    browsing,
    calibration,
    case_detail,
    elsewhere,
    evolution,
    predict_image,
    sheets,
    stored,
)
from app.components.inspect.thumbnails import thumbnail
from app.components.page_style import plain, shown_or_told, use_style
from app.components.plugin_question import plugin_question
from app.components.run_picker import run_picker
from app.views import InspectedRun, Which

MOST_RUNS = 8  # beside each other
SPLITS = ["test", "validation"]
NETWORKS: tuple[Which, ...] = ("best", "last")


def show() -> None:
    """The runs that are chosen; then, of what they predict, all images, one image, and the whole."""
    use_style("inspect.css")
    case_viewer_engine()
    st.title("Inspect predictions")
    shown_or_told(show_runs)


def show_runs() -> None:
    table = access.all_runs()
    ids = state.chosen_runs()
    if table.empty and not ids:
        st.markdown("Nothing was trained yet. Start a race on **Home** and come back: its predictions appear here.")
        st.page_link(state.HOME, label="Races to start, on Home", icon=":material/home:")
        elsewhere.elsewhere(access.bring_predictions, state.choose_runs)
        return
    with st.expander("Choose runs", expanded=not ids, key="choose-runs", icon=":material/checklist:"):
        run_picker(table, ids, state.choose_runs, MOST_RUNS)
        elsewhere.elsewhere(access.bring_predictions, state.choose_runs)
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
    show_images(runs, titles_of(runs))


def show_images(runs: Sequence[InspectedRun], titles: dict[str, str]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="inspect-options"):
        split = st.segmented_control(
            "Images of the split",
            SPLITS,
            default="test",
            required=True,
            key="split",
            bind="query-params",
            help="Nothing was chosen by the test images; the best network was chosen by the validation images.",
        )
        which = st.segmented_control(
            "Network of the epoch",
            NETWORKS,
            default="best",
            required=True,
            key="network",
            bind="query-params",
            help="The best epoch is that of the highest validation score; the last is where training ended.",
        )
    table = access.case_table(runs, split)
    if table.empty:
        case_detail.warn(f"No scores of single {split} images yet. Those of test images are kept when a race ends.")
        show_more(runs, titles, [], which)
        return
    case_detail.missing({titles[run.id]: access.missing_probabilities(run, which) for run in runs})
    case = state.chosen_case()
    if case is None or case not in set(table["case"]):
        if case is not None:
            case_detail.warn(f"No {split} image of these runs is called {case}; this is the worst of the first run.")
        case = str(table[table["run"] == table["run"].iloc[0]].sort_values(["dice", "case"])["case"].iloc[0])
    by_id = {run.id: run for run in runs}

    def picture(run: str, case: str) -> str:
        return small_picture(by_id[run], case, which)

    st.markdown("#### All images", help="Click one to see it large.")
    with st.container(key="browse"):
        browsing.browse(table, titles, case, state.choose_case, picture)
    shown_or_told(partial(show_case, runs, titles, case, which))
    show_more(runs, titles, list(dict.fromkeys(table.sort_values(["dice", "case"])["case"])), which)


def small_picture(run: InspectedRun, case: str, which: Which) -> str:
    """A case as a data URL; empty where its image is not here."""
    return access.kept_picture(run, case, which, thumbnail)


def show_case(runs: Sequence[InspectedRun], titles: dict[str, str], case: str, which: Which) -> None:
    view = access.view_case(runs, case, which, compute=True)
    name = plain(case if view.label in case else f"{case} ({view.label})")
    with st.container(key="case-heading"):
        st.markdown(f"#### {name}", help="What each run predicts on this image, drawn and scored by your browser.")
    if view.note:
        case_detail.warn(view.note)
    if view.image is None:
        return
    with st.container(key="one-case"):
        settled = case_detail.look(view, titles)
        rows = access.case_numbers(runs, view, titles, settled.threshold)
        if len(rows):
            case_detail.numbers(rows, settled, view.classes)


def show_more(runs: Sequence[InspectedRun], titles: dict[str, str], cases: list[str], which: Which) -> None:
    """What is beyond a single image, each in a tab that is only worked out while it is open."""
    parts = {
        "Over training": lambda: show_growth(runs, titles),
        "Can probabilities be trusted?": lambda: show_reliability(runs, titles, which),
        "Contact sheet": lambda: sheets.sheets(cases, titles, partial(access.contact_sheet, runs, titles, which)),
        "Try your own picture": lambda: show_own(runs, titles),
        "Storage": lambda: stored.stored(titles, access.stored_megabytes(runs), access.kept_limits(runs)),
    }
    for tab, part in zip(st.tabs(list(parts), key="inspect-tabs", on_change="rerun"), parts.values(), strict=True):
        if tab.open:
            with tab:
                shown_or_told(part)


def show_growth(runs: Sequence[InspectedRun], titles: dict[str, str]) -> None:
    evolution.show(
        access.grown_cases(runs),
        titles,
        grown=partial(access.growth, runs),
        gif=partial(access.growth_gif, runs, titles),
    )


def show_reliability(runs: Sequence[InspectedRun], titles: dict[str, str], which: Which) -> None:
    kept = {run.id: run for run in runs if not access.missing_probabilities(run, which)}
    if not kept:
        case_detail.missing({titles[run.id]: access.missing_probabilities(run, which) for run in runs})
        return
    calibration.show({id: titles[id] for id in kept}, lambda id, margin: access.reliability_of(kept[id], which, margin))


def show_own(runs: Sequence[InspectedRun], titles: dict[str, str]) -> None:
    trained = {run.id: run for run in runs if run.has_network}
    if not trained:
        case_detail.warn("No network of the chosen runs is on this machine. Choose a run that was trained here.")
        return
    classes = {id: run.classes for id, run in trained.items()}
    own = {id: titles[id] for id in trained}
    predict_image.show(own, classes, lambda id, content: access.try_network(trained[id], content))


show()
