"""What the page Compare reads: runs of any experiment, and what their numbers say beside each other."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from app.access.reading import metric_info, score_note, store, task_title
from app.views import ComparedRun, NamedMetric, Results
from app.visitors import owner_only
from dmf.analysis.behaviour import Behaviour, mean_behaviour, weight_behaviour
from dmf.analysis.best import headline_of
from dmf.analysis.comparison import Over
from dmf.analysis.differences import FlatConfig, differences, flat_config, in_order
from dmf.analysis.group_results import group_results
from dmf.analysis.grouping import Band, Spread, band, common_grid, group_runs
from dmf.analysis.listing import run_table
from dmf.analysis.live import LiveRun
from dmf.analysis.weight_path import weight_path as read_weight_path
from dmf.errors import RunNotFoundError
from dmf.runs import EventRow, ExperimentRow, RunRow, RunStore
from dmf.tasks import task_named


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
    compared: list[ComparedRun] = []
    missing: list[str] = []
    experiments: dict[str, ExperimentRow] = {}
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
            compared.append(
                ComparedRun(run, experiment, *kept.refresh(here, run), flat_config(experiment.config, run.config))
            )
        except RunNotFoundError:
            missing.append(id)
    return compared, missing


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


def absent_words_of(runs: Sequence[ComparedRun], titles: Mapping[str, str]) -> str:
    """What a class scores in these runs that is in neither truth nor prediction; empty of programs of someone's own.

    Args:
        runs: What is compared.
        titles: Run id to its title.
    """
    ours = [run for run in runs if run.experiment.is_imported or not run.experiment.is_recorded]
    notes = {run.id: score_note(run.experiment) for run in ours}
    if len(set(notes.values())) < 2:
        return next(iter(notes.values()), "")
    groups = [
        (sentence, ", ".join(titles[run.id] for run in ours if notes[run.id] == sentence))
        for sentence in dict.fromkeys(notes.values())
    ]
    return " ".join(f"{labels}: {sentence}" for sentence, labels in groups if sentence)


def run_events(ids: Sequence[str]) -> list[EventRow]:
    """What happened to these runs, oldest first."""
    return store().events(ids)


def metric_names(runs: Sequence[ComparedRun], metrics: pd.DataFrame) -> list[str]:
    """Scores that one of these runs has on its validation images, those of a single class last; no counts of images.

    Before any was scored it is the one that will decide.
    """
    experiments = [run.experiment for run in runs]
    names = set(metrics.loc[metrics["split"] == "validation", "metric"]) if len(metrics) else set()
    names = {name for name in names if not metric_info(name, experiments).is_count}
    return sorted(names or {first_score(runs)}, key=lambda name: ("/" in name, name))


def first_score(runs: Sequence[ComparedRun]) -> str:
    """The metric that decides the best epoch of the first of these runs."""
    return headline_of(runs[0].experiment.config).metric


def tasks_of(runs: Sequence[ComparedRun]) -> list[str]:
    """What the tasks of these runs are called, each once."""
    return [task_title(task) for task in dict.fromkeys(run.experiment.task for run in runs)]


def what_differs(configs: Mapping[str, FlatConfig]) -> pd.DataFrame:
    """See :func:`dmf.analysis.differences.differences`."""
    return differences(configs)


def named_metric(name: str, runs: Sequence[ComparedRun] = ()) -> NamedMetric:
    """How a metric of these runs is to be read."""
    about = metric_info(name, [run.experiment for run in runs])
    return NamedMetric(name, about.title, about.sentence, about.range)


def groups_of(configs: Mapping[str, FlatConfig], fields: Sequence[str]) -> dict[tuple[Any, ...], tuple[str, ...]]:
    """See :func:`dmf.analysis.grouping.group_runs`."""
    return group_runs(configs, fields)


def fields_of(configs: Mapping[str, FlatConfig]) -> list[str]:
    """Every setting of any run, as ``section.field``."""
    return in_order(configs)


def band_of(curves: Sequence[tuple[Any, Any]], spread: Spread, limits: tuple[float, float]) -> Band:
    """Mean curve of a group's runs with a band, see :func:`dmf.analysis.grouping.band`."""
    return band(*common_grid(curves), spread, limits)


