"""Cases as small pictures to choose from."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

from app.components.browser_script import joined_script

_HERE = Path(__file__).parent
_CASE = "case"


@dataclass(frozen=True)
class Cell:
    """One case: its name, whole and short, a picture as a data URL (or empty), its score, a few words and its tags."""

    case: str
    name: str
    picture: str
    score: str
    words: str
    tags: tuple[str, ...] = ()


def case_grid(cells: Sequence[Cell], chosen: str | None, choose: Callable[[str], None], *, key: str) -> None:
    """The pictures; a click calls ``choose`` with the name of the case."""

    def changed() -> None:
        case = (st.session_state.get(key) or {}).get(_CASE)
        if isinstance(case, str):
            choose(case)

    _component()(
        key=key,
        data={"cells": [asdict(cell) for cell in cells], "chosen": chosen},
        height="content",
        on_case_change=changed,
    )


@cache
def _component() -> ComponentRenderer:
    return st.components.v2.component(
        "dmf_case_grid",
        html='<div class="cases"></div>',
        css=(_HERE / "case_grid.css").read_text("utf-8"),
        js=joined_script(_HERE / "case_grid.js"),
    )
