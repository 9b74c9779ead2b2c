"""The Home page: what this is, what trains now, races to start, experiments to open."""

from collections.abc import Callable

import streamlit as st

from app import access, state
from app.broadcast import shares_ticks
from app.components import presets, recent
from app.components.examples import examples
from app.components.page_style import sentence_of, use_style
from dmf.errors import DMFError
from dmf.presets import PRESETS, Preset

TICK = 2.0  # s
ROWS = 12  # experiments to a page
STARTING = "Start a race with one click, or make your own on the page Train; nothing is lost when this page is closed."
WATCHING = (
    "You are a visitor: open a race to watch it, inspect what it predicts, replay it under other rules, and have each "
    "weight explained."
)


def show() -> None:
    """What there is and what to do; a link from before there were pages leads on to its experiment."""
    if state.experiment_id() is not None:
        st.switch_page(state.TRAIN, query_params=st.query_params.to_dict())
    use_style("home.css")
    st.title("Watch the weights of several losses adapt")
    st.markdown(
        "A network learns from **several losses at once**, and a rule sets their weights (W1, W2, ...) anew at every "
        "step, from how the losses moved lately. Here such rules race on the same ultrasound images, and you watch "
        "weights, losses and predictions as they move. " + (STARTING if state.may_train() else WATCHING)
    )
    with st.container(horizontal=True, gap="medium"):
        st.page_link(
            state.TOUR,
            label="Teaching? A guided tour: six scenes, two minutes each",
            icon=":material/school:",
            help="Recorded races that play by themselves, large enough for a projector, each with a question to try.",
        )
        st.page_link(
            state.LAB,
            label="Weighting lab: try the rules on a history of losses, without training",
            icon=":material/science:",
            help="Draw a history by sliders, or take a recorded run or a file; see every method's weights at once.",
        )
    can_read = show_or_explain(show_active)
    if state.may_train():
        st.markdown("#### Races to start", help="Each trains on simulated images; no download is needed.")
        presets.presets(PRESETS, start)
    if can_read:
        show_or_explain(show_recent)
    access.prepare_ahead()


def show_or_explain(part: Callable[[], None]) -> bool:
    """Show a part of the page; returns whether it could be shown, and says why where it could not."""
    try:
        part()
    except DMFError as error:
        st.error(sentence_of(error), icon=":material/error:")
        return False
    return True


def show_active() -> None:
    """What trains and waits, brought up to date by itself while there is any of it."""
    drawn = access.active()
    if not drawn:
        return
    condition = [(summary.id, summary.states) for summary in drawn]

    def look() -> None:
        shares_ticks(condition)
        now = access.active()
        if [(summary.id, summary.states) for summary in now] != condition:
            st.rerun()  # what ended belongs to the others, and without any of it nothing needs to tick
        recent.recent(now, title="Training now", key="active")

    st.fragment(show_or_explain, run_every=TICK)(look)


def show_recent() -> None:
    """Experiments that are over, newest first, page by page."""
    if access.only_examples():
        examples()
    first = st.session_state.setdefault("recent-from", 0)
    summaries = access.overview(ROWS + 1, first)
    recent.recent([summary for summary in summaries[:ROWS] if not summary.is_active])
    if first == 0 and len(summaries) <= ROWS:
        return
    with st.container(horizontal=True, key="recent-pages"):
        st.button("Newer", icon=":material/arrow_back:", disabled=first == 0, on_click=turn, args=(-ROWS,))
        st.button(
            "Older", icon=":material/arrow_forward:", disabled=len(summaries) <= ROWS, on_click=turn, args=(ROWS,)
        )


def turn(rows: int) -> None:
    """Show other experiments of the list."""
    st.session_state["recent-from"] = max(0, st.session_state["recent-from"] + rows)


def start(preset: Preset) -> None:
    """Start a race and watch it; if it cannot work, say why."""
    checked = access.check(preset.settings, preset.runs, preset.title)
    if checked.config is None:
        problems = [*checked.problems.values(), *(sentence for _, sentence in checked.rows.values())]
        st.error(f"“{preset.title}” cannot start: {sentence_of(problems[0])}", icon=":material/error:")
        return
    try:
        id = state.start_once(checked.config, access.start)
    except DMFError as error:
        st.error(sentence_of(error), icon=":material/error:")
        return
    st.switch_page(state.TRAIN, query_params={state.EXPERIMENT: id})


show()
