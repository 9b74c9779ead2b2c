"""The table "Runs": one row per run, with its method and what it overrides of the common settings."""

import html
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.components import rows
from app.components.fields import Slots, complain, in_labels, label, named, widget
from app.components.page_style import dash_sample
from app.theme import Dash, run_dashes
from dmf.config import FusionConfig
from dmf.config_text import field_info, names_of, to_text
from dmf.errors import ConfigError

BRIEF = {
    "auxiliary": "auxiliary",
    "gamma": "γ₀",
    "decay_rate": "decay",
    "history_min": "history from",
    "history_max": "history to",
    "weights": "weights",
    "loss_counts": "counts",
    "detach_weights": "detached weights",
    "symlog": "symlog",
    "minmax": "min-max",
    "rho": "ρ",
    "eps": "ε",
    "floor": "floor",
    "fp_weight": "false positives",
    "fn_weight": "false negatives",
}
"""What a setting is called where there is little room; its label in lower case where nothing is said."""

_TEXT, _TEXT_OPEN, _TEXT_WRONG = "runs-text", "runs-text-open", "runs-text-wrong"


class Slot:
    """Where to say what is wrong with one row."""

    def __init__(self, row: int, place: DeltaGenerator, fields: Slots) -> None:
        self.row, self.place, self.fields = row, place, fields

    def complain(self, field: str | None, sentence: str) -> None:
        """Say what is wrong under the row, and beside the setting to blame if it is being edited."""
        if field in names_of(FusionConfig):
            complain(self.fields, {field: sentence})
            sentence = f"{label(str(field))}: {in_labels(sentence)}"
        sentence = in_labels(sentence)
        self.place.html(f'<p class="problem" role="alert">{html.escape(sentence[:1].upper() + sentence[1:])}</p>')

    def note(self, sentence: str) -> None:
        """Say what is worth knowing about the row."""
        self.place.html(f'<p class="note">{html.escape(sentence)}</p>')


