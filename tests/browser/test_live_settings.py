"""Knobs turned on a running race in a real Chromium: seen as marks, kept as events, and in what was trained."""

import numpy as np
import pytest

pytestmark = pytest.mark.browser


@pytest.fixture
def race(begin, store):
    """A running race of two runs, its page and its store."""
    seen = begin("variance", "mad")
    seen.wait_step(15)
    return seen, store


def event_of(store, run: str, field: str):
    return next((event for event in store.events([run]) if event.kind == "knob" and event.data["field"] == field), None)


KNOBS = {
    "gamma": ("New γ₀", 2, "γ₀ 1 → 2"),
    "decay_rate": ("New decay rate", 0.5, "Decay rate 0.05 → 0.5"),
    "lr": ("New learning rate", 0.0005, "Learning rate 0.001 → 0.0005"),
}


def test_numbers_are_turned_for_every_run_from_one_step_on_also_by_keyboard_alone(race) -> None:
    seen, store = race
    runs = store.experiment(seen.experiment).runs
    steps = {}
    for field, (label, value, mark) in KNOBS.items():
        seen.turn(label, value)
        for key in ("weights-step", "losses-step", "gamma-step", "scores-0-step"):
            seen.until(lambda key=key, mark=mark: seen.has_mark(mark, key), f"the mark on {key}")
        events = [event_of(store, run.id, field) for run in runs]
        assert [event.data["value"] for event in events] == [value, value]
        seen.page.locator(".outcome").get_by_text("from step").first.wait_for()
        steps[field] = step = events[0].step
        seen.until(lambda step=step: len(store.telemetry(runs[0].id).steps) > step + 10, "some more recorded steps")
    gamma, lr = store.telemetry(runs[0].id, columns=["gamma", "lr"]).values.T
    assert np.all(lr[: steps["lr"]] == np.float32(0.001))
    assert np.all(lr[steps["lr"] :] == np.float32(0.0005))
    # gamma_0 exp(-rate x epochs), with 7 steps per epoch, counted from step 0 before and after.
    for step, start, rate in (
        (steps["gamma"] - 1, 1, 0.05),
        (steps["gamma"], 2, 0.05),
        (steps["decay_rate"] - 1, 2, 0.05),
        (steps["decay_rate"], 2, 0.5),
    ):
        assert gamma[step] == pytest.approx(start * np.exp(-rate * (step // 7)), rel=1e-5), step

    seen.page.get_by_role("button", name="Stop", exact=True).focus()
    field = seen.page.get_by_label("New γ₀", exact=True)

    def is_reached() -> bool:
        seen.page.keyboard.press("Tab")
        return field.evaluate("element => element === document.activeElement")

    assert any(is_reached() for _ in range(12)), "not reached with the Tab key"
    seen.page.keyboard.press("Control+a")
    seen.page.keyboard.type("3")
    seen.page.keyboard.press("Enter")
    seen.until(lambda: seen.has_mark("γ₀ 2 → 3"), "the mark")
    seen.press("Stop")
    seen.wait_state("stopped")


def test_what_is_half_typed_stays_what_cannot_work_is_refused_and_one_run_changes_its_method(race, choose) -> None:
    seen, store = race
    field = seen.page.get_by_label("New learning rate", exact=True)
    field.fill("-0.0")
    field.press("End")
    field.type("07")
    points = seen.points()
    seen.until(lambda: seen.points() > points, "a tick")
    points = seen.points()
    seen.until(lambda: seen.points() > points, "another tick")
    assert field.input_value() == "-0.007"
    field.press("Enter")
    problem = seen.page.get_by_test_id("stMain").locator(".problem")
    problem.get_by_text("Must be above 0, got -0.007").first.wait_for()
    assert store.pending_commands([run.id for run in store.experiment(seen.experiment).runs]) == []

    # The method of one run is changed, and everything says so.
    choose(seen.page.get_by_label("Change it for", exact=True), "MAD")
    own = store.experiment(seen.experiment).runs[1].id
    seen.page.locator(f".st-key-knob-weighting-{seen.experiment}-{own}").wait_for()
    seen.turn("New weighting method", "Fixed")
    seen.until(lambda: "MAD → Fixed · MAD" in seen.marks(), "the mark")
    variance, mad = store.experiment(seen.experiment).runs
    assert event_of(store, variance.id, "weighting") is None
    step = event_of(store, mad.id, "weighting").step
    seen.until(lambda: len(store.telemetry(mad.id).steps) > step + 5, "some more recorded steps")
    weights = store.telemetry(mad.id, columns=["weight_ce", "weight_iou", "weight_dice"]).values
    assert np.all(weights[step:] == np.float32(1 / 3))
    assert not np.all(weights[:step] == np.float32(1 / 3))
    seen.until(lambda: "MAD, now Fixed" in seen.status(), "the name of what it is now")
