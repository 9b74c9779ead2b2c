"""A comparison to take away: tables as CSV, LaTeX or Markdown, charts as PNG, SVG or HTML, all of it as one page."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from app.charts.twin import page
from app.components.table_text import latex, markdown
from app.views import ExportFormat

WHOLE = "compared runs"
FORMATS: dict[str, tuple[ExportFormat, str]] = {
    "CSV": ("csv", "One row per step: each loss, each weight, the auxiliary loss, γ, the total."),
    "Parquet": ("parquet", "The same, smaller and with exact numbers; pandas and others read it."),
    "JSON": ("json", "Everything but pictures: settings, steps, scores of each epoch, events."),
    "TensorBoard": ("tensorboard", "Event files: unpack the zip and run tensorboard --logdir on the folder."),
}
"""What recorded runs can be taken as, and what each is."""


@dataclass(frozen=True)
class Report:
    """What can be taken away.

    Attributes:
        tables: Name to rows; each becomes a file.
        figures: Title to figure.
        runs: Run id to its title: what can be taken as it was recorded.
        run_file: Takes ids with the names of their files, and a format of ``FORMATS``; gives the name of the file.
        run_data: Takes the same; gives the file.
        sections: HTML of the tables and what is concluded, by heading, for the page.
        annex: HTML of what stands behind the charts, by heading: pictures, notes, settings.
    """

    tables: Mapping[str, pd.DataFrame]
    figures: Mapping[str, Any]
    sections: Mapping[str, str]
    runs: Mapping[str, str]
    run_file: Callable[[Mapping[str, str], ExportFormat], str]
    run_data: Callable[[Mapping[str, str], ExportFormat], bytes]
    annex: Mapping[str, str] = field(default_factory=dict)


def exporting(report: Callable[[], Report]) -> None:
    """The bar "Export"; ``report`` is made only once it is open."""
    bar = st.expander("Export tables, charts and the whole comparison", key="export", on_change="rerun")
    if not bar.open:
        return
    prepared = report()
    with bar:
        _tables(prepared)
        _runs(prepared)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            title = st.selectbox("Chart", list(prepared.figures), key="export-chart", width=380)
            kind = st.segmented_control(
                "As",
                ["PNG", "SVG"],
                default="PNG",
                required=True,
                key="export-kind",
                help="What the camera above the chart saves; your browser draws it.",
            )
            figure = prepared.figures[title]
            st.download_button(
                "Chart as HTML",
                lambda: page(title, [figure]),
                f"{file_name(title)}.html",
                "text/html",
                key="chart-html",
                icon=":material/code:",
                help="A page that stands alone and can be zoomed.",
                on_click="ignore",
            )
            st.download_button(
                "Whole comparison as HTML",
                lambda: page(WHOLE.capitalize(), pieces(prepared)),
                f"{file_name(WHOLE)}.html",
                "text/html",
                key="report-html",
                icon=":material/article:",
                help="Conclusions, tables, charts, pictures, notes and settings, as one page that stands alone.",
                on_click="ignore",
            )
        st.plotly_chart(
            figure,
            key=f"twin-{file_name(title)}-{kind}",
            theme=None,
            config={
                "displayModeBar": True,
                "displaylogo": False,
                "toImageButtonOptions": {"format": kind.lower(), "filename": file_name(title), "scale": 2},
            },
        )


def _tables(report: Report) -> None:
    """Each table as a file."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.segmented_control(
            "Tables as",
            list(TABLES),
            default="CSV",
            required=True,
            key="export-tables",
            help="CSV for any spreadsheet; LaTeX with the rules of the package booktabs; Markdown for notes.",
        )
        suffix, mime, written = TABLES[kind]
        for name, table in report.tables.items():
            st.download_button(
                name,
                partial(written, table),
                f"{file_name(name)}.{suffix}",
                mime,
                key=f"{suffix}-{file_name(name)}",
                icon=":material/table:",
                on_click="ignore",
            )


def _runs(report: Report) -> None:
    """The runs as they were recorded, in one file."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.multiselect(
            "Runs as recorded",
            list(report.runs),
            default=list(report.runs),
            format_func=report.runs.__getitem__,
            key=f"export-runs-{'-'.join(report.runs)}",
            width=380,
            help="Several runs come as one zip.",
        )
        kind = st.segmented_control(
            "Format",
            list(FORMATS),
            default="CSV",
            required=True,
            key="export-format",
            help=" ".join(f"{name}: {explanation}" for name, (_, explanation) in FORMATS.items()),
        )
        format, about = FORMATS[kind]
        names = {id: file_name(report.runs[id]) for id in chosen}
        st.download_button(
            f"Runs as {kind}",
            lambda: report.run_data(names, format),
            report.run_file(names, format) if chosen else None,
            "application/octet-stream",
            key="run-data",
            icon=":material/download:",
            help=about,
            disabled=not chosen,
            on_click="ignore",
        )


def csv(table: pd.DataFrame) -> str:
    """Rows as CSV; an index with a name becomes the first column. A text never is a formula to a spreadsheet."""
    has_index = table.index.name is not None
    safe = table.map(_text_only).rename(columns=_text_only, index=_text_only if has_index else None)
    return str(safe.to_csv(index=has_index))


def _text_only(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


TABLES: dict[str, tuple[str, str, Callable[[pd.DataFrame], str]]] = {
    "CSV": ("csv", "text/csv", csv),
    "LaTeX": ("tex", "text/x-tex", latex),
    "Markdown": ("md", "text/markdown", markdown),
}
"""What tables can be taken as: the end of the file's name, its type, and what writes it."""


def file_name(title: str) -> str:
    """``"Weights · MAD"`` as ``"weights-mad"``."""
    return re.sub(r"[^a-z0-9γ]+", "-", title.lower()).strip("-")


def pieces(report: Report) -> list[Any]:
    """Parts of the page in order: what is said, then the charts, then what they stand on."""
    before, after = (
        [part for heading, text in sections.items() for part in (f"<h2>{heading}</h2>", text)]
        for sections in (report.sections, report.annex)
    )
    return [*before, "<h2>Charts</h2>", *report.figures.values(), *after]
