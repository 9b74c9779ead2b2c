"""What the form may hold, and whether what it holds can work."""

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import streamlit as st

from app.access.plugins import added
from app.access.visitor_races import refuse_large
from app.views import Checked, Choices
from app.visitors import may_change
from dmf import config_text
from dmf.config import DEFAULT_TASK, DataConfig, ExperimentConfig, FusionConfig, TrainingConfig
from dmf.errors import ConfigError, DataError, DMFError
from dmf.form_text import read_form
from dmf.plugins import loaded
from dmf.tasks import find_task


def choices(task: str = DEFAULT_TASK) -> Choices:
    """What can be chosen here for a task."""
    return _choices(tuple(plugin.sha256 for plugin in loaded()), task)


@st.cache_resource(show_spinner=False)
def _choices(plugins: tuple[str, ...], task: str) -> Choices:
    from dmf import build

    names, chosen, more = build.choices(task), find_task(task), added()
    return Choices(
        names={**names, "device": build.devices()},
        options={
            "dataset": {name: build.dataset_options(name) for name in names["dataset"]},
            "model": {name: build.model_options(name) for name in names["model"]},
            "task": {task: chosen.declares},
        },
        titles={name: build.dataset_title(name) for name in names["dataset"]},
        added=more,
        auxiliaries=("none", *(chosen.auxiliaries or chosen.losses()), *more.get("auxiliary", ())),
        task=task,
        first=build.task_defaults(task),
    )


def prepare_ahead() -> None:
    """Make the images of the default dataset while the form is being read, so that Start finds them made."""
    if st.runtime.exists() and may_change():  # not in a page that is tested without a server
        _prepare_ahead()


@st.cache_resource(show_spinner=False)
def _prepare_ahead() -> threading.Thread:
    def prepare() -> None:
        from dmf import build  # loads torch: a page that does not need it is not to wait for it

        with suppress(DMFError):  # a full or read-only disk, say: Start meets it too, and tells the reader
            build.prepare_ahead(DataConfig(), TrainingConfig().seed)

    # Waited for at the end of the process, a few seconds at most: a daemon cut off within OpenCV aborts it.
    thread = threading.Thread(target=prepare, name="dmf-prepare-ahead", daemon=False)
    thread.start()
    return thread


def check(values: Mapping[str, Any], runs: Sequence[str], name: str) -> Checked:
    """Check a form without starting anything; the same values are checked again after ten seconds at the earliest.

    Args:
        values: Field to value, texts as people type them.
        runs: Runs, as :func:`dmf.config_text.parse_run` reads them.
        name: Name of the experiment.
    """
    if not may_change():  # before anything that a visitor names is read
        read = read_form(values, runs, name)
        try:
            if read.config is not None:
                refuse_large(read.config)
        except ConfigError as error:
            return Checked(problems={error.field: str(error)}, notes=read.notes)
    return _check(dict(values), tuple(runs), name)


@st.cache_data(ttl=10, max_entries=64, show_spinner=False)
def _check(values: dict[str, Any], runs: tuple[str, ...], name: str) -> Checked:
    read = read_form(values, runs, name)
    if read.config is None:
        return Checked(problems=read.problems, rows=read.rows, notes=read.notes)
    tried = _tried(read.config, read.places)
    problems, rows = {**tried.problems, **read.problems}, {**read.rows, **tried.rows}
    return Checked(None if problems or rows else read.config, problems, rows, read.notes, tried.images)


def _tried(config: ExperimentConfig, places: Sequence[int]) -> Checked:
    """What only building tells; ``places`` are those of the runs among all rows."""
    from dmf import build

    problems: dict[str | None, str] = {}
    rows: dict[int, tuple[str | None, str]] = {}
    images: dict[str, int] = {}
    # Looking must not download: weights of an encoder are fetched at the start, not while the form is filled.
    local = config.model_copy(update={"model": config.model.model_copy(update={"pretrained": False})})
    try:
        build.validate(local)
    except ConfigError as error:
        rows = _rows_to_blame(local, places)
        if not rows:
            problems[error.field] = str(error)
    try:
        build.numerics(local)
    except ConfigError as error:
        problems.setdefault(error.field, str(error))
    try:
        images = build.estimate_steps(config)
    except ConfigError as error:
        problems.setdefault(error.field, str(error))
    except DataError as error:
        problems.setdefault("dataset", str(error))
    return Checked(None if problems or rows else config, problems, rows, images=images)


def _rows_to_blame(config: ExperimentConfig, places: Sequence[int]) -> dict[int, tuple[str | None, str]]:
    """Runs that cannot be built while others can; empty where what all share is to blame."""
    from dmf import build

    blamed: dict[int, tuple[str | None, str]] = {}
    for place, run in zip(places, config.runs, strict=False):
        try:
            build.validate(config.model_copy(update={"runs": (run,)}))
        except ConfigError as error:
            blamed[place] = error.field, str(error)
    is_of_a_run = {field for field, _ in blamed.values()} <= {*config_text.names_of(FusionConfig)}
    return blamed if is_of_a_run else {}
