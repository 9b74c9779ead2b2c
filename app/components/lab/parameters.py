"""The settings of methods and of synthetic histories as sliders, choices and switches, and back as text."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from app.components.fields import in_short, label, named
from app.components.lab.controls import Control, Group, Value
from dmf.config import FusionConfig
from dmf.config_text import from_text

Range = dict[str, Any]


def _log(low: float, high: float, *, integer: bool = False) -> Range:
    return {"low": low, "high": high, "log": True, "integer": integer}


def _linear(low: float, high: float, step: float) -> Range:
    return {"low": low, "high": high, "step": step, "integer": step >= 1}


RANGES: dict[str, Range] = {
    "history_min": _log(2, 1000, integer=True),
    "history_max": _log(2, 2000, integer=True),
    "eps": _log(1e-12, 1e-2),
    "floor": _log(1e-9, 1.0) | {"none": ("default", "low")},
    "rho": _linear(0, 0.999, 0.001),
    "weight_min": _linear(0, 1, 0.01),
    "weight_max": _linear(0.01, 6, 0.01) | {"none": ("no limit", "high")},
    "smoothing": _linear(0, 0.999, 0.001),
    "max_change": _log(1e-4, 1.0) | {"none": ("no limit", "high")},
    "cov_decay": _linear(0, 0.999, 0.001),
    "beta": _linear(-5, 5, 0.01),
    "window": _log(2, 1000, integer=True),
    "temperature": _log(0.01, 20),
    "block_steps": _log(1, 1000, integer=True),
    "weight_seed": _linear(0, 100, 1),
    "mu": _log(1e-3, 10),
}
"""Field of a method to the ends of its slider; the number beside it takes what lies beyond."""

PER_LOSS: dict[str, tuple[Range, float]] = {
    "weights": (_linear(0, 1, 0.01), 1.0),
    "prior_weights": (_linear(0.01, 1, 0.01), 1.0),
    "base_weights": (_linear(0.01, 1, 0.01), 1.0),
    "ideal": (_linear(-1, 1, 0.01), 0.0),
}
"""Field with a number for each loss to the ends of its sliders, and what each loss has when it is not given."""

ADJUSTMENTS = (
    *("smoothing", "max_change", "weight_min", "weight_max", "sum_to"),
    *("symlog", "minmax", "floor", "eps", "median"),
)
"""What may be set of most methods, and is folded."""

ONLY_IF = {
    "rho": ("prior", "tempered"),
    "cov_decay": ("cov_mean", "decay"),
    "cov_variance": ("cov_mean", "decay"),
}
"""Setting to another one and what that has to be for it to count."""


def method_groups(config: FusionConfig, options: Sequence[str]) -> list[Group]:
    """The controls of one method: its own settings first, then what may be adjusted, folded.

    Args:
        config: The method as it stands; what another of its settings puts out of use is left out.
        options: The fields that concern it.
    """
    used = [name for name in options if _is_used(name, config)]
    own = [name for name in FusionConfig.model_fields if name in used and name not in (*ADJUSTMENTS, *PER_LOSS)]
    own.sort(key=lambda name: name in ("history_min", "history_max"))
    adjusted = [name for name in ADJUSTMENTS if name in used and name not in PER_LOSS]
    groups = [Group(tuple(map(_control, own)))] if own else []
    for name in (name for name in PER_LOSS if name in used):
        is_all_there_is = config.weighting == "fixed" and name == "weights"
        groups.append(Group(tuple(_per_loss(name, config.terms)), label(name), _help(name), not is_all_there_is))
    if adjusted:
        about = "Limits, smoothing and scaling of the weights."
        groups.append(Group(tuple(map(_control, adjusted)), "Adjustments", about, True))
    return groups


def _is_used(name: str, config: FusionConfig) -> bool:
    other, value = ONLY_IF.get(name, ("", ""))
    return not other or getattr(config, other) == value


def lenient(base: FusionConfig, changes: Mapping[str, str]) -> FusionConfig:
    """The settings a method was given, also where they do not fit together: for controls that show what was chosen.

    A value that is none at all is left out.
    """
    found = dict(base)
    for name, text in changes.items():
        with suppress(ValidationError):
            annotation: Any = FusionConfig.model_fields[name].annotation
            found[name] = TypeAdapter(annotation).validate_python(from_text(FusionConfig, name, text))
    return FusionConfig.model_construct(**found)


def method_values(config: FusionConfig, options: Sequence[str]) -> dict[str, Value]:
    """What the controls of a method stand at."""
    values: dict[str, Value] = {}
    for name in options:
        value = getattr(config, name)
        if name in PER_LOSS:
            count = len(config.terms)
            given = value if value and len(value) == count else [PER_LOSS[name][1]] * count
            values |= {f"{name}.{place}": number for place, number in enumerate(given)}
        else:
            values[name] = value
    return values


def method_text(method: str, values: Mapping[str, Value], base: FusionConfig, options: Sequence[str]) -> str:
    """The method as ``dmf train --run`` reads it: its name, then what differs from ``base``."""
    changes = {}
    for name in options:
        value: Any
        if name in PER_LOSS:
            given = tuple(values[f"{name}.{place}"] for place in range(len(base.terms)))
            value = None if set(given) == {PER_LOSS[name][1]} else given
        else:
            value = values[name]
        if value != getattr(base, name):
            changes[name] = value
    return ",".join([method, *(f"{name}={in_short(value)}" for name, value in changes.items())])


def model_control(model: type[BaseModel], field: str, range: Range, *, name: str = "", title: str = "") -> Control:
    """A slider for a field of a model."""
    about = model.model_fields[field].description or ""
    return Control(name or field, title or label(field), about, allowed=bounds(model, field), **range)


def bounds(model: type[BaseModel], field: str) -> dict[str, float]:
    """What a model asks of a number, or of each of several: ``{"ge": 0, "lt": 1}``."""
    found: dict[str, float] = {}
    for part in _annotated(model.model_fields[field].annotation, model.model_fields[field].metadata):
        found |= {
            name: getattr(part, name) for name in ("ge", "gt", "le", "lt") if getattr(part, name, None) is not None
        }
    return found


def _annotated(annotation: Any, metadata: Sequence[Any]) -> list[Any]:
    """All that is said of a type and of those it is made of."""
    own = [piece for part in metadata for piece in (*getattr(part, "metadata", ()), part)]
    inner = [_annotated(part, getattr(part, "__metadata__", ())) for part in get_args(annotation)]
    return own + [piece for pieces in inner for piece in pieces]


def numeric(options: Sequence[str]) -> list[str]:
    """Those of the fields that a slider sets, for which a range makes sense."""
    return [name for name in options if name in RANGES and name != "weight_seed"]


def _control(name: str) -> Control:
    about: dict[str, Any] = {"name": name, "label": label(name), "help": _help(name)}
    annotation = FusionConfig.model_fields[name].annotation
    if annotation is bool:
        return Control(**about, kind="check")
    if get_origin(annotation) is Literal:
        return Control(**about, kind="choice", choices=tuple((word, named(word)) for word in get_args(annotation)))
    return Control(**about, allowed=bounds(FusionConfig, name), **RANGES[name])


def _per_loss(name: str, names: Sequence[str]) -> list[Control]:
    return [
        Control(
            *(f"{name}.{place}", named(term), f"{named(term)}: {_help(name)}"),
            allowed=bounds(FusionConfig, name),
            **PER_LOSS[name][0],
        )
        for place, term in enumerate(names)
    ]


def _help(name: str) -> str:
    return FusionConfig.model_fields[name].description or ""
