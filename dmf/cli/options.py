"""Options made from the configuration models: one per field, with its description as help and its default shown.

Those of methods are as many as the methods declare. They are looked up once a command that has them is called, because
that needs torch, and other commands should not wait for it.
"""

import inspect
from collections.abc import Callable, Sequence
from functools import cache
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typer.core import TyperCommand

from dmf import declared
from dmf.config_text import to_text
from dmf.options import default_of

_LATE = "dmf.options of methods"


def options_of(model: type[BaseModel], panel: str, skip: Sequence[str] = ()) -> list[inspect.Parameter]:
    """Keyword parameters, one per field of ``model``; each is None unless it was given."""
    return [_parameter(model, name, panel) for name in model.model_fields if name not in skip]


def with_options(function: Callable[..., None], parameters: Sequence[inspect.Parameter]) -> Callable[..., None]:
    """``function`` with more keyword options than it spells out; it receives them in its ``**`` argument."""
    own = [p for p in inspect.signature(function).parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]

    def command(**given: Any) -> None:
        function(**given)

    command.__signature__ = inspect.Signature([*own, *parameters])  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in (*own, *parameters)}
    command.__doc__ = function.__doc__
    command.__name__ = function.__name__
    return command


class WithMethodOptions(TyperCommand):
    """A command that also takes every option that weightings declare, by its word; :func:`of_methods` has what came."""

    kinds: tuple[declared.Kind, ...] = ("weighting",)

    def get_params(self, ctx: Any) -> list[Any]:
        """Its own options, then those of the methods."""
        return [*super().get_params(ctx), *_method_options(self.kinds)]

    def invoke(self, ctx: Any) -> Any:
        """Run it with its own options; those of methods are put aside."""
        ctx.meta[_LATE] = {option.name: ctx.params.pop(option.name) for option in _method_options(self.kinds)}
        return super().invoke(ctx)


class WithAllOptions(WithMethodOptions):
    """The same for the options of weightings, losses, schedules and optimizers, and of the learning rate."""

    kinds = ("weighting", "loss", "schedule", "optimizer", "lr_schedule")


def of_methods(context: typer.Context) -> dict[str, Any]:
    """Options of methods that a command was given, by word; None where not."""
    options: dict[str, Any] = context.meta.get(_LATE, {})
    return options


@cache
def _method_options(kinds: tuple[declared.Kind, ...]) -> list[Any]:
    parameters = [
        _option(word, about.info, f"Options of {_PANELS.get(kind, f'a {kind}')}", _whose(about))
        for kind in kinds
        for word, about in declared.words(kind).items()
        if about.is_built_in
    ]
    holder = typer.Typer(add_completion=False)
    holder.command()(with_options(_nothing, parameters))
    return [option for option in typer.main.get_command(holder).params if option.name != "help"]


_PANELS = {"optimizer": "an optimizer", "lr_schedule": "a learning rate schedule"}


def _whose(about: declared.Word) -> str:
    """The methods that have an option, unless most do."""
    most = len(about.methods) > len(declared.registry(about.kind)) / 2 and about.kind == "weighting"
    return "" if most else f"{', '.join(about.methods)}: "


def _nothing() -> None:
    pass


def _parameter(model: type[BaseModel], name: str, panel: str) -> inspect.Parameter:
    return _option(name, model.model_fields[name], panel)


def _option(name: str, field: FieldInfo, panel: str, of: str = "") -> inspect.Parameter:
    shown = to_text(default_of(field)) or "none"
    is_flag = field.annotation is bool
    flag = f"--{name.replace('_', '-')}"
    help = f"{of}{field.description} (default: {shown})"
    if is_flag:
        flag = f"{flag}/--no-{flag[2:]}"
    kind: Any = bool | None if is_flag else str | None
    metavar = None if is_flag else name.rsplit("_", maxsplit=1)[-1].upper()
    option = typer.Option(flag, help=help, rich_help_panel=panel, show_default=False, metavar=metavar)
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, option])


def given(texts: dict[str, Any]) -> dict[str, Any]:
    """Only the options that were given."""
    return {name: value for name, value in texts.items() if value is not None}
