"""What stands behind the charts in the page of a comparison: pictures, what people wrote, and every setting."""

import base64
import html
from collections.abc import Mapping, Sequence

import pandas as pd

from app.components.comparison_tables import field_title, table_html, value_text
from app.components.page_style import number
from app.components.sample_view import SampleView
from app.views import ComparedRun, KeptCase


def pictures_html(cases: Sequence[KeptCase], titles: Mapping[str, str], view: SampleView) -> str:
    """Image, truth and the last prediction of each run that was kept, a row per case.

    Args:
        cases: As ``access.last_samples`` gives them.
        titles: Run to its title.
        view: How the task draws them.
    """
    if not cases:
        return "<p>No pictures were kept with these runs.</p>"
    parts = [f'<p class="key">{view.legend(cases[0].facts, view.strength)}</p>']
    for case in cases:
        truth = view.truth(case.image, case.truth, case.facts, view.strength)
        figures = [_figure(case.image, view.heads[0]), _figure(truth, view.heads[1])]
        for run, (png, score, epoch) in case.predictions.items():
            drawn = view.prediction(case.image, case.truth, png, case.facts, view.strength)
            for part, picture in zip(view.parts, drawn, strict=True):
                words = " ".join(filter(None, (titles[run], part)))
                figures.append(_figure(picture, f"{words}, epoch {epoch}: {number(score, 3)}"))
        parts.append(f'<h3>{html.escape(case.case)}</h3><div class="pictures">{"".join(figures)}</div>')
    return "".join(parts)


def _figure(png: bytes, words: str) -> str:
    source = base64.b64encode(png).decode()
    text = html.escape(words)
    return f'<figure><img src="data:image/png;base64,{source}" alt="{text}"><figcaption>{text}</figcaption></figure>'


def notes_html(runs: Sequence[ComparedRun], titles: Mapping[str, str], tagged: pd.DataFrame) -> str:
    """What people said of the runs, and of the images that they look at.

    Args:
        runs: Compared ones.
        titles: Run to its title.
        tagged: Columns Image and Tags.
    """
    rows = [
        [html.escape(text) for text in (titles[run.id], ", ".join(run.run.tags), run.run.notes, run.id)] for run in runs
    ]
    headings = [("Run", ""), ("Tags", ""), ("Notes", ""), ("Id", "")]
    of_runs = table_html(headings, rows, "Notes")
    if tagged.empty:
        return of_runs
    images = [[html.escape(str(cell)) for cell in row] for row in tagged.to_numpy()]
    return of_runs + "<h3>Tagged images</h3>" + table_html([("Image", ""), ("Tags", "")], images, "Tagged images")


def settings_html(configs: Mapping[str, Mapping[str, object]], titles: Mapping[str, str]) -> str:
    """Every setting of every run.

    Args:
        configs: Run to its settings, ``section.field`` to value.
        titles: Run to its title.
    """
    fields = sorted({field for config in configs.values() for field in config})
    rows = [
        [html.escape(field_title(field)), f"<code>{html.escape(field)}</code>"]
        + [html.escape(value_text(config.get(field))) for config in configs.values()]
        for field in fields
    ]
    headings = [("Setting", ""), ("Field", ""), *((titles[run], run) for run in configs)]
    return table_html(headings, rows, "Settings")
