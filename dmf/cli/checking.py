"""``dmf check-method``: whether a method keeps what every method of its kind promises."""

from pathlib import Path
from typing import Annotated

import typer

from dmf.cli.shared import console, print_json
from dmf.errors import ConfigError
from dmf.paths import refuse_impossible

MARKS = {"pass": "[green]pass[/]", "fail": "[bold red]FAIL[/]", "skip": "[dim]skip[/]"}


def check_method(
    method: Annotated[
        str, typer.Argument(help="A Python file of your own, or the name of a method that is known, e.g. mad.")
    ],
    name: Annotated[
        str | None, typer.Option(help="Only what the file adds under this name.", show_default=False)
    ] = None,
    store: Annotated[
        str | None, typer.Option("--store", help="Taken by every command; a method does not lie in the store.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")] = False,
) -> None:
    """Run the contract on a weighting, loss, model or dataset: a line per promise; exit 1 if one is broken."""
    from dmf.methods import check_method, methods_called, methods_of
    from dmf.plugins import load_plugin

    refuse_impossible(Path(method), "The file or method", "method")
    if Path(method).is_dir():
        raise ConfigError(f"{method} is a folder. Give one Python file of your own, or the name of a method.", "method")
    is_file = Path(method).suffix == ".py" or Path(method).is_file()
    results = []
    for word, called in methods_of(load_plugin(method), name) if is_file else methods_called(method):
        for finding in check_method(word, called):
            results.append(finding)
            if not json:
                title = f"{finding.kind} {finding.name}: {finding.promise}"
                console.print(f"{MARKS[finding.result]} ", end="")
                console.print(
                    f"{title}: {' '.join(finding.reason.split())}" if finding.reason else title,
                    highlight=False,
                    markup=False,
                    soft_wrap=True,
                )
    failed = sum(finding.result == "fail" for finding in results)
    if json:
        print_json([finding.__dict__ for finding in results])
    else:
        counts = {result: sum(finding.result == result for finding in results) for result in MARKS}
        console.print(f"{counts['pass']} kept, {failed} broken, {counts['skip']} skipped", highlight=False)
    if failed:
        raise typer.Exit(1)
