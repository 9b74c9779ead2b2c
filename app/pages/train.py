"""The Train page: choose what to train, start it, watch the race."""

from contextlib import suppress
from functools import partial

import streamlit as st

from app import access, state
from app.broadcast import shares_ticks
from app.components import events, gradients, live_settings, play, queue, race, recent, samples, scores, status
from app.components.copying import copying
from app.components.form import form
from app.components.lab.methods import explained
from app.components.live_chart import chart_engine
from app.components.page_style import sentence_of, uncover, use_style
from app.components.plugin_question import plugin_question
from app.tasks import pages_of
from app.views import QueueEntry, Snapshot
from dmf.config import ExperimentConfig
from dmf.errors import DMFError, RunNotFoundError
from dmf.records import RunState

TICK = 1.0  # s
IDLE_TICK = 3.0  # s between looks whether another tab or a terminal resumed what had ended
QUEUE_TICK = 2.0  # s
TABS = ("Auxiliary", "Scores", "All predictions", "Gradients", "Events")
STARTED = "started-now"  # in session state, from the click until the page is drawn


def show() -> None:
    """The experiment in the URL, or a welcome; then the form, which needs torch and so comes last."""
    use_style("home.css")
    chart_engine()
    watched = state.experiment_to_watch()
    try:
        show_experiment(watched)
    except DMFError as error:
        st.error(sentence_of(error))
    if state.may_train():
        with st.sidebar:
            st.subheader("New experiment")
            access.prepare_ahead()
            form(access.choices, access.check, start)
            if st.session_state.pop(STARTED, False):
                uncover()
    state.keep_address(watched)


def start(config: ExperimentConfig) -> None:
    """Start it and show it."""
    state.show_experiment(state.start_once(config, access.start))
    st.session_state[STARTED] = True


def show_experiment(id: str | None) -> None:
    if id is None:
        recent.welcome()
        show_recent()
        return
    try:
        if not state.is_plain(id):
            raise RunNotFoundError(id)
        snapshot = access.follow(id)
    except RunNotFoundError:
        recent.missing(id)
        show_recent()
        return
    state.keep_watching(id)
    if state.may_change():
        beside_buttons = status.heading(snapshot.experiment, access.command)
    else:
        beside_buttons = status.heading(snapshot.experiment, access.command, ("stop",) if access.is_own(id) else ())
    is_played = play.is_played(id) and not snapshot.is_active  # it may have been resumed, here or elsewhere
    # One row in any case, so that what follows keeps its place when the race begins, ends or is played.
    # The settings of a recorded run are changed in its own program.
    can_change = snapshot.is_active and not snapshot.experiment.is_recorded and state.may_change()
    at_rest = status.stopped_because(snapshot.experiment) or (live_settings.AT_REST if state.may_change() else "")
    bar = None if is_played else live_settings.place(can_change, at_rest)
    if is_played:
        replay(id)
    else:
        show_live(snapshot)
    show_queue(id)
    if bar is not None:
        with bar:
            methods = access.choices().names["weighting"]
            live_settings.show(snapshot.experiment, snapshot.settings, methods, access.change_settings)
    with beside_buttons:
        if not snapshot.is_active:
            ids = [run.id for run in snapshot.experiment.runs]
            st.page_link(
                state.INSPECT,
                label="Inspect",
                icon=":material/image_search:",
                query_params={state.RUNS: ",".join(ids)},
                help="Every test image with what these runs predict there.",
            )
        st.page_link(
            state.LAB,
            label="Replay",
            icon=":material/science:",
            query_params={state.RUN: snapshot.experiment.runs[0].id},
            help="Open the weighting lab: the weights that other methods would have given to the losses of this race.",
        )
        first = snapshot.experiment.runs[0]
        st.page_link(
            state.LAB,
            label="Explain",
            icon=":material/function:",
            query_params=explained(first.id, first.config.get("weighting", "")),
            help="Every stage on the way from the losses of a step to its weights, with its numbers.",
        )
        copying(snapshot.experiment, snapshot.events)
        if not snapshot.is_active and snapshot.step > 0:
            play.play_button(id, lambda: access.playback(id))
    if not snapshot.is_active and any(state.is_resumable for state in snapshot.states):
        plugin_question(access.unloaded_plugins([snapshot.experiment]), access.run_plugin)
        drawn = _condition(snapshot)

        @st.fragment(run_every=IDLE_TICK)
        def idle() -> None:
            shares_ticks(id, drawn)
            with suppress(DMFError):
                if _condition(access.follow(id)) != drawn:
                    st.rerun()

        idle()


