"""All that a method promises, looked at one after another."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from dmf import declared
from dmf.errors import ConfigError, UnknownNameError
from dmf.methods.checks import CHECKS, BrokenPromiseError, NotForThisMethodError, Subject
from dmf.methods.moving import LR_SCHEDULE_CHECKS, OPTIMIZER_CHECKS
from dmf.methods.others import DATASET_CHECKS, LOSS_CHECKS, MODEL_CHECKS, TASK_CHECKS
from dmf.methods.schedules import SCHEDULE_CHECKS
from dmf.plugins import WORDS, Plugin, registry_of
from dmf.registry import unknown


@dataclass(frozen=True)
class Finding:
    """How one check of one method came out.

    Attributes:
        kind, name: The method, e.g. weighting and mad.
        promise: What was looked at.
        result: ``pass``, ``fail`` or ``skip``.
        reason: What was wrong, or why it was not looked at; empty where all is well.
    """

    kind: str
    name: str
    promise: str
    result: Literal["pass", "fail", "skip"]
    reason: str = ""


def check_method(word: str, name: str) -> Iterator[Finding]:
    """Look at everything that a method of a registry promises, one finding at a time.

    Args:
        word: Its registry, one of :data:`dmf.plugins.WORDS`.
        name: Its name there.

    Raises:
        UnknownNameError: If there is no such method.
    """
    kind = registry_of(word).kind
    if name not in _known(word):
        raise UnknownNameError(unknown(kind, name, _known(word)))
    for promise, check in _checks(word, name).items():
        try:
            check()
        except NotForThisMethodError as error:
            yield Finding(kind, name, promise, "skip", str(error))
        except BrokenPromiseError as error:
            yield Finding(kind, name, promise, "fail", str(error))
        except Exception as error:  # whatever the method raises is a finding, and the next check goes on
            yield Finding(kind, name, promise, "fail", f"{type(error).__name__}: {error}")
        else:
            yield Finding(kind, name, promise, "pass")


def methods_of(plugin: Plugin, name: str | None = None) -> list[tuple[str, str]]:
    """Word and name of what a plug-in added, or of those called ``name``.

    Raises:
        ConfigError: If it added nothing of that name.
    """
    methods = [(word, each) for word, names in plugin.names.items() for each in names]
    chosen = [entry for entry in methods if name in (None, entry[1])]
    if not chosen:
        names = ", ".join(dict.fromkeys(each for _, each in methods))
        raise ConfigError(f"Plug-in {plugin.path} adds nothing called {name!r}. Choose one of: {names}.", "name")
    return chosen


def methods_called(name: str) -> list[tuple[str, str]]:
    """Word and name of every method of this name in any registry.

    Raises:
        ConfigError: If there is none.
    """
    methods = [(word, name) for word in WORDS if name in _known(word)]
    if not methods:
        choices = dict.fromkeys(each for word in WORDS for each in _known(word))
        raise ConfigError(f"{unknown('method', name, choices)} A file of your own ends in .py.", "method")
    return methods


def _known(word: str) -> Mapping[str, Any]:
    """What there is of a kind; losses of every task."""
    return declared.registry("loss") if word == "LOSSES" else registry_of(word)


def _checks(word: str, name: str) -> dict[str, Callable[[], Any]]:
    if word == "WEIGHTINGS":
        subject = Subject({"weighting": name})
        return {promise: partial(check, subject) for promise, check in CHECKS.items()}
    named = {
        "TASKS": TASK_CHECKS,
        "LOSSES": LOSS_CHECKS,
        "SCHEDULES": SCHEDULE_CHECKS,
        "OPTIMIZERS": OPTIMIZER_CHECKS,
        "LR_SCHEDULES": LR_SCHEDULE_CHECKS,
        "MODELS": MODEL_CHECKS,
        "DATASETS": DATASET_CHECKS,
    }[word]
    return {promise: partial(check, name) for promise, check in named.items()}
