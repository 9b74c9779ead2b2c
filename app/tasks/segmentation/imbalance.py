"""How rare a class is, and what runs find of it: shares of pixels, recall by size and over training, thresholds."""

import html
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from app.components.comparison_tables import table_html
from app.components.page_style import mode, plain
from app.tasks.segmentation.imbalance_charts import found_chart, precision_recall_chart
from app.tasks.segmentation.views import Balance
from app.theme import SHADES
from dmf.errors import DMFError
from dmf.tasks.segmentation.metrics.imbalance import SIZES, PrecisionRecall

DECIDED = 0.5  # the threshold that a class is predicted at, where there are two


def show(
    titles: Mapping[str, str],
    balances: Mapping[str, Balance],
    classes: Sequence[str],
    *,
    split: str,
    over_training: Callable[[str], pd.DataFrame],
    curve: Callable[[str, int], PrecisionRecall],
) -> None:
    """Draw it, for a class to choose.

    Args:
        titles: Run to its title.
        balances: Run to what was counted of it, of those of which anything was; one at least.
        classes: Names of the classes but the background.
        split: Whose images were counted.
        over_training: Recall and precision of a class by epoch, by its name.
        curve: Precision against recall of a run and a class number.
    """
    first = next(iter(balances.values()))
    shown = [share if share > 0 else math.inf for share in first.shares[1:]]  # of those that there are
    rarest = shown.index(min(shown))
    name = str(
        st.segmented_control(
            "Class",
            list(classes),
            default=classes[rarest],
            required=True,
            key="imbalance-class",
            help="At first the rarest of them.",
        )
    )
    number = list(classes).index(name) + 1
    st.markdown(_shares_in_words(first, classes, split))
    st.html(_recall_table(balances, titles, number))
    shades = [color.of(mode()) for color in SHADES]
    colors = {title: shades[place % len(shades)] for place, title in enumerate(titles.values())}
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("##### Over the training", help="Of the validation images, after every epoch.")
        rows = over_training(name)
        rows = rows.assign(run=rows["run"].map(titles))
        if rows.empty:
            st.caption("No epoch was scored yet.")
        else:
            st.altair_chart(found_chart(rows, colors), key="imbalance-found", width="stretch")
    with right:
        st.markdown(
            "##### Precision against recall",
            help="Over all pixels of the test images at their original size; the dot is where half of the probability "
            "is enough, which decides where there are two classes.",
        )
        _curves(titles, number, curve, colors)


def _curves(
    titles: Mapping[str, str], number: int, curve: Callable[[str, int], PrecisionRecall], colors: dict[str, str]
) -> None:
    rows, dots, averages, base = [], [], [], math.nan
    for run, title in titles.items():
        try:
            points = curve(run, number)
        except DMFError as error:
            st.caption(f"{plain(title)}: {plain(str(error))}")
            continue
        if math.isnan(points.average):
            st.caption(f"{plain(title)}: no pixel of its test images is of this class, so there is nothing to find.")
            continue
        values = {"threshold": points.threshold, "recall": points.recall, "precision": points.precision}
        rows.append(pd.DataFrame({"run": title, **values}))
        recall, precision = points.at(DECIDED)
        dots.append({"run": title, "threshold": DECIDED, "recall": recall, "precision": precision})
        averages.append(f"**{plain(title)}** {points.average:.3f}")
        base = points.base
    if averages:
        chart = precision_recall_chart(pd.concat(rows), pd.DataFrame(dots), base, colors)
        st.altair_chart(chart, key="imbalance-curve", width="stretch")
        st.caption(
            f"Average precision: {', '.join(averages)}. Calling every pixel found has the precision of the dashed "
            f"line, {base:.3f}."
        )


def _shares_in_words(balance: Balance, classes: Sequence[str], split: str) -> str:
    if any(map(math.isnan, balance.shares)):
        return f"All pixels of the {balance.images} {split} images are void: none has a class."
    shares = ", ".join(
        f"{plain(name)} **{100 * share:.2g} %**" for name, share in zip(classes, balance.shares[1:], strict=True)
    )
    ratios = balance.ratios[np.isfinite(balance.ratios)]
    if not len(ratios):
        return f"Of all pixels of the {balance.images} {split} images: {shares}. None shows anything but background."
    without = balance.images - len(ratios)
    shown = f"; {without} show background alone" if without else ""
    return (
        f"Of all pixels of the {balance.images} {split} images: {shares}. For each pixel that is not background an "
        f"image has **{np.median(ratios):.3g}** of background (median; {ratios.min():.3g} to "
        f"{ratios.max():.3g}{shown})."
    )


def _recall_table(balances: Mapping[str, Balance], titles: Mapping[str, str], number: int) -> str:
    first = next(iter(balances.values())).recalls.get(number, [])
    about = {
        third.size: f"{third.images} images in which the class takes {100 * third.smallest:.2g} to "
        f"{100 * third.largest:.2g} % of the pixels"
        for third in first
    }
    headings = [
        ("Recall", "Pixels of the class that are found, where it is small, of middle size and large"),
        *((f"{size}", about.get(size, "No image.")) for size in SIZES),
    ]
    rows = []
    for run, balance in balances.items():
        recalls = {third.size: third.recall for third in balance.recalls.get(number, [])}
        cells = [f"{recalls[size]:.3f}" if size in recalls else "–" for size in SIZES]
        rows.append([html.escape(titles[run]), *cells])
    return table_html(headings, rows, "Recall by size")
