"""``dmf study plan | run | resume | status | table``: planned repetitions of experiments."""

import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from dmf.cli.shared import STORE, console, document, file_of, json_text, keep_inputs, open_store, print_json
from dmf.cli.train import clean_stop
from dmf.errors import ConfigError
from dmf.registry import unknown
from dmf.studies import PLANS, StudyPlan, cells, find_plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dmf.jobs import Job, OnStep
    from dmf.runs import CellRow, RunStore
    from dmf.studies.progress import StudyProgress
    from dmf.studies.results import StudyTable
    from dmf.training import TrainingRun

study_app = typer.Typer(
    help="Plan experiments over repeats, datasets and configurations; train them; see what they say.",
    no_args_is_help=True,
)

PLAN = typer.Argument(help=f"A plan that comes with the program ({', '.join(PLANS)}), or a TOML file.")
STUDY = typer.Argument(help="Name of the study.")
NAME = typer.Option(help="Name to keep the study under; default the plan's.")
DATASET = typer.Option(help="Train on this dataset instead of the plan's; may be given again.")
ROOT = typer.Option(help="Folder that the dataset lies in, where there is one dataset.")
REPEATS = typer.Option(help="How often, each time with another seed.", min=1)
EPOCHS = typer.Option(help="Passes over the training images.", min=1)
SIZE = typer.Option(help="Side of the square images the network sees, in pixels.")
CONFIGURATIONS = typer.Option(help="Only these of the plan's configurations, with semicolons or commas between.")
SET = typer.Option("--set", help="Any other setting of `dmf train` for all cells, as field=value; may be given again.")
MODE = typer.Option(help="paper, or notebook: compute losses and weights as the authors' notebook does.")
WORKERS = typer.Option(help="How many processes train cells at the same time.", min=1, max=64)
ENGINE = typer.Option(help="local, or ray: on a Ray cluster, one cell to a task; needs dmf[scale].")
ADDRESS = typer.Option(help="Of the Ray cluster: auto, or HOST:PORT of its head.")
GPUS = typer.Option(help="GPUs that a task on a Ray cluster asks for; a fraction where several share one.", min=0)
JSON = typer.Option("--json", help="Print one JSON document and nothing else.")


def _chosen(
    plan: str,
    *,
    name: str | None,
    dataset: Sequence[str] | None,
    root: str | None,
    repeats: int | None,
    epochs: int | None,
    image_size: int | None,
    configurations: str | None,
    settings: Sequence[str] | None,
    mode: str | None,
) -> StudyPlan:
    """The plan with what was said on the command line.

    Raises:
        ConfigError: If something cannot be.
    """
    found = find_plan(plan)
    changes: dict[str, Any] = {"name": name, "repeats": repeats, "mode": mode}
    changes = {field: value for field, value in changes.items() if value is not None}
    datasets = tuple({"dataset": one} for one in dataset) if dataset else found.datasets
    if root is not None:
        if len(datasets) != 1:
            raise ConfigError(f"`--root` is the folder of one dataset, these are {len(datasets)}.", "root")
        datasets = ({**datasets[0], "root": root},)
    base: dict[str, Any] = dict(found.base)
    for text in settings or ():
        field, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"Expected field=value, got {text!r}.", "set")
        base[field.strip().replace("-", "_")] = value.strip()
    base |= {field: v for field, v in {"epochs": epochs, "image_size": image_size}.items() if v is not None}
    changed = found.changed({**changes, "datasets": datasets, "base": base})
    if configurations is None:
        return changed
    parted = configurations.split(";" if ";" in configurations else ",")
    return changed.only([name.strip() for name in parted if name.strip()])


