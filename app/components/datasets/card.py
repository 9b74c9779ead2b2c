"""What a dataset is: whose, how to get it, what it looks like, what it holds."""

import html
from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from app.charts.overlay import encode
from app.components.datasets.pictures import class_key, figure, marked, row
from app.components.page_style import plain
from app.views import Facts, Picture, Problem, Report


def about(facts: Facts) -> None:
    """Licence, citation, and where it lies or how to get it."""
    if facts.is_here:
        where = f"in {facts.root}" if facts.root else "made by this program, nothing to download"
        st.html(f'<p class="outcome"><b>Found</b>, {html.escape(where)}.</p>')
    else:
        st.html(f'<p class="outcome"><b>Not found</b> in {html.escape(facts.root)}.</p>')
        st.info(plain(facts.how_to_get), icon=":material/download:")
    classes = ", ".join(facts.class_names) or "none: of each image another one is to be made"
    rows = {"Licence": facts.licence, "Citation": facts.citation, "Classes": classes}
    if facts.is_here and facts.root:
        rows["How to get it"] = facts.how_to_get
    rows_html = "".join(f"<dt>{name}</dt><dd>{html.escape(text)}</dd>" for name, text in rows.items())
    st.html(f'<dl class="race facts-of-data">{rows_html}</dl>')


def examples(pictures: Sequence[Picture], class_names: tuple[str, ...]) -> None:
    """Some cases with what is marked in them, or what is to be made of them.

    Args:
        pictures: Cases with image and mask, or image and target.
        class_names: The first is the background; empty where there are no classes.
    """
    if not pictures:
        return
    if not class_names:
        st.markdown("##### Some of its images", help="On the left the image, on the right what is to be made of it.")
        st.html(
            row(
                [
                    figure(png, f"{each.case}, {side}", f"{each.case} · {side}")
                    for each in pictures
                    for side, png in _sides(each)
                ]
            )
        )
        return
    st.markdown("##### Some of its images", help="The outline shows what an expert, or the program, marked in each.")
    figures = [
        figure(
            marked(each.image, each.mask, len(class_names)),
            f"{each.case}, {each.label}, with what is marked in it",
            f"{each.case} · {each.label}",
        )
        for each in pictures
    ]
    st.html(class_key(class_names) + row(figures))


def _sides(picture: Picture) -> list[tuple[str, bytes]]:
    return [
        ("source", encode(picture.image)),
        *([("target", encode(picture.target))] if picture.target is not None else []),
    ]


def holds(report: Report, counts: Mapping[str, Mapping[str, int]]) -> None:
    """Counts, sizes, shares of classes.

    Args:
        report: What was found in the files.
        counts: Cases per label in each split; empty where it cannot be split.
    """
    labels = list(report.labels)
    with st.container(horizontal=True, gap="large"):
        kind = "mask" if report.class_shares else "target"
        masks = f"{report.masks:,} {kind} files" if report.masks else None
        st.metric("Images", f"{report.cases:,}", help=masks)
        for name, values in (("Width", report.widths), ("Height", report.heights)):
            if values:
                low, median, high = values
                text = f"{low} px" if low == high else f"{low}–{high} px"
                st.metric(name, text, help=f"Smallest to largest; the median is {median} pixels.")
        if report.depths:
            most = next(iter(report.depths))
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in report.depths.items())
            st.metric("Stored as", most, help=f"{kinds}; read as {report.channels} channel(s).")
        if report.groups is not None:
            st.metric("Groups", f"{report.groups:,}", help="Such as patients; no split parts one.")
    st.caption(plain(split_words(report)))
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("##### Images per split and label", help="Training learns, validation chooses, test judges.")
        rows = {**counts, "all": report.labels}
        frame = pd.DataFrame(
            {
                "split": list(rows),
                **{label: [each.get(label, 0) for each in rows.values()] for label in labels},
                "images": [sum(each.values()) for each in rows.values()],
            }
        )
        st.dataframe(frame, hide_index=True, key="counts", alt="Images per split and label")
    if not report.class_shares:
        return
    with right:
        st.markdown("##### Share of the pixels", help="A class with few pixels is easily missed by a plain loss.")
        shares = pd.DataFrame(
            {
                "class": list(report.class_shares),
                "share": [100 * share for share in report.class_shares.values()],
                "images": [100 * report.class_images.get(name, 0) for name in report.class_shares],
            }
        )
        st.dataframe(
            shares,
            hide_index=True,
            key="shares",
            column_config={
                "share": st.column_config.ProgressColumn("share (%)", min_value=0, max_value=100, format="%.2f %%"),
                "images": st.column_config.NumberColumn("in images (%)", format="%.1f %%"),
            },
            alt="Share of the pixels per class, and of the images that show it",
        )


def split_words(report: Report) -> str:
    """How images are split, and what stays together."""
    split = f"Split {report.split}." if report.split else "Split by shares and seed."
    groups = "Each image is split on its own." if report.groups is None else f"{report.groups:,} groups stay together."
    return f"{split} {groups}"


def problems(problems: Sequence[Problem], notes: Sequence[str] = ()) -> None:
    """What is wrong, file by file, and what is unusual."""
    if problems:
        one = len(problems) == 1
        st.error(f"{len(problems):,} problem{'' if one else 's'} found.", icon=":material/error:")
        frame = pd.DataFrame([{"where": each.where, "what": each.what, "way out": each.remedy} for each in problems])
        st.dataframe(frame, hide_index=True, alt="What is wrong, file by file")
    if notes:
        with st.expander(f"{len(notes):,} remark{'' if len(notes) == 1 else 's'}: unusual, but nothing is wrong"):
            st.dataframe(pd.DataFrame({"remark": notes}), hide_index=True, alt="What is unusual")