def runs_table(options: Mapping[str, Sequence[str]]) -> tuple[list[str], list[Slot]]:
    """Show the rows; returns them as ``--run`` texts, and a place for what is wrong with each.

    Args:
        options: Names to choose from for ``weighting``, ``auxiliary`` and ``terms``.
    """
    st.html(Path(__file__).with_name("runs_table.css"))
    with st.container(key="runs", gap="xsmall"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(
                "Runs",
                help="One network is trained per row, all on the same batches and from the same first network; a row "
                "may override any setting of weighting, auxiliary loss and losses.",
                width="content",
            )
            _as_text(options)
        order = rows.ids()
        dashes = run_dashes([rows.method(row) for row in order])
        slots = [_row(row, index + 1, dashes[index], options) for index, row in enumerate(order)]
        st.button(
            "Add run",
            key="add-run",
            icon=":material/add:",
            on_click=rows.add,
            args=(options["weighting"],),
            disabled=len(order) >= rows.MOST,
            help=f"One more run, up to {rows.MOST}.",
            width="stretch",
        )
    return rows.texts(), slots


def _row(row: int, number: int, dash: Dash, options: Mapping[str, Sequence[str]]) -> Slot:
    fields: Slots = {}
    with st.container(key=f"run-{row}", gap=None):
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", wrap=False):
            st.html(f'<span class="run-mark"><b>{number}</b>{dash_sample(dash)}</span>', width="content")
            st.selectbox(
                f"Weighting method of run {number}",
                options["weighting"],
                key=rows.key(row, "weighting"),
                format_func=named,
                label_visibility="collapsed",
                persist_state="session",
            )
            editor = st.popover(
                f"Edit run {number}",
                icon=":material/tune:",
                type="tertiary",
                key=rows.key(row, "edit"),
                on_change="rerun",
                help="Choose settings that differ for this run.",
            )
            for action, icon, then, disabled in (
                ("Duplicate", "content_copy", _duplicate, len(rows.ids()) >= rows.MOST),
                ("Remove", "delete", rows.remove, len(rows.ids()) == 1),
            ):
                name = f"{action} run {number}"
                st.button(
                    name,
                    icon=f":material/{icon}:",
                    type="tertiary",
                    key=rows.key(row, action.lower()),
                    help=name,
                    on_click=then,
                    args=(row,),
                    disabled=disabled,
                )
        with editor, st.container(key=f"edit-run-{row}"):
            if editor.open:  # a browser would send the first values of widgets that it holds but does not show
                _editor(row, number, options, fields)
            st.caption("The same on the command line:")
            st.code(f"--run {rows.text(row)}", language=None, wrap_lines=True)
        differing = " · ".join(_briefly(rows.method(row), name, value) for name, value in rows.differences(row).items())
        if differing:
            st.html(f'<p class="differs">{html.escape(differing)}</p>')
        return Slot(row, st.empty(), fields)


def _duplicate(row: int) -> None:
    st.session_state[rows.key(rows.duplicate(row), "edit")] = True  # it is told apart next


def _editor(row: int, number: int, options: Mapping[str, Sequence[str]], slots: Slots) -> None:
    """Which settings of a row differ, and a widget for each."""
    st.multiselect(
        f"Settings of run {number} that differ",
        list(dict.fromkeys((*rows.settings(row), *rows.overridden(row)))),
        key=rows.key(row, "settings"),
        format_func=partial(label, method=rows.method(row)),
        on_change=rows.follow_choice,
        args=(row,),
        placeholder="None: as all runs",
        help="What is not chosen here is as in the form, for all runs alike.",
        persist_state="session",
    )
    for name in rows.overridden(row):
        info = field_info(FusionConfig, name)
        widget(
            name,
            info.annotation,
            info.get_default(),
            info.description or "",
            options.get(name),
            title=label(name, rows.method(row)),
            key=rows.key(row, name),
        )
        slots[name] = st.empty()


def _as_text(options: Mapping[str, Sequence[str]]) -> None:
    """All rows as text, to be copied elsewhere or written here."""
    editor = st.popover(
        "As text",
        icon=":material/notes:",
        type="tertiary",
        key=_TEXT_OPEN,
        on_change="rerun",
        help="All runs as text, to copy or to edit: one per line, as after dmf train --run.",
    )
    if not editor.open:
        for name in (_TEXT, _TEXT_WRONG):
            st.session_state.pop(name, None)
        return
    st.session_state.setdefault(_TEXT, "\n".join(rows.texts()))
    with editor:
        st.text_area(
            "One run per line",
            key=_TEXT,
            height=130,
            help="A method, then the settings that differ, with commas between: bayesian,prior=compound,gamma=5. "
            "Lists take colons: fixed,weights=1:0:0.",
        )
        for problem in st.session_state.get(_TEXT_WRONG, ()):
            st.html(f'<p class="problem" role="alert">{html.escape(problem)}</p>')
        st.button("Use these runs", key="runs-text-use", type="primary", on_click=_use_text, args=(options,))


def _use_text(options: Mapping[str, Sequence[str]]) -> None:
    written = [line.strip() for line in st.session_state[_TEXT].splitlines() if line.strip()]
    try:
        rows.replace(written, options)
    except ConfigError as error:
        st.session_state[_TEXT_WRONG] = str(error).splitlines()
    else:
        st.session_state[_TEXT_OPEN] = False


def _briefly(method: str, name: str, value: str) -> str:
    """``"γ₀ 5"``, ``"auxiliary none"``, ``"symlog off"``, in a row of that method."""
    if value in (to_text(True), to_text(False)):
        value = "on" if value == to_text(True) else "off"
    if name in ("auxiliary", "terms"):
        value = ", ".join(named(word) for word in value.split(":"))
    title = label(name, method)
    is_word = title[1:2].islower()  # and not the name of a method, such as MAD
    return f"{BRIEF.get(name, title[0].lower() + title[1:] if is_word else title)} {value}"
