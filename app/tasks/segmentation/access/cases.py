"""What is read of runs of segmentation: their scores image by image, and what they believe of every pixel."""

from collections.abc import Sequence
from contextlib import suppress

import pandas as pd
import streamlit as st

from app.access.inspecting import original_of, stamp_of
from app.access.reading import store
from app.tasks.segmentation.views import SegmentedRun
from app.views import InspectedRun, Which
from dmf.errors import DMFError
from dmf.probabilities import Probabilities
from dmf.runs import RunRow, RunStore
from dmf.tasks.segmentation.inspection import cases as inspection
from dmf.tasks.segmentation.inspection.distances import CaseDistances, case_distances
from dmf.tasks.segmentation.metrics.calibration import Reliability


def segmented(runs: Sequence[InspectedRun]) -> list[SegmentedRun]:
    """The runs with what is known of their classes."""
    return [SegmentedRun(run.run, run.experiment, run.has_network, _classes(run.run)) for run in runs]


def _classes(run: RunRow) -> tuple[str, ...]:
    here = store()
    for event in reversed(here.events([run.id])):
        if event.kind == "prepared" and event.data.get("class_names"):
            return tuple(event.data["class_names"][1:])
    for split in ("test", "validation"):
        scores = here.case_scores(run.id, split)
        if scores and scores[-1].counts is not None:
            count = scores[-1].counts.shape[1] - 1
            return ("lesion",) if count == 1 else tuple(f"class {number + 1}" for number in range(count))
    return ("lesion",)


def case_table(runs: Sequence[SegmentedRun], split: str) -> pd.DataFrame:
    """One row per run and image, see :func:`dmf.tasks.segmentation.inspection.cases.cases_table`."""
    here = store()
    return _case_table(here, str(here.url), tuple(run.id for run in runs), split, stamp_of(runs))


@st.cache_data(max_entries=16, show_spinner=False)
def _case_table(
    _store: RunStore, url: str, ids: tuple[str, ...], split: str, stamp: tuple[object, ...]
) -> pd.DataFrame:
    from dmf.build import case_labels

    labels = {}
    for id in ids:
        with suppress(DMFError):  # the dataset is not here; then the ids of its cases may tell
            labels[id] = case_labels(_store.experiment(_store.run(id).experiment).config)
    return inspection.cases_table(_store, ids, split, labels)


def probabilities_of(run: SegmentedRun, which: Which) -> tuple[Probabilities | None, str]:
    """The kept probabilities; without them, why there are none."""
    try:
        return store().probabilities(run.id, which), ""
    except DMFError as error:
        return None, str(error)


def missing_probabilities(run: SegmentedRun, which: Which) -> str:
    """Why a run has no probabilities to look at, and the way out, in a sentence; empty where it has them."""
    kept, problem = probabilities_of(run, which)
    if kept is not None:
        return ""
    if problem:
        return problem
    reasons = [event.data.get("reason") for event in store().events([run.id]) if event.kind == "not_kept"]
    wanted = run.setting("training", "keep_probabilities", "both")
    if run.run.state.is_active:
        problem = "Probabilities of its test images are kept when its training ends."
    elif reasons:
        problem = f"{reasons[-1]} Raise `probabilities_mb` for the next training."
    elif wanted not in ("both", which):
        problem = f"Its setting `keep_probabilities` was {wanted!r}; train it again with 'both' to see them."
    elif run.experiment.is_recorded:
        problem = "Its own program recorded it, without probabilities."
    elif run.run.state.value != "finished":
        problem = "Its training did not reach its end, where probabilities are kept; resume it on the page Train."
    else:
        problem = "No probabilities of test images were kept with it; train it again to get them."
    return problem


def reliability_of(run: SegmentedRun, which: Which, margin: int | None) -> Reliability:
    """Reliability curve of a run, see :func:`dmf.tasks.segmentation.inspection.cases.reliability_of`.

    Raises:
        DataError: If probabilities or truths are not here.
    """
    here = store()
    return _reliability(here, run, str(here.url), run.id, which, margin, stamp_of([run]))


@st.cache_data(max_entries=64, show_spinner="Reading the probabilities of all test images…")
def _reliability(
    _store: RunStore, _run: SegmentedRun, url: str, id: str, which: Which, margin: int | None, stamp: tuple[object, ...]
) -> Reliability:
    return inspection.reliability_of(_store, id, which, margin, lambda case: original_of(_run, case))


def distances_of(run: SegmentedRun, which: Which, split: str) -> CaseDistances:
    """How far outlines lie apart in each image of a run, see :func:`dmf.tasks.segmentation.inspection.distances`.

    Raises:
        DataError: If probabilities or truths are not here.
    """
    here = store()
    return _distances(here, run, str(here.url), run.id, which, split, stamp_of([run]))


@st.cache_data(max_entries=64, show_spinner="Measuring the outlines of all images…")
def _distances(
    _store: RunStore, _run: SegmentedRun, url: str, id: str, which: Which, split: str, stamp: tuple[object, ...]
) -> CaseDistances:
    return case_distances(_store, id, which, split, lambda case: original_of(_run, case))
