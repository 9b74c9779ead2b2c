"""Where an experiment stands, and the buttons that steer it."""

import html
from collections.abc import Callable, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.charts.event_marks import LIVE_SETTINGS
from app.components.fields import named, run_title
from app.components.page_style import chip, dash_sample, plain, seconds_in_words, sentence_of
from app.components.race import titles_of
from app.state import HOME
from app.theme import STATE_BADGES, Dash
from app.views import ExperimentRow, LiveRun, RunRow, Snapshot
from dmf.errors import DMFError
from dmf.records import CommandName, RunState

BUTTONS: dict[CommandName, tuple[str, str, str]] = {
    "pause": ("Pause", ":material/pause:", "All runs wait before their next step, with everything kept."),
    "resume": ("Resume", ":material/play_arrow:", "Go on from where it stands; stopped runs continue exactly."),
    "step": ("Step", ":material/skip_next:", "Take one step, then wait again."),
    "stop": ("Stop", ":material/stop:", "End now, with a checkpoint; Resume goes on from it."),
}

ASKED = "button-asked"  # in session state: a command that has not had its effect when the page is drawn anew
STEP = "One step: the network sees one batch of images and is improved once."
EPOCH = "One epoch: every training image was seen once."
SKIPPED = "A loss was not a number, so these steps changed neither the network nor the memory of losses."


def summary_state(states: Sequence[RunState]) -> RunState:
    """The one state that describes several runs best: what is still going on counts before what is over."""
    order = ("running", "paused", "queued", "failed", "interrupted", "stopped", "finished")
    return min(states, key=lambda state: order.index(state.value))


