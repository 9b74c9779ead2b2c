"""Every recorded run in one table to search, sort and choose from; it does so in the browser, without a round trip."""

import json
import math
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pandas as pd
import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

from app.components.browser_script import joined_script
from app.components.fields import named, run_title
from app.views import MetricInfo

BEFORE = (
    ("name", "Run", "The run, and the experiment that it belongs to."),
    ("dataset", "Dataset", "The images it learns from."),
    ("method", "Method", "The rule that sets the weights of its losses."),
    ("auxiliary", "Auxiliary", "A loss that is added outside the weights that sum to one."),
    ("seed", "Seed", "The number that decides split, first weights and order of images."),
    ("state", "State", "What it does now, or how it ended."),
)
AFTER = (
    ("steps", "Steps", "How often its network was changed."),
    ("seconds", "Duration", "How long it has trained; no pause counts."),
    ("tags", "Tags", "Words people have given it."),
    ("created", "Created", "When it was started, by this browser's clock."),
    ("run", "Id", "What the run is called in addresses, files and commands."),
)
"""Columns before and after those of scores: of the table, the heading, and what it means in a sentence."""
ON_DEMAND = frozenset({"run"})
"""Columns that are there and not shown at first."""
SPLITS = {"validation": ("Val.", "on the validation images, at the best epoch"), "test": ("Test", "on the test images")}
_HERE = Path(__file__).parent
_CHOSEN = "chosen"


def run_picker(
    table: pd.DataFrame,
    chosen: Sequence[str],
    choose: Callable[[list[str]], None],
    most: int,
    *,
    info: Callable[[str], MetricInfo],
) -> None:
    """The table; ticking a run calls ``choose`` with the ids of all that are ticked, in the order of ticking.

    Args:
        table: One row per run, as ``dmf.analysis.listing.run_table`` gives it.
        chosen: Ids that are ticked.
        choose: Takes the new choice.
        most: So many can be ticked.
        info: How a metric is to be read.
    """
    key = "run-picker"

    def changed() -> None:
        ids = (st.session_state.get(key) or {}).get(_CHOSEN)
        if ids is not None:
            choose([str(id) for id in ids])

    shown = columns_of(table, info)
    message = {
        "columns": [
            {"name": name, "title": title, "about": about, "on_demand": name in ON_DEMAND}
            for name, title, about in shown
        ],
        "rows": rows_text(table, [name for name, _, _ in shown]),
        "chosen": list(chosen),
        "most": most,
    }
    _component()(key=key, data=message, height="content", on_chosen_change=changed)


def columns_of(table: pd.DataFrame, info: Callable[[str], MetricInfo]) -> list[tuple[str, str, str]]:
    """Columns with heading and meaning: those of every run, among them a metric's for each that some run has."""
    scores = []
    for split, (word, where) in SPLITS.items():
        for column in table.columns:
            if column.startswith(f"{split}_") and table[column].notna().any():
                about = info(column.removeprefix(f"{split}_"))
                scores.append((column, f"{word} {about.title}", f"{about.sentence} Measured {where}."))
    return [*BEFORE, *scores, *AFTER]


def rows_text(table: pd.DataFrame, names: Sequence[str]) -> str:
    """Rows as JSON: the id, the experiment's id and name, then a value per column in ``names``; null without one."""
    columns = [table["run"], table["experiment"], table["name"]]
    for name in names:
        match name:
            case "name":
                columns.append(table["label"].map(run_title))
            case "method" | "auxiliary":
                columns.append(table[name].map(lambda value: named(value) if isinstance(value, str) else None))
            case "tags":
                columns.append(table["tags"].map(", ".join))
            case _:
                columns.append(table[name])
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return json.dumps([[_plain(value) for value in row] for row in rows], separators=(",", ":"))


def _plain(value: object) -> object:
    if isinstance(value, float):
        return round(value, 5) if math.isfinite(value) else None
    return value


@cache
def _component() -> ComponentRenderer:
    return st.components.v2.component(
        "dmf_run_picker",
        html='<div class="picker"></div>',
        css=(_HERE / "run_picker.css").read_text("utf-8"),
        js=joined_script(_HERE / "run_picker.js"),
    )
