"""What the pages Compare and Train show of segmentation alone: what is found of a rare class."""

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st

from app import access
from app.components.page_style import shown_or_told
from app.tasks.segmentation import access as segmentation
from app.tasks.segmentation import imbalance


def rare_classes(run_ids: Sequence[str], titles: Mapping[str, str]) -> None:
    """A bar that is only worked out while it is open.

    Args:
        run_ids: Runs of segmentation.
        titles: Run to its title.
    """
    bar = st.expander("Class imbalance", icon=":material/balance:", key="imbalance", on_change="rerun")
    if bar.open:
        with bar:
            shown_or_told(partial(_show, run_ids, titles))


def _show(run_ids: Sequence[str], titles: Mapping[str, str]) -> None:
    runs = segmentation.segmented(access.inspected_runs(run_ids)[0])
    for split in ("test", "validation"):
        counted = {run.id: balance for run in runs if (balance := segmentation.balance_of(run, split)) is not None}
        if counted:
            break
    else:
        st.caption("No image was scored yet; the first are when an epoch ends.")
        return
    classes = runs[0].classes
    alike = {run.id: run for run in runs if run.classes == classes}
    if len(alike) < len(runs):
        st.caption("Only runs with the classes of the first one are shown: those of the others are other classes.")
    imbalance.show(
        {id: titles[id] for id in alike},
        {id: balance for id, balance in counted.items() if id in alike},
        classes,
        split=split,
        over_training=partial(segmentation.found_over_training, list(alike.values())),
        curve=lambda id, number: segmentation.precision_recall_of(alike[id], "best", number),
    )
