"""``dmf data list | check | get``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from dmf.cli.options import given
from dmf.cli.shared import console, print_json
from dmf.config import DataConfig
from dmf.config_text import parse

if TYPE_CHECKING:
    from dmf.data import Dataset

data_app = typer.Typer(help="Datasets: what there is, whether it is sound, how to get it.", no_args_is_help=True)

NAME = typer.Argument(help="Name of the dataset, as `dmf data list` shows it.")
ROOT = typer.Option(help="Folder the dataset lies in; default data/raw/<dataset>.")
OPTIONS = typer.Option("--dataset-options", help="Options of the dataset, e.g. normal=true for busi.")
JSON = typer.Option("--json", help="Print one JSON document and nothing else.")
UNUSED = typer.Option("--store", help="Taken by every command; datasets do not lie in the store.")


@data_app.command("list")
def list_datasets(json: Annotated[bool, JSON] = False, store: Annotated[str | None, UNUSED] = None) -> None:
    """List the datasets and whether they are here."""
    from dmf.data import DATASETS

    sets = [DATASETS.build(name) for name in DATASETS]
    if json:
        print_json(
            [
                {
                    "name": entry.name,
                    "title": entry.title,
                    "classes": list(entry.class_names),
                    "here": _is_here(entry),
                    "root": str(entry.root) if entry.needs_download else None,
                }
                for entry in sets
            ]
        )
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "what", "classes", "here"):
        table.add_column(heading)
    for entry in sets:
        place = f"yes, {entry.root}" if _is_here(entry) else f"no: dmf data get {entry.name}"
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
    """Report counts, sizes, class shares and every problem found; exit 1 if there is one."""
    from dmf.data import build_dataset, check

    texts = given({"dataset": name, "root": root, "dataset_options": dataset_options})
    report = check(build_dataset(parse(DataConfig, texts)))
    if json:
        print_json(_plain(report))
    else:
        console.print(str(report), highlight=False, markup=False, soft_wrap=True)
    if not report.is_sound:
        raise typer.Exit(1)


@data_app.command("get")
def get_dataset(
    name: Annotated[str, NAME],
    root: Annotated[str | None, ROOT] = None,
    store: Annotated[str | None, UNUSED] = None,
) -> None:
    """Download a dataset where that works, else say exactly what to fetch and where to put it."""
    from dmf.data import build_dataset, download

    folder = download(build_dataset(parse(DataConfig, given({"dataset": name, "root": root}))))
    console.print(
        f"{name} is in {folder}. Look at it with: dmf data check {name}", highlight=False, markup=False, soft_wrap=True
    )


def _is_here(dataset: "Dataset") -> bool:
    return not dataset.needs_download or dataset.root.is_dir()


def _plain(report: Any) -> dict[str, Any]:
    facts = {name: getattr(report, name) for name in report.__dataclass_fields__}
    return facts | {"problems": [str(p) for p in report.problems], "notes": [str(n) for n in report.notes]}
