"""The settings that may change while a run trains. A change is plain data, see :class:`dmf.records.SettingChange`."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dmf import declared
from dmf.config import FusionConfig, PluginConfig, TrainingConfig
from dmf.config_text import parse, shorten
from dmf.errors import ConfigError
from dmf.options import Choice
from dmf.records import SettingChange
from dmf.registry import unknown

LIVE_SETTINGS = {
    "gamma": "Weight of the auxiliary loss at step 0, gamma_0; its decay goes on from there.",
    "decay_rate": "How fast the auxiliary weight falls, per decay period, counted from step 0.",
    "lr": "Learning rate of the optimizer from the next step on.",
    "weighting": "The rule that sets the weights; the history of losses stays, the rule's own memory begins anew.",
}
"""Field to what changing it does."""

_OF_THE_AUXILIARY_LOSS = ("gamma", "decay_rate")


@dataclass(frozen=True)
class Settings:
    """What the live settings of one run stand at."""

    lr: float
    fusion: FusionConfig

    def changed(self, field: str, value: float | str) -> "Settings":
        """The settings after ``field`` was set to ``value``, which may be a text as people type it.

        Raises:
            ConfigError: If there is no such live setting, the value cannot work, or the run has nothing that it sets.
        """
        if field not in LIVE_SETTINGS:
            raise ConfigError(unknown("live setting", field, LIVE_SETTINGS), field)
        if isinstance(value, bool):
            raise ConfigError(f"{field}: expected a {_kind(field)}, got {value}.", field)
        if field in _OF_THE_AUXILIARY_LOSS and self.fusion.auxiliary.name == "none":
            raise ConfigError(f"{field}: this run has no auxiliary loss, so there is nothing to turn.", field)
        if field == "lr":
            return Settings(parse(TrainingConfig, {"lr": value}).lr, self.fusion)
        with declared.of_task(self.fusion.task):
            return Settings(self.lr, parse(FusionConfig, self.fusion.flat(changed=True) | {field: value}))

    def value(self, field: str) -> float | str:
        """What one live setting stands at."""
        if field == "weighting":
            return self.fusion.weighting.name
        number: float = self.lr if field == "lr" else getattr(self.fusion, field)
        return number

    def stored(self, field: str, asked: float | str) -> float | str:
        """What is stored of a change to ``asked`` that led here: a method with the options that were asked for."""
        return Choice.model_validate(asked).text if field == "weighting" else self.value(field)

    def after(self, changes: Iterable[SettingChange]) -> "Settings":
        """The settings after several changes, in the order given.

        Raises:
            ConfigError: If one of them cannot work.
        """
        settings = self
        for change in changes:
            settings = settings.changed(change.field, change.value)
        return settings


class StoredEvent(Protocol):
    """What an event of the store tells: its number in the order of writing, and what happened at which step."""

    @property
    def id(self) -> int: ...
    @property
    def step(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def data(self) -> Mapping[str, Any]: ...


def changes_of(events: Iterable[StoredEvent]) -> tuple[SettingChange, ...]:
    """The changes among the events of one run, in the order they act: by step, then as they were written."""
    turned = sorted((event for event in events if event.kind == "knob"), key=attrgetter("step", "id"))
    return tuple(SettingChange(event.step, event.data["field"], event.data["value"]) for event in turned)


def plugins_of_changes(events: Iterable[StoredEvent]) -> tuple[PluginConfig, ...]:
    """The plug-ins that were turned to, each once: they are stored with the change, because the run began without."""
    plugins = (plugin for event in events if event.kind == "knob" for plugin in event.data.get("plugins", ()))
    return tuple(dict.fromkeys(PluginConfig.model_validate(plugin) for plugin in plugins))


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    run: str
    step: int = Field(ge=0, le=2**31 - 1)
    field: str
    value: float | str


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    knobs: list[_Row]


def read_events(path: str | Path) -> dict[str, tuple[SettingChange, ...]]:
    """Changes by the label of their run, ordered by step, from a file that :func:`write_events` wrote.

    Raises:
        ConfigError: If there is no such file or it does not hold changes of settings; says what is wrong with which.
    """
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
        rows = _File.model_validate(document).knobs
    except OSError as error:
        raise ConfigError(f"Cannot read {path}: {error.strerror or error}.", "events") from error
    except ValidationError as error:
        raise ConfigError(f"{path}: {_sentence(error)} {_EXPECTED}", "events") from error
    except (ValueError, RecursionError) as error:  # neither text nor JSON
        raise ConfigError(f"{path} is not a JSON file ({error}). {_EXPECTED}", "events") from error
    changes: dict[str, list[SettingChange]] = {}
    for number, row in enumerate(rows, start=1):
        if row.field not in LIVE_SETTINGS:
            raise ConfigError(f"{path}: change {number}: {unknown('live setting', row.field, LIVE_SETTINGS)}", "events")
        changes.setdefault(row.run, []).append(SettingChange(row.step, row.field, row.value))
    return {run: tuple(sorted(turned, key=attrgetter("step"))) for run, turned in changes.items()}


def events_text(changes: Mapping[str, Sequence[SettingChange]]) -> str:
    """Changes by the label of their run, as the text of a file that :func:`read_events` reads."""
    rows = [
        {"run": run, "step": change.step, "field": change.field, "value": change.value}
        for run, turned in changes.items()
        for change in turned
    ]
    return json.dumps({"knobs": rows}, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_events(path: str | Path, changes: Mapping[str, Sequence[SettingChange]]) -> None:
    """Write changes, by the label of their run, to a file that `dmf train --events` takes.

    Raises:
        OSError: If the file cannot be written.
    """
    Path(path).write_text(events_text(changes), encoding="utf-8")


_EXPECTED = 'Expected {"knobs": [{"run": label, "step": 120, "field": "lr", "value": 0.0005}, ...]}.'


def _kind(field: str) -> str:
    return "name" if field == "weighting" else "number"


def _sentence(error: ValidationError) -> str:
    """Where the first problem lies and what it is; changes are counted from 1."""
    item = error.errors()[0]
    where = [f"change {part + 1}" if isinstance(part, int) else str(part) for part in item["loc"][:3]]
    if len(where) > 1:
        where.remove("knobs")
    message = "expected an object" if item["type"] == "model_type" else item["msg"][:1].lower() + item["msg"][1:]
    got = "" if item["type"] == "missing" else f", got {shorten(item['input'])}"
    return f"{', '.join(where)}: {message}{got}." if where else f"{message}{got}."