def heading(
    experiment: ExperimentRow, command: Callable[[str, CommandName], bool], only: Sequence[CommandName] = tuple(BUTTONS)
) -> DeltaGenerator:
    """The experiment's name, and the buttons beside it, ``only`` these; returns the place after the buttons."""
    with st.container(key="head", horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        with st.container(key="head-name", horizontal=True, vertical_alignment="center", gap="small", wrap=False):
            st.page_link(HOME, label="All experiments", icon=":material/arrow_back:", width="content")
            st.markdown(f"### {plain(experiment.name)}")
        controls = st.container(key="controls", horizontal=True, gap="xsmall", width="content")
    place = st.container()
    with controls:
        buttons(experiment, command, place, only)
        return st.container(horizontal=True, vertical_alignment="center", gap="xsmall", width="content")


def buttons(
    experiment: ExperimentRow,
    command: Callable[[str, CommandName], bool],
    message: DeltaGenerator,
    only: Sequence[CommandName] = tuple(BUTTONS),
) -> None:
    """Pause, Resume, Step and Stop; each can be clicked where it means something. Keep them out of what ticks.

    Their keys name the experiment they were drawn for, so that no click lands on another one.

    Args:
        experiment: The experiment as the store has it.
        command: Called with (experiment id, pause | resume | step | stop); tells whether it has had its effect.
        message: Where it is told if a click cannot be followed.
        only: Those that are offered.
    """
    states = [run.state for run in experiment.runs]
    is_active = any(state.is_active for state in states)
    can = {
        "pause": RunState.RUNNING in states or RunState.QUEUED in states,
        "resume": RunState.PAUSED in states or (not is_active and any(state.is_resumable for state in states)),
        "step": RunState.PAUSED in states,
        "stop": is_active,
    }
    if asked := st.session_state.pop(ASKED, None):
        st.toast(f"{BUTTONS[asked][0]}: asked for. It takes effect when the present step is done.")
    for word, (label, icon, help) in BUTTONS.items():
        if word not in only:
            continue
        key = f"control-{word}-{experiment.id}"
        if st.button(label, key=key, icon=icon, help=help, disabled=not can[word]):
            try:
                is_done = command(experiment.id, word)
            except DMFError as error:
                message.error(str(error), icon=":material/error:")
                continue
            st.session_state[ASKED] = None if is_done else word
            st.rerun()


def status(
    snapshot: Snapshot, dashes: Sequence[Dash], *, is_in_line: bool = False, owner_in_words: Callable[[str], str] = str
) -> DeltaGenerator:
    """Progress of the race: how far, how fast, how long still, and who trains it. ``step N`` comes first.

    Returns the place beside the names of the runs.

    Args:
        snapshot: The experiment as of now.
        dashes: One per run.
        is_in_line: Whether a queued experiment waits for another one.
        owner_in_words: Says an owner for people.
    """
    experiment, total = snapshot.experiment, snapshot.steps_total
    state = summary_state(snapshot.states)
    share = min(1.0, snapshot.step / total) if total else 0.0
    main = f"step {snapshot.step:,}" + (f" <small>of {total:,}</small>" if total else "")
    facts = [f'<span class="main" title="{STEP}">{main}</span>', chip(state.value)]
    facts += [f'<span class="fact">{fact}</span>' for fact in _facts(snapshot, state, is_in_line=is_in_line)]
    color = {"gray": "#8a94a0", "orange": "#d08a1c", "green": "#2e9e58", "red": "#d64545", "blue": "#4a64e7"}
    bar = color[STATE_BADGES[state.value].color]
    titles = titles_of(snapshot)
    runs = "".join(
        _run(snapshot, run, live, dash, titles[run.id], is_like_others=run.state is state)
        for run, live, dash in zip(experiment.runs, snapshot.live, dashes, strict=True)
    )
    where = html.escape(_where(snapshot, owner_in_words))
    with st.container(key="run-status", gap=None):
        st.html(
            f'<div class="race status"><div class="facts">{"".join(facts)}</div>'
            f'<div class="bar" style="--bar:{bar}" role="progressbar" aria-label="Steps taken, in percent" '
            f'aria-valuemin="0" aria-valuemax="100" aria-valuenow="{100 * share:.0f}"><i style="width:{share:.2%}"></i>'
            "</div></div>"
        )
        with st.container(key="run-line", horizontal=True, vertical_alignment="center", gap="small"):
            st.html(
                f'<div class="race status"><div class="runs">{runs}'
                f'<span class="muted where" title="{where}">{where}</span></div></div>'
            )
            return st.container(horizontal=True, vertical_alignment="center", gap="small", width="content")


def skipped(live: LiveRun) -> str:
    """Steps that changed nothing: ``"3 steps skipped: loss not finite"``; empty without any."""
    if not live.skipped:
        return ""
    steps = "1 step" if live.skipped == 1 else f"{live.skipped:,} steps"
    return f"{steps} skipped: {' and '.join(map(named, live.not_finite))} not finite"


def trouble(sentences: Sequence[str | None]) -> None:
    """Why the page may be behind, or what trains cannot be kept; each reason once."""
    for sentence in dict.fromkeys(filter(None, sentences)):
        st.error(sentence_of(sentence), icon=":material/error:")


def reasons(experiment: ExperimentRow) -> None:
    """Why runs ended otherwise than planned, in plain words; those that somebody stopped are told elsewhere."""
    for (state, reason), whose in _by_reason(experiment).items():
        if state == "stopped":
            continue
        show = {"failed": st.error, "interrupted": st.warning}.get(state, st.info)
        can_resume = state == "interrupted" and not experiment.is_recorded
        hint = " Resume goes on from the last checkpoint." if can_resume else ""
        show(f"{whose} {state}: {reason.rstrip('.')}.{hint}", icon=STATE_BADGES[state].icon)


def stopped_because(experiment: ExperimentRow) -> str:
    """Why runs were stopped, in a line; empty where nothing is said of it."""
    reasons = _by_reason(experiment)
    return " ".join(
        f"{whose} stopped: {reason.rstrip('.')}." for (state, reason), whose in reasons.items() if state == "stopped"
    )


def _by_reason(experiment: ExperimentRow) -> dict[tuple[str, str], str]:
    """State and reason to the runs that ended so, in words."""
    titles: dict[tuple[str, str], list[str]] = {}
    for run in experiment.runs:
        if run.state.is_resumable and run.reason:
            titles.setdefault((run.state.value, run.reason), []).append(run_title(run.label))
    every = len(experiment.runs)
    return {key: "Every run" if len(labels) == every > 1 else ", ".join(labels) for key, labels in titles.items()}


def _facts(snapshot: Snapshot, state: RunState, *, is_in_line: bool) -> list[str]:
    facts = []
    total, per_epoch = snapshot.steps_total, snapshot.steps_per_epoch
    runs = snapshot.experiment.runs
    if per_epoch:
        epochs = f"epoch <b>{snapshot.step / per_epoch:.1f}</b>" + (f" of {total // per_epoch:,}" if total else "")
        facts.append(f'<span title="{EPOCH}">{epochs}</span>')
    elif state is RunState.QUEUED:
        facts.append("waiting for its turn" if is_in_line else "preparing the data")
    rates = [run.summary["steps_per_second"] for run in runs if run.state is RunState.RUNNING]
    rates = [rate for rate in rates if rate]
    if rates:
        facts.append(f'<span title="optimizer steps per second">speed <b>{min(rates):.3g}</b>/s</span>')
        if total:
            behind = min(run.summary["step"] + 1 for run in runs if run.state is RunState.RUNNING)
            facts.append(f"<b>{seconds_in_words((total - behind) / min(rates))}</b> left")
    if any(run.started for run in runs):
        trained = seconds_in_words(snapshot.seconds_trained)
        facts.append(f"<b>{trained}</b> so far" if state.is_active else f"took <b>{trained}</b>")
    return facts


def _run(snapshot: Snapshot, run: RunRow, live: LiveRun, dash: Dash, title: str, *, is_like_others: bool) -> str:
    """One run in the line of runs: its dash, its method, what was changed, its state where it is not that of all."""
    changes = snapshot.changes(run)
    about = "The line keeps the dash of the method that it began with." if "weighting" in changes else ""
    words = [f'{dash_sample(dash)}<span title="{about}">{html.escape(title)}</span>']
    settings = [f"{LIVE_SETTINGS[name]} {value:g}" for name, value in changes.items() if name != "weighting"]
    if settings:
        words.append(f'<span class="muted" title="Changed while it trains">{html.escape(", ".join(settings))}</span>')
    if not is_like_others:
        words.append(chip(run.state.value))
    bad = skipped(live)
    if bad:
        words.append(f'<span class="bad" title="{SKIPPED}">{html.escape(bad)}</span>')
    return f'<span class="run">{" ".join(words)}</span>'


def _where(snapshot: Snapshot, owner_in_words: Callable[[str], str]) -> str:
    facts, runs = snapshot.facts, snapshot.experiment.runs
    words = []
    if snapshot.experiment.is_imported:
        words.append("predictions made elsewhere, read in place")
    elif snapshot.experiment.is_recorded:
        words += ["recorded by its own program", *([facts["device"]] if facts else [])]
    elif facts:
        images = facts["images"]
        words.append(f"{facts['device']}, {facts['precision']}")
        words.append(f"{images['train']} train · {images['validation']} validation · {images['test']} test images")
        if facts.get("given_split"):
            words.append(f"{' and '.join(facts['given_split'])} as given by the files")
        if facts.get("groups"):
            words.append(f"{facts['groups']} groups kept together")
        if not facts["bit_reproducible"]:
            words.append("not bit-reproducible on this device")
    owners = sorted({owner_in_words(run.owner) for run in runs if run.owner})
    if owners:
        words.append(f"trained by {', '.join(owners)}")
    return " · ".join(words)
