"""Names in figures: plotly reads them as HTML, and a name is text."""

import html


def as_text(name: object) -> str:
    """A name that plotly draws as it was typed, whatever it means to HTML."""
    return html.escape(str(name), quote=False)
