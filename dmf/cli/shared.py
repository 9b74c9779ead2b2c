"""What several commands need: the console, the option ``--store``, a document on standard output."""

import json
import sys
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console

from dmf.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from dmf.runs import RunStore

console = Console(stderr=True)
"""Everything for people goes to standard error, so that standard output is free for documents."""

STORE = typer.Option("--store", help="Where runs are kept: a file or a database URL; default DMF_STORE, else data/.")


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
