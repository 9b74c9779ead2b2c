"""What is said of a recorded run: losses and weights as its fusion has them, settings as its owner names them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_jsonable_python as to_jsonable

from dmf import declared
from dmf.config import DEFAULT_TASK, DataConfig, FusionConfig, ModelConfig, TrainingConfig
from dmf.config_text import parse
from dmf.errors import ConfigError
from dmf.fusion import Fused, Fusion
from dmf.tasks import Task
from dmf.weighting import WEIGHTINGS, FAMOWeighting, GramianWeighting, ScalarizingWeighting, TchebycheffWeighting

UNKNOWN = "own"  # the name of a weighting that nobody named

_SHARED: dict[str, type[BaseModel]] = {"data": DataConfig, "model": ModelConfig, "training": TrainingConfig}


def run_config(
    fused: Fused, fusion: Fusion | None, terms: Sequence[str] | None, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """The configuration of a run, as far as it is known: fields of ``FusionConfig`` only.

    Args:
        fused: Its first step.
        fusion: What made it.
        terms: Names of its losses; those of the fusion when not given, else L1..LK.
        settings: What its owner says of it; fields of ``FusionConfig`` among them are taken.

    Raises:
        ConfigError: If the names are not one per loss, or something cannot be.
    """
    count = len(fused.terms)
    own = None if fusion is None else fusion.names
    names = tuple(terms) if terms is not None else own or tuple(f"L{number + 1}" for number in range(count))
    if len(names) != count:
        raise ConfigError(f"`terms` must name {count} losses, one per loss written, got {', '.join(names)}.", "terms")
    known = {
        "terms": names,
        "weighting": UNKNOWN,
        "auxiliary": "none" if fused.auxiliary is None else "auxiliary",
        "weights": _weights(fused.weights.tolist()),
        "history_min": 2,  # the least there is: nobody knows of a rule that waits
        "sum_to": "1" if count == 1 or fused.weights.sum().item() < 1.5 else "K",  # how far up the chart goes
        **({} if fusion is None else _of_fusion(fusion)),
        **{name: value for name, value in settings.items() if _is_of_a_fusion(name)},
    }
    config: dict[str, Any] = to_jsonable(parse(FusionConfig, known).flat())
    return {name: config.get(name, known[name]) for name in known}


def experiment_config(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of an experiment, as far as it is known.

    Args:
        name: Of the experiment.
        settings: What its owner says of it. Fields that this program knows go to their sections ``data``, ``model``
            and ``training``, those of a fusion belong to the run, all others go to ``training``.

    Raises:
        ConfigError: If a field that this program knows has a value that it cannot have, or a value is no plain data.
    """
    config: dict[str, Any] = {"name": name, "recorded": True}
    for section, model in _SHARED.items():
        given = {key: value for key, value in settings.items() if key in model.model_fields}
        checked = parse(model, given).model_dump(mode="json")
        config[section] = {key: checked[key] for key in given}
    claimed = {key for model in _SHARED.values() for key in model.model_fields}
    others = {key: value for key, value in settings.items() if key not in claimed and not _is_of_a_fusion(key)}
    config["training"] |= {key: _plain(key, value) for key, value in others.items()}
    return config


def _is_of_a_fusion(name: str) -> bool:
    """Whether it is a field of ``FusionConfig`` or the word of an option of a method."""
    return name in FusionConfig.model_fields or name in declared.words()


def metrics_config(metrics: Mapping[str, Any], task: type[Task]) -> dict[str, dict[str, Any]]:
    """What is told of metrics of one's own, as an experiment keeps it: name to ``better``, ``low`` and ``high``.

    Args:
        metrics: Name to "higher" or "lower", or to that with the least and the greatest value (None: no bound).
        task: Whose metrics have their names already.

    Raises:
        ConfigError: If one is called as one of ours, or something else is told of it.
    """
    stored: dict[str, dict[str, Any]] = {}
    for name, about in metrics.items():
        given = (about, None, None) if isinstance(about, str) else about
        if not isinstance(name, str) or not name.strip() or not _is_told(given):
            raise ConfigError(
                "`metrics` says of each metric which values are better, and its range if it has one: "
                f'{{"mae": "lower", "psnr": ("higher", 0, None)}}, got {name!r}: {about!r}.',
                "metrics",
            )
        better, low, high = given
        if name in task.metrics and task.metrics[name].better != better:
            raise ConfigError(
                f"{name!r} is a metric of this program, with other values that are better. Call yours something else.",
                "metrics",
            )
        stored[name] = {"better": better, "low": _bound(low), "high": _bound(high)}
    return stored


