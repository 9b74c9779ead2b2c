"""All weighting methods beside each other: paper, what each looks at, costs, keeps, and does when a loss misbehaves."""

import html
from collections.abc import Mapping, Sequence

import streamlit as st

from app.components.comparison_tables import table_html
from app.components.fields import named

HEADINGS = [
    ("Method", "How the weighting is called; hover for what it is called in settings."),
    ("Looks at", "What the weights follow from."),
    ("Cost", "Time of a step from the losses to their weighted total, without the network, and what else it needs."),
    ("Keeps", "How many numbers it holds from one step to the next, with three losses."),
    ("Spike", "What becomes of a loss's share of the weight when the loss is five times as high for one step."),
    (
        "Plateau",
        "What becomes of a loss's share of the weight when the loss stands still and the others go on falling.",
    ),
    ("Scale change", "What becomes of a loss's share of the weight when the loss is ten times as high from a step on."),
    ("Paper", "Where the method was published."),
]


def methods_table(lines: Sequence[Mapping[str, str]], machine: str) -> None:
    """The table, and how its cells were found; the page sends ``methods_table.css``.

    Args:
        lines: A line per method; see ``app.access.methods_table``.
        machine: Where costs were measured.
    """
    st.html(methods_html(lines))
    st.caption(
        "Found by running every method with its default settings on three losses that fall, with and without something "
        "happening to the first one; methods that need a network ran on a tiny one. Costs were measured on "
        f"{machine}; those of methods of your own, on this one."
    )


def methods_html(lines: Sequence[Mapping[str, str]]) -> str:
    """The table as plain HTML, which a phone can scroll and a screen reader can read."""
    return f'<div class="methods">{table_html(HEADINGS, [_cells(line) for line in lines], "Weighting methods")}</div>'


def _cells(line: Mapping[str, str]) -> list[str]:
    paper = html.escape(line["paper"]) or "–"
    if line["url"]:
        paper = f'<a href="{html.escape(line["url"])}" target="_blank" rel="noopener">{paper}</a>'
    name = f'<span title="{html.escape(line["name"])}">{html.escape(named(line["name"]))}</span>'
    rest = [html.escape(line[cell]) for cell in ("looks_at", "cost", "keeps", "spike", "plateau", "scale")]
    return [name, *rest, paper]
