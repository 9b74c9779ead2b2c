"""What every method does, for the table of methods."""

import streamlit as st

from dmf.plugins import loaded


def methods_table() -> tuple[list[dict[str, str]], str]:
    """A line per method, its cells in words, and on which machine costs were measured.

    Cells: ``name``, ``paper``, ``url``, ``looks_at``, ``cost``, ``keeps``, ``spike``, ``plateau``, ``scale``.
    """
    return _methods_table(tuple(plugin.sha256 for plugin in loaded()))


@st.cache_data(show_spinner=False)
def _methods_table(plugins: tuple[str, ...]) -> tuple[list[dict[str, str]], str]:
    from dmf.methods.table import methods_table as kept

    table = kept()
    lines = [
        {
            "name": method.name,
            "paper": f"{method.about.paper.title}, {method.about.paper.where}" if method.about.paper else "",
            "url": method.about.paper.url if method.about.paper else "",
            "looks_at": method.about.looks_at,
            "cost": method.spent,
            "keeps": method.keeps,
            "spike": method.probes.spike.in_words(),
            "plateau": method.probes.plateau.in_words(),
            "scale": method.probes.scale.in_words(),
        }
        for method in table.methods
    ]
    return lines, table.machine
