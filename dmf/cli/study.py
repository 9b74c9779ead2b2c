"""``dmf study plan | run | resume | status | table``: planned repetitions of experiments."""

import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dmf.cli.options import with_options
from dmf.cli.shared import STORE, console, document, file_of, keep_inputs, open_store, print_json
from dmf.cli.study_bars import study_bars
from dmf.cli.study_options import Engine, arguments_of, chosen_engine, chosen_plan, parameters_of
from dmf.cli.train import clean_stop
from dmf.errors import ConfigError
from dmf.registry import unknown

if TYPE_CHECKING:
    from dmf.runs import RunStore
    from dmf.studies.progress import StudyProgress
    from dmf.studies.results import StudyTable

study_app = typer.Typer(
    help="Plan experiments over repeats, datasets and configurations; train them; see what they say.",
    no_args_is_help=True,
    add_completion=False,
)

STUDY = typer.Argument(help="Name of the study.")
JSON = typer.Option("--json", help="Print one JSON document and nothing else.")


def _plan(
    *,
    probe: Annotated[bool, typer.Option(help="Train a little, to tell how long it takes.")] = True,
    json: Annotated[bool, JSON] = False,
    **given: Any,
) -> None:
    """Say what a study would train, how long that takes here and what it keeps, without keeping anything."""
    from dmf.studies.storing import checked_cells

    chosen = chosen_plan(**given)
    planned = checked_cells(chosen)
    estimates = {}
    if probe:
        from dmf.studies.probe import estimate

        with console.status("Training a little of it, to measure…"):
            estimates = estimate(planned)
    known = [one for one in estimates.values() if one.seconds is not None and one.size is not None]
    seconds = sum(one.seconds or 0.0 for one in known)
    size = sum(one.size or 0 for one in known)
    rows = [
        {
            "cell": key,
            "runs": [run.label for run in config.runs],
            "seconds": None if key not in estimates else estimates[key].seconds,
            "bytes": None if key not in estimates else estimates[key].size,
            "reason": "" if key not in estimates else estimates[key].reason,
        }
        for key, config in planned.items()
    ]
    if json:
        complete = bool(known) and len(known) == len(planned)
        print_json(
            {
                "study": chosen.name,
                "cells": rows,
                "seconds": seconds if complete else None,
                "bytes": size if complete else None,
            }
        )
        return
    table = Table(title=f"Study {chosen.name}: {len(planned)} cells", box=None, pad_edge=False)
    for heading in ("cell", "runs", "time", "storage"):
        table.add_column(heading)
    for row in rows:
        time = "–" if row["seconds"] is None else duration(float(str(row["seconds"])))
        table.add_row(escape(str(row["cell"])), str(len(planned[str(row["cell"])].runs)), time, _size(row["bytes"]))
    document.print(table)
    for reason in dict.fromkeys(str(row["reason"]) for row in rows if row["reason"]):
        console.print(f"[bold yellow]Not here:[/] {escape(reason)}", highlight=False, soft_wrap=True)
    if known:
        document.print(
            f"About {duration(seconds)} with one process on this machine, and {_size(size)} of storage, for "
            f"{len(known)} of {len(planned)} cells.",
            highlight=False,
        )


def _run(*, store: Annotated[str | None, STORE] = None, json: Annotated[bool, JSON] = False, **given: Any) -> None:
    """Train a study, from where it stands: what is finished stays; more repeats or datasets are added to it.

    Ctrl-C stops cleanly: checkpoints are written, and `dmf study resume` goes on.
    """
    chosen = chosen_plan(**arguments_of(chosen_plan, given))
    from dmf.studies.storing import store_plan

    opened = open_store(store)
    train = chosen_engine(**arguments_of(chosen_engine, given))
    store_plan(opened, chosen)
    _train(opened, chosen.name, train, failed=False, as_json=json)


def _resume(
    study: Annotated[str, STUDY],
    *,
    store: Annotated[str | None, STORE] = None,
    json: Annotated[bool, JSON] = False,
    **given: Any,
) -> None:
    """Go on with a study: what was stopped, interrupted or failed continues from its checkpoint, then what waits."""
    _train(open_store(store), study, chosen_engine(**given), failed=True, as_json=json)


study_app.command("plan")(with_options(_plan, parameters_of(chosen_plan)))
study_app.command("run")(with_options(_run, parameters_of(chosen_plan, chosen_engine)))
study_app.command("resume")(with_options(_resume, parameters_of(chosen_engine)))


