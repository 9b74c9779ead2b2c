"""One image large, and the numbers of each run about it."""

import html
from collections.abc import Callable, Mapping, Sequence

import pandas as pd
import streamlit as st

from app.components.inspect.stepping import Step
from app.components.page_style import number, warn
from app.tasks.segmentation.case_viewer import Panel, Settled, case_viewer
from app.tasks.segmentation.views import CaseView

EMPTY = {
    "truth": "nothing is there, so there is no distance",
    "prediction": "nothing was found, so there is no distance",
    "both": "nothing is there and nothing was found",
}
COLUMNS = {
    "dice": ("Dice", "Overlap of found and true lesion; 1 is perfect."),
    "iou": ("IoU", "Overlap as a share of their union; 1 is perfect."),
    "precision": ("Precision", "Of what was found, the share that is lesion."),
    "recall": ("Recall", "Of the lesion, the share that was found."),
}


def look(view: CaseView, titles: Mapping[str, str], step: Callable[[Step], None]) -> Settled:
    """The case in the viewer.

    Args:
        view: A case with what is predicted there, as ``access.view_case`` gives it.
        titles: Run to its title.
        step: Called where the reader asks the viewer for another image.

    Returns:
        What the reader has settled on.
    """
    assert view.image is not None
    height, width = view.image.shape[:2]
    spacing = f", {view.spacing[1]:g} × {view.spacing[0]:g} mm per pixel" if view.spacing else ""
    panels = [
        Panel(
            id=prediction.run,
            name=titles[prediction.run],
            note=prediction.note,
            probabilities=prediction.probabilities,
            labels=prediction.labels,
            truth=prediction.truth,
            window=prediction.window,
        )
        for prediction in view.predictions
    ]
    return case_viewer(
        view.case,
        view.image,
        view.truth,
        panels,
        key="case-viewer",
        classes=view.classes,
        absent=view.absent,
        image_note=f"{width} × {height} pixels{spacing}",
        truth_note="as the dataset has it",
        on_step=step,
    )


def numbers(rows: pd.DataFrame, settled: Settled, classes: Sequence[str]) -> None:
    """Scores and boundary distances per run, at the size of the original image.

    Args:
        rows: One row per run, as ``access.case_numbers`` gives them.
        settled: The threshold that they were measured at.
        classes: Names of the classes but the background.
    """
    unit = rows["unit"].iloc[0] if "unit" in rows else "px"
    heads = [
        "<th>Run</th>",
        *(f'<th title="{about}">{title}</th>' for title, about in COLUMNS.values()),
        f'<th title="95 % of the outlines lie at most this far apart">Hausdorff 95 ({unit})</th>',
        f'<th title="How far the outlines lie apart on average">Average surface distance ({unit})</th>',
    ]
    lines = []
    for row in rows.to_dict("records"):
        cells = [f"<td>{html.escape(str(row['run']))}</td>", *(f"<td>{number(row[name], 3)}</td>" for name in COLUMNS)]
        note = EMPTY.get(str(row["empty"]))
        if note:
            cells.append(f'<td colspan="2">{note}</td>')
        else:
            cells += [f"<td>{number(row[name], 2)}</td>" for name in ("hausdorff95", "average")]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    st.html(
        f'<div class="race scores" id="case-numbers"><table><thead><tr>{"".join(heads)}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )
    several = " Scores are means over the classes, distances those of all classes together." if len(classes) > 1 else ""
    st.caption(
        f"Measured at the size of the original image and threshold {settled.threshold:.2f}; the scores below the "
        f"pictures count the pixels of the predictions as they are, most often coarser ones.{several}"
    )


def missing(problems: Mapping[str, str]) -> None:
    """Why runs have no probabilities, runs with the same reason in one sentence.

    Args:
        problems: Title of a run to the reason; empty where nothing is missing.
    """
    for problem in dict.fromkeys(filter(None, problems.values())):
        warn(f"{', '.join(title for title, reason in problems.items() if reason == problem)}: {problem}")
