"""What several commands need: the console, the option ``--store``, a document on standard output."""

import functools
import inspect
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from dmf.errors import ConfigError, StoreError
from dmf.paths import plugin_files

if TYPE_CHECKING:
    from dmf.config import PluginConfig
    from dmf.runs import RunRow, RunStore

console = Console(stderr=True, emoji=False)  # a class called x is no cross
"""What is told on the way goes to standard error, so that standard output is free for documents."""

document = Console(emoji=False)
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


def file_of(store: "RunStore") -> str | None:
    """The file that a store is kept in; None for one on a server."""
    return store.url.database if store.url.get_backend_name() == "sqlite" else None


def keep_inputs(output: Path, *inputs: str | Path | None) -> None:
    """Refuse to write over what was read; None and what is no file counts for nothing.

    Raises:
        ConfigError: If ``output`` is one of ``inputs``, or a plug-in.
    """
    from dmf.plugins import loaded

    for file in (*inputs, *(plugin.path for plugin in loaded())):
        with suppress(OSError):  # one of them is not there, or cannot be looked at
            if file is not None and output.samefile(file):
                raise ConfigError(f"{output} is read by this command. Choose another file with `-o`.", "output")


def print_json(document: Any) -> None:
    """One JSON document on standard output, and nothing else."""
    sys.stdout.write(json_text(document))


def json_text(document: Any) -> str:
    """One JSON document with the end of its last line."""
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def may_be_gone(store: "RunStore", row: "RunRow") -> bool:
    """Whether it is worth while to watch if the owner of a run lives.

    A heartbeat of just now, by the store's clock, is taken for one; another one proves nothing.
    """
    from dmf.runs.rows import LEASE_SECONDS

    return row.state.is_active and not 0 <= row.lease - store.now() <= LEASE_SECONDS


def await_owners(store: "RunStore", rows: Sequence["RunRow"], *, quiet: bool = False) -> None:
    """Wait until it is known whether the owners of these runs live, and say so unless only a document is wanted."""
    from dmf.runs import SILENT_SECONDS

    if rows and not quiet:
        owners = ", ".join(dict.fromkeys(row.owner or "nobody" for row in rows))
        console.print(
            f"Watching for up to {SILENT_SECONDS:.0f} s whether who holds {rows[0].id}"
            f"{f' and {len(rows) - 1} more' if len(rows) > 1 else ''} is alive: {owners}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
    store.await_owners([row.id for row in rows])


def plugins_of_run(store: "RunStore", run: str) -> "list[PluginConfig]":
    """The files of someone's own that a run was made with, or turned to."""
    from dmf.config import PluginConfig
    from dmf.config_text import build
    from dmf.live_settings import plugins_of_changes

    stored = store.experiment(store.run(run).experiment).config.get("plugins", ())
    return [*(build(PluginConfig, plugin) for plugin in stored), *plugins_of_changes(store.events([run]))]


def say_yes_to(stored: "Sequence[PluginConfig]") -> None:
    """Have the files loaded that a store names: after a yes in a terminal, else only if they are loaded already.

    Raises:
        ConfigError: If one is not loaded, and nobody could be asked.
        typer.Abort: If the answer is no.
    """
    from dmf.plugins import load_stored, not_loaded, require

    missing = not_loaded(stored)
    if missing and sys.stdin.isatty():
        for each in missing:
            console.print(
                f"This run was made with a file that only the store names:\n  {each.path}\n  SHA-256 {each.sha256}",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )
        typer.confirm("Run it, with all your rights?", abort=True, err=True)
        load_stored(missing)
    require(stored)


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
