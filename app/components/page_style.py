"""The page's own style: a sheet sent once, and the few pieces of HTML that several components share."""

import html
import math
import re
from collections.abc import Callable
from pathlib import Path

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from app.theme import BACKGROUND, STATE_BADGES, Dash, Mode
from dmf.errors import DMFError

_CHIPS = {
    "gray": ("#5b6470", "#a3adb8"),
    "blue": ("#3347c9", "#8fa9f7"),
    "green": ("#186f37", "#6fd08c"),
    "orange": ("#a85b00", "#f0ac4e"),
    "red": ("#c62828", "#ff8a80"),
}


def use_style(*sheets: str) -> None:
    """Put the sheet on the page, then further ones of this folder; takes no room.

    What depends on the theme is said once, for all of the page.
    """
    if PagesManager.uses_pages_directory:
        # A link to this page was the first that was opened on this server: Streamlit has taken the folder of the pages
        # for a list of its own and left the entry out, with its navigation.
        PagesManager.uses_pages_directory = False
        st.rerun()
    dark = mode() == "dark"
    sheet = "\n".join(Path(__file__).with_name(name).read_text("utf-8") for name in ("style.css", *sheets))
    shades = {
        "page": BACKGROUND.of(mode()),
        "sidebar": ("#f7f8fa", "#131923")[dark],
        "problem": ("#c62828", "#ff8a80")[dark],
        "spark": ("#3347c9", "#8fa9f7")[dark],
        "accent": ("#3347c9", "#8fa9f7")[dark],  # of words, where the primary colour would be too faint
    }
    variables = "".join(f"--{name}: {color};" for name, color in shades.items())
    st.html(f"<style>:root {{ {variables} }}\n{sheet}</style>")


def uncover() -> None:
    """On a phone, close the sidebar, which lies over what was just started there."""
    close = "document.querySelector('[data-testid=stSidebarCollapseButton] button')?.click()"
    st.html(f"<script>if (innerWidth < 768) {close};</script>", unsafe_allow_javascript=True)


def mode() -> Mode:
    """Whether the reader's page is light or dark."""
    return "dark" if st.context.theme.type == "dark" else "light"


def chip(state: str) -> str:
    """A state as a coloured word."""
    badge = STATE_BADGES[state]
    color = _CHIPS[badge.color][mode() == "dark"]
    return f'<span class="chip" style="--chip:{color}">{html.escape(badge.label)}</span>'


def dash_sample(dash: Dash) -> str:
    """A short line with a run's dash, in the colour of the text."""
    if not dash:
        return '<span class="dash" style="background:currentColor" aria-hidden="true"></span>'
    stops, at = [], 0
    for index, length in enumerate(dash):
        color = "currentColor" if index % 2 == 0 else "transparent"
        stops += [f"{color} {at}px", f"{color} {at + length}px"]
        at += length
    gradient = f"repeating-linear-gradient(90deg, {', '.join(stops)})"
    return f'<span class="dash" style="background:{gradient}" aria-hidden="true"></span>'


def plain(name: str) -> str:
    """A name as it was typed, whatever it means to Markdown."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!$:<>~|])", r"\\\1", name)


_CODE = re.compile(r"(`[^`\n]+`)")
_MARKUP = re.compile(r"[\\`*\[\]$~|]|<(?=[A-Za-z/!])|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|:(?=[A-Za-z][\w/-]*[:\[])")


def sentence_of(text: object) -> str:
    """A sentence of ours, or the text of an error, for what reads Markdown: names in it, whatever they are, stay text.

    What stands between backticks stays code.
    """
    parts = _CODE.split(str(text))
    return "".join(part if place % 2 else _MARKUP.sub(r"\\\g<0>", part) for place, part in enumerate(parts))


def shown_or_told(part: Callable[[], None]) -> None:
    """Show a part of the page, or why it cannot be shown."""
    try:
        part()
    except DMFError as error:
        st.error(sentence_of(error), icon=":material/error:")


def warn(problem: str) -> None:
    """A sentence, whatever is in it, about something that is missing."""
    st.caption(f":material/info: {plain(problem)}")


def number(value: float | None, digits: int = 4) -> str:
    """A score fit for a table, never ``-0.0000``; a dash where there is none."""
    return "–" if value is None or math.isnan(value) else f"{value:z.{digits}f}"


def signed(value: float | None, digits: int = 4) -> str:
    """The same of a difference, which has its sign."""
    return "–" if value is None or math.isnan(value) else f"{value:+z.{digits}f}"


def seconds_in_words(seconds: float) -> str:
    """``"42 s"``, ``"3 min 5 s"``, ``"2 h 10 min"``, ``"4 d 3 h"``."""
    whole = max(0, round(seconds))
    for size, unit, below, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // below
            return f"{whole // size:,} {unit} {rest} {small}" if rest else f"{whole // size:,} {unit}"
    return f"{whole} s"
