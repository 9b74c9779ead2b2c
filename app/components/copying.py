"""What was trained, to be copied: as a command, as Python, as a loop of one's own."""

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from app.components.fields import run_title
from app.components.page_style import sentence_of
from app.views import ComparedRun, EventRow, ExperimentRow
from dmf.config import ExperimentConfig
from dmf.config_text import build
from dmf.errors import ConfigError
from dmf.live_settings import changes_of, plugins_of_changes
from dmf.recipes import SettingChanges, as_command, as_events, as_loop, as_python

EVENTS_FILE = "knobs.json"
RACE = "The whole race"
RECORDED = "It was recorded by its own program; only that program can train the same again."


def copying(experiment: ExperimentRow, events: Sequence[EventRow]) -> None:
    """A button "Copy" with everything that trains this experiment, or one of its runs, again.

    Args:
        experiment: The experiment as the store has it.
        events: Its events; the changes of settings among them come along.
    """
    with st.popover(
        "Copy", icon=":material/content_copy:", key=f"copy-{experiment.id}", help="Train the same again, elsewhere."
    ):
        if experiment.is_recorded:
            st.caption(RECORDED)
            return
        try:
            config = _config(experiment, events)
        except ConfigError as error:  # kept by an earlier program, with settings that are no more
            st.error(sentence_of(error))
            return
        changes = {run.label: changes_of(event for event in events if event.run == run.id) for run in experiment.runs}
        _recipes(experiment.id, config, {label: turned for label, turned in changes.items() if turned})


@st.fragment
def _recipes(id: str, config: ExperimentConfig, changes: SettingChanges) -> None:
    labels = [run.label for run in config.runs]
    chosen = st.selectbox(
        "What to copy",
        ["", *labels] if len(labels) > 1 else labels,  # None would read as nothing chosen
        format_func=lambda label: run_title(label) or RACE,
        key=f"copy-what-{id}",
        help="A run alone comes out exactly as it does in the race.",
    )
    _shown(id, config, chosen or None, changes)


def copying_run(runs: Sequence[ComparedRun], titles: Mapping[str, str], events: Sequence[EventRow]) -> None:
    """A bar with what trains one of some chosen runs again, whatever race each is of.

    Args:
        runs: What is chosen.
        titles: Run id to its title.
        events: Events of the runs.
    """
    with st.expander("Copy as command or Python", key="copy-run"):
        id = st.selectbox(
            "Run to copy",
            list(titles),
            format_func=titles.__getitem__,
            key="copy-run-id",
            width=420,
            help="Trains this run again, alone: it comes out exactly as it did beside others.",
        )
        chosen = next(run for run in runs if run.id == id)
        if chosen.experiment.is_recorded:
            st.caption(RECORDED)
            return
        own = [event for event in events if event.run == id]
        try:
            config = _config(chosen.experiment, own)
        except ConfigError as error:
            st.error(sentence_of(error))
            return
        turned = changes_of(own)
        label = chosen.run.label
        _shown(id, config, label, {label: turned} if turned else {})


def _shown(id: str, config: ExperimentConfig, run: str | None, changes: SettingChanges) -> None:
    command, python, loop = st.tabs(["Command", "Python", "In your own loop"])
    with command:
        _told(lambda: _command(id, config, run, changes))
    with python:
        st.code(as_python(config, run, changes), language="python", wrap_lines=True)
    with loop:
        if run is None:
            st.caption("A loop of your own trains one run: choose it above.")
        else:
            _told(lambda: st.code(as_loop(config, run), language="python", wrap_lines=True))


def _command(id: str, config: ExperimentConfig, run: str | None, changes: SettingChanges) -> None:
    events = as_events(config, changes, run)
    st.code(as_command(config, run=run, events=EVENTS_FILE if events else None), language="bash", wrap_lines=True)
    if events:
        st.caption(f"Settings were changed while it trained: put {EVENTS_FILE} into the folder that you run it in.")
        st.download_button(
            f"Download {EVENTS_FILE}",
            events,
            EVENTS_FILE,
            "application/json",
            key=f"copy-events-{id}",
            on_click="ignore",
        )


def _told(part: Callable[[], object]) -> None:
    try:
        part()
    except ConfigError as error:
        st.caption(sentence_of(error))


def _config(experiment: ExperimentRow, events: Sequence[EventRow]) -> ExperimentConfig:
    """The configuration as stored; each run as its own row has it, with the plug-ins that it turned to later."""
    runs = [{"label": run.label, "fusion": run.config} for run in experiment.runs]
    config: ExperimentConfig = build(ExperimentConfig, experiment.config | {"runs": runs})
    return config.model_copy(update={"plugins": tuple(dict.fromkeys((*config.plugins, *plugins_of_changes(events))))})
