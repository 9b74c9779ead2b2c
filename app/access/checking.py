"""What the form may hold, and whether what it holds can work."""

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import streamlit as st
from pydantic import ValidationError

from dmf import config_text
from dmf.config import DataConfig, ExperimentConfig, TrainingConfig
from dmf.config_text import SECTIONS
from dmf.errors import ConfigError, DataError, DMFError


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
