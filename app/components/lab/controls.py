"""Sliders, choices and switches whose values arrive while they move; Streamlit's own slider sends only when let go.

The browser sends a value once the page has answered the one before, so that a drag neither floods the server nor
breaks off what it draws; mount the controls after what their values change.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

from app.components.browser_script import joined_script

_HERE = Path(__file__).parent
_VALUES = "values"

Value = float | int | str | bool | None


@dataclass(frozen=True)
class Control:
    """One setting.

    Attributes:
        name: Unique in its panel.
        label: What it is called.
        help: What it does, in a sentence.
        kind: A slider with a number beside it, a choice of words, or a switch.
        low, high: Ends of the slider; the number beside it takes any that is ``allowed``.
        step: Of the slider.
        log: The slider goes by powers of ten from ``low``, which is above 0; ``step`` does not count.
        integer: Whole numbers only.
        none: What it is called when there is no value, and at which end of the slider that lies.
        choices: Values and what they are called.
        allowed: Bounds that the number beside the slider must keep, by name: ``ge``, ``gt``, ``le``, ``lt``.
    """

    name: str
    label: str
    help: str
    kind: Literal["slider", "choice", "check"] = "slider"
    low: float = 0.0
    high: float = 1.0
    step: float = 0.01
    log: bool = False
    integer: bool = False
    none: tuple[str, Literal["low", "high"]] | None = None
    choices: tuple[tuple[str, str], ...] = ()
    allowed: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Group:
    """Controls that belong together, under a heading; ``folded`` ones are shown on a click."""

    controls: tuple[Control, ...]
    title: str = ""
    help: str = ""
    folded: bool = False


def controls(
    groups: Sequence[Group],
    values: Mapping[str, Value],
    change: Callable[[dict[str, Value], bool], None],
    *,
    key: str,
) -> None:
    """Show the controls at ``values``.

    Args:
        groups: What there is to set.
        values: What each control stands at, by its name.
        change: Called, before the page or fragment runs again, with all values and whether the reader let go.
        key: Unique on the page.
    """

    def changed() -> None:
        sent = received(st.session_state.get(key))
        if sent is not None:
            change(sent[_VALUES], bool(sent.get("settled")))

    answered = received(st.session_state.get(key))
    message = {
        "groups": [_plain(group) for group in groups],
        "values": dict(values),
        "answered": answered["number"] if answered else 0,
    }
    _component()(key=key, data=message, height="content", on_values_change=changed)


def received(state: Any) -> dict[str, Any] | None:
    """The last message of the browser, as far as it makes sense."""
    sent = (state or {}).get(_VALUES)
    if not isinstance(sent, Mapping) or not isinstance(sent.get(_VALUES), Mapping):
        return None
    return {"number": int(sent.get("number", 0)), "settled": sent.get("settled"), _VALUES: dict(sent[_VALUES])}


def _plain(group: Group) -> dict[str, Any]:
    plain = asdict(group)
    for control in plain["controls"]:
        none = control["none"]
        control["none"] = none and {"text": none[0], "at": none[1]}
    return plain


@cache
def _component() -> ComponentRenderer:
    styles = (_HERE / "controls.css").read_text("utf-8")
    return st.components.v2.component(
        "dmf_lab_controls",
        html='<div class="controls"></div>',
        js=joined_script(_HERE / "controls.js", {"STYLES": styles}),
    )
