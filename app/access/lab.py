"""What the weighting lab reads and computes: loss histories, their weights under any method, and what perturbs them."""

import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from app.access.comparing import all_runs
from app.access.reading import store
from app.views import Evenness, History, Weights
from app.visitors import owner_only
from dmf.analysis.near_uniform import near_uniform, spread
from dmf.config import FusionConfig
from dmf.config_text import build, names_of, parse_run, run_changes
from dmf.errors import ConfigError, DataError
from dmf.live_settings import changes_of
from dmf.records import SettingChange
from dmf.replay import (
    SHAPES,
    Perturbation,
    Sensitivity,
    Shape,
    Synthetic,
    SyntheticLoss,
    perturb,
    read_losses,
    recorded_steps,
    replay,
    replayable_methods,
    sweep,
    synthetic_losses,
    write_weights,
)
from dmf.replay.perturb import KINDS
from dmf.runs import RunStore

PERTURBATIONS = KINDS
MOST_STEPS = 100_000  # of a history; of a longer one the last are taken
MOST_LOSSES = 6
MOST_SWEPT = 400_000  # steps replayed for one heat map, over all values


def not_replayed(method: str, title: str) -> str:
    """Why a method cannot be tried on a history and what to do, in two sentences; empty where it can.

    Args:
        method: Its name.
        title: What it is called.
    """
    if method in replayable_methods():
        return ""
    if needs_more(method):
        return (
            f"{title} needs more than loss values, so it cannot be replayed. Train with it, or choose another method."
        )
    return (
        f"{title} is not known here (a plug-in that is not loaded?). Start the app with its plug-in, "
        "`dmf app --plugin <file>`, or choose another method."
    )


def needs_more(method: str) -> bool:
    """Whether a method is known here, and looks at more than loss values."""
    from dmf.build import choices

    return method in choices()["weighting"] and method not in replayable_methods()


def never_learned(history: History, titles: Mapping[str, str]) -> str:
    """What is to be said of a history without a step from which a method could learn; empty where there is one.

    Args:
        history: The losses.
        titles: Loss to what it is called.
    """
    finite = np.isfinite(history.losses)
    if finite.all(axis=1).any():
        return ""
    lost = [titles.get(name, name) for name, own in zip(history.names, finite.T, strict=True) if not own.any()]
    if not lost:
        why = "At no step are all losses finite"
    elif len(lost) == 1:
        why = f"{lost[0]} has no finite value"
    else:
        why = f"{', '.join(lost[:-1])} and {lost[-1]} have no finite value"
    return f"{why}, so no step was learned from: all weights stay where they start."


def lab_shapes() -> Mapping[str, Shape]:
    """Synthetic histories ready to be looked at."""
    return SHAPES


def lab_runs() -> dict[str, tuple[str, str]]:
    """Every run that has recorded a step, newest first: its id to its label and its experiment's name.

    Raises:
        StoreError: If the store cannot be read.
    """
    table = all_runs()
    columns = (table[name] for name in ("run", "label", "name", "steps"))
    return {id: (label, name) for id, label, name, steps in zip(*columns, strict=True) if steps}


def synthetic_config(settings: Mapping[str, Any]) -> Synthetic:
    """Checked settings of a synthetic history.

    Raises:
        ConfigError: If one cannot work.
    """
    for loss in settings.get("losses", ()):  # one at a time, so that what is wrong is named, not the list
        build(SyntheticLoss, loss)
    synthetic: Synthetic = build(Synthetic, settings)
    return synthetic


def synthetic_history(config: Synthetic) -> History:
    """The history that these settings describe."""
    key = f"synthetic-{config.model_dump_json()}"
    return History(key, "Synthetic history", config.names, _synthetic(config))


@st.cache_data(max_entries=8, show_spinner=False, hash_funcs={Synthetic: Synthetic.model_dump_json})
def _synthetic(config: Synthetic) -> NDArray[np.float64]:
    return synthetic_losses(config)


@owner_only
def uploaded_history(name: str, data: bytes) -> History:
    """A history from a CSV file with one column per loss.

    Raises:
        DataError: If it cannot be read, or has more losses than a run may have; says what is wrong where.
    """
    names, losses = _uploaded(name, data)
    if len(names) > MOST_LOSSES:
        raise DataError(f"{name} has {len(names)} columns; a history has at most {MOST_LOSSES} losses. Keep those.")
    taken = losses[-MOST_STEPS:]
    first = len(losses) - len(taken)
    return History(
        f"upload-{hashlib.sha256(data).hexdigest()}", name, names, taken, first=first, note=_shortened(len(losses))
    )


@st.cache_data(max_entries=4, show_spinner=False)
def _uploaded(name: str, data: bytes) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{name} is not text in UTF-8; save it as CSV UTF-8.") from error
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "losses.csv"
        path.write_bytes(data)
        try:
            return read_losses(path)
        except DataError as error:
            raise DataError(str(error).replace(str(path), name)) from error


def run_history(id: str) -> History:
    """The losses that a run recorded, as of now.

    Raises:
        RunNotFoundError: If there is no such run.
        DataError: If it has recorded no step yet, or has more losses than the lab takes.
        StoreError: If the store cannot be read.
    """
    here = store()
    run = here.run(id)
    latest = here.latest_step(id)
    names, losses, recorded = _recorded(here, str(here.url), id, run.attempt, latest)
    if len(names) > MOST_LOSSES:
        raise DataError(f"Run {id!r} has {len(names)} losses; the lab takes at most {MOST_LOSSES}.")
    first = max(0, latest + 1 - len(losses))
    try:
        settings = build(FusionConfig, run.config).flat(changed=True)
    except ConfigError:  # recorded by another program, which weighs in a way of its own
        settings = {}
    # What was turned before the first row counts from its beginning.
    changes = tuple(replace(change, step=max(0, change.step - first)) for change in changes_of(here.events([id])))
    return History(
        *(f"run-{here.url}-{id}-{run.attempt}-{latest}", run.label, names, losses, settings, first),
        note=_shortened(latest + 1),
        recorded=recorded,
        changes=changes,
        is_active=run.state.is_active,
    )