def results(
    runs: Sequence[ComparedRun], members: Mapping[str, Sequence[str]], baseline: str, over: Over = "seeds"
) -> Results:
    """Metrics of groups of runs, and how they compare; see :func:`dmf.analysis.group_results.group_results`."""
    here = store()
    condition = tuple((run.id, run.run.attempt, run.run.state.value, run.run.summary["epoch"]) for run in runs)
    groups = tuple((name, tuple(ids)) for name, ids in members.items())
    return _results(here, [(run.run, run.experiment) for run in runs], str(here.url), condition, groups, baseline, over)


@st.cache_data(max_entries=16, show_spinner=False)
def _results(
    _store: RunStore,
    _runs: Sequence[tuple[RunRow, ExperimentRow]],
    url: str,
    condition: tuple[object, ...],
    groups: tuple[tuple[str, tuple[str, ...]], ...],
    baseline: str,
    over: Over,
) -> Results:
    return group_results(_store, _runs, dict(groups), baseline, over)


def behaviour(run: ComparedRun) -> Behaviour:
    """How the weights of a run behaved, see :func:`dmf.analysis.behaviour.weight_behaviour`."""
    here = store()
    condition = (run.run.attempt, run.run.summary["step"], run.experiment.task)
    return _behaviour(here, str(here.url), run.id, condition, run.live.terms)


@st.cache_data(max_entries=64, show_spinner=False)
def _behaviour(
    _store: RunStore, url: str, id: str, condition: tuple[int, int, str], terms: tuple[str, ...]
) -> Behaviour:
    _, _, task = condition
    return weight_behaviour(_store.telemetry(id), terms, task_named(task).related)


def behaviours(
    runs: Sequence[ComparedRun], members: Mapping[str, Sequence[str]], titles: Mapping[str, str]
) -> tuple[dict[str, Behaviour], dict[str, tuple[str, ...]]]:
    """How the weights of each group behaved, and the ids of its runs; both by its name.

    Runs of a group that weighs different losses are groups one by one.

    Args:
        runs: All runs of the groups.
        members: Name of each group to the ids of its runs.
        titles: Run id to its title.
    """
    own = {run.id: behaviour(run) for run in runs}
    groups: dict[str, tuple[str, ...]] = {}
    for name, ids in members.items():
        alike = len({own[id].terms for id in ids}) == 1
        groups |= {name: tuple(ids)} if alike else {titles[id]: (id,) for id in ids}
    return {name: mean_behaviour([own[id] for id in ids]) for name, ids in groups.items()}, groups


def weight_path(run: ComparedRun) -> NDArray[np.float64]:
    """Where the shares of the weights went, (points, K), see :func:`dmf.analysis.weight_path.weight_path`."""
    here = store()
    return _path(here, str(here.url), run.id, run.run.attempt, run.run.summary["step"], run.live.terms)


@st.cache_data(max_entries=64, show_spinner=False)
def _path(_store: RunStore, url: str, id: str, attempt: int, step: int, terms: tuple[str, ...]) -> NDArray[np.float64]:
    return read_weight_path(_store.telemetry(id), terms)


@owner_only
def describe_run(id: str, **changed: Any) -> None:
    """Change what people say of a run: its ``name``, ``tags``, ``notes``, ``archived``; see ``RunStore.update_run``.

    Raises:
        RunNotFoundError: If there is no such run.
        ConfigError: If the name or a tag is empty, or the name is another run's.
    """
    store().update_run(id, **changed)


@owner_only
def delete_runs(ids: Sequence[str]) -> None:
    """Delete runs with everything that belongs to them, see ``RunStore.delete_runs``.

    Raises:
        RunNotFoundError: If there is no such run.
        RunFinishedError: If one is active.
        StoreError: If its files cannot be deleted.
    """
    store().delete_runs(ids)
