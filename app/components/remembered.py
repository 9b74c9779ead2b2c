"""A choice that the reader's browser keeps, so that pages opened there later begin with it."""

from functools import cache

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

_SCRIPT = """
export default ({ data, setStateValue }) => {
  const { name, chosen, known } = data;
  try {
    const held = localStorage.getItem(name);
    if (chosen !== null) localStorage.setItem(name, chosen);
    else if (held !== known) setStateValue("held", held);
  } catch {
    // a browser that keeps nothing for pages remembers nothing
  }
};
"""


def remembered(name: str, chosen: str | None) -> str | None:
    """What the browser remembers under a name; None where that is nothing, or it has not answered yet.

    Args:
        name: Of the choice; the same on every page that offers it.
        chosen: What the reader has chosen in this visit, which is kept from now on; None where nothing was.
    """
    key = f"remembered-{name}"
    known = (st.session_state.get(key) or {}).get("held")
    with st.container(key=f"keeper-{name}"):  # which style.css takes out of the flow of the page
        result = _component()(
            key=key,
            data={"name": f"dmf-{name}", "chosen": chosen, "known": known},
            height="content",
            on_held_change=_rerun_only,
        )
    held = result.get("held")
    return str(held) if held else None


def _rerun_only() -> None:
    """Named as a callback, which is how a component declares a state; the rerun itself delivers it."""


@cache
def _component() -> ComponentRenderer:
    return st.components.v2.component("dmf_remembered", js=_SCRIPT)
