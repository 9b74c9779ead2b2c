"""The settings of methods and of synthetic histories as sliders, choices and switches, and back as text.

Which control a setting of a method has follows from what the method declares of it.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from app.components.fields import in_short, label, named
from app.components.lab.controls import Control, Group, Value
from dmf import declared
from dmf.config import FusionConfig
from dmf.config_text import field_info, from_text, names_of
from dmf.options import default_of, hint, kinds_of

Range = dict[str, Any]
Method = FusionConfig | SimpleNamespace
"""A method as it stands, each of its settings as an attribute."""

MEMORY = ("history_min", "history_max")  # come after what is a method's own


def method_groups(config: Method, options: Sequence[str]) -> list[Group]:
    """The controls of one method: its own settings first, then what may be adjusted, folded.

    Args:
        config: The method as it stands; what another of its settings puts out of use is left out.
        options: The words of what concerns it.
    """
    used = [name for name in options if _is_used(name, config)]
    each = [name for name in used if is_per_loss(name)]
    adjusted = [name for name in used if hint(_info(name), "folded") and name not in each]
    own = [name for name in used if name not in (*each, *adjusted)]
    own.sort(key=lambda name: name in MEMORY)
    method = config.weighting.name
    groups = [Group(tuple(_control(name, method) for name in own))] if own else []
    for name in each:
        is_all_there_is = method == "fixed" and name == "weights"
        groups.append(
            Group(tuple(_per_loss(name, config.term_names)), label(name, method), _help(name), not is_all_there_is)
        )
    if adjusted:
        about = "Limits, smoothing and scaling of the weights."
        groups.append(Group(tuple(_control(name, method) for name in adjusted), "Adjustments", about, True))
    return groups


def is_per_loss(name: str) -> bool:
    """Whether a setting is one number for each loss."""
    return hint(_info(name), "each") is not None


def slider_of(name: str) -> Range | None:
    """The ends of the slider of a number, the number beside it takes what lies beyond; None for what is no number."""
    info = _info(name)
    if is_per_loss(name) or get_origin(info.annotation) is Literal or info.annotation is bool:
        return None
    slider = hint(info, "slider")
    if slider is not None:
        none = hint(info, "none")
        return {**slider, "none": tuple(none)} if none else dict(slider)
    return _slider_by_limits(name, info)


def _slider_by_limits(name: str, info: FieldInfo) -> Range | None:
    """For a number of which nothing else is declared: between its limits, else up to ten times its default."""
    kinds = [getattr(kind, "__origin__", kind) for kind in kinds_of(info.annotation)]
    if not {int, float} & set(kinds) or set(kinds) - {int, float, type(None)}:
        return None
    asked, default, integer = bounds(FusionConfig, name), default_of(info), float not in kinds
    size = 10 * max(abs(default or 0), 1)
    low = asked.get("ge", asked.get("gt", -size if (default or 0) < 0 else 0))
    high = asked.get("le", asked.get("lt", size))
    step = 1 if integer else (high - low) / 1000
    none = {"none": ("none", "low")} if default is None else {}
    return {"low": low, "high": high, "step": step, "integer": integer, **none}


def _is_used(name: str, config: Method) -> bool:
    only_if = hint(_info(name), "only_if")
    if only_if is None:
        return True
    about = declared.words("weighting")[name]
    other, value = only_if
    model = declared.options_model("weighting", about.methods[0])
    return bool(getattr(config, model.words()[other] if model else other) == value)


def lenient(base: FusionConfig, method: str, changes: Mapping[str, str]) -> SimpleNamespace:
    """The settings a method was given, also where they do not fit together: for controls that show what was chosen.

    A value that is none at all is left out.
    """
    settings = {name: getattr(base, name) for name in names_of(FusionConfig)}
    for name, text in changes.items():
        with suppress(ValidationError, KeyError):
            annotation: Any = _info(name).annotation
            settings[name] = TypeAdapter(annotation).validate_python(from_text(FusionConfig, name, text))
    settings |= {"weighting": SimpleNamespace(name=method), "term_names": base.term_names}
    return SimpleNamespace(**settings)


def method_values(config: Method, options: Sequence[str]) -> dict[str, Value]:
    """What the controls of a method stand at."""
    values: dict[str, Value] = {}
    for name in options:
        value = getattr(config, name)
        if is_per_loss(name):
            count = len(config.term_names)
            given = value if value and len(value) == count else [hint(_info(name), "each")] * count
            values |= {f"{name}.{place}": number for place, number in enumerate(given)}
        else:
            values[name] = value
    return values


def method_text(method: str, values: Mapping[str, Value], base: FusionConfig, options: Sequence[str]) -> str:
    """The method as ``dmf train --run`` reads it: its name, then what differs from ``base``."""
    changes = {}
    for name in options:
        value: Any
        if is_per_loss(name):
            given = tuple(values[f"{name}.{place}"] for place in range(len(base.terms)))
            value = None if set(given) == {hint(_info(name), "each")} else given
        else:
            value = values[name]
        if value != getattr(base, name):
            changes[name] = value
    return ",".join([method, *(f"{name}={in_short(value)}" for name, value in changes.items())])


def model_control(model: type[BaseModel], field: str, range: Range, *, name: str = "", title: str = "") -> Control:
    """A slider for a field of a model."""
    about = field_info(model, field).description or ""
    return Control(name or field, title or label(field), about, allowed=bounds(model, field), **range)


def bounds(model: type[BaseModel], field: str) -> dict[str, float]:
    """What a model asks of a number, or of each of several: ``{"ge": 0, "lt": 1}``."""
    limits: dict[str, float] = {}
    info = field_info(model, field)
    for part in _annotated(info.annotation, info.metadata):
        limits |= {
            name: getattr(part, name) for name in ("ge", "gt", "le", "lt") if getattr(part, name, None) is not None
        }
    return limits


def _annotated(annotation: Any, metadata: Sequence[Any]) -> list[Any]:
    """All that is said of a type and of those it is made of."""
    own = [piece for part in metadata for piece in (*getattr(part, "metadata", ()), part)]
    inner = [_annotated(part, getattr(part, "__metadata__", ())) for part in get_args(annotation)]
    return own + [piece for pieces in inner for piece in pieces]


def numeric(options: Sequence[str]) -> list[str]:
    """Those of the settings that a slider sets, for which a range makes sense."""
    return [name for name in options if slider_of(name) is not None and "seed" not in name]


def _control(name: str, method: str) -> Control:
    about: dict[str, Any] = {"name": name, "label": label(name, method), "help": _help(name)}
    annotation = _info(name).annotation
    if annotation is bool:
        return Control(**about, kind="check")
    if get_origin(annotation) is Literal:
        return Control(**about, kind="choice", choices=tuple((word, named(word)) for word in get_args(annotation)))
    return Control(**about, allowed=bounds(FusionConfig, name), **(slider_of(name) or {}))


def _per_loss(name: str, names: Sequence[str]) -> list[Control]:
    return [
        Control(
            *(f"{name}.{place}", named(term), f"{named(term)}: {_help(name)}"),
            allowed=bounds(FusionConfig, name),
            **hint(_info(name), "slider"),
        )
        for place, term in enumerate(names)
    ]


def _info(name: str) -> FieldInfo:
    return field_info(FusionConfig, name)


def _help(name: str) -> str:
    return _info(name).description or ""
