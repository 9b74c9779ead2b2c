"""Configuration as people type it: one text per field, and a short form for the runs of a race."""

import re
import types
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from dmf.config import DataConfig, ExperimentConfig, FusionConfig, ModelConfig, RunConfig, TrainingConfig
from dmf.errors import ConfigError
from dmf.registry import unknown

SECTIONS: dict[str, type[BaseModel]] = {
    "data": DataConfig,
    "model": ModelConfig,
    "training": TrainingConfig,
    "fusion": FusionConfig,
}
"""Parts of a configuration in the order people meet them."""

LONGEST = 80  # characters of a value that a message repeats

DEFAULT_WEIGHTINGS = ("variance", "mad", "bayesian")

GRADIENT_WEIGHTINGS = ("gradnorm", "upgrad", "mgda", "pcgrad", "imtl-g", "aligned-mtl", "dualproj")
"""Weightings that look at gradients. At the logits they are other methods than the published ones."""


def is_flag(model: type[BaseModel], name: str) -> bool:
    """Whether a field is a plain yes or no."""
    return model.model_fields[name].annotation is bool


def from_text(model: type[BaseModel], name: str, text: str) -> Any:
    """What a typed text means for a field: lists split at commas or colons, ``none`` where a field may be empty."""
    annotation = model.model_fields[name].annotation
    options = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    if type(None) in options and text.strip().lower() in ("", "none"):
        return None
    if any(get_origin(option) is tuple for option in options):
        return tuple(part.strip() for part in text.replace(":", ",").split(",") if part.strip())
    if any(get_origin(option) is dict for option in options):
        # A comma before a number is part of a value, such as a colour: no option is called by a number.
        pairs = (_pair(part, name) for part in re.split(r",(?!\s*\d)", text) if part.strip())
        return {key: _scalar(value) for key, value in pairs}
    return text.strip()


def to_text(value: Any) -> str:
    """The text that :func:`from_text` reads back as ``value``."""
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case tuple() | list():
            return ":".join(to_text(part) for part in value)
        case dict():
            return ",".join(f"{key}={to_text(part)}" for key, part in value.items())
        case float():
            return repr(value)
        case _:
            return str(value)


def parse(model: type[BaseModel], texts: Mapping[str, Any]) -> Any:
    """Build ``model`` from typed texts; values that are not texts are taken as they are.

    Raises:
        ConfigError: With one clear line, and the field to blame.
    """
    known = model.model_fields
    values = {
        name: from_text(model, name, value) if isinstance(value, str) and name in known else value
        for name, value in texts.items()
    }
    return build(model, values)


