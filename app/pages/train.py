"""The Train page: choose what to train, start it, watch the race."""

import streamlit as st

from app import access, state
from app.components import race, recent, samples, scores, status
from app.components.form import form
from app.components.page_style import use_style
from dmf.errors import DMFError, RunNotFoundError

TICK = 1.0  # s


def show() -> None:
    """The experiment in the URL, or a welcome; then the form, which needs torch and so comes last."""
    use_style()
    try:
        show_experiment(state.experiment_id())
    except DMFError as error:
        st.error(str(error))
    with st.sidebar:
        st.subheader("New experiment")
        form(access.choices(), access.check, lambda config: state.show_experiment(access.start(config)))


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
    status.heading(snapshot.experiment, access.command)
    drawn = snapshot.states

    @st.fragment(run_every=TICK if snapshot.is_active else None)
    def live() -> None:
        now = access.follow(id)
        if now.states != drawn:
            st.rerun()  # the buttons, and whether this goes on ticking, depend on the states
        watch(now)

    live()


def watch(snapshot: access.Snapshot) -> None:
    dashes = race.dashes_of(snapshot)
    status.status(snapshot, dashes)
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
