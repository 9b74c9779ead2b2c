"""What pages read: the store, experiments as of now, pictures."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import streamlit as st

from app.visitors import refuse_visitors
from dmf.analysis.overview import ExperimentSummary
from dmf.analysis.overview import active as read_active
from dmf.analysis.overview import overview as read_overview
from dmf.analysis.progress import LiveExperiment, Snapshot
from dmf.errors import DMFError
from dmf.examples import TAG, add_examples
from dmf.paths import wants_examples
from dmf.runs import ExperimentRow, RunStore
from dmf.runs.engine import store_url

if TYPE_CHECKING:
    from dmf.metric_info import MetricInfo


def store() -> RunStore:
    """The run store that ``DMF_STORE`` names, opened once per process.

    Raises:
        StoreError: If it cannot be opened.
    """
    # A reloaded class raises other errors than the old one, so the object made of the old one is not used any more.
    return _open_store(store_url(None).render_as_string(hide_password=False), id(RunStore))


@st.cache_resource(show_spinner=False)
def _open_store(url: str, generation: int) -> RunStore:
    opened = RunStore(url)
    if wants_examples():
        with suppress(DMFError):  # what keeps a store from being written is told where something is to be written
            add_examples(opened, if_new=True)
    opened.before_writing = refuse_visitors
    return opened


def only_examples() -> bool:
    """Whether the example runs that come with the program are all there is.

    Raises:
        StoreError: If the store cannot be read.
    """
    newest = store().runs(limit=8, archived=True)
    return bool(newest) and all(TAG in run.tags for run in newest)


def overview(limit: int = 12, offset: int = 0) -> list[ExperimentSummary]:
    """Experiments at a glance, newest first.

    Raises:
        StoreError: If the store cannot be read.
    """
    return read_overview(store(), limit, offset)


def active() -> list[ExperimentSummary]:
    """What trains at a glance, then what waits, in order.

    Raises:
        StoreError: If the store cannot be read.
    """
    return read_active(store())


def follow(experiment_id: str) -> Snapshot:
    """An experiment as of now.

    Raises:
        RunNotFoundError: If there is none of this id.
        StoreError: If the store cannot be read.
    """
    return _follower(store(), str(store().url), experiment_id).refresh()


@st.cache_resource(max_entries=16, show_spinner=False)
def _follower(_store: RunStore, url: str, experiment_id: str) -> LiveExperiment:
    return LiveExperiment(_store, experiment_id)


def pictures(ids: Sequence[int]) -> dict[int, bytes]:
    """Sample pictures as PNG, by their id.

    Raises:
        RunNotFoundError: If one was replaced meanwhile.
    """
    return _pictures(store(), str(store().url), tuple(ids))


@st.cache_data(max_entries=128, show_spinner=False)
def _pictures(_store: RunStore, url: str, ids: tuple[int, ...]) -> dict[int, bytes]:
    return _store.sample_pngs(ids)


def score_note(experiment: ExperimentRow) -> str:
    """What the settings of an experiment do to its scores, in words; empty where nothing has to be said."""
    from dmf.tasks import task_named

    return task_named(experiment.task).score_note(experiment.config.get("training") or {})


def task_title(task: str) -> str:
    """What a task is called; its own name where it is of a plug-in that is not loaded."""
    from dmf.tasks import TASKS, find_task

    return find_task(task).title if task in TASKS else task


def first_metrics(experiment: ExperimentRow) -> tuple[str, ...]:
    """The metrics that stand first in an experiment's tables, by its task."""
    from dmf.tasks import task_named

    return task_named(experiment.task).columns[:2]


def headline_title(experiment: ExperimentRow) -> str:
    """What the metric is called that decides the best epoch of an experiment."""
    from dmf.analysis.best import headline_of

    return headline_of(experiment.config).title


def metric_info(name: str, experiments: Iterable[ExperimentRow] = ()) -> "MetricInfo":
    """How a metric is to be read, also one of which the program that recorded these experiments told."""
    from dmf.metric_info import told_metrics
    from dmf.tasks import known_metric

    rows = list(experiments)
    tasks = list(dict.fromkeys(experiment.task for experiment in rows)) or None
    return known_metric(name, told_metrics(experiment.config for experiment in rows), tasks)