def build(model: type[BaseModel], values: Mapping[str, Any]) -> Any:
    """Build ``model`` from values, with our own errors.

    Raises:
        ConfigError: With one clear line, and the field to blame.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        field, message = problems(error)[0]
        raise ConfigError(message, field) from error


def problems(error: ValidationError) -> list[tuple[str | None, str]]:
    """Each thing a validation found wrong, as (field, sentence)."""
    found: list[tuple[str | None, str]] = []
    for item in error.errors():
        field = next((str(part) for part in item["loc"] if isinstance(part, str)), None)
        message = item["msg"].removeprefix("Value error, ")
        head, _, tail = message.partition(": ")
        if field is None and tail and head.replace("_", "").isalnum():
            field, message = head, tail  # a check over several fields begins with the one to blame
        if not any(known == field for known, _ in found):
            found.append((field, _sentence(field, message, item)))
    return found


def run_changes(text: str) -> dict[str, str]:
    """Field to text, in the order they are written, for a run such as ``bayesian,prior=compound``.

    Raises:
        ConfigError: For an unknown field, or a field without value.
    """
    first, *rest = [part.strip() for part in text.split(",") if part.strip()] or [""]
    pairs = [_pair(part, "run") for part in rest]
    if "=" in first:
        pairs.insert(0, _pair(first, "run"))
    elif first:
        pairs.insert(0, ("weighting", first))
    if not pairs:
        raise ConfigError("A run needs a weighting, e.g. --run 'bayesian,prior=compound'.", "run")
    changes = {}
    for key, value in pairs:
        name = key.replace("-", "_")
        if name not in FusionConfig.model_fields:
            raise ConfigError(unknown("field of a run", key, FusionConfig.model_fields), "run")
        changes[name] = value
    return changes


def parse_run(base: FusionConfig, text: str) -> RunConfig:
    """One run of a race: ``weighting`` then any ``field=value`` of the fusion, e.g. ``bayesian,prior=compound``.

    Inside a run lists are written with colons (``weights=1:0:0``), because commas part the fields.

    Raises:
        ConfigError: For an unknown field, a field without value, or a value that cannot work.
    """
    return _run(base.model_dump(), run_changes(text))


def _run(common: Mapping[str, Any], changes: Mapping[str, str]) -> RunConfig:
    fusion = parse(FusionConfig, {**common, **changes})
    return RunConfig(label=_label(fusion, changes), fusion=fusion)


def _label(fusion: FusionConfig, changes: Mapping[str, str]) -> str:
    """The method, and what a run has of its own; and whatever makes it another method than its name says."""
    said = {name: value for name, value in changes.items() if name != "weighting"}
    if fusion.weighting in GRADIENT_WEIGHTINGS and fusion.gradient_of == "logits":
        said["gradient_of"] = "logits"
    return " ".join([fusion.weighting, *(f"{name}={value}" for name, value in said.items())])


def experiment(
    texts: Mapping[str, Any], *, weightings: Sequence[str] = (), runs: Iterable[str] = (), name: str = ""
) -> ExperimentConfig:
    """A whole experiment from typed texts: one run per weighting, then the runs written out.

    Args:
        texts: Field name to text, for any fields of data, model, training and fusion, and the task and its options.
        weightings: One run each with the common fusion; the three of the paper when neither these nor runs are given.
        runs: Runs as :func:`parse_run` reads them.
        name: Name of the experiment.

    Raises:
        ConfigError: With one clear line, and the field to blame.
    """
    parts = {
        section: parse(model, {field: texts[field] for field in model.model_fields if field in texts})
        for section, model in SECTIONS.items()
        if model is not FusionConfig
    }
    of_task = {
        field: from_text(ExperimentConfig, field, texts[field]) if isinstance(texts[field], str) else texts[field]
        for field in ("task", "task_options")
        if field in texts
    }
    # Of each run as a whole: what cannot work with one weighting may well with another.
    common = {field: texts[field] for field in FusionConfig.model_fields if field in texts}
    written = [run_changes(run) for run in runs]
    chosen = list(weightings) or ([] if written else list(DEFAULT_WEIGHTINGS))
    raced = [_run(common, {"weighting": word}) for word in chosen]
    config: ExperimentConfig = build(
        ExperimentConfig,
        {"name": name, **of_task, **parts, "runs": (*raced, *(_run(common, changes) for changes in written))},
    )
    return config


def shorten(value: Any) -> str:
    """``value`` as code, cut where it would no longer fit into a line."""
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _pair(text: str, field: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip() or not value.strip():
        raise ConfigError(f"Expected key=value, got {shorten(text.strip())}.", field)
    return key.strip(), value.strip()


def _scalar(text: str) -> bool | int | float | str:
    """The narrowest type that ``text`` reads as; where any of them is allowed, nothing else tells them apart."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for number in (int, float):
        with suppress(ValueError):
            return number(text)
    return text


def _sentence(field: str | None, message: str, item: Any) -> str:
    limits = item.get("ctx", {})
    got = ""
    match item["type"]:
        case "extra_forbidden":
            return f"There is no setting {field!r}."
        case "too_short":
            message = f"expected at least {limits['min_length']}, got {limits['actual_length']}"
        case "too_long":
            message = f"expected at most {limits['max_length']}, got {limits['actual_length']}"
        case "missing":
            message = "a value is missing"
        case "value_error":
            pass
        case _:
            got = f", got {shorten(item['input'])}"
    return f"{f'{field}: ' if field else ''}{message[:1].lower() + message[1:]}{got}."
