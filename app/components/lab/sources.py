"""Where the losses of the lab come from: a recorded run, a file, or a history drawn by sliders."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

import streamlit as st
from pydantic import BaseModel

from app.components.fields import run_title
from app.components.lab import setup
from app.components.lab.controls import Control, Group, Value, controls
from app.components.lab.parameters import model_control
from app.components.page_style import plain
from app.state import may_change

KINDS = {"run": "Recorded run", "upload": "File", "synthetic": "Drawn by sliders"}
UPLOADED = "lab-uploaded"  # in session state: name and bytes of the file
MOST_MEGABYTES = 20
_TAKEN_AWAY = "lab-shapes-taken-away"  # in session state: the shapes that losses have, or had before there were fewer

COUNT = Control(
    "count",
    "Number of losses",
    "How many losses there are, 1 to 6.",
    low=1,
    high=6,
    step=1,
    integer=True,
    allowed={"ge": 1, "le": 6},
)
SHARED: dict[str, dict[str, Any]] = {
    "steps": {"low": 10, "high": 100_000, "log": True, "integer": True},
    "seed": {"low": 0, "high": 100, "step": 1, "integer": True},
}
TITLES = {
    "start": "Start",
    "end": "End",
    "decay_rate": "Decay rate per step",
    "noise": "Noise",
    "plateau_from": "Plateau from step",
    "plateau_length": "Plateau, steps",
    "change_at": "Change of scale at step",
    "change_factor": "Change of scale, factor",
    "spikes": "Spikes",
    "spike_height": "Height of spikes",
    "flat_from": "Goes flat at step",
    "gaps": "Gaps (NaN)",
    "gap_length": "Length of gaps, steps",
}


def choose_kind(now: setup.Setup) -> None:
    """Which kind of source."""
    key = "lab-source"
    st.session_state[key] = now.source

    def changed() -> None:
        kind = st.session_state[key]
        if kind is not None:
            setup.put(replace(setup.current(), source=kind, perturbations=()))

    st.segmented_control(
        "Losses from",
        [kind for kind in KINDS if kind != "upload" or may_change()],
        format_func=KINDS.__getitem__,
        required=True,
        key=key,
        on_change=changed,
        help="The losses that every method below is given, step by step.",
        width="stretch",
    )


def choose_run(now: setup.Setup, runs: Mapping[str, tuple[str, str]], not_replayed: str = "") -> None:
    """A recorded run, newest first; typing searches the list.

    Args:
        now: What the lab is set to.
        runs: Id to label and experiment's name.
        not_replayed: Why the run's own method cannot be replayed; empty where it can.
    """
    key = "lab-run"
    st.session_state[key] = now.run if now.run in runs else None

    def changed() -> None:
        id = st.session_state[key]
        if id:
            setup.put(replace(setup.current(), run=id, perturbations=()))

    st.selectbox(
        "Run",
        list(runs),
        format_func=lambda id: f"{run_title(runs[id][0])} · {runs[id][1] or id}",
        key=key,
        on_change=changed,
        placeholder="Choose a run",
        help="Its recorded losses; newest runs come first, and typing searches.",
    )

    _switch(
        "recorded",
        "Draw its recorded weights",
        now.recorded,
        "The weights that the run really had, beside those that the methods below give to its losses.",
    )
    _switch(
        "as_it_was",
        "Replay it as it was",
        now.as_it_was,
        "The run's own method with its own settings, changed where it was changed while the run trained: with nothing "
        "changed in the losses this is what was recorded, with a change it is what would have happened.",
        reason=not_replayed,
    )


def _switch(name: str, title: str, is_on: bool, help: str, reason: str = "") -> None:
    """A switch; with a reason it cannot be turned, and stands at off."""
    key = f"lab-{name}"
    st.session_state[key] = is_on and not reason

    def turned() -> None:
        setup.put(replace(setup.current(), **{name: st.session_state[key]}))

    st.toggle(title, key=key, on_change=turned, help=reason or help, disabled=bool(reason))
    if reason:
        st.caption(reason)


def choose_file() -> tuple[str, bytes] | None:
    """A CSV file; the one brought last stays for the visit."""
    given = st.file_uploader(
        "CSV file with one column per loss",
        type=["csv", "txt"],
        key="lab-upload",
        max_upload_size=MOST_MEGABYTES,
        help="The first line names the losses; every further line holds the losses of one step. An empty cell or nan "
        "is a step whose loss was not a number.",
    )
    if given is not None:
        st.session_state[UPLOADED] = given.name, given.getvalue()
    uploaded: tuple[str, bytes] | None = st.session_state.get(UPLOADED)
    return uploaded


def shapes_menu(shapes: Mapping[str, Any]) -> None:
    """Synthetic histories ready to be looked at."""
    with st.popover("Shapes", icon=":material/show_chart:", help="Histories that show something; then change them."):
        for name, shape in shapes.items():
            st.button(
                shape.title,
                key=f"lab-shape-{name}",
                on_click=draw,
                args=(shape.config.model_dump(mode="json", exclude_defaults=True),),
                width="stretch",
            )
            st.caption(plain(shape.about))


def draw(settings: Mapping[str, Any]) -> None:
    """Draw another synthetic history."""
    st.session_state.pop(_TAKEN_AWAY, None)
    setup.put(replace(setup.current(), source="synthetic", synthetic=settings, perturbations=()))


def synthetic_controls(kind: type[BaseModel], settings: Mapping[str, Any]) -> None:
    """The sliders of a synthetic history.

    Args:
        kind: The model of its settings, :class:`dmf.replay.Synthetic`.
        settings: Those that differ from the defaults.
    """
    shape = _shape(kind)
    values: dict[str, Value] = {name: settings.get(name, kind.model_fields[name].default) for name in SHARED}
    given = settings.get("losses", _first_losses(kind))
    ranges = _ranges(int(values["steps"] or 0))
    groups = [Group((COUNT, *(model_control(kind, name, SHARED[name]) for name in SHARED)))]
    values["count"] = len(given)
    for place, loss in enumerate(given):
        shape_controls = tuple(
            model_control(shape, name, ranges[name], name=f"{place}.{name}", title=TITLES[name]) for name in ranges
        )
        groups.append(Group(shape_controls, f"Shape of L{place + 1}", "How this loss goes.", folded=True))
        values |= {f"{place}.{name}": loss.get(name, shape.model_fields[name].default) for name in ranges}

    def changed(sent: dict[str, Value], settled: bool) -> None:
        # A loss that is taken away and added again is what it was.
        taken = list(given) + st.session_state.get(_TAKEN_AWAY, [])[len(given) :]
        settings = settings_of(sent, kind, taken)
        count = int(sent["count"] or 1)
        st.session_state[_TAKEN_AWAY] = [*settings.get("losses", _first_losses(kind)), *taken[count:]]
        setup.put(replace(setup.current(), synthetic=settings), settled=settled)

    with st.container(border=True, key="lab-shape", gap="small"):
        controls(groups, values, changed, key="lab-synthetic")


def settings_of(
    values: Mapping[str, Value], kind: type[BaseModel], kept: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Settings that differ from the defaults, from what the sliders stand at.

    Args:
        values: Of the controls, by name.
        kind: The model of the settings.
        kept: Shapes of losses for which there is no slider yet, by their place; others have the default shape.
    """
    losses: list[dict[str, Any]] = [{} for _ in range(int(values["count"] or 1))]
    for place in range(len(losses)):
        if place < len(kept) and f"{place}.start" not in values:
            losses[place] = dict(kept[place])
    defaults = _shape(kind).model_fields
    for name, value in values.items():
        at, dot, field = name.partition(".")
        if dot and int(at) < len(losses) and value != defaults[field].default:
            losses[int(at)][field] = value
    settings = {name: values[name] for name in SHARED if values[name] != kind.model_fields[name].default}
    return settings if losses == _first_losses(kind) else settings | {"losses": losses}


