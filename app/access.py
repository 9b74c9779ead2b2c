"""What pages read and start: the store, live experiments, the job manager, and what the form may hold.

Torch is imported only inside functions: a page that only looks opens without it.
"""

import atexit
import sys
import threading
import time
import types
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import streamlit as st
from pydantic import ValidationError

from dmf import config_text
from dmf.analysis.progress import LiveExperiment, Snapshot
from dmf.config import DataConfig, ExperimentConfig, TrainingConfig
from dmf.config_text import SECTIONS
from dmf.errors import ConfigError, DataError, DMFError, RunFinishedError
from dmf.records import RunState
from dmf.runs import ExperimentRow, RunStore
from dmf.runs.engine import store_url

if TYPE_CHECKING:
    from dmf.jobs import JobManager
    from dmf.metrics.info import MetricInfo

ANSWER_SECONDS = 0.6  # how long a button waits to see its effect
GOODBYE_SECONDS = 8.0  # how long the server waits for trainings to stop
COMMANDS = {
    "pause": (RunState.QUEUED, RunState.RUNNING),
    "resume": (RunState.PAUSED,),
    "step": (RunState.PAUSED,),
    "stop": (RunState.QUEUED, RunState.RUNNING, RunState.PAUSED),
}
"""Command to the states of a run in which it means something."""


def store() -> RunStore:
    """The run store that ``DMF_STORE`` names, opened once per process.

    Raises:
        StoreError: If it cannot be opened.
    """
    # A reloaded class raises other errors than the old one, so the object made of the old one is not used any more.
    return _open_store(store_url(None).render_as_string(hide_password=False), id(RunStore))


@st.cache_resource(show_spinner=False)
def _open_store(url: str, generation: int) -> RunStore:
    return RunStore(url)


def manager() -> "JobManager":
    """The one job manager of this process and store.

    It hangs on a module that no file stands behind, which neither a hot reload nor an emptied cache takes away, so that
    the threads of a training never lose the manager that leads them.
    """
    from dmf.jobs import JobManager

    process = sys.modules.setdefault("_dmf_process", types.ModuleType("_dmf_process"))
    with process.__dict__.setdefault("lock", threading.Lock()):
        managers: dict[str, JobManager] = process.__dict__.setdefault("managers", {})
        where = str(store().url)
        known = managers.get(where)
        if known is None or (type(known) is not JobManager and not known.is_busy()):
            managers[where] = JobManager(store())
            atexit.register(_end, managers[where])
        return managers[where]


def _end(manager: "JobManager") -> None:
    """When the server ends, let what trains stop with a checkpoint rather than be cut off."""
    manager.stop_all()
    deadline = time.monotonic() + GOODBYE_SECONDS
    while manager.is_busy() and time.monotonic() < deadline:
        time.sleep(0.05)


def recent(limit: int = 12) -> list[ExperimentRow]:
    """The newest experiments."""
    return store().experiments(limit)


def ahead(experiment: ExperimentRow) -> list[ExperimentRow]:
    """What trains, or is paused, where ``experiment`` waits in the queue: same process, same device.

    Raises:
        StoreError: If the store cannot be read.
    """
    if any(run.state is not RunState.QUEUED for run in experiment.runs):
        return []
    owners = {run.owner for run in experiment.runs if run.owner}
    return [
        other
        for other in store().experiments()
        if any(run.owner in owners and run.state in (RunState.RUNNING, RunState.PAUSED) for run in other.runs)
        and _device(other) == _device(experiment)
    ]


def _device(experiment: ExperimentRow) -> str:
    from dmf import build

    return str(build.resolve_device(experiment.config["training"]["device"]))


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


def metric_info(name: str) -> "MetricInfo":
    """How a metric is to be read."""
    from dmf.metrics.info import metric_info

    return metric_info(name)


# Starting and steering


def start(config: ExperimentConfig) -> str:
    """Put an experiment into the queue of its device; returns its id.

    Raises:
        ConfigError: If something cannot work; nothing is stored then.
        StoreError: If the store refuses.
    """
    return manager().launch(config)


def command(experiment_id: str, word: str) -> None:
    """Pause, resume, step or stop every run of an experiment that can, wherever it trains; resume starts ended ones.

    Returns once it has had an effect, or after a moment.

    Raises:
        StoreError: If the store, or another owner, refuses.
    """
    before = store().experiment(experiment_id)
    wished = [run for run in before.runs if run.state in COMMANDS[word]]
    for run in wished:
        try:
            store().add_control(run.id, word)  # type: ignore[arg-type]
        except RunFinishedError:
            continue  # it ended between the look and the click, which is what a button cannot know
    if word == "resume" and not any(run.state.is_active for run in before.runs):
        manager().resume(experiment_id)
    deadline = time.monotonic() + ANSWER_SECONDS
    while _condition(store().experiment(experiment_id)) == _condition(before) and time.monotonic() < deadline:
        time.sleep(0.03)


