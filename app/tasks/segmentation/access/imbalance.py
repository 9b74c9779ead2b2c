"""What is read of runs of segmentation to see a rare class: how rare it is, and what is found of it."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from app.access.inspecting import original_of, stamp_of
from app.access.reading import store
from app.tasks.segmentation.views import Balance, SegmentedRun
from app.views import Which
from dmf.analysis.case_scores import scores_to_look_at
from dmf.runs import RunStore
from dmf.tasks.segmentation.inspection import cases as inspection
from dmf.tasks.segmentation.metrics import imbalance
from dmf.tasks.segmentation.metrics.imbalance import PrecisionRecall


def balance_of(run: SegmentedRun, split: str) -> Balance | None:
    """How the classes share the pixels of a split, and what a run finds of them; None before they were counted."""
    here = store()
    return _balance(here, str(here.url), run.id, split, stamp_of([run]))


@st.cache_data(max_entries=64, show_spinner=False)
def _balance(_store: RunStore, url: str, id: str, split: str, stamp: tuple[object, ...]) -> Balance | None:
    scores = scores_to_look_at(_store, id, split)
    if scores is None or scores.counts is None:
        return None
    counts = scores.counts
    return Balance(
        images=len(counts),
        shares=tuple(imbalance.class_shares(counts).tolist()),
        ratios=imbalance.background_ratios(counts),
        recalls={number: imbalance.recall_by_size(counts, number) for number in range(1, counts.shape[1])},
    )


def found_over_training(runs: Sequence[SegmentedRun], name: str) -> pd.DataFrame:
    """Recall and precision of a class on the validation images: columns run, epoch, recall and precision."""
    here = store()
    rows = here.epoch_metrics([run.id for run in runs])
    wanted = {f"{metric}/{name}": metric for metric in ("recall", "precision")}
    rows = rows[(rows["split"] == "validation") & rows["metric"].isin(list(wanted))]
    wide = rows.assign(metric=rows["metric"].map(wanted)).pivot_table(
        index=["run", "epoch"], columns="metric", values="value", dropna=False
    )
    return wide.reindex(columns=["recall", "precision"]).reset_index()


def precision_recall_of(run: SegmentedRun, which: Which, number: int) -> PrecisionRecall:
    """Precision against recall of a class over the pixels of the test images.

    Raises:
        DataError: If probabilities or truths are not here.
    """
    here = store()
    return _precision_recall(here, run, str(here.url), run.id, which, number, stamp_of([run]))


@st.cache_data(max_entries=64, show_spinner="Reading the probabilities of all test images…")
def _precision_recall(
    _store: RunStore, _run: SegmentedRun, url: str, id: str, which: Which, number: int, stamp: tuple[object, ...]
) -> PrecisionRecall:
    return inspection.precision_recall_of(_store, id, which, number, lambda case: original_of(_run, case))
