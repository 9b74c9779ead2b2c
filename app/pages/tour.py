"""The guided tour: seven short scenes that play by themselves, for a class and its projector."""

import streamlit as st

from app import access, state
from app.components import form_prefill
from app.components.live_chart import chart_engine
from app.components.page_style import sentence_of, use_style
from app.components.tour import captions, charts, player
from app.tasks import pages_of
from dmf.errors import DMFError
from dmf.scenes import SCENES, Scene

NAMES = list(SCENES)
_LEFT = "tour-left"  # in session state: place of the scene from which another page was opened


def show() -> None:
    """The scene that the address names, playing; the first without one."""
    use_style("tour.css")
    chart_engine()
    place = chosen()
    name = NAMES[place]
    scene = SCENES[name]
    with st.container(key="tour"):
        captions.heading(place, [each.title for each in SCENES.values()], go)
        captions.story(scene)
        try:
            shown = player.played(name) or player.begin(name, access.scene_playback(name))
            passing(scene, shown)
        except DMFError as error:
            st.error(sentence_of(error), icon=":material/error:")
        st.session_state[_LEFT] = place
        captions.question(scene, train=lambda: train(scene), change=lambda: change(scene), replay=lambda: replay(name))
    access.prepare_ahead()


def chosen() -> int:
    """Place of the scene in the address; says so where there is none of that number.

    Without one it is the scene that was left for another page: on the way back the browser has an address without it.
    """
    asked = st.query_params.get(state.SCENE, str(1 + st.session_state.get(_LEFT, 0)))
    if asked.isascii() and asked.isdigit() and 1 <= int(asked) <= len(NAMES):
        return int(asked) - 1
    st.warning(f"The tour has scenes 1 to {len(NAMES)}; this is the first.")
    return 0


def go(by: int) -> None:
    """Turn to the next scene, or to the one before; from the one in the address, which keys may outrun."""
    place = min(max(chosen() + by, 0), len(NAMES) - 1)
    st.query_params.from_dict({state.SCENE: str(place + 1)})


def passing(scene: Scene, shown: player.Played) -> None:
    """The scene's charts and pictures, drawn again while it plays."""
    ticks = shown.goes_on

    @st.fragment(run_every=player.TICK if ticks else None)
    def look() -> None:
        if shown.goes_on != ticks:
            st.rerun()
        snapshot = charts.renamed(scene, shown.snapshot())
        race = charts.race_of(scene, snapshot)
        player.bar(shown, captions.progress(snapshot))
        charts.charts(scene, race, access.metric_info)
        view = pages_of(snapshot.experiment.task).samples
        captions.pictures(scene, race, access.scene_pictures, view)

    look()


def train(scene: Scene) -> None:
    """Start the scene's race, changes on the way included, and watch it."""
    id = state.start_once(scene.preset.config(), lambda config: access.start(config, scene.changes))
    st.switch_page(state.TRAIN, query_params={state.EXPERIMENT: id})


def change(scene: Scene) -> None:
    """Open the form with the scene's race."""
    form_prefill.put(captions.settings(scene), scene.preset.runs)
    st.switch_page(state.TRAIN, query_params={})


def replay(name: str) -> None:
    """Open the weighting lab with the losses of the scene's first run and the methods of all."""
    runs = access.take_scene(name)
    st.switch_page(state.LAB, query_params={"run": runs[0], "methods": ";".join(SCENES[name].methods)})


show()
