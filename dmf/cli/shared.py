"""What several commands need: the console, the option ``--store``, a document on standard output."""

import json
import sys
from typing import Any

import typer
from rich.console import Console

console = Console(stderr=True)
"""Everything for people goes to standard error, so that standard output is free for documents."""

STORE = typer.Option("--store", help="Where runs are kept: a file or a database URL; default DMF_STORE, else data/.")


def print_json(document: Any) -> None:
    """One JSON document on standard output, and nothing else."""
    json.dump(document, sys.stdout, indent=2, ensure_ascii=False, allow_nan=False)
    sys.stdout.write("\n")
