"""Commands that are imported once they are called, so that help and mistakes answer at once."""

import importlib
from functools import cache
from typing import Any, ClassVar, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from dmf.cli.shared import with_plugins


class Place(NamedTuple):
    """Where a command is, and what it is for.

    Attributes:
        help: The first paragraph of its own help.
        module: Whose attribute it is.
        attribute: A function, or a ``Typer`` with commands of its own.
        options: Class of the command in ``dmf.cli.options``; empty for the usual one.
    """

    help: str
    module: str
    attribute: str
    options: str = ""


@cache  # a Typer is given its options once
def load(name: str, place: Place) -> Any:
    """The command at a place, called ``name``, with the option ``--plugin``."""
    member = getattr(importlib.import_module(place.module), place.attribute)
    if isinstance(member, typer.Typer):
        return typer.main.get_command(taking_plugins(member))
    kind = getattr(importlib.import_module("dmf.cli.options"), place.options) if place.options else None
    holder = typer.Typer(add_completion=False)
    holder.command(name, cls=kind)(member)
    return typer.main.get_command(taking_plugins(holder))


class LateCommand(TyperCommand):
    """A command by its name and its help, imported when its arguments are read or its options asked for."""

    def __init__(self, name: str, place: Place) -> None:
        super().__init__(name, help=place.help)
        self.place = place

    @property
    def command(self) -> Any:
        """The command itself."""
        return load(self.name or "", self.place)

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context of the command itself."""
        return self.command.make_context(info_name, args, parent=parent, **extra)

    def get_params(self, ctx: Any) -> list[Any]:
        """The options of the command itself."""
        params: list[Any] = self.command.get_params(ctx)
        return params


class LateGroup(TyperGroup):
    """Commands of which each is imported when it is called."""

    places: ClassVar[dict[str, Place]]

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = {name: LateCommand(name, place) for name, place in self.places.items()}


def taking_plugins(group: typer.Typer) -> typer.Typer:
    """The group, with the option ``--plugin`` at every command below it, and at every group that does something."""
    for command in group.registered_commands:
        assert command.callback is not None
        command.callback = with_plugins(command.callback)
    if group.registered_callback is not None:
        assert group.registered_callback.callback is not None
        group.registered_callback.callback = with_plugins(group.registered_callback.callback)
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        taking_plugins(inner.typer_instance)
    return group
