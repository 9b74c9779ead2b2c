"""A comparison to take away: tables as CSV, charts as PNG, SVG or HTML, all of it as one page."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from app.charts.twin import page

WHOLE = "compared runs"


@dataclass(frozen=True)
class Report:
    """What can be taken away.

    Attributes:
        tables: Name to rows; each becomes a file of CSV.
        figures: Title to figure.
        said: HTML of the tables and what is concluded, by heading, for the page.
    """

    tables: Mapping[str, pd.DataFrame]
    figures: Mapping[str, Any]
    said: Mapping[str, str]


def exporting(report: Callable[[], Report]) -> None:
    """The bar "Export"; ``report`` is made only once it is open."""
    bar = st.expander("Export tables, charts and the whole comparison", key="export", on_change="rerun")
    if not bar.open:
        return
    found = report()
    with bar:
        st.caption("Tables, as CSV that any spreadsheet opens.")
        with st.container(horizontal=True):
            for name, table in found.tables.items():
                st.download_button(
                    name,
                    csv(table),
                    f"{file_name(name)}.csv",
                    "text/csv",
                    key=f"csv-{file_name(name)}",
                    icon=":material/table:",
                    on_click="ignore",
                )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            title = st.selectbox("Chart", list(found.figures), key="export-chart", width=380)
            kind = st.segmented_control(
                "As",
                ["PNG", "SVG"],
                default="PNG",
                required=True,
                key="export-kind",
                help="What the camera above the chart saves; your browser draws it.",
            )
            figure = found.figures[title]
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
                lambda: page(WHOLE.capitalize(), pieces(found)),
                f"{file_name(WHOLE)}.html",
                "text/html",
                key="report-html",
                icon=":material/article:",
                help="All tables and charts, and what is concluded, as one page that stands alone.",
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


def csv(table: pd.DataFrame) -> str:
    """Rows as CSV; an index with a name becomes the first column."""
    return str(table.to_csv(index=table.index.name is not None))


def file_name(title: str) -> str:
    """``"Weights · MAD"`` as ``"weights-mad"``."""
    return re.sub(r"[^a-z0-9γ]+", "-", title.lower()).strip("-")


def pieces(report: Report) -> list[Any]:
    """Parts of the page in order: what is said, then the charts."""
    said = [part for heading, text in report.said.items() for part in (f"<h2>{heading}</h2>", text)]
    return [*said, "<h2>Charts</h2>", *report.figures.values()]
