"""Changing the losses: what to do to which loss from which step on, and the list of what was done."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from app.components.fields import named
from app.components.lab import setup
from app.components.live_chart import Mark
from app.components.page_style import sentence_of

KINDS = {
    "spike": ("Add a spike", "Amplitude (× median)", 1, 10.0),
    "scale": ("Scale", "Factor", None, 10.0),
    "cut": ("Cut", "Value it is set to", None, 0.0),
    "noise": ("Add noise", "Noise, as a share of the loss", None, 0.2),
    "drop": ("Drop values (NaN)", "", 20, 0.0),
}
"""Kind of change to what it is called, what its size means, and the length and size it begins with."""
MOST = 20
_KIND, _LOSS, _STEP, _LENGTH, _SIZE = (f"lab-change-{name}" for name in ("kind", "loss", "step", "length", "size"))
_OPEN = "lab-changes"


def pick(x: float) -> None:
    """Take the step that was clicked in a chart."""
    st.session_state[_STEP] = max(0, round(x))
    st.session_state[_OPEN] = True


def perturbing(now: setup.Setup, names: Sequence[str], first: int, last: int, about: Mapping[str, str]) -> None:
    """The bar "Change the losses".

    Args:
        now: What the lab is set to.
        names: The losses.
        first: The first step that there is.
        last: The last one.
        about: What each kind of change does, in a sentence.
    """
    st.session_state.setdefault(_STEP, (first + last) // 2)
    if st.session_state.get(_LOSS) not in names:
        st.session_state[_LOSS] = names[0]
    with st.expander("Change the losses", key=_OPEN, on_change="rerun"):
        st.caption("Click a step in a chart or type it, say what happens there, and see every method before and after.")
        kind = st.selectbox(
            "What happens",
            list(KINDS),
            format_func=lambda kind: KINDS[kind][0],
            key=_KIND,
            on_change=_begin,
            help=" ".join(f"{KINDS[kind][0]}: {sentence}" for kind, sentence in about.items()),
        )
        title, size, length, height = KINDS[kind]
        st.session_state.setdefault(_LENGTH, length)
        st.session_state.setdefault(_SIZE, height)
        left, right = st.columns(2)
        with left:
            st.selectbox("To the loss", list(names), format_func=named, key=_LOSS, help="The loss that is changed.")
            st.number_input(
                "Steps",
                min_value=1,
                value=None,
                step=1,
                key=_LENGTH,
                placeholder="to the end",
                help="For how many steps; empty for all up to the end.",
            )
        with right:
            st.number_input(
                "From step",
                step=1,
                key=_STEP,
                help=f"From {first:,} to {last:,}. First step that is changed; a click in a chart sets it.",
            )
            if size:
                st.number_input(size, step=0.1, format="%g", key=_SIZE, help=about[kind])
        at = st.session_state[_STEP]
        outside = at is None or not first <= at <= last
        if outside:
            st.caption(
                "Type a step first."
                if at is None
                else f"Step {at:,} is not there; choose one from {first:,} to {last:,}."
            )
        st.button(
            title,
            key="lab-change-add",
            icon=":material/add:",
            type="primary",
            on_click=_add,
            args=(list(names), first, last),
            disabled=outside or len(now.perturbations) >= MOST,
            help=about[kind],
        )
        for place, perturbation in enumerate(now.perturbations):
            with st.container(horizontal=True, vertical_alignment="center", key=f"lab-made-{place}"):
                st.markdown(sentence_of(in_words(perturbation, names, first)))
                st.button(
                    "",
                    icon=":material/close:",
                    key=f"lab-change-remove-{place}",
                    type="tertiary",
                    on_click=_remove,
                    args=(place,),
                    help="Take this change back.",
                )


def marks(perturbations: Sequence[Mapping[str, Any]], names: Sequence[str], first: int, last: int) -> list[Mark]:
    """Where each change begins, and the step that is chosen for the next while the bar is open."""
    marks = [Mark(first + int(each.get("step") or 0), in_words(each, names, first), "change") for each in perturbations]
    chosen = st.session_state.get(_STEP)
    if st.session_state.get(_OPEN) and chosen is not None and first <= chosen <= last:
        marks.append(Mark(chosen, "Chosen step"))
    return marks


def in_words(perturbation: Mapping[str, Any], names: Sequence[str], first: int) -> str:
    """A change in words."""
    kind, loss, length = (
        perturbation.get("kind", "spike"),
        int(perturbation.get("loss") or 0),
        perturbation.get("length", 1),
    )
    name = named(names[loss]) if 0 <= loss < len(names) else f"loss {loss + 1}"
    what = {
        "spike": "Spike of {size:g} times the typical {name}",
        "scale": "{name} times {size:g}",
        "cut": "{name} set to {size:g}",
        "noise": "Noise of {size:g} on {name}",
        "drop": "{name} dropped",
    }.get(kind, "{name} changed")
    start = first + int(perturbation.get("step") or 0)
    span = f"from step {start:,}" if length is None else f"at step {start:,}"
    steps = "" if length in (None, 1) else f" for {length:,} steps"
    return f"{what.format(size=float(perturbation.get('size') or 0.0), name=name)}, {span}{steps}"


def _begin() -> None:
    _, _, st.session_state[_LENGTH], st.session_state[_SIZE] = KINDS[st.session_state[_KIND]]


def _add(names: Sequence[str], first: int, last: int) -> None:
    held = st.session_state
    if held[_STEP] is None or not first <= held[_STEP] <= last:  # typed just before the click
        return
    perturbation: dict[str, Any] = {
        "kind": held[_KIND],
        "loss": names.index(held[_LOSS]),
        "step": held[_STEP] - first,
        "length": held[_LENGTH],
    }
    if KINDS[held[_KIND]][1]:
        perturbation["size"] = held[_SIZE] or 0.0
    now = setup.current()
    setup.put(replace(now, perturbations=(*now.perturbations, perturbation)))


def _remove(place: int) -> None:
    now = setup.current()
    setup.put(replace(now, perturbations=(*now.perturbations[:place], *now.perturbations[place + 1 :])))