@study_app.command("status")
def status(
    study: Annotated[str | None, typer.Argument(help="Name of the study; default all of them.")] = None,
    store: Annotated[str | None, STORE] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Say how far a study is, cell by cell; or list all studies."""
    from dmf.studies.progress import progress, state_of

    opened = open_store(store)
    names = [study] if study is not None else [row.name for row in opened.studies()]
    studies = [progress(opened, name) for name in names]
    if json:
        documents = [_status_document(one) for one in studies]
        print_json(documents[0] if study is not None else documents)
        return
    if not studies:
        console.print("No studies yet. Begin one with: dmf study run paper")
    for one in studies:
        document.print(_in_words(one), highlight=False, soft_wrap=True)
    if study is None:
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("cell", "state", "experiment", "why"):
        table.add_column(heading, overflow="fold")
    for cell in studies[0].cells:
        reasons = dict.fromkeys(run.reason for run in cell.experiment.runs if run.reason) if cell.experiment else {}
        id = cell.experiment.id if cell.experiment else "–"
        table.add_row(escape(cell.key), state_of(cell), id, escape("; ".join(reasons)))
    document.print(table)


def _status_document(progress: "StudyProgress") -> dict[str, Any]:
    from dmf.studies.progress import state_of

    return {
        "study": progress.name,
        "paused": progress.paused,
        "cells": [
            {
                "cell": cell.key,
                "state": state_of(cell),
                "experiment": None if cell.experiment is None else cell.experiment.id,
            }
            for cell in progress.cells
        ],
        "counts": progress.counts,
        "seconds_left": progress.seconds_left,
    }


def _in_words(progress: "StudyProgress") -> str:
    counts = ", ".join(f"{count} {name}" for name, count in progress.counts.items())
    left = "" if progress.seconds_left is None else f"; about {duration(progress.seconds_left)} left"
    state = " (paused)" if progress.paused else ""
    return f"Study {escape(progress.name)}{state}: {len(progress.cells)} cells, {counts}{left}"


@study_app.command("table")
def table(
    study: Annotated[str, STUDY],
    *,
    format: Annotated[str, typer.Option(help="text, csv, latex, html or json.")] = "text",
    metric: Annotated[
        str | None, typer.Option(help="What differences and ranks are of; default the first of the table.")
    ] = None,
    published: Annotated[
        Path | None,
        typer.Option(help="CSV of published figures to stand beside: dataset,auxiliary,weighting,metric,mean,std."),
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="File to write; default the terminal.")] = None,
    store: Annotated[str | None, STORE] = None,
) -> None:
    """Say what came out of a study: means over repeats, differences, ranks, and what can be concluded."""
    from dmf.studies.formats import FILES, written
    from dmf.studies.published import read_published
    from dmf.studies.results import study_table

    if format not in ("text", *FILES):
        raise ConfigError(unknown("format", format, dict.fromkeys(("text", *FILES))), "format")
    if format == "text" and output is not None:
        raise ConfigError("Text is for the terminal; choose another `--format` for a file.", "format")
    opened = open_store(store)
    figures = None if published is None else read_published(published)
    results = study_table(opened, study, metric=metric, published=figures)
    if format == "text":
        print_table(results)
        return
    text = written(results, format)
    if output is None:
        sys.stdout.write(text)
        return
    keep_inputs(output, file_of(opened), published)
    output.write_text(text, encoding="utf-8")
    console.print(f"Wrote {output}", highlight=False, markup=False, soft_wrap=True)


def print_table(results: "StudyTable") -> None:
    """The table of a study on standard output, with what belongs to it."""
    from dmf.studies.formats import cells_of, headings, said

    shown = Table(title=f"Study {escape(results.name)}: test images, mean ± standard deviation over repeats")
    for heading in headings(results):
        shown.add_column(heading, overflow="fold")
    for row in results.rows:
        shown.add_row(*map(escape, cells_of(results, row)))
    # Whoever pipes it into another program gets a row a line, however long.
    (document if document.is_terminal else Console(width=10_000, emoji=False)).print(shown)
    for sentence in said(results):
        document.print(sentence, highlight=False, markup=False, soft_wrap=True)


def _train(store: "RunStore", study: str, train: Engine, *, failed: bool, as_json: bool) -> None:
    from dmf.studies.progress import progress
    from dmf.studies.results import study_table, table_document

    store.reopen_cells(study, failed=failed)
    console.print(
        f"Study [bold]{escape(study)}[/] in {escape(store.url.render_as_string())}", highlight=False, soft_wrap=True
    )
    stop = threading.Event()
    with clean_stop(stop), study_bars(store, study) as bars:
        train(store, study, stop, bars)
    ended = progress(store, study)
    if as_json:
        print_json({**_status_document(ended), **table_document(study_table(store, study))})
    else:
        document.print(_in_words(ended), highlight=False, soft_wrap=True)
        if ended.finished:
            print_table(study_table(store, study))
    if stop.is_set():
        console.print(f"Stopped. Go on with: dmf study resume {escape(study)}", highlight=False)
    troubles = {
        run.reason: cell.key
        for cell in ended.cells
        if cell.experiment is not None
        for run in cell.experiment.runs
        if run.state.value == "failed"
    }
    for reason, key in troubles.items():
        console.print(f"[bold red]{escape(key)} failed:[/] {escape(reason)}", highlight=False, soft_wrap=True)
    if troubles:
        raise typer.Exit(1)


def duration(seconds: float) -> str:
    """A time in the words of people: 45 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _size(size: Any) -> str:
    return "–" if size is None else f"{float(size) / 1e6:.1f} MB"
