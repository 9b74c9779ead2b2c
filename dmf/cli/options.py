"""Options made from the configuration models: one per field, with its description as help and its default shown."""

import inspect
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from pydantic import BaseModel

from dmf.config_text import is_flag, to_text


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


def _parameter(model: type[BaseModel], name: str, panel: str) -> inspect.Parameter:
    field = model.model_fields[name]
    default = field.get_default(call_default_factory=True)
    shown = to_text(default) or "none"
    flag = f"--{name.replace('_', '-')}"
    help = f"{field.description} (default: {shown})"
    kind: Any
    if is_flag(model, name):
        flag, kind = f"{flag}/--no-{flag[2:]}", bool | None
    else:
        kind = str | None
    metavar = None if is_flag(model, name) else name.rsplit("_", maxsplit=1)[-1].upper()
    option = typer.Option(flag, help=help, rich_help_panel=panel, show_default=False, metavar=metavar)
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, option])


def given(texts: dict[str, Any]) -> dict[str, Any]:
    """Only the options that were given."""
    return {name: value for name, value in texts.items() if value is not None}
