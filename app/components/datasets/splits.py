"""Which case trains, validates and tests, and pictures that look the same."""

from collections.abc import Callable, Sequence

import pandas as pd
import streamlit as st

from app.components.datasets.pictures import figure, marked, row
from app.views import Finding, Picture

PAIRS = 6  # to a page
BITS = 255  # of a perceptual hash


def case_table(frame: pd.DataFrame) -> None:
    """Every case with its label, split and size.

    Args:
        frame: Columns case, label, split, width, height.
    """
    st.markdown("##### Case by case", help="Click a column to sort; the magnifier above the table searches.")
    splits = st.pills(
        "Splits",
        ("train", "validation", "test"),
        selection_mode="multi",
        key="splits-shown",
        help="None chosen shows all.",
    )
    wanted = st.text_input("Search", key="case-search", placeholder="part of a name or label", icon=":material/search:")
    shown = frame[frame["split"].isin(splits)] if splits else frame
    for word in wanted.lower().split():
        text = (shown["case"] + " " + shown["label"]).str.lower()
        shown = shown[text.str.contains(word, regex=False)]
    st.dataframe(
        shown,
        hide_index=True,
        key="case-table",
        height=320,
        column_config={
            "width": st.column_config.NumberColumn("width (px)"),
            "height": st.column_config.NumberColumn("height (px)"),
        },
        alt="Every case with its label, split and size",
    )
    st.caption(f"{len(shown):,} of {len(frame):,} cases")


def look_alikes(
    duplicates: Sequence[Finding],
    picture: Callable[[str], Picture],
    classes: int,
    *,
    kept_together: bool,
    given: bool = False,
) -> None:
    """Pairs that look the same, side by side.

    Args:
        duplicates: Those in different splits first.
        picture: Gives image and mask of a case.
        classes: How many there are, the background included.
        kept_together: Whether the split keeps them in one part.
        given: Whether the split comes with the files, so that nothing is moved.
    """
    st.markdown(
        "##### Pictures that look the same",
        help=f"By a fingerprint of {BITS} bits that survives resizing and small marks; at most 76 bits differ.",
    )
    apart = [pair for pair in duplicates if pair.across_splits]
    if not duplicates:
        st.caption("None: no two pictures look the same.")
        return
    labels = sum(pair.across_labels for pair in duplicates)
    two = f" {labels:,} of the pairs carry two labels." if labels else ""
    if apart:
        way = (
            "The split comes with the files and is used as it stands; split=ignore deals anew."
            if given
            else "Keep look-alikes together to prevent it."
        )
        st.warning(
            f"{len(apart):,} of {len(duplicates):,} pairs fall into different splits, so a network is judged by scans "
            f"it learned from.{two} {way}",
            icon=":material/content_copy:",
        )
    else:
        kept = "they are kept together" if kept_together else "by chance"
        st.success(f"{len(duplicates):,} pairs, none across splits: {kept}.{two}", icon=":material/check:")
    across = st.toggle("Only those in different splits", value=True, key="only-apart") if apart else False
    shown = apart if across else list(duplicates)
    pages = -(-len(shown) // PAIRS)
    at = 1
    if pages > 1:
        at = int(st.number_input(f"Page, of {pages}", 1, pages, 1, key=f"pairs-page-{pages}", width=140))
    with st.container(key="look-alikes"):
        st.html(
            '<div class="race pairs">' + "".join(_pair(pair, picture, classes) for pair in _page(shown, at)) + "</div>"
        )


def _page(pairs: Sequence[Finding], at: int) -> Sequence[Finding]:
    return pairs[(at - 1) * PAIRS : at * PAIRS]


def _pair(pair: Finding, picture: Callable[[str], Picture], classes: int) -> str:
    figures = []
    for case, split in zip((pair.first, pair.second), pair.splits, strict=True):
        drawn = picture(case.id)
        words = f"{case.id} · {case.label} · {split}"
        figures.append(figure(marked(drawn.image, drawn.mask, classes), words, words))
    if pair.distance == 0:
        same = "the same fingerprint"
    else:
        same = f"{pair.distance} of {BITS} bits differ"
    what = [same]
    if pair.across_splits:
        what.append("<b>different splits</b>")
    if pair.across_labels:
        what.append("<b>different labels</b>")
    return f'<div class="pair">{row(figures)}<div class="muted">{" · ".join(what)}</div></div>'
