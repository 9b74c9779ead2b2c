"""Sample pictures that were kept over a training, of runs of any task."""

from collections.abc import Sequence

import streamlit as st

from app.access.reading import store
from app.views import InspectedRun
from dmf.runs import RunStore, SampleRow


def samples_of(run: InspectedRun, case: str) -> list[SampleRow]:
    """What was kept of a case in the experiment of a run, by epoch; images and truths belong to no run."""
    return [row for row in _samples(run) if row.case == case]


def sampled_cases(runs: Sequence[InspectedRun]) -> list[str]:
    """Cases whose prediction was kept at each epoch."""
    once = {run.experiment.id: run for run in runs}.values()
    return list(dict.fromkeys(row.case for run in once for row in _samples(run) if row.kind == "prediction"))


def _samples(run: InspectedRun) -> list[SampleRow]:
    here = store()
    progress = tuple((each.id, each.attempt, each.summary["step"], each.state.value) for each in run.experiment.runs)
    return _all_samples(here, str(here.url), run.experiment.id, progress)


@st.cache_resource(max_entries=16, show_spinner=False)
def _all_samples(_store: RunStore, url: str, experiment: str, progress: tuple[object, ...]) -> list[SampleRow]:
    return _store.samples(experiment)
