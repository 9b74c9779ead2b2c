"""What a reader says of an image: tags that stay with it, filter the grid and leave with the scores."""

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from app import state
from app.components.exporting import csv
from app.components.page_style import plain
from app.views import CaseTags

USUAL = ("motion", "unsure")
"""Offered before anyone has tagged an image."""
UNTAGGED = "no tag"


def tagging(about: CaseTags) -> None:
    """The tags of an image, to choose or to type; each change is kept at once."""
    key, refused = f"tags-{about.images}-{about.case}", "tags-refused"
    if st.session_state.get(key) != list(about.tags):  # also where somebody else has changed them meanwhile
        st.session_state[key] = list(about.tags)

    def changed() -> None:
        st.session_state[refused] = about.keep(st.session_state[key])

    with st.container(key="case-tags"):
        st.multiselect(
            "Tags of this image",
            list(dict.fromkeys([*about.tags, *about.in_use, *USUAL])),
            key=key,
            on_change=changed,
            accept_new_options=True,
            placeholder="Tags of this image: motion, unsure, or words of your own",
            label_visibility="collapsed",
            disabled=not state.may_change(),
        )
        if problem := st.session_state.pop(refused, ""):
            st.error(plain(problem), icon=":material/error:")


def tag_filter(table: pd.DataFrame) -> pd.DataFrame:
    """The field that keeps only images with one of some tags; without any tag there is none.

    Args:
        table: With a column ``tags``.

    Returns:
        The rows that are left.
    """
    tags = sorted({tag for tags in table["tags"] for tag in tags}, key=str.casefold)
    if not tags:
        return table
    chosen = st.multiselect(
        "Tags",
        [*tags, UNTAGGED],
        key="tag-filter",
        placeholder="any",
        help="Show only images that have one of these.",
    )
    wanted = set(chosen)
    is_kept = [bool(wanted.intersection(own or (UNTAGGED,))) for own in table["tags"]]
    return table[is_kept] if chosen else table


def scores_button(table: pd.DataFrame, titles: Mapping[str, str], columns: Mapping[str, str]) -> None:
    """A table of cases with scores and tags, to be taken away as CSV.

    Args:
        table: One row per run and case: run, case, label, tags and the scores.
        titles: Run to its title.
        columns: Score to its title.
    """
    st.download_button(
        "Scores and tags as CSV",
        lambda: csv(scores_and_tags(table, titles, columns)),
        "images.csv",
        "text/csv",
        key="images-csv",
        icon=":material/table:",
        help="One row per run and image, of all images of this split.",
        on_click="ignore",
    )


def scores_and_tags(table: pd.DataFrame, titles: Mapping[str, str], columns: Mapping[str, str]) -> pd.DataFrame:
    """Rows as they are taken away; the arguments are those of :func:`scores_button`."""
    rows = table.assign(run=table["run"].map(titles), tags=table["tags"].map(", ".join))
    names = {"run": "Run", "case": "Image", "label": "Label", "epoch": "Epoch", "tags": "Tags"}
    wanted = {name: title for name, title in {**names, **columns}.items() if name in rows}
    return rows[list(wanted)].rename(columns=wanted)
