"""The Train page: choose what to train, start it, watch the race."""

import time
from contextlib import suppress

import streamlit as st

from app import access, state
from app.components import race, recent, samples, scores, status
from app.components.form import form
from app.components.page_style import use_style
from dmf.config import ExperimentConfig
from dmf.errors import DMFError, RunNotFoundError

TICK = 1.0  # s
IDLE_TICK = 3.0  # s between looks whether another tab or a terminal resumed what had ended
IMPATIENCE = 5.0  # s in which another start of the same is taken for the same click


def show() -> None:
    """The experiment in the URL, or a welcome; then the form, which needs torch and so comes last."""
    use_style()
    try:
        show_experiment(state.experiment_to_watch())
    except DMFError as error:
        st.error(str(error))
    with st.sidebar:
        st.subheader("New experiment")
        access.prepare_ahead()
        form(access.choices(), access.check, start)


def start(config: ExperimentConfig) -> None:
    """Start it and show it; further clicks on a button that seems not to answer start nothing more."""
    # Taken out before, and changed in place: with each click Streamlit may break off where session state is touched.
    last = st.session_state.setdefault("started", {})
    if last.get("config") != config or time.monotonic() - last["at"] > IMPATIENCE:
        last.update(id=access.start(config), config=config, at=time.monotonic())
    state.show_experiment(last["id"])


def show_experiment(id: str | None) -> None:
    if id is None:
        recent.welcome()
        recent.recent(access.recent())
        return
    try:
        if not state.is_plain(id):
            raise RunNotFoundError(id)
        snapshot = access.follow(id)
    except RunNotFoundError:
        recent.missing(id)
        recent.recent(access.recent())
        return
    state.keep_watching(id)
    status.heading(snapshot.experiment, access.command)
    drawn = snapshot.states

    @st.fragment(run_every=TICK if snapshot.is_active else None)
    def live() -> None:
        try:
            now = access.follow(id)
        except DMFError as error:
            st.error(str(error))
            return
        if now.states != drawn:
            st.rerun()  # the buttons, and whether this goes on ticking, depend on the states
        watch(now)

    live()
    if not snapshot.is_active and any(state.is_resumable for state in drawn):

        @st.fragment(run_every=IDLE_TICK)
        def idle() -> None:
            with suppress(DMFError):
                if access.follow(id).states != drawn:
                    st.rerun()

        idle()


def watch(snapshot: access.Snapshot) -> None:
    dashes = race.dashes_of(snapshot)
    ahead = access.ahead(snapshot.experiment)
    status.status(snapshot, dashes, is_in_line=bool(ahead))
    status.waiting(ahead)
    status.reasons(snapshot.experiment)
    chosen = race.options()
    drawn = race.prepared(snapshot, dashes, chosen)
    left, right = st.columns(2, gap="medium")
    with left:
        race.weights_chart(drawn)
    with right:
        race.losses_chart(drawn)
    race.auxiliary_chart(drawn)
    scores.scores(drawn, access.metric_info)
    samples.samples(snapshot, dashes, access.pictures)


show()