def _is_told(given: Any) -> bool:
    """Whether it is a direction, a least and a greatest value."""
    if not isinstance(given, tuple | list) or len(given) != 3 or given[0] not in ("higher", "lower"):
        return False
    bounds = [end for end in given[1:] if end is not None]
    return all(isinstance(end, int | float) and not math.isnan(end) for end in bounds) and bounds == sorted(set(bounds))


def _bound(end: float | None) -> float | None:
    return None if end is None or math.isinf(end) else float(end)


def refuse_other_settings(experiment: str, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """Runs of an experiment share data, model and training, so what is said of them must be the same.

    Raises:
        ConfigError: If it differs, or the experiment is none that is recorded.
    """
    if not there.get("recorded"):
        raise ConfigError(
            f"Experiment {experiment!r} is not recorded: its runs are trained by this program, from one configuration. "
            "Record an experiment of its own.",
            "experiment",
        )
    tasks = [config.get("task") or DEFAULT_TASK for config in (there, here)]
    if tasks[0] != tasks[1]:
        raise ConfigError(
            f"Experiment {experiment!r} is of task {tasks[0]!r}, this run of {tasks[1]!r}; give it one of its own.",
            "task",
        )
    for section in (*_SHARED, "metrics"):
        before, now = there.get(section) or {}, here.get(section) or {}
        for key in {**before, **now}:
            old, new = before.get(key), now.get(key)
            if old != new:
                raise ConfigError(
                    f"{key}: {new!r}, but experiment {experiment!r} has {old!r}. Its runs may differ in their losses "
                    "and weights alone; record this one as an experiment of its own.",
                    key,
                )


def _of_fusion(fusion: Fusion) -> dict[str, Any]:
    weighting, schedule = fusion.weighting, fusion.schedule
    name = next((name for name in WEIGHTINGS if WEIGHTINGS[name] is type(weighting)), type(weighting).__name__)
    settings: dict[str, Any] = {
        "weighting": name,
        "sum_to": "1" if weighting.total == 1 else "K",
        "history_max": fusion.history.size,
        "detach_weights": fusion.detach_weights,
        "gamma": schedule.gamma,
        **schedule.words,
    }
    options = {option: getattr(weighting, option, None) for option in weighting.options}
    settings |= {key: value for key, value in options.items() if isinstance(value, bool | int | float | str)}
    if settings.get("weight_max") == math.inf:
        settings.pop("weight_max")  # no limit
    if weighting.base_weights is not None:
        settings["base_weights"] = weighting.base_weights.tolist()
    if weighting.warmup_steps == 0:  # the weights of the first step are none that it started from
        settings["weights"] = None
    if isinstance(weighting, ScalarizingWeighting | GramianWeighting):
        settings["weights"] = _weights(weighting.share.tolist())
    if isinstance(weighting, TchebycheffWeighting) and weighting.ideal.any():
        settings["ideal"] = weighting.ideal.tolist()
    if isinstance(weighting, FAMOWeighting):
        settings["weights"] = _weights(weighting.share.tolist())
        settings["lower_bounds"] = weighting.lower_bounds.tolist() if weighting.lower_bounds.any() else None
    return settings


def _weights(values: list[float]) -> list[float] | None:
    """The weights a run starts from; None where they are equal, or are none that a rule could start from."""
    if max(values) - min(values) <= 1e-6 * max(values) or not all(
        math.isfinite(value) and value >= 0 for value in values
    ):
        return None
    return values


def _plain(key: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(key, part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(key, part) for part in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ConfigError(f"{key}: expected numbers, texts, lists or names to them, got a {type(value).__name__}.", key)
