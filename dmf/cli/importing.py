"""``dmf import``: predictions made elsewhere, as finished runs."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from dmf.cli.shared import STORE, console, open_store, print_json


def import_folder(
    folder: Annotated[Path, typer.Argument(help="Folder with images/, masks/ and predictions/<model>/.")],
    name: Annotated[str | None, typer.Option(help="Name of the experiment; default that of the folder.")] = None,
    store: Annotated[str | None, STORE] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")] = False,
) -> None:
    """Open predictions made elsewhere as finished runs; they are read in place, so the folder must stay.

    A prediction has the name of its image, with or without a word such as _pred, and is a mask or grey probabilities
    (PNG, JPEG, BMP, GIF, TIFF), labels or probabilities in NIfTI, or probabilities 0..1 (.npy).
    """
    from dmf.importing import import_predictions

    opened = open_store(store)
    experiment = opened.experiment(import_predictions(opened, folder, name))
    rows = [(run, run.summary["metrics"]["test"]) for run in experiment.runs]
    images = len(opened.case_scores(experiment.runs[0].id, "test")[0].cases)
    if json:
        runs = [{"id": run.id, "label": run.label, "test": scores} for run, scores in rows]
        print_json({"experiment": experiment.id, "images": images, "runs": runs})
        return
    table = Table(title=f"Experiment {experiment.id}: {images} images, pooled over all of them")
    table.add_column("model", overflow="fold")
    table.add_column("run", no_wrap=True)  # it is copied from here
    for heading in ("lesion Dice", "lesion IoU", "Dice per image"):
        table.add_column(heading)
    for run, scores in rows:
        numbers = [f"{scores[key]:.3f}" for key in ("lesion_dice", "lesion_iou", "lesion_dice_per_image")]
        table.add_row(escape(run.label), run.id, *numbers)
    console.print(table)
