"""Races that visitors of a shared dashboard may train: small ones, on simulated images, one at a time for each."""

import sys
import threading
import types
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import streamlit as st
from pydantic import BaseModel
from streamlit.runtime.scriptrunner import get_script_run_ctx

from app.access.reading import store
from app.visitors import sharing
from dmf.config import ExperimentConfig
from dmf.config_text import experiment
from dmf.errors import ConfigError, RunNotFoundError, VisitorError
from dmf.presets import PRESETS
from dmf.records import CommandName, SettingChange

FREE = frozenset({"dataset", "epochs", "seed", "split_seed", "lr"})
"""Fields of data, network and training that visitors choose; all of how losses are weighted is theirs as well."""

MOST_RACES = 40
"""Of visitors that train or wait."""


def refuse_large(config: ExperimentConfig) -> None:
    """Make sure that a visitor may train this, before anything of it is read or made.

    Raises:
        ConfigError: If a field is not theirs to change, or it takes more steps than they have; names the field.
    """
    from dmf import build
    from dmf.data import build_dataset

    here = sharing()
    if here is None or here.steps is None:
        return
    known = [experiment({}, runs=("fixed",)), *(preset.config() for preset in PRESETS.values())]
    for part in ("data", "model", "training"):
        _refuse_changed(getattr(config, part), [getattr(each, part) for each in known])
    if config.plugins or len(config.in_turn()) > 1:
        raise ConfigError("Visitors train one race at a time, with what this program has.", "seeds")
    if build_dataset(config.data, config.training.seed).needs_download:
        raise ConfigError("Visitors train on simulated images. Choose such a dataset: phantom, for one.", "dataset")
    steps = build.estimate_steps(config)["steps_per_epoch"] * config.training.epochs * len(config.runs)
    if steps > here.steps:
        raise ConfigError(
            f"This race takes {steps:,} steps over its {len(config.runs)} runs; visitors have {here.steps:,}. Choose "
            "fewer epochs or fewer runs.",
            "epochs",
        )


def _refuse_changed(own: BaseModel, known: list[BaseModel]) -> None:
    for field in type(own).model_fields:
        values = [getattr(each, field) for each in known]
        if field not in FREE and getattr(own, field) not in values:
            raise ConfigError(f"Visitors leave {field} as it is, at {values[0]}.", field)


def may_start(config: ExperimentConfig, changes: Mapping[str, Sequence[SettingChange]] | None = None) -> bool:
    """Whether visitors may start something; how large it may be is told by :func:`refuse_large`."""
    here = sharing()
    return here is not None and here.steps is not None


def is_own(experiment_id: str) -> bool:
    """Whether the visitor who is answered has started this."""
    return bool(experiment_id) and _races().get(_visitor()) == experiment_id


def may_end(experiment_id: str, word: CommandName) -> bool:
    """Whether the visitor who is answered may give this command: to stop a race of their own."""
    return word == "stop" and is_own(experiment_id)


@contextmanager
def place() -> Iterator[None]:
    """The place of a visitor in the queue, while they start something.

    Raises:
        VisitorError: If they have one already, or too many wait.
    """
    with _lock:
        active = {visitor: id for visitor, id in _races().items() if _is_active(id)}
        if _visitor() in active:
            raise VisitorError("You have a race that trains or waits already. Stop it first, or wait until it is done.")
        if len(active) >= MOST_RACES:
            raise VisitorError(f"{len(active)} races of visitors wait already. Try again once some are done.")
        yield


def remember(experiment_id: str) -> None:
    """The visitor who is answered has started this."""
    _races()[_visitor()] = experiment_id


def _is_active(experiment_id: str) -> bool:
    try:
        return any(run.state.is_active for run in store().experiment(experiment_id).runs)
    except RunNotFoundError:
        return False


def _visitor() -> str:
    """A device on the network; a page, where all come from this machine."""
    context = get_script_run_ctx(suppress_warning=True)
    return st.context.ip_address or ("" if context is None else context.session_id)


_lock = threading.Lock()


def _races() -> dict[str, str]:
    """Visitor to the race that they started last; kept as the job manager is."""
    process = sys.modules.setdefault("_dmf_process", types.ModuleType("_dmf_process"))
    races: dict[str, str] = process.__dict__.setdefault("visitor_races", {})
    return races
