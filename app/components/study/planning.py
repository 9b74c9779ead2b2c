"""The form that plans a study: what is varied, on what, how often; a dry run; and the start."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Protocol

import streamlit as st

from app.components.page_style import plain, seconds_in_words, sentence_of
from app.views import DryRun, PlanText
from dmf.errors import DMFError

_MODES = {"paper": "as the paper", "notebook": "as the authors' notebook"}
_DRY = "plan-dry-run"


class Planning(Protocol):
    """What the form asks, and does."""

    def plan_text(self, name: str) -> PlanText:
        """A plan that comes with the program."""

    def configuration_names(self, text: PlanText) -> list[str]:
        """What the configurations of a plan are called."""

    def planned(self, text: PlanText) -> DryRun:
        """Its cells."""

    def dry_run(self, text: PlanText) -> DryRun:
        """Its cells with what they take, by training a little."""

    def save_plan(self, text: PlanText) -> str:
        """Keep it as a study."""

    def train_study(self, name: str, *, failed: bool = False) -> None:
        """Train what is left of it."""


def planning(library: Planning, plans: Sequence[str], datasets: Sequence[str], *, is_first: bool) -> str | None:
    """The form; returns the name of the study that was kept in this rerun.

    Args:
        library: What it asks: ``app.access``.
        plans: Names of those to begin with, at least one.
        datasets: Names of the datasets to choose from.
        is_first: Whether there is no study yet; then the form is open.
    """
    bar = st.expander("Plan a study", icon=":material/add:", key="plan", expanded=is_first, on_change="rerun")
    with bar:
        text = _fields(library, plans, datasets)
        if not bar.open:
            return None
        try:
            plan = library.planned(text)
            configurations = library.configuration_names(text)
        except DMFError as error:
            st.error(sentence_of(error), icon=":material/error:")
            return None
        st.caption(
            f"{len(plan.cells)} cells, {plan.runs} runs: {len(configurations)} configurations × "
            f"{len(text.datasets)} {'dataset' if len(text.datasets) == 1 else 'datasets'} × "
            f"{text.repeats} {'repeat' if text.repeats == 1 else 'repeats'}."
        )
        return _actions(library, text)


def _fields(library: Planning, plans: Sequence[str], datasets: Sequence[str]) -> PlanText:
    """Widgets of every part of a plan; another plan to begin with fills them."""

    def fill() -> None:
        _fill(library.plan_text(st.session_state["plan-from"]))

    if "plan-name" not in st.session_state:
        _fill(library.plan_text(plans[0]))
    first, second, third = st.columns(3)
    first.selectbox("Begin with", plans, key="plan-from", on_change=fill, help="Fills the form below.")
    name = second.text_input("Name", key="plan-name", help="By which the study is found; another study needs another.")
    mode = third.selectbox(
        "Compute losses and weights",
        list(_MODES),
        key="plan-mode",
        format_func=_MODES.__getitem__,
    )
    left, middle, right = st.columns([2, 1, 1])
    chosen = left.multiselect(
        "Datasets",
        list(dict.fromkeys([*datasets, *st.session_state["plan-datasets"]])),
        key="plan-datasets",
        accept_new_options=True,
        help="Settings of one alone stand behind its name: type busi, duplicates=group.",
    )
    repeats = middle.number_input("Repeats", 1, 1000, key="plan-repeats", help="Each time with another seed.")
    seed = right.number_input("First seed", 0, 2**31 - 2001, key="plan-first_seed")
    left, middle, right = st.columns(3)
    base = left.text_area(
        "Settings of all",
        key="plan-base",
        height=130,
        placeholder="epochs=20\nimage_size=128",
        help="Any setting of dmf train, one a line.",
    )
    axes = middle.text_area(
        "What is varied",
        key="plan-axes",
        height=130,
        placeholder="weighting=mad, variance\nhistory_max=50, 100",
        help="A setting with its values, one a line; every combination is a configuration. Semicolons between values "
        "that hold commas.",
    )
    others = right.text_area(
        "Further configurations",
        key="plan-configurations",
        height=130,
        placeholder="weighting=fixed, auxiliary=none",
        help="Besides the combinations, one a line.",
    )
    left, middle, right = st.columns(3)
    reference = left.text_input(
        "Compared with",
        key="plan-reference",
        placeholder="fixed/none",
        help="Name of the configuration that all others are compared with; none if empty.",
    )
    hours = middle.number_input(
        "Most hours",
        0.01,
        None,
        None,
        key="plan-hours",
        help="No further cell is begun once the cells trained so long.",
    )
    steps = right.number_input(
        "Most optimizer steps", 1, None, None, key="plan-steps", help="Of all runs together; likewise."
    )
    return PlanText(
        name=name,
        about=st.session_state["plan-about"],
        article=st.session_state["plan-article"],
        mode=mode,
        datasets=tuple(chosen),
        repeats=repeats,
        first_seed=seed,
        base=base,
        axes=axes,
        configurations=others,
        reference=reference,
        hours=hours,
        steps=steps,
    )


def _fill(text: PlanText) -> None:
    for field in fields(PlanText):
        value = getattr(text, field.name)
        st.session_state[f"plan-{field.name}"] = list(value) if isinstance(value, tuple) else value


def _actions(library: Planning, text: PlanText) -> str | None:
    with st.container(horizontal=True, gap="small"):
        dry = st.button(
            "Dry run",
            key="plan-dry",
            icon=":material/timer:",
            help="Trains a little of each kind of cell, to tell time and storage; keeps nothing.",
        )
        keep = st.button("Keep it", key="plan-keep", icon=":material/save:", help="Train it later, here or anywhere.")
        start = st.button("Keep and train it here", key="plan-start", icon=":material/play_arrow:", type="primary")
    try:
        if dry:
            with st.spinner("Training a little of it, to measure…"):
                st.session_state[_DRY] = text, library.dry_run(text)
        if keep or start:
            with st.spinner("Checking every cell…"):
                name = library.save_plan(text)
            if start:
                library.train_study(name)
            return name
    except DMFError as error:
        st.error(sentence_of(error), icon=":material/error:")
    measured = st.session_state.get(_DRY)
    if measured is not None and measured[0] == text:
        _measured(measured[1])
    return None


def _measured(dry_run: DryRun) -> None:
    if dry_run.seconds is not None and dry_run.megabytes is not None:
        st.success(
            f"About {seconds_in_words(dry_run.seconds)} with one process on this machine, and {dry_run.megabytes:,.1f} "
            f"MB of storage, for {dry_run.measured} of {len(dry_run.cells)} cells."
        )
    for reason in dry_run.reasons:
        st.warning(f"Not here: {plain(reason)}")
    st.dataframe(
        dry_run.cells,
        key="plan-cells",
        hide_index=True,
        column_config={
            "cell": "Cell",
            "runs": "Runs",
            "seconds": st.column_config.NumberColumn("Seconds", format="%.1f"),
            "megabytes": st.column_config.NumberColumn("MB", format="%.2f"),
        },
    )
