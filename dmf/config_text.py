"""Configuration as people type it: one text per field, and a short form for the runs of a race."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from dmf import declared
from dmf.config import (
    CHOSEN_FOR_ALL,
    DEFAULT_TASK,
    DataConfig,
    ExperimentConfig,
    FusionConfig,
    ModelConfig,
    RunConfig,
    TrainingConfig,
)
from dmf.errors import ConfigError
from dmf.options import Choice, Options, kinds_of, read_pairs, read_value, write_value
from dmf.registry import unknown
from dmf.words import kind_of

SECTIONS: dict[str, type[BaseModel]] = {
    "data": DataConfig,
    "model": ModelConfig,
    "training": TrainingConfig,
    "fusion": FusionConfig,
}
"""Parts of a configuration in the order people meet them."""

LONGEST = 80  # characters of a value that a message repeats

DEFAULT_WEIGHTINGS = ("variance", "mad", "bayesian")


def field_info(model: type[BaseModel], name: str) -> FieldInfo:
    """What is known of a field, or of any option of a method that a configuration chooses, by its word.

    Raises:
        KeyError: If there is none of this name.
    """
    fields = model.model_fields
    if name in fields:
        return fields[name]
    if model is FusionConfig:
        return declared.words()[name.rpartition(".")[2]].info
    return _shared_words(model)[name].info


def names_of(model: type[BaseModel]) -> tuple[str, ...]:
    """What may be set by name: the fields of a model, and every option of a method that it chooses, by its word."""
    if model is not FusionConfig:
        return (*model.model_fields, *_shared_words(model))
    return (*(name for name in model.model_fields if name != "spare"), *declared.words())


def _shared_words(model: type[BaseModel]) -> Mapping[str, declared.Word]:
    """Options of methods that are chosen for all runs."""
    kinds = CHOSEN_FOR_ALL if model is TrainingConfig else ()
    return {word: about for kind in kinds for word, about in declared.words(kind).items()}


def is_flag(model: type[BaseModel], name: str) -> bool:
    """Whether a field is a plain yes or no."""
    return field_info(model, name).annotation is bool


def from_text(model: type[BaseModel], name: str, text: str) -> Any:
    """What a typed text means for a field: lists split at commas or colons, ``none`` where a field may be empty.

    Losses with options are split at semicolons: ``ce;tversky,fn_weight=0.8``.
    """
    annotation = field_info(model, name).annotation
    if name == "terms" and (";" in text or "=" in text):
        return tuple(part.strip() for part in text.split(";") if part.strip())
    if any(get_origin(kind) is dict for kind in kinds_of(annotation)):
        try:
            return read_pairs(text)
        except ValueError as error:
            raise ConfigError(f"{name}: {error}.", name) from error
    return read_value(annotation, text)


def to_text(value: Any) -> str:
    """The text that :func:`from_text` reads back as ``value``."""
    if isinstance(value, Choice):
        return value.text
    if isinstance(value, tuple) and any(isinstance(part, Choice) for part in value):
        return (";" if any(part.options for part in value) else ":").join(part.text for part in value)
    return write_value(value)


def parse(model: type[BaseModel], texts: Mapping[str, Any]) -> Any:
    """Build ``model`` from typed texts; values that are not texts are taken as they are.

    Raises:
        ConfigError: With one clear line, and the field to blame.
    """
    known = model.model_fields
    # Options of methods are read where it is known of which method they are; words of others are refused there.
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
    faults: list[tuple[str | None, str]] = []
    for item in error.errors():
        field = next((str(part) for part in item["loc"] if isinstance(part, str)), None)
        message = item["msg"].removeprefix("Value error, ")
        head, _, tail = message.partition(": ")
        if field is None and tail and head.replace("_", "").isalnum():
            field, message = head, tail  # a check over several fields begins with the one to blame
        if not any(known == field for known, _ in faults):
            faults.append((field, _sentence(field, message, item)))
    return faults


def run_changes(text: str) -> dict[str, str]:
    """Field or word to text, in the order they are written, for a run such as ``bayesian,prior=compound``.

    An option of the weighting may be called by its name: ``cov,decay=0.8`` is ``cov,cov_decay=0.8``.

    Raises:
        ConfigError: For an unknown field, or a field without value.
    """
    first, *rest = _run_parts(text) or [""]
    pairs = [_pair(part, "run") for part in rest]
    if "=" in first:
        pairs.insert(0, _pair(first, "run"))
    elif first:
        pairs.insert(0, ("weighting", first))
    if not pairs:
        raise ConfigError("A run needs a weighting, e.g. --run 'bayesian,prior=compound'.", "run")
    method = next((value for key, value in pairs if key == "weighting"), "")
    return {_word(key.replace("-", "_") if "." not in key else key, key, method): value for key, value in pairs}


def _run_parts(text: str) -> list[str]:
    """What commas part; those before the last semicolon belong to the losses, which are parted by semicolons."""
    parts: list[str] = []
    raw = [part.strip() for part in text.split(",") if part.strip()]
    last = max((place for place, part in enumerate(raw) if ";" in part), default=-1)
    first = next((place for place, part in enumerate(raw) if part.partition("=")[0].strip() == "terms"), last + 1)
    for place, part in enumerate(raw):
        if first < place <= last:
            parts[-1] += f",{part}"
        else:
            parts.append(part)
    return parts


def _word(name: str, typed: str, weighting: str) -> str:
    """The field or word that somebody typed in a run.

    Raises:
        ConfigError: If there is none of this name.
    """
    if name in FusionConfig.model_fields:
        return name
    own = declared.options_model("weighting", weighting) if weighting else None
    if own is not None and name in own.model_fields:
        word = own.words()[name]
        return f"weighting.{word}" if word in FusionConfig.model_fields else word
    known = declared.words()
    if name.rpartition(".")[2] not in known and (own is not None or not weighting):
        fields = {**FusionConfig.model_fields, **known, **(own.words() if own is not None else {})}
        raise ConfigError(unknown("field of a run", typed, fields), "run")
    return name


def parse_run(base: FusionConfig | Mapping[str, Any], text: str) -> RunConfig:
    """One run of a race: ``weighting`` then any ``field=value`` of the fusion, e.g. ``bayesian,prior=compound``.

    Inside a run lists are written with colons (``weights=1:0:0``), because commas part the fields.

    Args:
        base: What the run has where the text says nothing; the values of a fusion by field or word.
        text: The run.

    Raises:
        ConfigError: For an unknown field, a field without value, an option that none of its methods has, or a value
            that cannot work.
    """
    if isinstance(base, FusionConfig):
        common, task = base.flat(changed=True), base.task
    else:
        common, task = dict(base), declared.current_task()
    with declared.of_task(task):
        changes = run_changes(text)
        run = _run(common, changes)
        refuse_idle(changes, [run.fusion])
    return run


def _run(common: Mapping[str, Any], changes: Mapping[str, str]) -> RunConfig:
    kept = {name: value for name, value in common.items() if name.rpartition(".")[2] not in changes}
    fusion: FusionConfig = parse(FusionConfig, {**kept, **changes})
    return RunConfig(label=_label(fusion, changes), fusion=fusion)


def refuse_idle(words: Iterable[str], fusions: Sequence[FusionConfig]) -> None:
    """Refuse options that none of the methods of any run has.

    But for those of the methods that come with the program: they were settings of every run before methods had options,
    and command lines that somebody wrote then stay as they are.

    Raises:
        ConfigError: That says which methods have it.
    """
    asked = [word for word in words if word not in FusionConfig.model_fields]
    models = {(index, place): model for index, one in enumerate(fusions) for place, model in _models_of(one).items()}
    if not asked or None in models.values():
        return  # of a method that is not known nobody knows the options
    had = {
        name
        for (_, place), model in models.items()
        if model is not None
        for option, word in model.words().items()
        for name in (word, f"{place}.{word}", f"{place}.{option}")
    }
    for word in asked:
        if word not in had:
            having = declared.words().get(word.rpartition(".")[2])
            if having and having.is_built_in and "." not in word:
                continue
            methods = f" {', '.join(having.methods)} {_has(having.methods)}." if having else ""
            chosen = dict.fromkeys(choice.name for fusion in fusions for choice in fusion.places.values())
            raise ConfigError(f"{word}: none of {', '.join(chosen)} has this option.{methods}", word)


def _has(methods: Sequence[str]) -> str:
    return "has it" if len(methods) == 1 else "have it"


def _models_of(fusion: FusionConfig) -> dict[str, type[Options] | None]:
    """What the method at each place declares of its options; None where it is not known here."""
    with declared.of_task(fusion.task):
        return {place: declared.options_model(kind_of(place), choice.name) for place, choice in fusion.places.items()}


def _label(fusion: FusionConfig, changes: Mapping[str, str]) -> str:
    """The method, and what a run has of its own; and whatever makes it another method than its name says."""
    overrides = {name: value for name, value in changes.items() if name != "weighting"}
    if fusion.weighting.options.get("gradient_of") == "logits":
        overrides["gradient_of"] = "logits"
    return " ".join([fusion.weighting.name, *(f"{name}={value}" for name, value in overrides.items())])


def experiment(
    texts: Mapping[str, Any],
    *,
    weightings: Sequence[str] = (),
    runs: Iterable[str] = (),
    name: str = "",
    typed: Collection[str] | None = None,
) -> ExperimentConfig:
    """A whole experiment from typed texts: one run per weighting, then the runs written out.

    Args:
        texts: Field name or word to text, for any fields of data, model, training and fusion, and the task and its
            options.
        weightings: One run each with the common fusion; the three of the paper when neither these nor runs are given.
            As runs are written, so that one may have options: ``cov,decay=0.8``.
        runs: Runs as :func:`parse_run` reads them.
        name: Name of the experiment.
        typed: Those of ``texts`` that somebody typed, so that each must be an option of some method of some run, as
            each of a run must be of one of its methods. None to take options that no method has.

    Raises:
        ConfigError: With one clear line, and the field to blame.
    """
    parts = {
        section: parse(model, {field: texts[field] for field in names_of(model) if field in texts})
        for section, model in SECTIONS.items()
        if model is not FusionConfig
    }
    of_task = {
        field: from_text(ExperimentConfig, field, texts[field]) if isinstance(texts[field], str) else texts[field]
        for field in ("task", "task_options")
        if field in texts
    }
    # Of each run as a whole: what cannot work with one weighting may well with another.
    elsewhere = {field for model in SECTIONS.values() if model is not FusionConfig for field in names_of(model)}
    common = {field: text for field, text in texts.items() if field not in elsewhere and field not in of_task}
    with declared.of_task(of_task.get("task", DEFAULT_TASK)):
        written = [run_changes(run) for run in runs]
        chosen = list(weightings) or ([] if written else list(DEFAULT_WEIGHTINGS))
        raced = [_run(common, run_changes(word)) for word in chosen]
        others = [_run(common, changes) for changes in written]
    config: ExperimentConfig = build(ExperimentConfig, {"name": name, **of_task, **parts, "runs": (*raced, *others)})
    if typed is not None:
        with declared.of_task(config.task):
            refuse_idle([word for word in common if word in typed], [run.fusion for run in config.runs])
            for changes, run in zip(written, config.runs[len(raced) :], strict=True):
                refuse_idle(changes, [run.fusion])
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
