"""How much room runs take."""

import html
from collections.abc import Mapping

import streamlit as st


def stored(titles: Mapping[str, str], megabytes: Mapping[str, float], limits: Mapping[str, float | None]) -> None:
    """A table of the room that each run takes, and what bounds it.

    Args:
        titles: Run to its title.
        megabytes: Run to its disk space.
        limits: Run to what its probabilities may take at most, in MB; None where nobody said.
    """
    rows = "".join(
        f"<tr><td>{html.escape(title)}</td><td>{megabytes.get(id, 0):.2f}</td>"
        f"<td>{'–' if limits.get(id) is None else f'{limits[id]:g}'}</td></tr>"
        for id, title in titles.items()
    )
    st.html(
        '<div class="race scores"><table><thead><tr><th>Run</th>'
        '<th title="Networks, probabilities and sample pictures together">Takes (MB)</th>'
        '<th title="Setting probabilities_mb of the training">Probabilities at most (MB)</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
    st.caption(
        "Probabilities of the test images are kept in 8 bits each, for the best and the last network. On the page "
        "Train, under More, *Keep probabilities of* chooses whose and *Probabilities, at most (MB)* bounds how much. "
        "Deleting runs, on Compare, makes room."
    )
