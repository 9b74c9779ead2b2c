"""The table of a study as CSV, LaTeX, HTML or JSON. Opens without torch."""

import csv
import html
import io
import json
import math
from collections.abc import Callable, Sequence

from dmf.errors import ConfigError
from dmf.registry import unknown
from dmf.studies.inference import Difference
from dmf.studies.results import Row, StudyTable, has_enough, table_document
from dmf.tasks import known_metric

LATEX = str.maketrans(
    {
        **{letter: f"\\{letter}" for letter in "&%$#_{}"},
        **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$"},
        **{"–": "--", "γ": r"$\gamma$", "<": r"\textless{}", ">": r"\textgreater{}"},
    }
)


def spread(mean: float, std: float | None, decimals: int = 3) -> str:
    """A mean with its standard deviation, e.g. ``0.812 ± 0.034``; what there is of it."""
    if not math.isfinite(mean):
        return "–"
    tail = f" ± {std:.{decimals}f}" if std is not None and math.isfinite(std) else ""
    return f"{mean:.{decimals}f}{tail}"


def headings(table: StudyTable) -> list[str]:
    """What stands above the columns of :func:`cells_of`."""
    named = ["dataset", "configuration", "repeats", *(known_metric(metric).title for metric in table.metrics)]
    named += [f"{known_metric(metric).title} (published)" for metric in _published(table)]
    return [*named, f"difference to {table.reference}", "p (Holm)"] if table.reference else named


def cells_of(table: StudyTable, row: Row) -> list[str]:
    """One row as texts."""
    texts = [row.dataset, row.configuration, str(row.repeats)]
    texts += [spread(row.mean(metric), row.std(metric)) for metric in table.metrics]
    for metric in _published(table):
        figure = row.paper.get(metric)
        texts.append("–" if figure is None else spread(figure.mean, figure.std))
    if table.reference:
        texts += _difference(table.differences.get(row.dataset, {}).get(row.configuration))
    return texts


def _published(table: StudyTable) -> list[str]:
    there = {metric for row in table.rows for metric in row.paper}
    return [metric for metric in table.metrics if metric in there]


def _difference(one: Difference | None) -> list[str]:
    if one is None:
        return ["", ""]
    interval = f" ({one.low:+z.3f} to {one.high:+z.3f})" if math.isfinite(one.low) else ""
    return [f"{one.mean:+z.3f}{interval}", _p(one.p_holm) if math.isfinite(one.p_holm) else ""]


def as_csv(table: StudyTable) -> str:
    """A row per dataset, configuration, metric and repeat: every number behind the table, unrounded."""
    written = io.StringIO()
    rows = csv.writer(written, lineterminator="\n")
    rows.writerow(("dataset", "configuration", "auxiliary", "weighting", "metric", "seed", "value"))
    for row in table.rows:
        for metric in table.metrics:
            for seed, value in sorted(row.scores.get(metric, {}).items()):
                rows.writerow(
                    (row.dataset, row.configuration, row.auxiliary, row.weighting, metric, seed, repr(float(value)))
                )
    return written.getvalue()


def as_latex(table: StudyTable) -> str:
    """A ``tabular`` for ``booktabs``, and below it, as comments, what a reader must know."""

    def line(texts: Sequence[str]) -> str:
        return " & ".join(text.translate(LATEX) for text in texts) + r" \\"

    named = headings(table)
    lines = [rf"\begin{{tabular}}{{ll{'r' * (len(named) - 2)}}}", r"\toprule", line(named), r"\midrule"]
    before = None
    for row in table.rows:
        if before not in (None, row.dataset):
            lines.append(r"\midrule")
        before = row.dataset
        lines.append(line(cells_of(table, row)))
    lines += [r"\bottomrule", r"\end{tabular}"]
    return "\n".join([*lines, *(f"% {sentence}" for sentence in said(table))]) + "\n"


def as_html(table: StudyTable) -> str:
    """A page of its own, without scripts and without anything to fetch."""

    def line(texts: Sequence[str], tag: str) -> str:
        return f"<tr>{''.join(f'<{tag}>{html.escape(text)}</{tag}>' for text in texts)}</tr>"

    rows = "\n".join(line(cells_of(table, row), "td") for row in table.rows)
    notes = "\n".join(f"<li>{html.escape(sentence)}</li>" for sentence in said(table))
    title = html.escape(f"Study {table.name}")
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem; color-scheme: light dark; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .25rem .75rem; text-align: left; border-bottom: 1px solid #8886; }}
</style>
<h1>{title}</h1>
<table>
<thead>{line(headings(table), "th")}</thead>
<tbody>
{rows}
</tbody>
</table>
<ul>
{notes}
</ul>
</html>
"""


def said(table: StudyTable) -> list[str]:
    """All that belongs to the table in sentences: what was chosen, ranks, notes."""
    choices = [f"{what}: {how}." for what, how in table.choices.items()]
    return [*choices, *ranked(table), *table.notes]


def ranked(table: StudyTable) -> list[str]:
    """Mean ranks, best first, and the Friedman statistic; nothing for fewer than two blocks or configurations."""
    ranks = table.ranks
    if len(ranks.mean) < 2 or len(ranks.blocks) < 2:
        return []
    order = sorted(ranks.mean.items(), key=lambda pair: pair[1])
    sentences = [
        f"Mean rank by {table.metric} (1 is the best): " + ", ".join(f"{name} {rank:.2f}" for name, rank in order) + "."
    ]
    if math.isfinite(ranks.friedman):
        p = f", p {_p(ranks.p)} if blocks were independent, which they are not" if has_enough(table) else ""
        sentences.append(
            f"Friedman statistic {ranks.friedman:.2f} with {len(ranks.mean) - 1} degrees of freedom{p}; blocks: "
            f"{'; '.join(ranks.blocks)}."
        )
    return sentences


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def as_json(table: StudyTable) -> str:
    """One document with everything: see :func:`dmf.studies.results.table_document`."""
    return json.dumps(table_document(table), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


_WRITERS: dict[str, Callable[[StudyTable], str]] = {
    "csv": as_csv,
    "latex": as_latex,
    "html": as_html,
    "json": as_json,
}

FILES: dict[str, str] = {"csv": "csv", "latex": "tex", "html": "html", "json": "json"}
"""Formats of a table, and how the name of a file of each ends."""


def written(table: StudyTable, format: str) -> str:
    """The table in one of :data:`FILES`.

    Raises:
        ConfigError: If there is no such format.
    """
    if format not in _WRITERS:
        raise ConfigError(unknown("format", format, _WRITERS), "format")
    return _WRITERS[format](table)
