"""All images of a split, as small pictures to sort, filter and choose from."""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app.charts.case_charts import BRUSH, score_histogram
from app.components.inspect.case_grid import Cell, case_grid
from app.components.page_style import mode, number
from app.theme import TERM_COLORS

PAGE = 20  # pictures at a time
BARS = 20


@dataclass(frozen=True)
class Order:
    """A way to sort: by which column, and whether the lowest come first."""

    column: str
    ascending: bool
    help: str


ORDERS = {
    "Dice, worst first": Order("dice", True, "Overlap of found and true lesion: 0 none, 1 perfect."),
    "Dice, best first": Order("dice", False, ""),
    "IoU, worst first": Order("iou", True, "Overlap as a share of the union; stricter than Dice."),
    "IoU, best first": Order("iou", False, ""),
    "Lesion, smallest first": Order("lesion_share", True, "Share of the image that is lesion in truth."),
    "Lesion, largest first": Order("lesion_share", False, ""),
    "Runs disagree most": Order("disagreement", False, ""),
    "Label": Order("label", True, "What the dataset calls the image, such as benign."),
    "Name": Order("case", True, ""),
}


def browse(
    table: pd.DataFrame,
    titles: Mapping[str, str],
    chosen: str | None,
    choose: Callable[[str], None],
    picture: Callable[[str, str], str],
) -> None:
    """The choices, the histogram and the grid.

    Args:
        table: One row per run and case, with the columns of ``dmf.analysis.inspection.cases_table``.
        titles: Run to its title.
        chosen: The case that is shown large.
        choose: Takes another one.
        picture: Gives the small picture, a data URL, of a run and a case.
    """
    run, order, table = _choices(table, titles)
    score = "iou" if ORDERS[order].column == "iou" else "dice"
    low, high = _range(table, score)
    shown = table[table[score].between(low, high) | (table[score].isna() & (low <= 0) & (high >= 1))]
    by = ORDERS[order]
    shown = shown.sort_values([by.column, "case"], ascending=[by.ascending, True], na_position="last")
    count, pages = len(shown), max(1, math.ceil(len(shown) / PAGE))
    page = _paging(count, pages, len(table), state=(run, order, low, high))
    rows = shown.iloc[page * PAGE : (page + 1) * PAGE]
    if not count:
        st.caption("No image is left. Widen the range of scores, or choose more labels.")
        return
    start = len(_common_start(table["case"]))
    cells = [
        Cell(row.case, row.case[start:], picture(run, row.case), number(getattr(row, score), 3), _words(row, by.column))
        for row in rows.itertuples(index=False)
    ]
    case_grid(cells, chosen, choose, key="case-grid")


def _choices(table: pd.DataFrame, titles: Mapping[str, str]) -> tuple[str, str, pd.DataFrame]:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="browse-options"):
        runs = [run for run in titles if run in set(table["run"])]
        run = runs[0]
        if len(runs) > 1:
            run = st.selectbox(
                "Prediction shown and scored",
                runs,
                format_func=titles.__getitem__,
                key="grid-run",
                width=300,
                help="Whose outlines the small pictures show in yellow, and whose scores sort them.",
            )
        own = table[table["run"] == run]
        offered = [
            name
            for name, order in ORDERS.items()
            if (order.column != "disagreement" or len(runs) > 1) and (order.column != "label" or _labels(own))
        ]
        said = " ".join(f"{name}: {ORDERS[name].help}" for name in offered if ORDERS[name].help)
        if len(runs) > 1:
            said += f" Runs disagree: {table.attrs.get('disagreement', 'how far their scores differ')}."
        order = st.selectbox("Order", offered, key="order", width=230, help=said, bind="query-params")
        if len(_labels(own)) > 1:
            picked = st.multiselect(
                "Labels", _labels(own), key="labels", width=300, placeholder="all", help="Show only images called so."
            )
            own = own[own["label"].isin(picked)] if picked else own
    return run, order, own


def _labels(table: pd.DataFrame) -> list[str]:
    return sorted({label for label in table["label"].dropna() if label})


def _range(table: pd.DataFrame, score: str) -> tuple[float, float]:
    """The range of scores to show: dragged in the histogram, and typed or moved beside it."""
    name = {"dice": "Dice", "iou": "IoU"}[score]
    values = table[score].dropna()
    counts, edges = np.histogram(values, bins=BARS, range=(0, 1))
    bars = pd.DataFrame({"low": edges[:-1], "high": edges[1:], "images": counts})
    left, right = st.columns([3, 1], gap="medium", vertical_alignment="center")
    with left:
        chart = score_histogram(bars, f"{name} of one image, drag to filter", TERM_COLORS["ce"].of(mode()))
        found: Any = st.altair_chart(chart, key=f"histogram-{score}", on_select="rerun", width="stretch")
    with right:
        low, high = st.slider(
            f"{name} between",
            *(0.0, 1.0),
            (0.0, 1.0),
            0.01,
            key=f"range-{score}",
            help="Keeps the images whose score lies in it; dragging across the bars narrows it further.",
        )
    dragged = (found.selection.get(BRUSH) or {}).get("low") if found else None
    if dragged:
        low, high = max(low, min(dragged)), min(high, max(dragged))
    return low, high


def _paging(count: int, pages: int, total: int, state: object) -> int:
    if st.session_state.get("grid-state") != state:
        st.session_state["grid-state"] = state
        st.session_state["grid-page"] = 0
    page: int = min(st.session_state.get("grid-page", 0), pages - 1)

    def turn(by: int) -> None:
        st.session_state["grid-page"] = min(max(page + by, 0), pages - 1)

    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="grid-pages"):
        first = page * PAGE
        said = f"{first + 1} to {min(first + PAGE, count)} of {count:,} images" if count else "no image"
        if count < total:
            said += f" in this range, {total:,} in all"
        st.button("Previous", key="grid-back", disabled=page == 0, on_click=turn, args=(-1,))
        st.button("Next", key="grid-next", disabled=page >= pages - 1, on_click=turn, args=(1,))
        st.caption(f"{said} · white line: truth, yellow line: prediction")
    return page


def _common_start(names: Collection[str]) -> str:
    """What all names begin with, up to a sign between words: it tells nothing apart."""
    low, high = min(names), max(names)
    start = low[: next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), 0)]
    return start[: max(start.rfind(sign) for sign in "-_ /.") + 1]


def _words(row: Any, column: str) -> str:
    """What the order is by, else the label where the name does not say it, else how much is lesion."""
    if column == "disagreement" and not math.isnan(row.disagreement):
        return f"differ by {row.disagreement:.2f}"
    label = row.label if isinstance(row.label, str) else ""
    if column != "lesion_share" and label and label not in row.case:
        return label
    return f"lesion {100 * row.lesion_share:.1f} %" if row.lesion_share > 0 else "no lesion"
