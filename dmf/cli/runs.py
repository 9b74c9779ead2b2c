"""``dmf resume``, ``dmf runs`` and ``dmf export``."""

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from dmf.cli.shared import STORE, console, open_store, print_json
from dmf.cli.train import run_job


def resume(
    experiment: Annotated[str, typer.Argument(help="Id of the experiment.")],
    store: Annotated[str | None, STORE] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")] = False,
) -> None:
    """Go on with the stopped, failed and interrupted runs of an experiment, from their last checkpoints."""
    from dmf.jobs import Job, new_owner

    opened = open_store(store)
    opened.sweep_interrupted()
    run_job(opened, Job(opened, opened.experiment(experiment), new_owner("dmf resume")), as_json=json)


def runs(
    store: Annotated[str | None, STORE] = None,
    limit: Annotated[int, typer.Option(help="At most so many runs.", min=1)] = 50,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")] = False,
) -> None:
    """List runs, newest first."""
    rows = open_store(store).runs(limit=limit)
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
                }
                for row in rows
            ]
        )
        return
    if not rows:
        console.print("No runs yet. Start some with: dmf train")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("run", "label", "state", "steps", "epoch", "created"):
        table.add_column(heading, no_wrap=heading == "run", overflow="fold")
    for row in rows:
        created = time.strftime("%m-%d %H:%M", time.localtime(row.created))
        table.add_row(
            row.id, escape(row.label), row.state.value, f"{row.summary['step'] + 1}", f"{row.summary['epoch']}", created
        )
    console.print(table)
    console.print("Experiments are named like their runs: r-…-01 belongs to e-…", highlight=False)


def export(
    run: Annotated[str, typer.Argument(help="Id of the run.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write.")],
    format: Annotated[str, typer.Option(help="csv, parquet, json or events.")] = "csv",
    store: Annotated[str | None, STORE] = None,
) -> None:
    """Write a run to a file; csv has one row per step: step, loss_<term>, weight_<term>, auxiliary, gamma, total.

    json is everything but pictures; events are the changes made while it trained, for `dmf train --events`.
    """
    from dmf.runs import export_run

    export_run(open_store(store), run, format, output)  # type: ignore[arg-type]  # refuses an unknown format itself
    console.print(f"Wrote {output}", highlight=False, markup=False, soft_wrap=True)
