"""``dmf resume``, ``dmf runs``, ``dmf export`` and ``dmf examples``."""

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.cells import cell_len
from rich.markup import escape
from rich.table import Table

from dmf.cli.shared import (
    STORE,
    await_owners,
    console,
    document,
    file_of,
    keep_inputs,
    may_be_gone,
    open_store,
    plugins_of_run,
    print_json,
    say_yes_to,
)
from dmf.errors import ConfigError

if TYPE_CHECKING:
    from dmf.runs import RunRow

HEADINGS = ("run", "label", "state", "steps", "epoch", "created", "tags")


def resume(
    experiment: Annotated[str, typer.Argument(help="Id of the experiment.")],
    store: Annotated[str | None, STORE] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")] = False,
) -> None:
    """Go on with the stopped, failed and interrupted runs of an experiment, from their last checkpoints."""
    from dmf.cli.train import run_job
    from dmf.jobs import Job, new_owner

    opened = open_store(store)
    await_owners(opened, [run for run in opened.experiment(experiment).runs if run.state.is_active], quiet=json)
    for run in opened.experiment(experiment).runs:
        say_yes_to(plugins_of_run(opened, run.id))
    run_job(opened, Job(opened, opened.experiment(experiment), new_owner("dmf resume")), as_json=json)


runs_app = typer.Typer(invoke_without_command=True, add_completion=False)

RUN = typer.Argument(help="Id of the run, as `dmf runs` shows it.")
RUNS = typer.Argument(help="Ids of the runs.")


@runs_app.callback()
def runs(
    context: typer.Context,
    store: Annotated[str | None, STORE] = None,
    limit: Annotated[int, typer.Option(help="At most so many runs.", min=1)] = 50,
    archived: Annotated[bool, typer.Option("--archived", help="Also those that were put into the archive.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")] = False,
) -> None:
    """List runs, newest first; rename, tag, archive or delete them."""
    if context.invoked_subcommand is not None:
        if store is not None:  # which would be ignored, and another store's run deleted
            raise ConfigError(f"Write `--store` after `{context.invoked_subcommand}`.", "store")
        return
    opened = open_store(store)
    rows = opened.runs(limit=limit, archived=archived)
    if in_doubt := [row for row in rows if may_be_gone(opened, row)]:
        await_owners(opened, in_doubt, quiet=json)
        rows = opened.runs(limit=limit, archived=archived)
    if json:
        print_json(
            [
                {
                    "id": row.id,
                    "experiment": row.experiment,
                    "label": row.label,
                    "state": row.state.value,
                    "reason": row.reason,
                    "weighting": row.config["weighting"],
                    "auxiliary": row.config["auxiliary"],
                    "steps": row.summary["step"] + 1,
                    "epoch": row.summary["epoch"],
                    "owner": row.owner,
                    "created": row.created,
                    "tags": list(row.tags),
                    "notes": row.notes,
                    "archived": row.archived,
                }
                for row in rows
            ]
        )
        return
    if not rows:
        console.print("No runs yet. Start some with: dmf train")
        return
    if document.is_terminal:
        table = Table(box=None, pad_edge=False)
        for heading in HEADINGS:
            table.add_column(heading, no_wrap=heading == "run", overflow="fold")
        for row in rows:
            table.add_row(*map(escape, _cells(row)))
        document.print(table)
    else:
        sys.stdout.writelines(_lines(rows))
    console.print("Experiments are named like their runs: r-…-01 belongs to e-…", highlight=False)


def _cells(row: "RunRow") -> tuple[str, ...]:
    """What the table says of a run."""
    created = time.strftime("%m-%d %H:%M", time.localtime(row.created))
    state = f"{row.state.value}, archived" if row.archived else row.state.value
    step, epoch = row.summary["step"], row.summary["epoch"]
    return row.id, row.label, state, f"{step + 1}", f"{epoch}", created, ", ".join(row.tags)


def _lines(rows: "Sequence[RunRow]") -> Iterator[str]:
    """The table for another program: a run a line, however long, in columns as wide as their widest cell."""
    table = [HEADINGS, *(_cells(row) for row in rows)]
    sizes = [[cell_len(cell) for cell in line] for line in table]
    widths = [max(column) for column in zip(*sizes, strict=True)]
    for line, taken in zip(table, sizes, strict=True):
        cells = (cell + " " * (width - size) for cell, size, width in zip(line, taken, widths, strict=True))
        yield "  ".join(cells) + "\n"


@runs_app.command("rename")
def rename(
    run: Annotated[str, RUN],
    name: Annotated[str, typer.Argument(help="Its new name.")],
    store: Annotated[str | None, STORE] = None,
) -> None:
    """Give a run another name."""
    open_store(store).update_run(run, name=name)


@runs_app.command("tag")
def tag(
    run: Annotated[str, RUN],
    tags: Annotated[list[str] | None, typer.Argument(help="All of its tags; none takes away those it has.")] = None,
    store: Annotated[str | None, STORE] = None,
) -> None:
    """Give a run tags, in place of those it has."""
    open_store(store).update_run(run, tags=tags or [])


@runs_app.command("archive")
def archive(
    runs: Annotated[list[str], RUNS],
    undo: Annotated[bool, typer.Option("--undo", help="Take them out of the archive.")] = False,
    store: Annotated[str | None, STORE] = None,
) -> None:
    """Leave runs out of lists; nothing of them is lost."""
    opened = open_store(store)
    for run in runs:
        opened.update_run(run, archived=not undo)


@runs_app.command("delete")
def delete(
    runs: Annotated[list[str], RUNS],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    store: Annotated[str | None, STORE] = None,
) -> None:
    """Delete runs with everything that belongs to them, also their checkpoints."""
    opened = open_store(store)
    labels = ", ".join(f"{run} ({opened.run(run).label})" for run in runs)
    if not yes:
        typer.confirm(f"Delete {labels} for good?", abort=True, err=True)
    await_owners(opened, [row for row in map(opened.run, runs) if row.owner is not None or row.state.is_active])
    opened.delete_runs(runs)


def examples(store: Annotated[str | None, STORE] = None) -> None:
    """Put the example runs that come with the program into the store; those that are there stay as they are."""
    from dmf.examples import add_examples

    opened = open_store(store)
    added = add_examples(opened)
    sentence = f"Added {', '.join(added)} to" if added else "The example runs are in"
    console.print(f"{sentence} {opened.where}", highlight=False, markup=False, soft_wrap=True)


def export(
    run: Annotated[str, typer.Argument(help="Id of the run; with events also of an experiment, for all its runs.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write; for tensorboard a folder.")],
    format: Annotated[str, typer.Option(help="csv, parquet, json, tensorboard or events.")] = "csv",
    store: Annotated[str | None, STORE] = None,
) -> None:
    """Write a run to a file; csv has one row per step: step, loss_<term>, weight_<term>, auxiliary, gamma, total.

    json is everything but pictures; tensorboard is for `tensorboard --logdir FOLDER`, and takes several runs in one
    folder; events are the changes made while it trained, for `dmf train --events`.
    """
    from dmf.runs import export_run

    opened = open_store(store)
    keep_inputs(output, file_of(opened))
    export_run(opened, run, format, output)  # type: ignore[arg-type]  # refuses an unknown format itself
    console.print(f"Wrote {output}", highlight=False, markup=False, soft_wrap=True)
