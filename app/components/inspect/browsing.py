"""All images of a split, as small pictures to sort, filter and choose from."""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.charts.score_histogram import BRUSH, score_histogram
from app.components.inspect.case_grid import Cell, case_grid
from app.components.inspect.tagging import tag_filter
from app.components.page_style import mode, number, sentence_of
from app.theme import SHADES
from dmf.errors import DMFError

PAGE = 12  # pictures at a time; three by four beside the one that is large
BARS = 20


@dataclass(frozen=True)
class Order:
    """A way to sort.

    Attributes:
        column: By which column of the table.
        ascending: Whether the lowest come first.
        help: What the column says; empty where its name does, or another order of it has said so.
    """

    column: str
    ascending: bool
    help: str = ""


COMMON = {
    "Runs disagree most": Order("disagreement", False),
    "Label": Order("label", True, "What the dataset calls the image, such as benign."),
    "Name": Order("case", True),
}
"""Orders that every task has, where the table says more than one thing there."""


@dataclass(frozen=True)
class Score:
    """A score of single images that they are filtered by.

    Attributes:
        title: What it is called.
        range: Its least and greatest value; None where it has no bound, and then that of the table is taken.
        unit: Of the values, e.g. dB; empty where they have none.
        digits: Behind the point, below a picture.
        lower_is_better: Whether the highest is the worst.
    """

    title: str
    range: tuple[float, float] | None = (0.0, 1.0)
    unit: str = ""
    digits: int = 3
    lower_is_better: bool = False


@dataclass(frozen=True)
class Measured:
    """A score that is measured only once somebody asks for it.

    Attributes:
        values: Case to its value; NaN where there is none.
        unit: Of the values.
    """

    values: Mapping[str, float]
    unit: str


@dataclass(frozen=True)
class Browsed:
    """All cases that are left by the choices, twice.

    Attributes:
        order: In the order of the grid.
        worst_first: By the score that is shown.
    """

    order: tuple[str, ...] = ()
    worst_first: tuple[str, ...] = ()


@dataclass(frozen=True)
class BrowsingLook:
    """What a task says of its table of cases.

    Attributes:
        scores: Columns of the table that are scores; the first is shown where the order is by none of them.
        orders: Name to the order by a column of the task's own; :data:`COMMON` follow.
        words: What is said of a case below its score where the order is by no label, from its row.
        key: What the lines in the small pictures are.
        measured: Those of the scores that are no column of the table: each takes a run and raises DMFError where it
            cannot be measured.
    """

    scores: Mapping[str, Score]
    orders: Mapping[str, Order]
    words: Callable[[Any], str] = lambda row: ""
    key: str = ""
    measured: Mapping[str, Callable[[str], Measured]] = field(default_factory=dict)


def browse(
    table: pd.DataFrame,
    titles: Mapping[str, str],
    chosen: str | None,
    choose: Callable[[str], None],
    *,
    picture: Callable[[str, str], str],
    look: BrowsingLook,
) -> Browsed:
    """The choices, the histogram and the grid.

    Args:
        table: One row per run and case: run, case, label, tags, disagreement, and what ``look`` names; ``attrs`` may
            say what the disagreement is.
        titles: Run to its title.
        chosen: The case that is shown large.
        choose: Takes another one.
        picture: Gives the small picture, a data URL, of a run and a case.
        look: What the task says of the table.

    """
    orders = {**look.orders, **COMMON}
    run, order, table, filters = _choices(table, titles, orders)
    by = orders[order]
    score = by.column if by.column in look.scores else next(iter(look.scores))
    about = look.scores[score]
    if score in look.measured:
        try:
            measured = look.measured[score](run)
        except DMFError as error:
            st.error(sentence_of(error), icon=":material/error:")
            return Browsed()
        table, about = table.assign(**{score: table["case"].map(measured.values)}), replace(about, unit=measured.unit)
    within = _range(table, score, about, filters)
    shown = table if within is None else table[table[score].between(*within)]
    shown = shown.sort_values([by.column, "case"], ascending=[by.ascending, True], na_position="last")
    count, pages = len(shown), max(1, math.ceil(len(shown) / PAGE))
    page = _paging(count, pages, len(table), (run, order, within), look.key)
    rows = shown.iloc[page * PAGE : (page + 1) * PAGE]
    if not count:
        st.caption("No image is left. Widen the range of scores, or choose more labels and tags.")
        return Browsed()
    start = len(_common_start(table["case"]))
    cells = [
        Cell(
            row.case,
            row.case[start:],
            picture(run, row.case),
            _score(getattr(row, score), about),
            _words(row, by.column, look),
            row.tags,
        )
        for row in rows.itertuples(index=False)
    ]
    case_grid(cells, chosen, choose, key="case-grid")
    worst = shown.sort_values([score, "case"], ascending=[not about.lower_is_better, True], na_position="last")
    return Browsed(tuple(shown["case"]), tuple(worst["case"]))


def show_page_of(place: int) -> None:
    """Have the grid show the case that is at a place of its order, from 0."""
    st.session_state["grid-page"] = place // PAGE


