"""Play: a finished race passes again, with charts, scores and samples together."""

import sqlite3
import types
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dmf.config import FusionConfig
from dmf.examples import add_examples
from dmf.examples.make import STEM
from dmf.runs import RunStore

MAIN = Path(__file__).parents[2] / "app" / "main.py"
STEPS = 264


@pytest.fixture
def example(store: RunStore) -> str:
    """Four finished runs of 264 steps, in as many seconds as they took where they were trained."""
    add_examples(store)
    return f"e-{STEM}"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that replays go by, in seconds."""
    from app.components import play

    now = [1000.0]
    monkeypatch.setattr(play, "time", types.SimpleNamespace(monotonic=lambda: now[0]))
    return now


def press(test: AppTest, key: str) -> None:
    test.button(key=key).click().run()
    assert not test.exception


def place(test: AppTest, key: str) -> float:
    return float(test.slider(key=f"play-place-{key}").value)


def speed(test: AppTest, key: str) -> int:
    """How many times as fast it plays."""
    return int(test.select_slider(key=f"play-speed-{key}").value)


def length(test: AppTest, key: str) -> float:
    """Seconds that the race took."""
    return float(test.slider(key=f"play-place-{key}").max)


def html_of(test: AppTest, key: str) -> str:
    return " ".join(str(part.value) for part in test.container(key=key).get("html"))


def test_a_race_begins_at_its_first_step_and_goes_on_as_fast_as_chosen(
    example: str, clock: list[float], visit: Any
) -> None:
    test = visit("train", experiment=example)
    press(test, f"play-{example}")
    assert "step 1 " in html_of(test, "run-status")
    assert "running" in html_of(test, "run-status")
    assert "epoch 0" in html_of(test, "metrics-table")
    first = speed(test, example)
    clock[0] += 1
    test.run()
    assert place(test, example) == pytest.approx(first, abs=0.11)
    test.select_slider(key=f"play-speed-{example}").set_value(2).run()
    clock[0] += 1
    test.run()
    assert place(test, example) == pytest.approx(first + 2, abs=0.11)
    assert "finished" not in html_of(test, "run-status")
    assert "Test" not in html_of(test, "metrics-table")


def test_it_pauses_goes_where_the_slider_is_moved_and_ends_with_all_there_was(
    example: str, clock: list[float], visit: Any
) -> None:
    test = visit("train", experiment=example)
    press(test, f"play-{example}")
    press(test, f"play-toggle-{example}")
    assert test.button(key=f"play-toggle-{example}").label == "Go on"
    clock[0] += 5
    test.run()
    assert place(test, example) == 0.0
    test.slider(key=f"play-place-{example}").set_value(round(0.6 * length(test, example), 1)).run()
    assert "running" in html_of(test, "run-status")
    assert "epoch" in html_of(test, "samples")
    press(test, f"play-toggle-{example}")
    clock[0] += length(test, example)
    test.run()
    assert f"step {STEPS} " in html_of(test, "run-status")
    assert "finished" in html_of(test, "run-status")
    assert "Test" in html_of(test, "metrics-table")
    assert test.button(key=f"play-toggle-{example}").label == "From the start"
    press(test, f"play-toggle-{example}")
    assert place(test, example) == 0.0
    press(test, f"play-end-{example}")
    assert test.button(key=f"play-{example}").label == "Play"
    assert "finished" in html_of(test, "run-status")


def test_a_place_that_the_browser_sends_late_moves_nothing(example: str, clock: list[float], visit: Any) -> None:
    test = visit("train", experiment=example)
    press(test, f"play-{example}")
    clock[0] += 1
    test.run()
    test.slider(key=f"play-place-{example}").set_value(0.0).run()  # where it was a second ago
    assert place(test, example) == pytest.approx(speed(test, example), abs=0.11)


def test_a_slow_browser_that_sends_a_late_place_does_not_undo_the_end(
    example: str, clock: list[float], visit: Any
) -> None:
    test = visit("train", experiment=example)
    press(test, f"play-{example}")
    earlier = round(0.75 * length(test, example), 1)
    for share in (0.6, 0.15, 0.2, 0.1):  # of the race, and then its end
        clock[0] += share * length(test, example) / speed(test, example)
        test.run()
    assert test.button(key=f"play-toggle-{example}").label == "From the start"
    slider = f"play-place-{example}"
    test.slider(key=slider).set_value(earlier).run()  # where it was a while ago
    assert test.button(key=f"play-toggle-{example}").label == "From the start"
    clock[0] += 10
    test.slider(key=slider).set_value(earlier).run()  # by now that is where somebody moved it
    assert test.button(key=f"play-toggle-{example}").label == "Go on"
    assert place(test, example) == earlier


@pytest.mark.parametrize("which", ["speed", "place", "toggle"])
def test_what_a_browser_still_sends_after_the_replay_was_ended_is_not_heard(
    example: str, clock: list[float], which: str, visit: Any
) -> None:
    test = visit("train", experiment=example)
    press(test, f"play-{example}")
    del test.session_state["played"]
    if which == "speed":
        test.select_slider(key=f"play-speed-{example}").set_value(10).run()
    elif which == "place":
        test.slider(key=f"play-place-{example}").set_value(20.0).run()
    else:
        test.button(key=f"play-toggle-{example}").click().run()
    assert not test.exception
    assert test.button(key=f"play-{example}").label == "Play"


def test_nothing_is_written_to_the_store(example: str, store: RunStore, clock: list[float], visit: Any) -> None:
    before = store.experiment(example), store.events([run.id for run in store.runs()])
    test = visit("train", experiment=example)
    press(test, f"play-{example}")
    clock[0] += 1
    test.run()
    assert (store.experiment(example), store.events([run.id for run in store.runs()])) == before


def test_what_trains_or_never_began_is_not_played(store: RunStore, visit: Any) -> None:
    fusion = FusionConfig().recorded()
    made = store.create_experiment({}, name="Waits", labels=["a"], run_configs=[fusion], environment={})
    store.claim([made.runs[0].id], "me")
    test = visit("train", experiment=made.id)
    assert not [button for button in test.button if str(button.key).startswith("play-")]


@pytest.mark.parametrize(("seconds", "speed"), [(0.0, 1), (30.0, 1), (31.0, 2), (1200.0, 50), (86_400.0, 50)])
def test_a_replay_begins_as_fast_as_it_takes_to_see_it_in_half_a_minute(seconds: float, speed: int) -> None:
    from app.components.play import fitting

    assert fitting(seconds) == speed


def test_the_end_of_the_slider_is_the_end_of_the_race(example: str, clock: list[float], visit: Any) -> None:
    test = visit("train", experiment=example)
    press(test, f"play-{example}")
    press(test, f"play-toggle-{example}")
    slider = test.slider(key=f"play-place-{example}")
    slider.set_value(slider.max).run()
    assert f"step {STEPS} " in html_of(test, "run-status")
    assert "finished" in html_of(test, "run-status")


@pytest.mark.parametrize("happens", ["resumed", "deleted"])
def test_runs_that_are_resumed_or_deleted_while_compare_plays_them_end_the_replay(
    store: RunStore, example: str, clock: list[float], happens: str, visit: Any
) -> None:
    first, second = (run.id for run in store.experiment(example).runs[:2])
    with sqlite3.connect(store.file) as database:
        database.execute("UPDATE runs SET state = 'stopped' WHERE id = ?", (first,))
    test = visit("compare", runs=f"{first},{second}")
    press(test, next(str(button.key) for button in test.button if str(button.key).startswith("play-")))
    assert any(str(button.key).startswith("play-toggle-") for button in test.button)
    if happens == "resumed":
        store.claim([first], "another")
    else:
        store.delete_runs([first])
    test.run()
    assert not test.exception
    assert not any(str(button.key).startswith("play-toggle-") for button in test.button)


def test_a_race_that_is_resumed_while_it_is_played_is_shown_live(
    store: RunStore, example: str, clock: list[float], visit: Any
) -> None:
    run = store.experiment(example).runs[0].id
    with sqlite3.connect(store.file) as database:
        database.execute("UPDATE runs SET state = 'stopped' WHERE id = ?", (run,))
    test = visit("train", experiment=example)
    press(test, f"play-{example}")
    store.claim([run], "another")
    test.run()
    assert not test.exception
    assert not [button for button in test.button if str(button.key).startswith("play-")]
