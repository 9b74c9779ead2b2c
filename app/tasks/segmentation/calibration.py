"""Whether the probabilities of runs mean what they say."""

from collections.abc import Callable, Mapping

import pandas as pd
import streamlit as st

from app.components.page_style import mode, number, plain
from app.tasks.segmentation.reliability_chart import reliability_chart
from app.theme import SHADES
from dmf.errors import DMFError
from dmf.tasks.segmentation.metrics.calibration import Reliability

MARGIN = 10  # px


def show(titles: Mapping[str, str], reliability: Callable[[str, int | None], Reliability]) -> None:
    """The reliability curves with their errors.

    Args:
        titles: Run to its title, of those with probabilities.
        reliability: Gives the curve of a run, over all pixels (None) or the lesion's box with a margin in pixels.
    """
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        where = st.segmented_control(
            "Pixels",
            ["all", "around the lesion"],
            default="around the lesion",
            required=True,
            key="reliability-where",
            help="Most pixels of an image are easy background, which makes the error of all pixels small.",
        )
        margin = None
        if where != "all":
            margin = st.number_input(
                "Margin (px)",
                *(0, 200, MARGIN),
                key="reliability-margin",
                width=140,
                help="The lesion's box is made wider by so many pixels on each side.",
            )
    rows, captions = [], []
    for run, title in titles.items():
        try:
            curve = reliability(run, margin)
        except DMFError as error:
            st.caption(f"{plain(title)}: {plain(str(error))}")
            continue
        captions.append(f"**{plain(title)}**: {number(curve.error, 4)}")
        bins = {"confidence": curve.confidence, "frequency": curve.frequency, "pixels": curve.count}
        rows.append(pd.DataFrame({"run": title, **bins}))
    if not captions:
        return
    shades = [color.of(mode()) for color in SHADES]
    colors = {title: shades[place % len(shades)] for place, title in enumerate(titles.values())}
    left, right = st.columns([3, 2], gap="large", vertical_alignment="center")
    with left:
        st.altair_chart(reliability_chart(pd.concat(rows), colors), key="reliability", width="stretch")
    with right:
        st.markdown(
            "##### Expected calibration error",
            help="Mean distance of the curve from the dashed line, each point counted by its pixels; 0 is perfect.",
        )
        st.markdown("\n".join(f"- {line}" for line in captions))
        st.markdown(
            "**How to read it.** Of all pixels that a network gives 0.8, 8 in 10 should be lesion: then the point lies "
            "on the dashed line. Below it the network says lesion too readily, above it too hesitantly."
        )
        st.caption("Each point stands for about equally many pixels of all test images, at their original size.")