def _condition(experiment: ExperimentRow) -> list[tuple[RunState, int]]:
    paused = RunState.PAUSED  # while a run trains by itself, its steps say nothing about a button
    return [(run.state, run.summary["step"] if run.state is paused else 0) for run in experiment.runs]


# The form


@dataclass(frozen=True)
class Choices:
    """Names the form offers, by field; ``options`` are those of each dataset at their defaults, with its title."""

    names: dict[str, tuple[str, ...]]
    options: dict[str, dict[str, Any]]
    titles: dict[str, str]


@st.cache_resource(show_spinner=False)
def choices() -> Choices:
    """What can be chosen here."""
    from dmf import build

    names = build.choices()
    return Choices(
        names={**names, "device": build.devices()},
        options={name: build.dataset_options(name) for name in names["dataset"]},
        titles={name: build.dataset_title(name) for name in names["dataset"]},
    )


def prepare_ahead() -> None:
    """Make the images of the default dataset while the form is being read, so that Start finds them made."""
    if st.runtime.exists():  # not in a page that is tested without a server
        _prepare_ahead()


@st.cache_resource(show_spinner=False)
def _prepare_ahead() -> threading.Thread:
    from dmf import build

    def prepare() -> None:
        with suppress(DMFError):  # a full or read-only disk, say: Start meets it too, and tells the reader
            build.prepare_ahead(DataConfig(), TrainingConfig().seed)

    thread = threading.Thread(target=prepare, name="dmf-prepare-ahead", daemon=True)
    thread.start()
    return thread


@dataclass(frozen=True)
class Checked:
    """What a filled form comes to.

    Attributes:
        config: What would be trained; None if something cannot work.
        problems: Field to what is wrong with it; None for what no single field is to blame for.
        images: Images of each split, and ``steps_per_epoch``; empty while unknown.
    """

    config: ExperimentConfig | None = None
    problems: dict[str | None, str] = field(default_factory=dict)
    images: dict[str, int] = field(default_factory=dict)


def check(values: Mapping[str, Any], weightings: Sequence[str], runs: Sequence[str], name: str) -> Checked:
    """Check a form without starting anything; the same values are checked again after ten seconds at the earliest.

    Args:
        values: Field to value, texts as people type them.
        weightings: Methods that race with the common settings.
        runs: Further runs, as :func:`dmf.config_text.parse_run` reads them.
        name: Name of the experiment.
    """
    return _check(dict(values), tuple(weightings), tuple(runs), name)


@st.cache_data(ttl=10, max_entries=64, show_spinner=False)
def _check(values: dict[str, Any], weightings: tuple[str, ...], runs: tuple[str, ...], name: str) -> Checked:
    problems: dict[str | None, str] = {}
    for model in SECTIONS.values():
        try:
            config_text.parse(model, {key: values[key] for key in model.model_fields if key in values})
        except ConfigError as error:
            cause = error.__cause__
            found = config_text.problems(cause) if isinstance(cause, ValidationError) else [(error.field, str(error))]
            for blamed, sentence in found:
                problems.setdefault(blamed, _plainly(blamed, sentence))
    if not weightings and not runs:
        problems["weighting"] = "choose at least one method, or write a run under More."
    # The rest is looked at as well, so that whoever corrects one field is not told of the next only then.
    rest = {key: value for key, value in values.items() if key not in problems}
    try:
        config = config_text.experiment(rest, weightings=weightings, runs=runs, name=name)
    except ConfigError as error:
        problems.setdefault(error.field, _plainly(error.field, str(error)))
        return Checked(problems=problems)
    tried = _tried(config)
    problems = {**tried.problems, **problems}
    return Checked(None if problems else config, problems, tried.images)


def _plainly(field: str | None, sentence: str) -> str:
    plain = sentence.removeprefix(f"{field}: ").replace("input should be", "must be", 1)
    for stilted, said in _PLAINER.items():
        plain = plain.replace(stilted, said, 1)
    return plain


_PLAINER = {
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
    "greater than": "above",
    "less than": "below",
    "a valid number, unable to parse string as a number": "a number",
}


def _tried(config: ExperimentConfig) -> Checked:
    from dmf import build

    problems: dict[str | None, str] = {}
    images: dict[str, int] = {}
    # Looking must not download: weights of an encoder are fetched at the start, not while the form is filled.
    local = config.model_copy(update={"model": config.model.model_copy(update={"pretrained": False})})
    for attempt in (build.validate, build.numerics):
        try:
            attempt(local)
        except ConfigError as error:
            problems.setdefault(error.field, str(error))
    try:
        images = build.foresee(config)
    except ConfigError as error:
        problems.setdefault(error.field, str(error))
    except DataError as error:
        problems.setdefault("dataset", str(error))
    return Checked(None if problems else config, problems, images)
