"""``dmf data list | check | get | convert``."""

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table

from dmf.cli.options import given
from dmf.cli.shared import console, print_json
from dmf.config import DataConfig
from dmf.config_text import parse, to_text
from dmf.options import default_of

if TYPE_CHECKING:
    from dmf.data import Card

data_app = typer.Typer(
    help="Datasets: what there is, whether it is sound, how to get it.", no_args_is_help=True, add_completion=False
)

NAME = typer.Argument(help="Name of the dataset, as `dmf data list` shows it.")
ROOT = typer.Option(help="Folder the dataset lies in; default data/raw/<dataset>.")
OPTIONS = typer.Option("--dataset-options", help="Options of the dataset, e.g. normal=true for busi.")
JSON = typer.Option("--json", help="Print one JSON document and nothing else.")
UNUSED = typer.Option("--store", help="Taken by every command; datasets do not lie in the store.")


@data_app.command("list")
def list_datasets(json: Annotated[bool, JSON] = False, store: Annotated[str | None, UNUSED] = None) -> None:
    """List the datasets and whether they are here."""
    from dmf.data import DATASETS, is_here

    sets = [DATASETS.build(name) for name in DATASETS]
    if json:
        print_json(
            [
                {
                    "name": entry.name,
                    "title": entry.title,
                    "classes": list(entry.class_names),
                    "here": is_here(entry),
                    "root": str(entry.root) if entry.needs_download else None,
                    "options": {
                        name: {"default": default_of(info), "description": info.description}
                        for name, info in entry.declares.model_fields.items()
                    },
                }
                for entry in sets
            ]
        )
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "what", "classes", "here"):
        table.add_column(heading)
    for entry in sets:
        place = f"yes, {entry.root}" if is_here(entry) else f"no: dmf data get {entry.name}"
        where = place if entry.needs_download else "built in"
        table.add_row(entry.name, entry.title, ", ".join(entry.class_names), escape(where))
    console.print(table)


@data_app.command("check")
def check_dataset(
    name: Annotated[str, NAME],
    root: Annotated[str | None, ROOT] = None,
    dataset_options: Annotated[str | None, OPTIONS] = None,
    json: Annotated[bool, JSON] = False,
    store: Annotated[str | None, UNUSED] = None,
) -> None:
    """Report counts, sizes, class shares, duplicates and every problem found; exit 1 if there is a problem.

    Splits are those of the default shares and seed 0.
    """
    from dmf.data import build_dataset, describe

    config = parse(DataConfig, given({"dataset": name, "root": root, "dataset_options": dataset_options}))
    with _progress("case") as on_progress:
        card = describe(build_dataset(config), config, on_progress=on_progress)
    if json:
        print_json(_plain(card))
    else:
        console.print(str(card), highlight=False, markup=False, soft_wrap=True)
    if not card.is_sound:
        raise typer.Exit(1)


@data_app.command("get")
def get_dataset(
    name: Annotated[str, NAME],
    root: Annotated[str | None, ROOT] = None,
    store: Annotated[str | None, UNUSED] = None,
) -> None:
    """Download a dataset where that works, else say exactly what to fetch and where to put it."""
    from dmf.data import build_dataset, download

    dataset = build_dataset(parse(DataConfig, given({"dataset": name, "root": root})))
    with _progress("byte") as on_progress:
        folder = download(dataset, on_progress=on_progress)
    console.print(
        f"{name} is in {folder}. Look at it with: dmf data check {name}", highlight=False, markup=False, soft_wrap=True
    )


@data_app.command("convert")
def convert_dataset(
    folder: Annotated[str, typer.Argument(help="Folder the dataset lies in.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write; must be empty or absent.")],
    *,
    to: Annotated[Literal["folder"], typer.Option(help="What to write: images/ and masks/ as PNG, with tables.")],
    dataset: Annotated[str | None, typer.Option(help="Name of the dataset, where its files do not say it.")] = None,
    dataset_options: Annotated[str | None, OPTIONS] = None,
    json: Annotated[bool, JSON] = False,
    store: Annotated[str | None, UNUSED] = None,
) -> None:
    """Write a dataset as images/ and masks/ with tables of classes and cases, without loss.

    Images are written as training reads them, with 8 bits per channel. Nothing is left behind where it fails.
    """
    from dmf.data import build_dataset, convert, identify, suggest

    root = Path(folder).expanduser()
    layout = None if dataset else identify(root)
    name, root = (dataset, root) if layout is None else (layout.dataset, root / layout.base)
    config = parse(DataConfig, given({"dataset": name, "root": str(root), "dataset_options": dataset_options}))
    options = suggest(config.dataset, root, config.dataset_options)
    built = build_dataset(config.model_copy(update={"dataset_options": options}))
    with _progress("case") as on_progress:
        converted = convert(built, output.expanduser(), on_progress=on_progress)
    doubts = [str(doubt) for doubt in built.doubts()]
    command = f"dmf data check folder --root {shlex.quote(str(converted.root))}"
    command += f" --dataset-options {shlex.quote(to_text(dict(converted.options)))}"
    if json:
        facts = {"dataset": name, "root": str(converted.root), "cases": converted.cases}
        print_json(facts | {"options": dict(converted.options), "notes": list(converted.notes), "doubts": doubts})
        return
    taken = f", read with {to_text(options)}" if options else ""
    lines = [f"{converted.cases} cases of {name}{taken}: they are in {converted.root}."]
    lines += [f"  doubt: {doubt}" for doubt in doubts] + [f"  note: {note}" for note in converted.notes]
    console.print("\n".join([*lines, f"Look at it with: {command}"]), highlight=False, markup=False, soft_wrap=True)


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """A bar that appears with the first news and goes when it is over."""
    with Progress(TextColumn(what), BarColumn(), TaskProgressColumn(), console=console, transient=True) as bar:
        task = bar.add_task(what, total=None, visible=False)
        yield lambda done, total: bar.update(task, completed=done, total=total, visible=True)


def _plain(card: "Card") -> dict[str, Any]:
    """A card as one flat JSON object: facts of the report beside those of the dataset."""
    facts = {name: getattr(card, name) for name in card.__dataclass_fields__ if name not in ("report", "duplicates")}
    facts["twins"] = [str(finding) for finding in card.duplicates]
    if card.report is None:
        problem = f"{card.name} is not here. {card.how_to_get}"
        return facts | {"cases": 0, "problems": [problem], "notes": []}
    report = {name: getattr(card.report, name) for name in card.report.__dataclass_fields__}
    doubts = [{"what": doubt.what, "decided": doubt.decided, "options": doubt.options} for doubt in card.report.doubts]
    return report | facts | {"problems": [str(problem) for problem in card.report.problems], "doubts": doubts}
