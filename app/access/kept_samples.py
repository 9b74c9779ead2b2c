"""Sample pictures that were kept over a training, of runs of any task."""

from collections.abc import Sequence

import streamlit as st

from app.access.reading import pictures, store
from app.views import InspectedRun, KeptCase
from dmf.runs import RunStore, SampleRow


def samples_of(run: InspectedRun, case: str) -> list[SampleRow]:
    """What was kept of a case in the experiment of a run, by epoch; images and truths belong to no run."""
    return [row for row in _samples(run) if row.case == case]


def sampled_cases(runs: Sequence[InspectedRun]) -> list[str]:
    """Cases whose prediction was kept at each epoch."""
    once = {run.experiment.id: run for run in runs}.values()
    return list(dict.fromkeys(row.case for run in once for row in _samples(run) if row.kind == "prediction"))


def last_samples(runs: Sequence[InspectedRun], most: int) -> list[KeptCase]:
    """The first cases whose pictures were kept, with the last prediction of each run; those of an experiment together.

    Args:
        runs: Whose predictions.
        most: So many cases of each experiment at most.
    """
    cases = []
    for experiment in dict.fromkeys(run.experiment.id for run in runs):
        own = {run.id: run for run in runs if run.experiment.id == experiment}
        rows = _samples(next(iter(own.values())))
        shared = {(row.case, row.kind): row.id for row in rows if row.run is None}
        predicted = {(row.case, row.run): row for row in rows if row.kind == "prediction" and row.run in own}
        names = [case for case, kind in shared if kind == "image" and (case, "truth") in shared]
        prepared = [event for event in store().events(list(own)) if event.kind == "prepared"]
        facts = prepared[-1].data if prepared else {}
        for name in names[:most]:
            last = {run: predicted[name, run] for run in own if (name, run) in predicted}
            pngs = pictures([shared[name, "image"], shared[name, "truth"], *(row.id for row in last.values())])
            predictions = {run: (pngs[row.id], row.score, row.epoch) for run, row in last.items()}
            image, truth = pngs[shared[name, "image"]], pngs[shared[name, "truth"]]
            cases.append(KeptCase(name, image, truth, predictions, facts))
    return cases


def _samples(run: InspectedRun) -> list[SampleRow]:
    here = store()
    progress = tuple((each.id, each.attempt, each.summary["step"], each.state.value) for each in run.experiment.runs)
    return _all_samples(here, str(here.url), run.experiment.id, progress)


@st.cache_resource(max_entries=16, show_spinner=False)
def _all_samples(_store: RunStore, url: str, experiment: str, progress: tuple[object, ...]) -> list[SampleRow]:
    return _store.samples(experiment)
