"""What the page Inspect shows of image synthesis: every image of a split, and one of them large."""

import base64
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from app import access, state
from app.charts.overlay import encode
from app.components.inspect import browsing, network, stepping, stored, tagging
from app.components.inspect.choices import chosen_split
from app.components.inspect.sides import side_by_side
from app.components.page_style import plain, shown_or_told, warn
from app.tasks.synthesis import access as synthesis
from app.tasks.synthesis import case_detail
from app.tasks.synthesis.orders import TITLES, look
from app.views import InspectedRun

SIDE = 144  # px, of a small picture


def inspect(runs: Sequence[InspectedRun], titles: Mapping[str, str]) -> None:
    """All images of a split, worst first, one of them large, their network, and the room that runs take.

    Args:
        runs: Runs of image synthesis; one at least.
        titles: Run to its title.

    Raises:
        DMFError: If what is needed cannot be read.
    """
    split = chosen_split()
    table = access.with_tags(synthesis.case_table(runs, split), runs)
    if table.empty:
        warn(f"No scores of single {split} images yet. Those of test images are kept when a race ends.")
        return
    case = state.chosen_case()
    if case is None or case not in set(table["case"]):
        if case is not None:
            warn(f"No {split} image of these runs is called {case}; this is the worst of the first run.")
        case = str(table[table["run"] == table["run"].iloc[0]].sort_values(["psnr", "case"])["case"].iloc[0])
    by_id = {run.id: run for run in runs}
    left, right = side_by_side()
    with left:
        st.markdown("#### All images", help="Click one to see it large.")
        picture = partial(small, by_id)
        browsed = browsing.browse(table, titles, case, state.choose_case, picture=picture, look=look(table))
        tagging.scores_button(table, titles, TITLES)
    with right:
        shown_or_told(partial(show_case, runs, titles, case, table, browsed))
    more = st.expander("Network", key="inspect-network", on_change="rerun")
    if more.open:
        with more:
            shown_or_told(partial(network.network, runs, titles, access.network_of))
    with st.expander("Storage", key="inspect-storage"):
        stored.stored(titles, access.stored_megabytes(runs), access.kept_limits(runs))


def small(runs: Mapping[str, InspectedRun], run: str, case: str) -> str:
    """A small picture of what a run makes of a case, as a data URL; empty where it is not known."""
    output = synthesis.small_output(runs[run], case, SIDE)
    if output is None:
        return ""
    png = encode(np.asarray((output.clip(0, 1) * 255).round(), np.uint8))
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def show_case(
    runs: Sequence[InspectedRun], titles: Mapping[str, str], case: str, table: pd.DataFrame, browsed: browsing.Browsed
) -> None:
    view = synthesis.view_case(runs, case)
    name = plain(case if not view.label or view.label in case else f"{case} ({view.label})")
    about = "As the networks see it, and as the best network of each run makes it."
    stepping.heading(name, about, browsed, case, state.choose_case)
    tagging.tagging(access.tags_of_case(runs, table, case))
    if view.note:
        warn(view.note)
    case_detail.notes(view, titles)
    case_detail.numbers(table[table["case"] == case], titles)
    if view.source is not None and view.target is not None:
        with st.container(key="one-case"):
            case_detail.detail(view, titles)