def _first_losses(kind: type[BaseModel]) -> list[dict[str, Any]]:
    """What differs from the default shape in the losses that a history has unless it says otherwise."""
    return [loss.model_dump(mode="json", exclude_defaults=True) for loss in kind.model_fields["losses"].default]


def _shape(kind: type[BaseModel]) -> type[BaseModel]:
    """The model of one loss."""
    shape: type[BaseModel] = get_args(kind.model_fields["losses"].annotation)[0]
    return shape


def _ranges(steps: int) -> dict[str, dict[str, Any]]:
    within = {"low": 0, "high": max(steps, 10), "step": 1, "integer": True}
    return {
        "start": {"low": 1e-3, "high": 1000, "log": True},
        "end": {"low": 1e-3, "high": 1000, "log": True},
        "decay_rate": {"low": 1e-5, "high": 0.1, "log": True},
        "noise": {"low": 0, "high": 1, "step": 0.01},
        "plateau_from": within,
        "plateau_length": within,
        "change_at": within,
        "change_factor": {"low": 0.01, "high": 100, "log": True},
        "spikes": {"low": 0, "high": 20, "step": 1, "integer": True},
        "spike_height": {"low": 0, "high": 100, "step": 0.5},
        "flat_from": within | {"none": ("never", "high")},
        "gaps": {"low": 0, "high": 20, "step": 1, "integer": True},
        "gap_length": {"low": 1, "high": 500, "log": True, "integer": True},
    }
