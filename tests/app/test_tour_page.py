"""The guided tour: every scene opens, tells and asks; the lists of other pages stay as they are."""

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app.components.tour import player
from app.components.tour.captions import settings
from app.theme import CLASS_COLORS
from dmf.config_text import experiment
from dmf.examples import scene_stem
from dmf.runs import RunStore
from dmf.scenes import SCENES

MAIN = Path(__file__).parents[2] / "app" / "main.py"


def said(test: AppTest) -> str:
    return " ".join(element.proto.body for element in test.get("html"))


def press(test: AppTest, key: str) -> None:
    test.button(key=key).click().run()
    assert not test.exception


@pytest.mark.parametrize(("place", "name"), list(enumerate(SCENES, start=1)))
def test_each_scene_tells_and_asks(store: RunStore, place: int, name: str, visit: Any) -> None:
    scene = SCENES[name]
    test = visit("tour", scene=str(place))
    words = said(test)
    assert f"<h1>{scene.title}</h1>" in words
    assert f"<b>{place} of {len(SCENES)}</b>" in words
    for text in (*scene.sentences, scene.question, scene.answer):
        assert text in words
    assert ("Predictions against the truth" in words) == bool(scene.samples)
    offered = {button.label for button in test.button}
    assert "Train it yourself" in offered
    assert ("Change it first" in offered) == (not scene.changes)
    assert ("Replay it in the weighting lab" in offered) == bool(scene.methods)


def test_next_and_back_turn_the_pages_and_the_address(store: RunStore, visit: Any) -> None:
    test = visit("tour")
    assert test.button(key="tour-back").disabled
    press(test, "tour-next")
    assert test.query_params["scene"] == "2"
    assert SCENES["spike"].title in said(test)
    press(test, "tour-back")
    assert test.query_params["scene"] == "1"
    assert visit("tour", scene=str(len(SCENES))).button(key="tour-next").disabled


def test_keys_that_are_pressed_before_the_page_is_drawn_again_each_turn_one_scene(store: RunStore, visit: Any) -> None:
    test = visit("tour", scene="4")
    test.button(key="tour-back").click()
    test.query_params["scene"] = "3"  # as the press before has left it
    test.run()
    assert test.query_params["scene"] == "2"


def test_on_the_way_back_from_another_page_it_is_the_scene_that_was_left(store: RunStore, visit: Any) -> None:
    test = visit("tour", scene="2")
    test.query_params.clear()
    test.query_params["run"] = "r-1"  # of the lab: what Streamlit leaves in the address on the way there
    test.run()
    assert SCENES["spike"].title in said(test)
    press(test, "tour-next")
    assert {name: list(values) for name, values in test.query_params.items()} == {"scene": ["3"]}


def test_a_class_has_one_colour_in_charts_and_pictures(store: RunStore, visit: Any) -> None:
    words = said(visit("tour", scene="5"))
    for color, name in zip(CLASS_COLORS, ("cyst", "benign", "malignant"), strict=True):
        assert f'<i style="background:rgb{color}"></i>{name}' in words
    assert 'class="dash"' not in words  # each run has a chart of its own: no line is dashed
    assert 'data-of="With CB-Dice"' in words
    assert 'class="dash"' in said(visit("tour", scene="4"))


@pytest.mark.parametrize("asked", ["0", "8", "two", "²"])
def test_a_scene_that_is_not_there_is_told(store: RunStore, asked: str, visit: Any) -> None:
    test = visit("tour", scene=asked)
    assert [warning.value for warning in test.warning] == ["The tour has scenes 1 to 7; this is the first."]
    assert SCENES["adapt"].title in said(test)


def test_looking_leaves_the_store_as_it_is(store: RunStore, visit: Any) -> None:
    test = visit("tour")
    for _ in range(4):
        press(test, "tour-next")
    assert store.is_untouched()
    assert store.runs(archived=True) == []


def test_a_scene_is_held_goes_on_and_begins_anew(store: RunStore, visit: Any) -> None:
    test = visit("tour")
    assert test.button(key="tour-toggle").label == "Pause"
    press(test, "tour-toggle")
    assert test.button(key="tour-toggle").label == "Go on"
    held: Any = test.session_state["tour-played"]
    assert held.snapshot().step < 132
    held.place = player.LASTS
    test.run()
    assert test.button(key="tour-toggle").label == "Play again"
    assert "step 132 of 132" in said(test)
    press(test, "tour-toggle")
    assert test.button(key="tour-toggle").label == "Pause"


def test_the_lab_opens_with_the_losses_of_the_scene_which_lists_leave_out(store: RunStore, visit: Any) -> None:
    test = visit("tour", scene="2")
    press(test, "tour-science")
    assert test.query_params["run"] == f"r-{scene_stem('spike')}-01"
    assert test.query_params["methods"] == "variance,history_max=30;mad,history_max=30"
    assert store.runs() == []
    assert store.experiments() == []
    assert len(store.runs(archived=True)) == 2


def test_the_form_opens_with_the_race_of_the_scene(store: RunStore, visit: Any) -> None:
    test = visit("tour", scene="4")
    press(test, "tour-tune")
    assert not test.error
    assert float(test.session_state["form-epochs"]) == 12
    assert test.session_state["form-terms"] == ["ce", "focal"]
    assert float(test.session_state["form-gamma"]) == 3


@pytest.mark.parametrize("name", SCENES)
def test_what_the_form_is_filled_with_is_the_race(name: str) -> None:
    scene = SCENES[name]
    held = settings(scene)
    assert "weighting" not in held
    told = scene.preset.config()
    base = experiment(scene.preset.settings, runs=("fixed",))
    assert held["epochs"] == told.training.epochs
    assert held["dataset"] == told.data.dataset
    assert held["terms"] == base.runs[0].fusion.terms


def test_training_it_begins_its_race_with_its_changes(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, visit: Any
) -> None:
    from app import access

    started: list[Any] = []

    def start(config: Any, changes: Any = None) -> str:
        started.append((config, changes))
        made = store.create_experiment(
            config.model_dump(mode="json"),
            name=config.name,
            labels=[run.label for run in config.runs],
            run_configs=[run.fusion.recorded() for run in config.runs],
            environment={},
        )
        return made.id

    monkeypatch.setattr(access, "start", start)
    test = visit("tour", scene="2")
    press(test, "tour-play_arrow")
    scene = SCENES["spike"]
    assert started == [(scene.preset.config(), scene.changes)]
    assert test.query_params["experiment"] == store.experiments()[0].id
