"""What the page Compare reads: runs of any experiment, and what their numbers say beside each other."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from app.access.reading import metric_info, store
from dmf.analysis.differences import FlatConfig, differences, flat_config
from dmf.analysis.listing import run_table
from dmf.analysis.live import LiveRun
from dmf.errors import RunNotFoundError
from dmf.runs import ExperimentRow, RunRow, RunStore


@dataclass(frozen=True)
class ComparedRun:
    """A chosen run as of now.

    Attributes:
        live: What it recorded, in memory.
        steps_per_epoch: Optimizer steps in one epoch; 1 where nobody recorded it.
        config: All of its settings, as ``section.field`` to value.
    """

    run: RunRow
    experiment: ExperimentRow
    live: LiveRun
    steps_per_epoch: int
    config: FlatConfig

    @property
    def id(self) -> str:
        """Of the run."""
        return self.run.id

    @property
    def origin(self) -> float:
        """Unix time that counts as 0 s: its first step."""
        return self.live.started or self.run.created


def all_runs(archived: bool = False) -> pd.DataFrame:
    """One row per run, as :func:`dmf.analysis.listing.run_table` says.

    Raises:
        StoreError: If the store cannot be read.
    """
    return run_table(store(), archived=archived)


def compared_runs(ids: Iterable[str]) -> tuple[list[ComparedRun], list[str]]:
    """Chosen runs as of now, and those ids that no run has (any more).

    Raises:
        StoreError: If the store cannot be read.
    """
    here = store()
    found: list[ComparedRun] = []
    missing: list[str] = []
    experiments: dict[str, ExperimentRow] = {}
    here.sweep_interrupted()
    for id in ids:
        try:
            kept = _kept(here, str(here.url), id)
            experiment_id = kept.experiment
            if experiment_id not in experiments:
                experiments[experiment_id] = here.experiment(experiment_id)
            experiment = experiments[experiment_id]
            run = next((run for run in experiment.runs if run.id == id), None)
            if run is None:
                raise RunNotFoundError(id)
            found.append(
                ComparedRun(run, experiment, *kept.refresh(here, run), flat_config(experiment.config, run.config))
            )
        except RunNotFoundError:
            missing.append(id)
    return found, missing


@st.cache_resource(max_entries=64, show_spinner=False)
def _kept(_store: RunStore, url: str, id: str) -> "_Kept":
    return _Kept(_store.run(id))


class _Kept:
    """What a run recorded, read once; while it trains, only what is new."""

    def __init__(self, run: RunRow) -> None:
        self.experiment = run.experiment
        self._live = LiveRun(run)
        self._lock = threading.Lock()
        self._seen: tuple[Any, ...] = ()
        self._steps_per_epoch: int | None = None

    def refresh(self, store: RunStore, run: RunRow) -> tuple[LiveRun, int]:
        with self._lock:
            condition = (run.attempt, run.summary["step"], run.state)
            if condition != self._seen:
                self._live.refresh(store)
                self._seen = condition
            if self._steps_per_epoch is None:
                facts = [event.data for event in store.events([run.id]) if event.kind == "prepared"]
                known = facts[-1].get("steps_per_epoch") if facts else None
                if known is not None or not run.state.is_active:
                    self._steps_per_epoch = int(known or 1)
            return self._live, self._steps_per_epoch or 1


def run_metrics(ids: Sequence[str]) -> pd.DataFrame:
    """Metrics of all epochs of these runs, as ``RunStore.epoch_metrics`` gives them."""
    return store().epoch_metrics(ids)


def what_differs(configs: Mapping[str, FlatConfig]) -> pd.DataFrame:
    """See :func:`dmf.analysis.differences.differences`."""
    return differences(configs)


@dataclass(frozen=True)
class NamedMetric:
    """A metric and how it is to be read."""

    name: str
    title: str
    sentence: str


def named_metric(name: str) -> NamedMetric:
    """How a metric is to be read."""
    about = metric_info(name)
    return NamedMetric(name, about.title, about.sentence)