@st.cache_resource(max_entries=8, show_spinner=False)
def _recorded(
    _store: RunStore, url: str, id: str, attempt: int, latest: int
) -> tuple[tuple[str, ...], Weights, Weights]:
    return recorded_steps(_store, id, after=latest - MOST_STEPS)


def _shortened(steps: int) -> str:
    if steps <= MOST_STEPS:
        return ""
    return f"Of its {steps:,} steps the last {MOST_STEPS:,} are taken; the methods begin there with an empty memory."


def perturbed(history: History, perturbations: Sequence[Mapping[str, Any]]) -> History:
    """The history with changes made to it.

    Raises:
        ConfigError: If the settings of a change cannot work.
        DataError: If the history has no such loss.
    """
    changes = [build(Perturbation, each) for each in perturbations]
    if not changes:
        return history
    spec = "".join(each.model_dump_json() for each in changes)
    return replace(history, key=f"{history.key}+{spec}", losses=_perturbed(history, history.key, spec, changes))


@st.cache_resource(max_entries=8, show_spinner=False)
def _perturbed(_history: History, key: str, spec: str, _made: Sequence[Perturbation]) -> NDArray[np.float64]:
    return perturb(_history.losses, _made)


def method_config(history: History, text: str) -> FusionConfig:
    """The settings of a method written as ``bayesian,rho=0.5``.

    Raises:
        ConfigError: If they cannot work.
    """
    return parse_run(history.base, text).fusion


def method_changes(text: str) -> tuple[str, dict[str, str]]:
    """A method written as ``bayesian,rho=0.5``: its name, and field to text.

    Raises:
        ConfigError: If it is not written so.
    """
    changes = run_changes(text)
    return changes.pop("weighting", FusionConfig().weighting.name), changes


def replayed(history: History, config: FusionConfig, *, as_it_was: bool = False) -> Weights:
    """Weights (S, K) that a method gives to a history.

    Args:
        history: The losses.
        config: The method with its settings.
        as_it_was: Change the method where the run's own was changed.

    Raises:
        ConfigError: If the method cannot be replayed, or its settings do not fit.
    """
    changes = history.changes if as_it_was else ()
    return _replayed(history, history.key, config.model_dump_json(), config, changes)


@st.cache_resource(max_entries=64, show_spinner=False)
def _replayed(
    _history: History, key: str, spec: str, _config: FusionConfig, changes: tuple[SettingChange, ...]
) -> Weights:
    return replay(_history.losses, _config, changes)


def swept(
    history: History,
    config: FusionConfig,
    parameter: str,
    values: Sequence[float],
    progress: Callable[[float], None] | None = None,
) -> tuple[Sensitivity, int]:
    """Weights over the values of one parameter, see :func:`dmf.replay.sweep`.

    Args:
        history: The losses.
        config: The method, with everything else as it stays.
        parameter: What is varied.
        values: What it is set to.
        progress: Called with the share that is done.

    Returns:
        The sweep, and how many steps at the beginning were left out to keep it quick.

    Raises:
        ConfigError: If a value cannot work.
    """
    skipped = max(0, len(history.losses) - MOST_SWEPT // len(values))
    spec = config.model_dump_json()
    sweeps = []
    for done, value in enumerate(values, 1):
        sweeps.append(_swept(history, history.key, spec, config, parameter, value, skipped))
        if progress is not None:
            progress(done / len(values))
    weights = np.concatenate([each.weights for each in sweeps])
    return replace(sweeps[0], values=tuple(values), weights=weights), skipped


@st.cache_resource(max_entries=256, show_spinner=False)
def _swept(
    _history: History, key: str, spec: str, _config: FusionConfig, parameter: str, value: float, skipped: int
) -> Sensitivity:
    return sweep(_history.losses[skipped:], _config, parameter, [value])


def evenness(config: FusionConfig, weights: Weights) -> Evenness:
    """Whether a method keeps its weights nearly equal, and between what they were.

    Args:
        config: The method.
        weights: (S, K) what it gave.
    """
    return Evenness(near_uniform(config.flat()), spread(weights))


def run_settings(id: str) -> dict[str, Any]:
    """Everything a run was trained with but its method, as configuration field to value; its task among them.

    Raises:
        RunNotFoundError: If there is no such run.
    """
    run = store().run(id)
    experiment = store().experiment(run.experiment)
    sections = {
        name: value
        for section in ("data", "model", "training")
        for name, value in experiment.config.get(section, {}).items()
    }
    return {
        "task": experiment.task,
        "task_options": experiment.config.get("task_options", {}),
        **sections,
        **{name: value for name, value in run.config.items() if name in names_of(FusionConfig) and name != "weighting"},
    }


def weights_csv(names: Sequence[str], weights: Mapping[str, Weights]) -> bytes:
    """Weights of several methods (S, K) by their title, one column ``<method>:<loss>`` each, as the command writes."""
    columns = tuple(f"{title}:{name}" for title in weights for name in names)
    return _csv(columns, np.concatenate(list(weights.values()), axis=1))


def losses_csv(history: History) -> bytes:
    """Losses (S, K), one column each."""
    return _csv(history.names, history.losses)


def _csv(names: tuple[str, ...], values: NDArray[np.float64]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "values.csv"
        write_weights(path, names, values)
        return path.read_bytes()
