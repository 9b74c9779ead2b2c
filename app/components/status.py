"""Where an experiment stands, and the buttons that steer it."""

import html
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from app.components.fields import run_title
from app.components.page_style import chip, dash_sample, seconds_in_words
from app.state import watch_link
from app.theme import STATE_BADGES, Dash
from dmf.errors import DMFError
from dmf.records import RunState

BUTTONS = {
    "pause": ("Pause", ":material/pause:", "All runs wait before their next step, with everything kept."),
    "resume": ("Resume", ":material/play_arrow:", "Go on from where it stands; stopped runs continue exactly."),
    "step": ("Step", ":material/skip_next:", "Take one step, then wait again."),
    "stop": ("Stop", ":material/stop:", "End now, with a checkpoint; Resume goes on from it."),
}


def summary_state(states: Sequence[RunState]) -> RunState:
    """The one state that describes several runs best: what is still going on counts before what is over."""
    order = ("running", "paused", "queued", "failed", "interrupted", "stopped", "finished")
    return min(states, key=lambda state: order.index(state.value))


def heading(experiment: Any, command: Callable[[str, str], None]) -> None:
    """The experiment's name, and the buttons beside it."""
    with st.container(key="head", horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        with st.container(width="content", gap=None):
            st.html('<a class="back" href="." target="_self">← All experiments</a>')
            st.markdown(f"### {_plain(experiment.name)}")
        buttons(experiment, command)


def buttons(experiment: Any, command: Callable[[str, str], None]) -> None:
    """Pause, Resume, Step and Stop; each can be clicked where it means something. Keep them out of what ticks.

    Args:
        experiment: The experiment as the store has it.
        command: Called with (experiment id, pause | resume | step | stop).
    """
    states = [run.state for run in experiment.runs]
    is_active = any(state.is_active for state in states)
    can = {
        "pause": RunState.RUNNING in states or RunState.QUEUED in states,
        "resume": RunState.PAUSED in states or (not is_active and any(state.is_resumable for state in states)),
        "step": RunState.PAUSED in states,
        "stop": is_active,
    }
    with st.container(key="controls", horizontal=True, gap="small", width="content"):
        for word, (label, icon, help) in BUTTONS.items():
            clicked = st.button(label, key=f"control-{word}", icon=icon, help=help, disabled=not can[word])
            if clicked:
                try:
                    command(experiment.id, word)
                except DMFError as error:
                    st.toast(str(error), icon=":material/error:")
                else:
                    st.rerun()


def status(snapshot: Any, dashes: Sequence[Dash], *, is_in_line: bool = False) -> None:
    """Progress of the race: how far, how fast, how long still, and who trains it. ``step N`` comes first.

    Args:
        snapshot: The experiment as of now.
        dashes: One per run.
        is_in_line: Whether a queued experiment waits for another one.
    """
    experiment, total = snapshot.experiment, snapshot.steps_total
    state = summary_state(snapshot.states)
    share = min(1.0, snapshot.step / total) if total else 0.0
    main = f"step {snapshot.step:,}" + (f" <small>of {total:,}</small>" if total else "")
    facts = [f'<span class="main">{main}</span>', chip(state.value)]
    facts += [f'<span class="fact">{fact}</span>' for fact in _facts(snapshot, state, is_in_line=is_in_line)]
    color = {"gray": "#8a94a0", "orange": "#d08a1c", "green": "#2e9e58", "red": "#d64545", "blue": "#4a64e7"}
    bar = color[STATE_BADGES[state.value].color]
    runs = "".join(
        f'<span class="run">{dash_sample(dash)}{html.escape(run_title(run.label))} '
        f"{chip(run.state.value) if run.state is not state else ''}</span>"
        for run, dash in zip(experiment.runs, dashes, strict=True)
    )
    with st.container(key="run-status"):
        st.html(
            f'<div class="race status"><div class="facts">{"".join(facts)}</div>'
            f'<div class="bar" style="--bar:{bar}" role="progressbar" aria-valuemin="0" aria-valuemax="100" '
            f'aria-valuenow="{share:.0%}"><i style="width:{share:.2%}"></i></div>'
            f'<div class="runs">{runs}<span class="muted">{html.escape(_where(snapshot))}</span></div></div>'
        )


def waiting(ahead: Sequence[Any]) -> None:
    """What a queued experiment waits for; outside of the status, because names may say anything."""
    for other in ahead:
        state = summary_state([run.state for run in other.runs]).value
        link = f'<a href="{watch_link(other.id)}" target="_self">{html.escape(other.name)}</a>'
        st.html(
            f'<div class="race waiting">One experiment trains at a time. Before this one: {link} {chip(state)}</div>'
        )


def reasons(experiment: Any) -> None:
    """Why runs ended otherwise than planned, in plain words."""
    said: dict[tuple[str, str], list[str]] = {}
    for run in experiment.runs:
        if run.state in (RunState.FAILED, RunState.INTERRUPTED) and run.reason:
            said.setdefault((run.state.value, run.reason), []).append(run_title(run.label))
    for (state, reason), labels in said.items():
        whose = "Every run" if len(labels) == len(experiment.runs) > 1 else ", ".join(labels)
        show = st.error if state == "failed" else st.warning
        hint = "" if state == "failed" else " Resume goes on from the last checkpoint."
        show(f"{whose} {state}: {reason.rstrip('.')}.{hint}", icon=STATE_BADGES[state].icon)


def _plain(name: str) -> str:
    """A name as it was typed, whatever it means to Markdown."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!$:<>~|])", r"\\\1", name)


def _facts(snapshot: Any, state: RunState, *, is_in_line: bool) -> list[str]:
    facts = []
    total, per_epoch = snapshot.steps_total, snapshot.steps_per_epoch
    runs = snapshot.experiment.runs
    if per_epoch:
        facts.append(f"epoch <b>{snapshot.step / per_epoch:.1f}</b> of {total // per_epoch:,}")
    elif state is RunState.QUEUED:
        facts.append("waiting for its turn" if is_in_line else "preparing the data")
    rates = [run.summary["steps_per_second"] for run in runs if run.state is RunState.RUNNING]
    rates = [rate for rate in rates if rate]
    if rates:
        facts.append(f'<span title="optimizer steps per second">speed <b>{min(rates):.3g}</b>/s</span>')
        if total:
            behind = min(run.summary["step"] + 1 for run in runs if run.state is RunState.RUNNING)
            facts.append(f"<b>{seconds_in_words((total - behind) / min(rates))}</b> left")
    started = min((run.started for run in runs if run.started), default=None)
    if started and not state.is_active:
        ended = max((run.ended or run.heartbeat or started) for run in runs)
        facts.append(f"took <b>{seconds_in_words(ended - started)}</b>")
    elif started:
        facts.append(f"<b>{seconds_in_words(time.time() - started)}</b> so far")
    return facts


def _where(snapshot: Any) -> str:
    facts, runs = snapshot.facts, snapshot.experiment.runs
    words = []
    if facts:
        images = facts["images"]
        words.append(f"{facts['device']}, {facts['precision']}")
        words.append(f"{images['train']} train · {images['validation']} validation · {images['test']} test images")
        if not facts["bit_reproducible"]:
            words.append("not bit-reproducible on this device")
    owners = sorted({run.owner for run in runs if run.owner})
    if owners:
        words.append(f"trained by {', '.join(owners)}")
    return " · ".join(words)
