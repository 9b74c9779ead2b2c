"""The methods of the lab: a card for each, with its settings as sliders."""

import html
import re
from collections.abc import Mapping, Sequence

import streamlit as st

from app.components.fields import in_labels, named
from app.components.lab import setup
from app.components.lab.controls import Value, controls
from app.components.lab.parameters import Method, method_groups, method_text, method_values
from app.components.page_style import dash_sample
from app.state import EXPLAIN, RUN
from app.theme import Dash
from dmf.config import FusionConfig
from dmf.config_text import DEFAULT_WEIGHTINGS

FULL = f"{setup.MOST_METHODS} methods are the most; remove one first."
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")


def titles_of(methods: Mapping[int, str]) -> dict[int, str]:
    """Row to what its method is called; the second of a kind is numbered, whatever its settings."""
    seen: dict[str, int] = {}
    titles = {}
    for row, method in methods.items():
        seen[method] = seen.get(method, 0) + 1
        titles[row] = named(method) if seen[method] == 1 else f"{named(method)} {seen[method]}"
    return titles


def explained(run: str, method: str) -> dict[str, str]:
    """Where in the lab the weights that a run had are explained: parameters of the address.

    Args:
        run: Its id.
        method: Its method, which has the settings that the run had; what another program calls so is left out.
    """
    if not _PLAIN.fullmatch(method):
        return {RUN: run}
    others = [name for name in DEFAULT_WEIGHTINGS if name != method]
    return {RUN: run, "methods": ";".join([method, *others]), EXPLAIN: named(method)}


def add_menu(now: setup.Setup, offered: Sequence[str]) -> None:
    """A choice of methods to add; the same one may be there several times."""
    key = "lab-add"

    def added() -> None:
        method = st.session_state[key]
        st.session_state[key] = None
        if method:
            setup.put(setup.current().with_methods(method))

    st.selectbox(
        "Add a method",
        list(offered),
        index=None,
        format_func=named,
        key=key,
        on_change=added,
        placeholder="Add a method" if len(now.rows) < setup.MOST_METHODS else FULL,
        label_visibility="collapsed",
        disabled=len(now.rows) >= setup.MOST_METHODS,
    )


def card(
    row: setup.Row,
    method: str,
    title: str,
    config: Method,
    base: FusionConfig,
    *,
    options: Sequence[str],
    dash: Dash,
    problem: str,
    is_only: bool,
    is_full: bool,
) -> None:
    """One method with its settings.

    Args:
        row: Where it is kept.
        method: Its name.
        title: What it is called on the page.
        config: Its settings, whether they can work or not.
        base: The settings it has unless it says otherwise.
        options: The settings that concern it.
        dash: Of its lines.
        problem: Why it cannot be drawn; empty where it can.
        is_only: It cannot be removed.
        is_full: No other can be added.
    """
    with st.container(border=True, key=f"lab-method-{row.id}", gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", key=f"lab-head-{row.id}", gap="small"):
            st.html(f'<div class="lab-title">{dash_sample(dash)} <b>{html.escape(title)}</b></div>')
            st.button(
                "",
                icon=":material/content_copy:",
                key=f"lab-copy-{row.id}",
                help=FULL if is_full else f"Duplicate {title}, to give the second one other settings.",
                type="tertiary",
                on_click=_duplicate,
                args=(row,),
                disabled=is_full,
            )
            st.button(
                "",
                icon=":material/restart_alt:",
                key=f"lab-reset-{row.id}",
                help=f"Set {title} back to where it began.",
                type="tertiary",
                on_click=_reset,
                args=(row.id, method),
                disabled=row.text == method,
            )
            st.button(
                "",
                icon=":material/close:",
                key=f"lab-remove-{row.id}",
                help=f"Remove {title}.",
                type="tertiary",
                on_click=_remove,
                args=(row.id,),
                disabled=is_only,
            )
        slot = st.empty()
        if problem:
            sentence = html.escape(in_labels(problem))
            slot.html(f'<p class="problem" role="alert">{sentence[:1].upper() + sentence[1:]}</p>')

        def changed(sent: dict[str, Value], settled: bool) -> None:
            text = method_text(method, method_values(config, options) | sent, base, options)
            setup.put(setup.current().with_text(row.id, text), settled=settled)

        controls(
            method_groups(config, options),
            method_values(config, options),
            changed,
            key=f"lab-controls-{row.id}-{method}-{len(base.terms)}",
        )


def _duplicate(row: setup.Row) -> None:
    setup.put(setup.current().with_methods(row.text, after=row.id))


def _reset(row: int, method: str) -> None:
    setup.put(setup.current().with_text(row, method))


def _remove(row: int) -> None:
    setup.put(setup.current().without(row))
