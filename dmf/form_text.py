"""A filled form read as a whole: what it comes to, and of each field and run what is wrong with it, in plain words."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from dmf import config_text, declared
from dmf.config import DEFAULT_TASK, ExperimentConfig, FusionConfig, RunConfig
from dmf.errors import ConfigError

Complaint = tuple[str | None, str]
"""The field to blame, None where no single one is, and a sentence."""


@dataclass(frozen=True)
class FormReading:
    """What the texts of a form come to, before anything is built of them.

    Attributes:
        config: The experiment of all that can be read; None if the common settings cannot work.
        problems: Field to what is wrong with it; None for what no single field is to blame for.
        rows: Run, counted from 0, to what is wrong with it; these are not in ``config``.
        notes: Run, counted from 0, to what is worth knowing about it.
        places: Of the runs of ``config``, among all runs.
    """

    config: ExperimentConfig | None = None
    problems: dict[str | None, str] = field(default_factory=dict)
    rows: dict[int, Complaint] = field(default_factory=dict)
    notes: dict[int, str] = field(default_factory=dict)
    places: tuple[int, ...] = ()


def read_form(values: Mapping[str, Any], runs: Sequence[str], name: str) -> FormReading:
    """Read every field and every run, so that whoever corrects one is not told of the next only then.

    Args:
        values: Field to value, texts as people type them.
        runs: Runs, as :func:`dmf.config_text.parse_run` reads them.
        name: Name of the experiment.
    """
    with declared.of_task(values.get("task", DEFAULT_TASK)):
        problems: dict[str | None, str] = {}
        for model in config_text.SECTIONS.values():
            for blamed, sentence in _wrong_in(model, values):
                problems.setdefault(blamed, plainly(blamed, sentence))
        rest = {key: value for key, value in values.items() if key not in problems}
        rows: dict[int, Complaint] = {}
        notes: dict[int, str] = {}
        try:
            read = _read_runs(rest, runs, rows, notes)
            config = config_text.experiment(rest, runs=[runs[place] for place in read], name=name)
        except ConfigError as error:
            problems.setdefault(error.field, plainly(error.field, str(error)))
            return FormReading(None, problems, rows, notes)
    return FormReading(config, problems, rows, notes, tuple(read))


def _wrong_in(model: Any, values: Mapping[str, Any]) -> list[Complaint]:
    try:
        config_text.parse(model, _of(model, values))
    except ConfigError as error:
        return _complaints(error)
    return []


def _of(model: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: values[key] for key in config_text.names_of(model) if key in values}


def _complaints(error: ConfigError) -> list[Complaint]:
    cause = error.__cause__
    return config_text.problems(cause) if isinstance(cause, ValidationError) else [(error.field, str(error))]


def _read_runs(
    values: Mapping[str, Any], runs: Sequence[str], rows: dict[int, Complaint], notes: dict[int, str]
) -> list[int]:
    """Places of the runs that can be read and differ; ``rows`` gets what is wrong with others, ``notes`` what is known.

    Raises:
        ConfigError: If the common settings cannot work.
    """
    base = config_text.parse(FusionConfig, _of(FusionConfig, values))
    read: dict[int, RunConfig] = {}
    for index, text in enumerate(runs):
        empty = next((part[:-1] for part in text.split(",") if part.endswith("=")), None)
        if empty is not None:
            rows[index] = empty, "a value is missing."
            continue
        try:
            run = config_text.parse_run(base, text)
        except ConfigError as error:
            blamed, sentence = _complaints(error)[0]
            rows[index] = blamed, plainly(blamed, sentence)
            continue
        for other, earlier in read.items():
            if earlier.label == run.label:
                rows[index] = None, f"the same as run {other + 1}; change or remove one of them."
                break
            if earlier.fusion == run.fusion:
                notes.setdefault(index, f"Trains just as run {other + 1} does.")
        else:
            read[index] = run
    return list(read)


def plainly(field: str | None, sentence: str) -> str:
    """What is wrong with a field, as it is said beside it."""
    plain = sentence.removeprefix(f"{field}: ").replace("input should be", "must be", 1)
    for stilted, written in _PLAINER.items():
        plain = plain.replace(stilted, written, 1)
    return re.sub(r"got '([-+.\w]+)'", r"got \1", plain)  # a number typed in a run comes as text


_PLAINER = {
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
    "greater than": "above",
    "less than": "below",
    "a valid number, unable to parse string as a number": "a number",
}
