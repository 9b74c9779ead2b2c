"""Tables of the page Compare, as plain HTML that a phone can scroll and a screen reader can read."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from app.components.fields import label, named
from dmf.config_text import to_text


def table_html(headings: Sequence[tuple[str, str]], rows: Sequence[Sequence[str]], name: str) -> str:
    """A table: headings with their explanation, cells as HTML; ``name`` is read out."""
    head = "".join(
        f'<th><span class="term" title="{html.escape(about)}">{html.escape(title)}</span></th>'
        for title, about in headings
    )
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f'<div class="race scores"><table aria-label="{html.escape(name)}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def differences_html(table: pd.DataFrame, titles: Mapping[str, str]) -> str:
    """Fields that differ between runs, one per line, and what each run has; see ``dmf.analysis.differences``."""
    rows = [
        [f'<span title="{html.escape(str(field))}">{html.escape(field_title(str(field)))}</span>']
        + [html.escape(value_text(value)) for value in row]
        for field, row in zip(table.index, table.to_numpy(), strict=True)
    ]
    headings = [("Setting", "A setting that is not the same in all chosen runs.")]
    return table_html([*headings, *((titles[run], "") for run in table.columns)], rows, "What differs")


def field_title(field: str) -> str:
    """``"fusion.weighting"`` as ``"Weighting method"``; an option keeps its name, ``"Dataset options: images"``."""
    _, _, rest = field.partition(".")
    name, _, option = rest.partition(".")
    return f"{label(name)}: {option}" if option else label(name)


def value_text(value: Any) -> str:
    """A setting in words; a dash where it was not recorded."""
    if value is None or value is pd.NA:
        return "–"
    if isinstance(value, str):
        return named(value)
    return to_text(value)
