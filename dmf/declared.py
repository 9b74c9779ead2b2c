"""What methods declare of themselves, found by name through the registries.

A configuration knows methods by name alone, and is read where no torch is. Only once it is validated, with options that
are some method's own, are the registries asked, here and nowhere else below them.

Two tasks may have losses of one name. Which of them is meant is known where a configuration is read, by its task:
within :func:`of_task` that task's losses come before those of the others.
"""

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal

from pydantic import create_model
from pydantic.fields import FieldInfo

from dmf.options import Choice, Options

Kind = Literal["weighting", "loss", "schedule", "optimizer", "lr_schedule"]

_REGISTRIES: dict[Kind, tuple[str, str]] = {
    "schedule": ("dmf.schedule", "SCHEDULES"),
    "weighting": ("dmf.weighting", "WEIGHTINGS"),
    "loss": ("dmf.tasks", "TASKS"),
    "optimizer": ("dmf.optimizers", "OPTIMIZERS"),
    "lr_schedule": ("dmf.lr_schedules", "LR_SCHEDULES"),
}
OF_A_RUN: tuple[Kind, ...] = ("schedule", "weighting", "loss")
"""Kinds that a run of its own chooses; the others are chosen for all runs of an experiment."""

LIGHT: tuple[Kind, ...] = ("schedule", "optimizer", "lr_schedule")
"""Kinds whose methods need no torch."""

_TASK: ContextVar[str | None] = ContextVar("dmf_task", default=None)
_LOADED = {**_REGISTRIES, "loss": ("dmf.tasks.segmentation.losses", "LOSSES")}


@dataclass(frozen=True)
class Word:
    """An option of one or several methods, by what it is called among those of all.

    Attributes:
        word: That.
        kind: Of what it is an option.
        methods: Which have it, in the order of their registry.
        info: Its type, default and description, as the first of them has it.
        name: What it is called among the options of that method.
    """

    word: str
    kind: Kind
    methods: tuple[str, ...]
    info: FieldInfo
    name: str

    @property
    def is_built_in(self) -> bool:
        """Whether a method that comes with this program has it."""
        members = registry(self.kind)
        own = [members[name] for name in self.methods if name in members]  # another kind may have the word too
        return any(getattr(method, "__module__", "").startswith("dmf.") for method in own)


@contextmanager
def of_task(name: str | None) -> Iterator[None]:
    """Names of losses mean those of this task, as long as it has them; those of other tasks are still known.

    Args:
        name: Of the task; for None, and for one that is not known here, a name means the loss of the first task.
    """
    token = _TASK.set(name)
    try:
        yield
    finally:
        _TASK.reset(token)


def current_task() -> str | None:
    """The task whose losses are meant here; None outside of :func:`of_task`."""
    return _TASK.get()


def registry(kind: Kind) -> Mapping[str, Any]:
    """The methods of a kind; where several tasks have a loss of one name, that of the current task or the first."""
    module, name = _REGISTRIES[kind]
    members: Mapping[str, Any] = getattr(importlib.import_module(module), name)
    if kind != "loss":
        return members
    losses: dict[str, Any] = {}
    for one in members.values():
        losses = {**losses, **{name: loss for name, loss in one.losses().items() if name not in losses}}
    current = _TASK.get()
    return losses if current is None or current not in members else {**losses, **members[current].losses()}


def task(name: str) -> Any | None:
    """The class of a task; None where it is not known here."""
    tasks: Mapping[str, Any] = importlib.import_module("dmf.tasks").TASKS
    if name not in tasks:
        return None
    return tasks[name]


def is_loaded(kind: Kind) -> bool:
    """Whether the methods of a kind are there without importing torch; those of plug-ins are, once loaded."""
    return kind in LIGHT or hasattr(sys.modules.get(_LOADED[kind][0]), _LOADED[kind][1])


def method(kind: Kind, name: str) -> Any | None:
    """The class of a method; None where it is not known here, such as that of a plug-in that is not loaded."""
    methods = registry(kind)
    if name not in methods:
        return None
    return methods[name]


def options_model(kind: Kind, name: str) -> type[Options] | None:
    """What a method declares of its options; None where it is not known here."""
    member = method(kind, name)
    return None if member is None else _declared(member)


def options(kind: Kind, choice: Choice) -> Options | None:
    """All options of a choice, at their default where it does not say otherwise; None where it is not known here.

    Raises:
        ValidationError: If one cannot be.
    """
    model = options_model(kind, choice.name)
    return None if model is None else model.of_words(choice.options)


def sums(weighting: str) -> bool:
    """Whether the weights of a weighting always have the same sum; not where it is not known here."""
    return bool(getattr(method("weighting", weighting), "simplex", False))


def words(kind: Kind | None = None) -> Mapping[str, Word]:
    """Every option of every method of a kind, else of all that a run chooses, by word, in the order of registries."""
    kinds: tuple[Kind, ...] = OF_A_RUN if kind is None else (kind,)
    return _words(tuple((each, name, member) for each in kinds for name, member in registry(each).items()))


@lru_cache(maxsize=8)  # asked for every field of a form; plug-ins may add methods at any time
def _words(methods: tuple[tuple[Kind, str, Any], ...]) -> Mapping[str, Word]:
    words: dict[str, Word] = {}
    for kind, name, member in methods:
        model = _declared(member)
        for option, word in model.words().items():
            known = words.get(word)
            words[word] = (
                replace(known, methods=(*known.methods, name))
                if known
                else Word(word, kind, (name,), model.model_fields[option], option)
            )
    return MappingProxyType(words)


def _declared(member: Any) -> type[Options]:
    model: type[Options] = getattr(member, "declares", Options)
    named = vars(member).get("options")
    if "declares" in vars(member) or not isinstance(named, tuple) or set(named) == set(model.words().values()):
        return model
    if "_named" not in vars(member):
        member._named = _named(member.__name__, model, named)
    own_model: type[Options] = member._named
    return own_model


def _named(title: str, model: type[Options], names: tuple[str, ...]) -> type[Options]:
    """Options by the words of other weightings: how files of someone's own said theirs before methods declared them."""
    has_all = set(model.words().values()) <= set(names)
    known: dict[str, FieldInfo] = {}
    for member in registry("weighting").values():
        known |= {word: member.declares.model_fields[name] for name, word in member.declares.words().items()}
    fields: Any = {
        name: (known[name].annotation, FieldInfo.merge_field_infos(known[name], **dict.fromkeys(_ALIASES, name)))
        for name in names
        if name in known and not (has_all and name in model.words().values())
    }
    return create_model(f"{title}Options", __base__=model if has_all else Options, **fields)


_ALIASES = ("alias", "validation_alias", "serialization_alias")