def show_recent() -> None:
    """Experiments to open, brought up to date by themselves as on Home."""
    latest = access.overview()

    @st.fragment(run_every=IDLE_TICK)
    def ticking() -> None:
        nonlocal latest
        shares_ticks()
        with suppress(DMFError):  # what was read before stays on the page
            latest = access.overview()
        recent.recent(latest)

    ticking()


def show_live(snapshot: Snapshot) -> None:
    """The race, brought up to date by itself while something may change."""
    id, drawn, latest = snapshot.experiment.id, _condition(snapshot), snapshot

    @st.fragment(run_every=TICK if snapshot.is_active else None)
    def live() -> None:
        nonlocal latest
        shares_ticks(id, drawn)
        problem = None
        try:
            latest = access.follow(id)
        except DMFError as error:
            problem = str(error)  # what was read before stays on the page
        if _condition(latest) != drawn:
            st.rerun()  # the buttons, the live settings, and whether this goes on ticking, depend on it
        watch(latest, problem)

    live()


def replay(id: str) -> None:
    """The race as it was, moment by moment."""
    ticks = play.goes_on(id)

    @st.fragment(run_every=play.TICK if ticks else None)
    def played() -> None:
        watch(play.play_bar(id, ticks), None)

    played()


def _condition(snapshot: Snapshot) -> object:
    return snapshot.states, snapshot.settings


def show_queue(id: str) -> None:
    """What trains and waits, brought up to date by itself while there is any of it."""

    @st.fragment(run_every=QUEUE_TICK if _queue() else None)
    def ticking() -> None:
        shares_ticks(id)
        queue.queue(_queue(), id, access)

    ticking()


def _queue() -> list[QueueEntry]:
    """Empty where the store cannot be read, which is told beside the experiment."""
    try:
        return access.queue()
    except DMFError:
        return []


def watch(snapshot: Snapshot, problem: str | None) -> None:
    id = snapshot.experiment.id
    dashes = race.dashes_of(snapshot)
    status.trouble([access.trouble(id), problem])
    waits = RunState.QUEUED in snapshot.states and queue.is_in_line(_queue(), id)
    beside = status.status(snapshot, dashes, is_in_line=waits, owner_in_words=access.owner_in_words)
    status.reasons(snapshot.experiment)
    with beside:
        chosen = race.options(len(snapshot.experiment.runs))
    drawn = race.prepared(snapshot, dashes, chosen)
    with st.container(key="first-screen"):
        weights, losses = st.columns(2, gap="small")
        predictions, score = st.columns([3, 2], gap="small")
    fits = race.fit_of_weights(drawn)
    with weights:
        race.weights_chart(drawn, fits=fits)
    with losses:
        race.losses_chart(drawn)
    experiment = drawn.snapshot.experiment
    words = scores.ScoreWords(
        info=partial(access.metric_info, experiments=[experiment]),
        note=access.score_note(experiment),
        first=access.first_metrics(experiment),
        headline=access.headline_title(experiment),
    )
    with score:
        scores.first_score(drawn, words)
    auxiliary, table, samples_tab, gradient, happened = st.tabs(TABS, key="race-tabs")
    with auxiliary:
        race.auxiliary_chart(drawn)
    with table:
        scores.scores(drawn, words)
    with gradient:
        gradients.gradient_charts(drawn)
    with happened:
        events.events(drawn)
    pages = pages_of(experiment.task)
    try:
        with samples_tab:
            look = samples.samples(snapshot, dashes, access.pictures, pages.samples)
        with predictions:
            samples.strip(snapshot, dashes, access.pictures, pages.samples, look)
        pages.details([run.id for run in experiment.runs], race.titles_of(snapshot))
    except DMFError as error:
        st.caption(sentence_of(error))


show()
