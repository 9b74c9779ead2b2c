"""What a scene says: where it stands in the tour, its sentences, its pictures, and the question it leaves."""

import html
from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from app.components.page_style import sentence_of
from app.components.race import Race
from app.components.sample_view import SampleView
from app.components.samples import Pictures, cases_of, gallery, legend
from app.state import may_train
from app.views import Snapshot
from dmf.config_text import experiment
from dmf.errors import DMFError
from dmf.scenes import Scene


def heading(place: int, titles: Sequence[str], go: Callable[[int], None]) -> None:
    """The title of the scene, and the way to the one before and after it; the arrow keys do the same.

    Args:
        place: Of the scene, from 0.
        titles: Of all scenes.
        go: Called with how many scenes to go on, -1 or 1.
    """
    dots = "".join(f'<i class="{"here" if each == place else ""}"></i>' for each in range(len(titles)))
    with st.container(key="tour-steps", horizontal=True, vertical_alignment="center", gap="small"):
        st.html(f'<div class="race story"><h1>{html.escape(titles[place])}</h1></div>', width="stretch")
        st.button(
            "Back",
            key="tour-back",
            icon=":material/arrow_back:",
            disabled=place == 0,
            on_click=go,
            args=(-1,),
            help=titles[place - 1] if place else "This is the first scene.",
            shortcut="Left",
        )
        st.html(
            f'<div class="place"><b>{place + 1} of {len(titles)}</b><span class="dots" aria-hidden="true">{dots}</span>'
            "</div>",
            width="content",
        )
        st.button(
            "Next",
            key="tour-next",
            icon=":material/arrow_forward:",
            icon_position="right",
            disabled=place == len(titles) - 1,
            on_click=go,
            args=(1,),
            type="primary",
            help=titles[place + 1] if place + 1 < len(titles) else "This is the last scene.",
            shortcut="Right",
        )


def story(scene: Scene) -> None:
    """The two sentences, and what to keep an eye on."""
    sentences = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in scene.sentences)
    st.html(
        f'<div class="race story"><div class="said">{sentences}</div>'
        f'<p class="watch"><b>Watch:</b> {html.escape(scene.watch)}.</p></div>'
    )


def progress(snapshot: Snapshot) -> str:
    """How far the training is that is shown: ``"step 40 of 110"``."""
    total = snapshot.steps_total or snapshot.step  # scenes have ended, so they know it
    return f"step {min(snapshot.step, total)} of {total}"


def pictures(scene: Scene, race: Race, read: Pictures, view: SampleView) -> None:
    """Predictions of the latest epoch that was reached, where they say something."""
    epochs = [row.epoch for row in race.snapshot.samples if row.kind == "prediction"]
    if not scene.samples or not epochs:
        return
    with st.container(key="tour-pictures"):
        st.html('<h2 class="tour-heading">Predictions against the truth</h2>')
        legend(race.snapshot, view, view.strength)
        # Of several classes, a score would count those as found that an image does not hold.
        is_scored = len(race.snapshot.facts.get("class_names", ())) <= 2
        dashes = None if "classes" in scene.charts else race.dashes  # there each run has a chart of its own
        gallery(
            race.snapshot,
            dashes,
            max(epochs),
            read,
            view=view,
            strength=view.strength,
            only=cases_of(race.snapshot)[: scene.samples],
            scored=is_scored,
        )


def question(scene: Scene, train: Callable[[], None], change: Callable[[], None], replay: Callable[[], None]) -> None:
    """What to try next, with buttons that begin it.

    Args:
        scene: Whose question.
        train: Trains the scene's race.
        change: Opens the form with it.
        replay: Opens the weighting lab with its losses.
    """
    with st.container(key="tour-question", border=True):
        st.html(
            f'<div class="race story try"><h2>Try it: {html.escape(scene.question)}</h2>'
            f"<p>{html.escape(scene.hint)}</p></div>"
        )
        with st.container(key="tour-tries", horizontal=True, gap="small"):
            wanted = [
                act
                for is_offered, label, icon, act, about in (
                    (may_train(), "Train it yourself", "play_arrow", train, "Train this race now and watch it."),
                    (
                        not scene.changes and may_train(),
                        "Change it first",
                        "tune",
                        change,
                        "Open the form filled with this race, to change it before it starts.",
                    ),
                    (
                        bool(scene.methods),
                        "Replay it in the weighting lab",
                        "science",
                        replay,
                        "Take the recorded losses and see at once what other settings would have made of them.",
                    ),
                )
                if is_offered and st.button(label, key=f"tour-{icon}", icon=f":material/{icon}:", help=about)
            ]
        with st.expander("What comes out?"):
            st.html(f'<div class="race story"><p>{html.escape(scene.answer)}</p></div>')
        for act in wanted:
            try:
                act()
            except DMFError as error:
                st.error(sentence_of(error), icon=":material/error:")


def settings(scene: Scene) -> dict[str, Any]:
    """Every field of the form as the scene's race has it, but the methods."""
    config = experiment(scene.preset.settings, runs=("fixed",))
    parts = (config.data, config.model, config.training)
    shared = {name: getattr(part, name) for part in parts for name in type(part).model_fields}
    fusion = config.runs[0].fusion.flat()
    of_task = {"task": config.task, "task_options": config.task_options}
    return of_task | shared | {name: value for name, value in fusion.items() if name != "weighting"}
