"""The weighting lab: one loss history, any number of methods, and what each would have done with it."""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from app import access, state
from app.components import form_prefill
from app.components.fields import named
from app.components.lab import bench, setup, sources
from app.components.lab.words import in_words
from app.components.live_chart import chart_engine
from app.components.methods_table import methods_table
from app.components.page_style import use_style
from app.components.plugin_question import plugin_question
from app.views import History, Synthetic
from dmf.errors import DMFError
from dmf.options import Choice

TICK = 2.0  # s


def show() -> None:
    """The source and the methods on one side, the charts on the other."""
    use_style("lab.css", "methods_table.css")
    chart_engine()
    st.title("Weighting lab")
    st.caption(
        "Take one history of losses and see which weights every method would have given it, step by step. Move the "
        "sliders: the charts answer while they move."
    )
    ticks = is_growing()
    st.fragment(body, run_every=TICK if ticks else None)(ticks)
    with st.expander("All methods beside each other", icon=":material/table:"):
        methods_table(*access.methods_table())


def is_growing() -> bool:
    """Whether the chosen run still trains."""
    now = setup.current()
    try:
        return now.source == "run" and bool(now.run) and access.run_history(now.run).is_active
    except DMFError:
        return False


def body(ticks: bool) -> None:
    """Everything that may change while a slider moves; drawn before the sliders are told that they were heard."""
    now = setup.current()
    with st.container(key="lab"):
        left, right = st.columns([1, 2.4], gap="large")
    with left:
        history = choose(now)
        controls = st.container(key="lab-controls", gap="small")
    if history is None:
        return
    if history.is_active != ticks:
        st.rerun()
    with right, st.container(key="lab-charts"):
        drawn = bench.bench(setup.current(), history, access, train)
    with controls:
        bench.controls(setup.current(), history, drawn, access)


def choose(now: setup.Setup) -> History | None:
    """The history to look at; None while there is none, which is said."""
    sources.choose_kind(now)
    try:
        match now.source:
            case "run":
                return chosen_run(now)
            case "upload":
                given = sources.choose_file()
                return access.uploaded_history(*given) if given else None
            case _:
                sources.shapes_menu(access.lab_shapes())
                return access.synthetic_history(access.synthetic_config(now.synthetic))
    except DMFError as error:
        st.error(in_words(error, sources.TITLES), icon=":material/error:")
        if now.source == "synthetic":  # the sliders stay, so that it can be mended
            sources.synthetic_controls(Synthetic, now.synthetic)
        return None


def chosen_run(now: setup.Setup) -> History | None:
    runs = access.lab_runs()
    if not runs and not now.run:  # an archived one is in no list, but its link leads to it
        st.caption("No run has recorded a step yet. Start a race on Home, or draw a history by sliders.")
        return None
    if not now.run:
        now = replace(now, run=next(iter(runs)))
        setup.put(now)
    try:
        history = access.run_history(now.run)
    except DMFError:
        sources.choose_run(now, runs)
        raise
    own = history.base.weighting.name
    reason = access.not_replayed(own, f"Its method, {named(own)},")
    sources.choose_run(now, runs if now.run in runs else {now.run: (history.title, "")} | runs, reason)
    turned_to = [Choice.named(change.value) for change in history.changes if change.field == "weighting"]
    plugin_question(access.plugins_to_replay(now.run, [own, *turned_to]), access.run_plugin)
    return history


def train(methods: Sequence[str]) -> None:
    """Open the form with these methods, and with all else that the run had whose losses they were tried on."""
    now = setup.current()
    form_prefill.put(access.run_settings(now.run) if now.source == "run" else {}, methods)
    st.switch_page(state.TRAIN)


show()