@study_app.command("plan")
def plan(
    plan: Annotated[str, PLAN],
    *,
    name: Annotated[str | None, NAME] = None,
    dataset: Annotated[list[str] | None, DATASET] = None,
    root: Annotated[str | None, ROOT] = None,
    repeats: Annotated[int | None, REPEATS] = None,
    epochs: Annotated[int | None, EPOCHS] = None,
    image_size: Annotated[int | None, SIZE] = None,
    configurations: Annotated[str | None, CONFIGURATIONS] = None,
    settings: Annotated[list[str] | None, SET] = None,
    mode: Annotated[str | None, MODE] = None,
    probe: Annotated[bool, typer.Option(help="Train a little, to tell how long it takes.")] = True,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Say what a study would train, how long that takes here and what it keeps, without keeping anything."""
    chosen = _chosen(
        plan,
        name=name,
        dataset=dataset,
        root=root,
        repeats=repeats,
        epochs=epochs,
        image_size=image_size,
        configurations=configurations,
        settings=settings,
        mode=mode,
    )
    planned = cells(chosen)
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


@study_app.command("run")
def run(
    plan: Annotated[str, PLAN],
    *,
    name: Annotated[str | None, NAME] = None,
    dataset: Annotated[list[str] | None, DATASET] = None,
    root: Annotated[str | None, ROOT] = None,
    repeats: Annotated[int | None, REPEATS] = None,
    epochs: Annotated[int | None, EPOCHS] = None,
    image_size: Annotated[int | None, SIZE] = None,
    configurations: Annotated[str | None, CONFIGURATIONS] = None,
    settings: Annotated[list[str] | None, SET] = None,
    mode: Annotated[str | None, MODE] = None,
    workers: Annotated[int, WORKERS] = 1,
    engine: Annotated[str, ENGINE] = "local",
    address: Annotated[str, ADDRESS] = "auto",
    gpus: Annotated[float, GPUS] = 0,
    store: Annotated[str | None, STORE] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Train a study, from where it stands: what is finished stays; more repeats or datasets are added to it.

    Ctrl-C stops cleanly: checkpoints are written, and `dmf study resume` goes on.
    """
    chosen = _chosen(
        plan,
        name=name,
        dataset=dataset,
        root=root,
        repeats=repeats,
        epochs=epochs,
        image_size=image_size,
        configurations=configurations,
        settings=settings,
        mode=mode,
    )
    from dmf.studies.storing import store_plan

    opened = open_store(store)
    train = _engine(engine, workers, address, gpus)
    store_plan(opened, chosen)
    _train(opened, chosen.name, train, failed=False, as_json=json)


@study_app.command("resume")
def resume(
    study: Annotated[str, STUDY],
    *,
    workers: Annotated[int, WORKERS] = 1,
    engine: Annotated[str, ENGINE] = "local",
    address: Annotated[str, ADDRESS] = "auto",
    gpus: Annotated[float, GPUS] = 0,
    store: Annotated[str | None, STORE] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Go on with a study: what was stopped, interrupted or failed continues from its checkpoint, then what waits."""
    _train(open_store(store), study, _engine(engine, workers, address, gpus), failed=True, as_json=json)


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
    found = [progress(opened, name) for name in names]
    if json:
        documents = [_status_document(one) for one in found]
        print_json(documents[0] if study is not None else documents)
        return
    if not found:
        console.print("No studies yet. Begin one with: dmf study run paper")
    for one in found:
        document.print(_in_words(one), highlight=False, soft_wrap=True)
    if study is None:
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("cell", "state", "experiment", "why"):
        table.add_column(heading, overflow="fold")
    for cell in found[0].cells:
        reasons = dict.fromkeys(run.reason for run in cell.experiment.runs if run.reason) if cell.experiment else {}
        id = cell.experiment.id if cell.experiment else "–"
        table.add_row(escape(cell.key), state_of(cell), id, escape("; ".join(reasons)))
    document.print(table)


def _status_document(found: "StudyProgress") -> dict[str, Any]:
    from dmf.studies.progress import state_of

    return {
        "study": found.name,
        "paused": found.paused,
        "cells": [
            {
                "cell": cell.key,
                "state": state_of(cell),
                "experiment": None if cell.experiment is None else cell.experiment.id,
            }
            for cell in found.cells
        ],
        "counts": found.counts,
        "seconds_left": found.seconds_left,
    }


def _in_words(found: "StudyProgress") -> str:
    counts = ", ".join(f"{count} {state}" for state, count in found.counts.items())
    left = "" if found.seconds_left is None else f"; about {duration(found.seconds_left)} left"
    return f"Study {escape(found.name)}{' (paused)' if found.paused else ''}: {len(found.cells)} cells, {counts}{left}"


@study_app.command("table")
def table(
    study: Annotated[str, STUDY],
    *,
    format: Annotated[str, typer.Option(help="text, csv, latex, html or json.")] = "text",
    metric: Annotated[str | None, typer.Option(help="What differences and ranks are of; default Dice.")] = None,
    published: Annotated[
        Path | None,
        typer.Option(help="CSV of published figures to stand beside: dataset,auxiliary,weighting,metric,mean,std."),
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="File to write; default the terminal.")] = None,
    store: Annotated[str | None, STORE] = None,
) -> None:
    """Say what came out of a study: means over repeats, differences, ranks, and what can be concluded."""
    from dmf.studies.formats import FORMATS
    from dmf.studies.published import read_published
    from dmf.studies.results import study_table, table_document

    if format not in ("text", "json", *FORMATS):
        raise ConfigError(f"Unknown format {format!r}. Choose one of: text, json, {', '.join(FORMATS)}.", "format")
    if format == "text" and output is not None:
        raise ConfigError("Text is for the terminal; choose another `--format` for a file.", "format")
    opened = open_store(store)
    figures = None if published is None else read_published(published)
    found = study_table(opened, study, metric=metric, published=figures)
    if format == "text":
        print_table(found)
        return
    text = FORMATS[format](found) if format in FORMATS else json_text(table_document(found))
    if output is None:
        sys.stdout.write(text)
        return
    keep_inputs(output, file_of(opened), published)
    output.write_text(text, encoding="utf-8")
    console.print(f"Wrote {output}", highlight=False, markup=False, soft_wrap=True)


def print_table(found: "StudyTable") -> None:
    """The table of a study on standard output, with what belongs to it."""
    from dmf.studies.formats import cells_of, headings, said

    shown = Table(title=f"Study {escape(found.name)}: test images, mean ± standard deviation over repeats")
    for heading in headings(found):
        shown.add_column(heading, overflow="fold")
    for row in found.rows:
        shown.add_row(*map(escape, cells_of(found, row)))
    # Whoever pipes it into another program gets a row a line, however long.
    (document if document.is_terminal else Console(width=10_000, emoji=False)).print(shown)
    for sentence in said(found):
        document.print(sentence, highlight=False, markup=False, soft_wrap=True)


Engine: TypeAlias = "Callable[[RunStore, str, threading.Event, _Bars], None]"
"""Trains a study of a store until nothing is left or the event is set, and keeps the bars up to date."""


def _engine(name: str, workers: int, address: str, gpus: float) -> Engine:
    """The engine that was asked for.

    Raises:
        ConfigError: If there is none of this name.
    """

    def here(store: "RunStore", study: str, stop: threading.Event, bars: "_Bars") -> None:
        from dmf.studies.local import LocalEngine, train_in_processes

        if workers == 1:
            LocalEngine(store, study, stop=stop, on_cell=bars.on_cell).run()
        else:
            train_in_processes(store, study, workers, stop=stop, on_look=bars.look)

    def cluster(store: "RunStore", study: str, stop: threading.Event, bars: "_Bars") -> None:
        from dmf.studies.cluster import train_on_cluster

        train_on_cluster(store, study, address, stop=stop, gpus=gpus, on_look=bars.look)

    engines: dict[str, Engine] = {"local": here, "ray": cluster}
    if name not in engines:
        raise ConfigError(unknown("engine", name, engines), "engine")
    return engines[name]


def _train(store: "RunStore", study: str, train: Engine, *, failed: bool, as_json: bool) -> None:
    from dmf.studies.progress import progress
    from dmf.studies.results import study_table, table_document

    store.reopen_cells(study, failed=failed)
    console.print(
        f"Study [bold]{escape(study)}[/] in {escape(store.url.render_as_string())}", highlight=False, soft_wrap=True
    )
    stop = threading.Event()
    with clean_stop(stop), _progress(store, study) as bars:
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


class _Bars:
    """One bar over the cells, and one inside the cell that trains here."""

    def __init__(self, store: "RunStore", study: str, shown: Progress) -> None:
        self._store, self._study, self._shown = store, study, shown
        self._all = shown.add_task("cells", total=None)
        self._inside: Any = None
        self.look()

    def look(self) -> None:
        """Bring the bar over the cells up to date."""
        found = self._store.study_cells(self._study)
        done = sum(cell.state is not None and cell.state.value == "finished" for cell in found)
        self._shown.update(self._all, completed=done, total=len(found))

    def on_cell(self, cell: "CellRow", job: "Job") -> "OnStep":
        """Begin the bar of a cell."""
        self.look()
        if self._inside is not None:
            self._shown.remove_task(self._inside)
        self._inside = self._shown.add_task(cell.key, total=None)

        def on_step(runs: "Sequence[TrainingRun]") -> None:
            taken = sum(run.step for run in runs)
            total = None if job.steps_total is None else job.steps_total * len(runs)
            self._shown.update(self._inside, completed=taken, total=total)

        return on_step


@contextmanager
def _progress(store: "RunStore", study: str) -> "Iterator[_Bars]":
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as shown:
        bars = _Bars(store, study, shown)
        yield bars
        bars.look()


def duration(seconds: float) -> str:
    """A time in the words of people: 45 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _size(size: Any) -> str:
    return "–" if size is None else f"{float(size) / 1e6:.1f} MB"
