"""What the page Inspect reads of runs: their scores image by image, and numbers about their predictions."""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from app.access.reading import store
from app.views import InspectedRun, Which
from dmf.analysis import inspection
from dmf.errors import DMFError, RunNotFoundError
from dmf.probabilities import Probabilities
from dmf.runs import RunRow, RunStore
from dmf.tasks.segmentation.metrics.calibration import Reliability

if TYPE_CHECKING:
    from dmf.data.original import Original


def inspected_runs(ids: Sequence[str]) -> tuple[list[InspectedRun], list[str]]:
    """Chosen runs as of now, and those ids that no run has (any more).

    Raises:
        StoreError: If the store cannot be read.
    """
    here = store()
    here_now, missing = [], []
    for id in ids:
        try:
            run = here.run(id)
            experiment = here.experiment(run.experiment)
        except RunNotFoundError:
            missing.append(id)
            continue
        kinds = {file.kind for file in here.artifacts(id)}
        has_network = not experiment.is_recorded and bool(kinds & {"checkpoint_best", "checkpoint_last"})
        here_now.append(InspectedRun(run, experiment, _classes(here, run), has_network))
    return here_now, missing


def _classes(here: RunStore, run: RunRow) -> tuple[str, ...]:
    for event in reversed(here.events([run.id])):
        if event.kind == "prepared" and event.data.get("class_names"):
            return tuple(event.data["class_names"][1:])
    for split in ("test", "validation"):
        scores = here.case_scores(run.id, split)
        if scores and scores[-1].counts is not None:
            count = scores[-1].counts.shape[1] - 1
            return ("lesion",) if count == 1 else tuple(f"class {number + 1}" for number in range(count))
    return ("lesion",)


def stamp_of(runs: Sequence[InspectedRun]) -> tuple[object, ...]:
    """Another one as soon as a run has recorded more."""
    return tuple((run.id, run.run.attempt, run.run.summary["step"], run.run.state.value) for run in runs)


def case_table(runs: Sequence[InspectedRun], split: str) -> pd.DataFrame:
    """One row per run and image, see :func:`dmf.analysis.inspection.cases_table`."""
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


def original_of(run: InspectedRun, case: str) -> "Original":
    """A case of the dataset of a run, as it lies there.

    Raises:
        DataError: If it is not here.
        ConfigError: If the dataset cannot be what the run recorded.
    """
    return _read_original(run, run.experiment.id, case)


@st.cache_resource(max_entries=48, show_spinner=False, ttl=600)
def _read_original(_run: InspectedRun, experiment: str, case: str) -> "Original":
    from dmf.build import original_case

    return original_case(_run.experiment.config, case)


def probabilities_of(run: InspectedRun, which: Which) -> tuple[Probabilities | None, str]:
    """The kept probabilities; without them, why there are none."""
    try:
        return store().probabilities(run.id, which), ""
    except DMFError as error:
        return None, str(error)


def missing_probabilities(run: InspectedRun, which: Which) -> str:
    """Why a run has no probabilities to look at, and the way out, in a sentence; empty where it has them."""
    kept, problem = probabilities_of(run, which)
    if kept is not None:
        return ""
    if problem:
        return problem
    told = [event.data.get("reason") for event in store().events([run.id]) if event.kind == "not_kept"]
    wanted = run.setting("training", "keep_probabilities", "both")
    if run.run.state.is_active:
        problem = "Probabilities of its test images are kept when its training ends."
    elif told:
        problem = f"{told[-1]} Raise `probabilities_mb` for the next training."
    elif wanted not in ("both", which):
        problem = f"Its setting `keep_probabilities` was {wanted!r}; train it again with 'both' to see them."
    elif run.experiment.is_recorded:
        problem = "Its own program recorded it, without probabilities."
    elif run.run.state.value != "finished":
        problem = "Its training did not reach its end, where probabilities are kept; resume it on the page Train."
    else:
        problem = "No probabilities of test images were kept with it; train it again to get them."
    return problem


def reliability_of(run: InspectedRun, which: Which, margin: int | None) -> Reliability:
    """Reliability curve of a run, see :func:`dmf.analysis.inspection.reliability_of`.

    Raises:
        DataError: If probabilities or truths are not here.
    """
    here = store()
    return _reliability(here, run, str(here.url), run.id, which, margin, stamp_of([run]))


@st.cache_data(max_entries=64, show_spinner="Reading the probabilities of all test images…")
def _reliability(
    _store: RunStore, _run: InspectedRun, url: str, id: str, which: Which, margin: int | None, stamp: tuple[object, ...]
) -> Reliability:
    return inspection.reliability_of(_store, id, which, margin, lambda case: original_of(_run, case))


def stored_megabytes(runs: Sequence[InspectedRun]) -> dict[str, float]:
    """Disk space of each run, in MB."""
    return {id: count / 1e6 for id, count in store().stored_bytes([run.id for run in runs]).items()}


def kept_limits(runs: Sequence[InspectedRun]) -> dict[str, float | None]:
    """The setting that bounds the probabilities of each run, in MB; None where nobody recorded it."""
    return {run.id: run.setting("training", "probabilities_mb") for run in runs}


def bring_predictions(folder: str, name: str) -> list[str]:
    """Open predictions made elsewhere, read in place; returns the ids of their runs.

    Raises:
        DataError: If the folder is not laid out as it should be; says how.
    """
    from dmf.importing import import_predictions

    here = store()
    return [run.id for run in here.experiment(import_predictions(here, folder, name or None)).runs]
