"""What the page Inspect reads of the runs of any task: themselves, their images, and the room they take."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from app.access.reading import store
from app.views import InspectedRun, NetworkView
from dmf.errors import RunNotFoundError

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
        here_now.append(InspectedRun(run, experiment, has_network))
    return here_now, missing


def stamp_of(runs: Sequence[InspectedRun]) -> tuple[object, ...]:
    """Another one as soon as a run has recorded more."""
    return tuple((run.id, run.run.attempt, run.run.summary["step"], run.run.state.value) for run in runs)


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


def stored_megabytes(runs: Sequence[InspectedRun]) -> dict[str, float]:
    """Disk space of each run, in MB."""
    return {id: count / 1e6 for id, count in store().stored_bytes([run.id for run in runs]).items()}


def kept_limits(runs: Sequence[InspectedRun]) -> dict[str, float | None]:
    """The setting that bounds the probabilities of each run, in MB; None where nobody recorded it."""
    return {run.id: run.setting("training", "probabilities_mb") for run in runs}


def network_of(run: InspectedRun) -> NetworkView:
    """The network of a run, drawn; all runs of an experiment have the same.

    Raises:
        ConfigError: If its settings were not recorded, or it cannot be built here.
        DataError: If its dataset, which says how many channels and classes there are, is not here.
    """
    return _draw_network(run, run.experiment.id)


@st.cache_data(max_entries=32, show_spinner=False, ttl=600)
def _draw_network(_run: InspectedRun, experiment: str) -> NetworkView:
    from dmf.trained import network_diagram

    drawn = network_diagram(_run.experiment)
    layers = tuple((layer.name, layer.kind, layer.size, layer.parameters) for layer in drawn.layers)
    return NetworkView(drawn.dot(), layers, drawn.parameters)
