"""What several commands need: the console, the option ``--store``, a document on standard output."""

import functools
import inspect
import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from dmf.errors import ConfigError, StoreError
from dmf.paths import plugin_files

if TYPE_CHECKING:
    from dmf.runs import RunStore

console = Console(stderr=True)
"""What is told on the way goes to standard error, so that standard output is free for documents."""

document = Console()
"""What was asked for to be read, on standard output: it can be piped to a pager or a file."""

STORE = typer.Option("--store", help="Where runs are kept: a file or a database URL; default DMF_STORE, else data/.")


PLUGIN = typer.Option(
    "--plugin",
    help="A Python file of your own with a weighting, loss, model or dataset, for every menu and name; may be given "
    "again. DMF_PLUGINS names files for every command.",
    metavar="FILE",
)


def with_plugins(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` with an option ``--plugin``, whose files are loaded before it runs."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def command(*arguments: Any, plugin: list[str] | None = None, **given: Any) -> Any:
        if plugin or plugin_files():
            from dmf.plugins import load_plugins

            load_plugins(plugin or ())
        return function(*arguments, **given)

    option = inspect.Parameter(
        "plugin", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[list[str] | None, PLUGIN]
    )
    command.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), option]
    )
    command.__annotations__ = {**function.__annotations__, "plugin": option.annotation}
    return command


def print_json(document: Any) -> None:
    """One JSON document on standard output, and nothing else."""
    json.dump(document, sys.stdout, indent=2, ensure_ascii=False, allow_nan=False)
    sys.stdout.write("\n")


def open_store(url: str | None) -> "RunStore":
    """The run store an option ``--store`` names.

    Raises:
        ConfigError: If it cannot be opened: the value is wrong, not what was asked of a store that works.
    """
    from dmf.runs import RunStore

    try:
        return RunStore(url)
    except StoreError as error:
        raise ConfigError(str(error), "store") from error
