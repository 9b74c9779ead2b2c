"""What the page Inspect shows of segmentation: every image of a split, one of them large, and the whole."""

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st

from app import access, state
from app.components.inspect import browsing, network, stepping, stored, tagging
from app.components.inspect.choices import split_and_network
from app.components.inspect.sides import side_by_side
from app.components.page_style import plain, shown_or_told, warn
from app.tasks.segmentation import access as segmentation
from app.tasks.segmentation import attention, calibration, case_detail, evolution, predict_image, sheets
from app.tasks.segmentation.case_viewer import case_viewer_engine
from app.tasks.segmentation.orders import SCORES, look
from app.tasks.segmentation.thumbnails import thumbnail
from app.tasks.segmentation.views import SegmentedRun
from app.theme import Rgb, line_colors
from app.views import CaseTags, InspectedRun, Which


def inspect(chosen: Sequence[InspectedRun], titles: Mapping[str, str]) -> None:
    """All images of a split, one of them large, and the whole.

    Args:
        chosen: Runs of segmentation; one at least.
        titles: Run to its title.

    Raises:
        DMFError: If what is needed cannot be read.
    """
    case_viewer_engine()
    runs = segmentation.segmented(chosen)
    split, which = split_and_network()
    table = access.with_tags(segmentation.case_table(runs, split), runs)
    if table.empty:
        warn(f"No scores of single {split} images yet. Those of test images are kept when a race ends.")
        show_more(runs, titles, [], which)
        return
    case_detail.missing({titles[run.id]: segmentation.missing_probabilities(run, which) for run in runs})
    case = state.chosen_case()
    if case is None or case not in set(table["case"]):
        if case is not None:
            warn(f"No {split} image of these runs is called {case}; this is the worst of the first run.")
        case = str(table[table["run"] == table["run"].iloc[0]].sort_values(["dice", "case"])["case"].iloc[0])
    by_id = {run.id: run for run in runs}

    def picture(run: str, case: str) -> str:
        return segmentation.kept_picture(by_id[run], case, which, thumbnail)

    def distances(run: str) -> browsing.Measured:
        measured = segmentation.distances_of(by_id[run], which, split)
        return browsing.Measured(measured.values, measured.unit)

    left, right = side_by_side()
    with left:
        st.markdown("#### All images", help="Click one to see it large.")
        browsed = browsing.browse(table, titles, case, state.choose_case, picture=picture, look=look(distances))
        columns = {name: score.title for name, score in SCORES.items() if name in table}
        tagging.scores_button(table, titles, {**columns, "lesion_share": "Lesion share"})
    with right:
        tags = access.tags_of_case(runs, table, case)
        shown_or_told(partial(show_case, runs, titles, case, which, browsed=browsed, tags=tags))
    others = table.sort_values(["dice", "case"])["case"]
    show_more(runs, titles, list(dict.fromkeys([*browsed.order, *others])), which)


def show_case(
    runs: Sequence[SegmentedRun],
    titles: Mapping[str, str],
    case: str,
    which: Which,
    *,
    browsed: browsing.Browsed,
    tags: CaseTags,
) -> None:
    view = segmentation.view_case(runs, case, which, compute=True)
    name = plain(case if view.label in case else f"{case} ({view.label})")
    about = "What each run predicts on this image, drawn and scored by your browser."
    stepping.heading(name, about, browsed, case, state.choose_case)
    tagging.tagging(tags)
    if view.note:
        warn(view.note)
    if view.image is None:
        return
    with st.container(key="one-case"):
        settled = case_detail.look(view, titles, lambda step: stepping.step_to(browsed, case, step, state.choose_case))
        rows = segmentation.case_numbers(runs, view, titles, settled.threshold)
        if len(rows):
            case_detail.numbers(rows, settled, view.classes)


def show_more(runs: Sequence[SegmentedRun], titles: Mapping[str, str], cases: list[str], which: Which) -> None:
    """What is beyond a single image, each in a tab that is only worked out while it is open; attention where it is."""
    attended = segmentation.attended_epochs(runs)
    sheet = partial(segmentation.contact_sheet, runs, titles, which, colors=colors_of(runs))
    parts = {
        "Over training": lambda: show_growth(runs, titles),
        **({"Attention": lambda: show_attention(runs, titles, attended)} if attended else {}),
        "Calibration": lambda: show_reliability(runs, titles, which),
        "Contact sheet": lambda: sheets.sheets(cases, titles, sheet),
        **({"Try your own picture": lambda: show_own(runs, titles)} if state.may_change() else {}),
        "Network": lambda: network.network(runs, titles, access.network_of),
        "Storage": lambda: stored.stored(titles, access.stored_megabytes(runs), access.kept_limits(runs)),
    }
    for tab, part in zip(st.tabs(list(parts), key="inspect-tabs", on_change="rerun"), parts.values(), strict=True):
        if tab.open:
            with tab:
                shown_or_told(part)


def colors_of(runs: Sequence[SegmentedRun]) -> tuple[tuple[Rgb, ...], tuple[Rgb, ...]]:
    return line_colors(1 + max(len(run.classes) for run in runs))


def show_growth(runs: Sequence[SegmentedRun], titles: Mapping[str, str]) -> None:
    evolution.show(
        access.sampled_cases(runs),
        titles,
        grown=partial(segmentation.growth, runs),
        gif=partial(segmentation.growth_gif, runs, titles, colors=colors_of(runs)),
    )


def show_attention(
    runs: Sequence[SegmentedRun], titles: Mapping[str, str], attended: Mapping[str, Sequence[int]]
) -> None:
    attention.show(
        attended,
        titles,
        looked=partial(segmentation.attention_at, runs),
        shares=segmentation.shares_over_training(runs),
        even=segmentation.lesion_shares(runs),
    )


def show_reliability(runs: Sequence[SegmentedRun], titles: Mapping[str, str], which: Which) -> None:
    kept = {run.id: run for run in runs if not segmentation.missing_probabilities(run, which)}
    if not kept:
        case_detail.missing({titles[run.id]: segmentation.missing_probabilities(run, which) for run in runs})
        return
    calibration.show(
        {id: titles[id] for id in kept}, lambda id, margin: segmentation.reliability_of(kept[id], which, margin)
    )


def show_own(runs: Sequence[SegmentedRun], titles: Mapping[str, str]) -> None:
    trained = {run.id: run for run in runs if run.has_network}
    if not trained:
        warn("No network of the chosen runs is on this machine. Choose a run that was trained here.")
        return
    classes = {id: run.classes for id, run in trained.items()}
    own = {id: titles[id] for id in trained}
    predict_image.show(own, classes, lambda id, content: access.try_network(trained[id], content))