def _score(value: float, about: Score) -> str:
    text = number(value, about.digits)
    return f"{text} {about.unit}" if about.unit and not math.isnan(value) else text


def _choices(
    table: pd.DataFrame, titles: Mapping[str, str], orders: Mapping[str, Order]
) -> tuple[str, str, pd.DataFrame, DeltaGenerator]:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="browse-options"):
        runs = [run for run in titles if run in set(table["run"])]
        run = runs[0]
        if len(runs) > 1:
            run = st.selectbox(
                "Prediction shown and scored",
                runs,
                format_func=titles.__getitem__,
                key="grid-run",
                width=215,
                help="Whose prediction the small pictures show, and whose scores sort them.",
            )
        own = table[table["run"] == run]
        offered = [
            name
            for name, order in orders.items()
            if (order.column != "disagreement" or len(runs) > 1) and (order.column != "label" or _labels(own))
        ]
        help = " ".join(f"{name}: {orders[name].help}" for name in offered if orders[name].help)
        if len(runs) > 1:
            help += f" Runs disagree: {table.attrs.get('disagreement', 'how far their scores differ')}."
        order = st.selectbox("Order", offered, key="order", width=215, help=help, bind="query-params")
        filters = st.popover("Filter", key="grid-filter", icon=":material/filter_alt:")
    with filters:
        if len(_labels(own)) > 1:
            picked = st.multiselect(
                "Labels", _labels(own), key="labels", placeholder="all", help="Show only images called so."
            )
            own = own[own["label"].isin(picked)] if picked else own
        own = tag_filter(own)
    return run, order, own, filters


def _labels(table: pd.DataFrame) -> list[str]:
    return sorted({label for label in table["label"].dropna() if label})


def _range(table: pd.DataFrame, score: str, about: Score, filters: DeltaGenerator) -> tuple[float, float] | None:
    """The range of scores to show: dragged in the histogram, and moved among the filters; None for all there are."""
    values = table[score].replace([np.inf, -np.inf], np.nan).dropna()
    least, greatest = about.range or _round_ends(values)
    counts, edges = np.histogram(values, bins=BARS, range=(least, greatest))
    bars = pd.DataFrame({"low": edges[:-1], "high": edges[1:], "images": counts})
    unit = f" ({about.unit})" if about.unit else ""
    title = f"{about.title}{unit} of one image, drag to filter"
    chart = score_histogram(bars, title, SHADES[0].of(mode()))
    selection: Any = st.altair_chart(chart, key=f"histogram-{score}", on_select="rerun", width="stretch")
    low, high = filters.slider(
        f"{about.title} between{unit}",
        *(least, greatest),
        (least, greatest),
        (greatest - least) / 100,
        key=f"range-{score}" if about.range else f"range-{score}-{least:g}-{greatest:g}",
        help="Keeps the images whose score lies in it; dragging across the bars narrows it further.",
    )
    dragged = (selection.selection.get(BRUSH) or {}).get("low") if selection else None
    if dragged:
        low, high = max(low, min(dragged)), min(high, max(dragged))
    return None if low <= least and high >= greatest else (low, high)


def _round_ends(values: "pd.Series[float]") -> tuple[float, float]:
    """Whole numbers around all values."""
    if values.empty:
        return 0.0, 1.0
    least, greatest = math.floor(values.min()), math.ceil(values.max())
    return float(least), float(max(greatest, least + 1))


def _paging(count: int, pages: int, total: int, state: object, key: str) -> int:
    if st.session_state.get("grid-state") != state:
        st.session_state["grid-state"] = state
        st.session_state["grid-page"] = 0
    page: int = min(st.session_state.get("grid-page", 0), pages - 1)

    def turn(by: int) -> None:
        st.session_state["grid-page"] = min(max(page + by, 0), pages - 1)

    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="grid-pages"):
        first = page * PAGE
        caption = f"{first + 1} to {min(first + PAGE, count)} of {count:,} images" if count else "no image"
        if count < total:
            caption += f" in this range, {total:,} in all"
        st.button("Previous", key="grid-back", disabled=page == 0, on_click=turn, args=(-1,))
        st.button("Next", key="grid-next", disabled=page >= pages - 1, on_click=turn, args=(1,))
        st.caption(" · ".join(filter(None, (caption, key))))
    return page


def _common_start(names: Collection[str]) -> str:
    """What all names begin with, up to a sign between words: it tells nothing apart."""
    low, high = min(names), max(names)
    start = low[: next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), 0)]
    return start[: max(start.rfind(sign) for sign in "-_ /.") + 1]


def _words(row: Any, column: str, look: BrowsingLook) -> str:
    """What the order is by, else the label where the name does not say it, else what the task says."""
    if column == "disagreement" and not math.isnan(row.disagreement):
        return f"differ by {row.disagreement:.2f}"
    label = row.label if isinstance(row.label, str) else ""
    is_of_task = column in {order.column for order in look.orders.values()} - look.scores.keys()
    return label if label and label not in row.case and not is_of_task else look.words(row)
