"""What is known of methods by name, without loading them: what they are called, and how their weights behave.

Methods say so themselves, as class attributes. Where they are loaded these are read; where not, such as on a page that
shows what was recorded and should not wait for torch, the same of those that come with the program stands in
``facts.json`` (``python -m dmf.facts`` writes it).
"""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from dmf import declared
from dmf.declared import Kind
from dmf.options import default_of

FILE = Path(__file__).with_name("facts.json")
_KINDS: tuple[Kind, ...] = ("weighting", "loss")


@dataclass(frozen=True)
class Paper:
    """What a method was published as: the title, where it appeared, and an address where it can be read."""

    title: str
    where: str
    url: str


@dataclass(frozen=True)
class LossesNeeded:
    """Losses that must have been seen when weights first move: ``count``, and ``times`` the value of an option.

    Attributes:
        option: The option's word; empty where none counts.
        default: Of the option; filled in by :func:`facts`.
    """

    count: int
    option: str = ""
    times: int = 1
    default: int = 0

    def of(self, value: Callable[[str], int]) -> int:
        """How many these are, where ``value`` gives that of an option."""
        return self.count + (self.times * value(self.option) if self.option else 0)


@dataclass(frozen=True)
class Facts:
    """What a method is called, and of a weighting how its weights behave.

    Attributes:
        title: How it is written for people.
        measures: What a loss measures, or how a schedule falls, in a sentence; empty of a weighting.
        looks_at: What its weights follow from; empty where it does not say.
        paper: Where it was published.
        losses_needed: How many losses must have been seen when its weights first move; None where they never do.
        sums: Whether its weights are never negative and always have the same sum.
        watches: Whether it looks at gradients; at those of the logits it is another method than the published one.
        joins: Whether an optimizer trains something of it.
        looks_twice: Whether it wants the losses of a batch again after the step.
    """

    title: str
    measures: str = ""
    looks_at: str = ""
    paper: Paper | None = None
    losses_needed: LossesNeeded | None = None
    sums: bool = False
    watches: bool = False
    joins: bool = False
    looks_twice: bool = False


def facts(kind: Kind, name: str) -> Facts | None:
    """What is known of a method; None where it is not known here."""
    if not declared.is_loaded(kind):
        return _kept()[0].get((kind, name))
    member = declared.method(kind, name)
    if member is None:
        return None
    own = vars(member)  # not what it derives from is called or was published as
    title = own.get("title") or name
    if kind != "weighting":
        return Facts(title, member.measures if kind == "loss" else member.about)
    needed = member.losses_needed
    if needed is not None and needed.option:
        names = {word: option for option, word in member.declares.words().items()}
        needed = replace(needed, default=default_of(member.declares.model_fields[names[needed.option]]))
    behaviour = (needed, member.simplex, member.watches, member.joins, member.looks_twice)
    return Facts(title, "", own.get("looks_at", ""), own.get("paper"), *behaviour)


def built_in(kind: Kind) -> tuple[str, ...]:
    """Names of the methods of a kind that come with the program."""
    return tuple(name for of, name in _kept()[0] if of == kind)


def title(name: str) -> str:
    """How a weighting, a loss or a task is written for people; a name that is not known as it is."""
    member = facts("weighting", name) or facts("loss", name) or declared.task(name)
    return member.title if member else name


def option_title(word: str) -> str | None:
    """What an option is called among those of all methods, ``"CoV: memory of the mean"``; None if none has the word."""
    if not all(declared.is_loaded(kind) for kind in _KINDS):
        return _kept()[1].get(word)
    option = declared.words().get(word)
    if option is None:
        return None
    called = _called(option)
    shared = [about.word for about in declared.words().values() if len(about.methods) > 1 and _called(about) == called]
    if shared == [word]:
        return called
    owner = facts(option.kind, option.methods[0])
    return f"{owner.title if owner else option.methods[0]}: {_lower(called)}"


def _called(option: declared.Word) -> str:
    return option.info.title or option.name.replace("_", " ").capitalize()


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def is_other_at_logits(weighting: str) -> bool:
    """Whether a weighting is another one than the published where it looks at gradients of the logits."""
    about = facts("weighting", weighting)
    return about is not None and about.watches


@cache
def _kept() -> tuple[dict[tuple[Kind, str], Facts], dict[str, str]]:
    """Facts by kind and name, and titles of options by word, as the file has them."""
    kept = json.loads(FILE.read_text(encoding="utf-8"))
    return {(kind, name): _read(about) for kind in _KINDS for name, about in kept[kind].items()}, kept["option"]


def _read(about: dict[str, Any]) -> Facts:
    paper, needed = about.pop("paper", None), about.pop("losses_needed", None)
    return Facts(**about, paper=paper and Paper(**paper), losses_needed=needed and LossesNeeded(**needed))


def in_json() -> str:
    """The text of ``facts.json``: what the methods that come with the program say of themselves now."""
    document: dict[str, dict[str, object]] = {}
    for kind in _KINDS:
        for name, member in declared.registry(kind).items():
            about = facts(kind, name)
            if about is not None and member.__module__.startswith("dmf."):
                document.setdefault(kind, {})[name] = asdict(about)
    built_in = [word for word, about in declared.words().items() if about.is_built_in]
    document["option"] = {word: called for word in built_in if (called := option_title(word))}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(in_json(), encoding="utf-8")
    sys.stdout.write(f"Wrote {FILE}.\n")
