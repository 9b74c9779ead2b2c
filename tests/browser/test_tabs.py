"""Two tabs, two visitors, two servers on one store: one training each, and every button acts where it stands."""

import pytest

from dmf.records import RunState
from dmf.runs import RunStore

pytestmark = pytest.mark.browser


def states(store: RunStore) -> dict[str, RunState]:
    return {experiment.id: experiment.runs[0].state for experiment in store.experiments()}


def test_start_in_two_tabs_makes_two_experiments_and_each_tab_steers_its_own(app_server, watched, store) -> None:
    left, right = watched(), watched()
    first = left.start(app_server, **{"Seeds": 1})
    second = right.start(app_server, **{"Seeds": 2})
    assert first != second
    left.wait_state("running")
    right.wait_state("queued")
    assert states(store) == {first: RunState.RUNNING, second: RunState.QUEUED}
    right.press("Stop")
    right.wait_state("stopped")
    assert states(store) == {first: RunState.RUNNING, second: RunState.STOPPED}
    left.wait_state("running")
    left.press("Pause")
    left.wait_state("paused")
    left.press("Stop")
    left.wait_state("stopped")


def test_what_one_visitor_sets_up_does_not_reach_another(begin, watched) -> None:
    left = begin()
    left.wait_step(12)
    left.page.get_by_text("Small multiples", exact=True).click()
    left.unfold()
    left.page.get_by_label("Epochs", exact=True).fill("77")
    left.page.keyboard.press("Enter")
    left.page.get_by_label("New γ₀", exact=True).fill("9")
    right = watched(left.page.url)
    right.until(lambda: right.points() > 0, "the charts")
    right.unfold()
    right.until(lambda: right.page.get_by_label("Epochs", exact=True).input_value() == "20", "a form of its own")
    assert right.page.get_by_label("New γ₀", exact=True).input_value() == "1"
    right.turn("New γ₀", 2)
    for seen in (left, right):
        seen.until(lambda seen=seen: seen.has_mark("γ₀ 1 → 2"), "the mark in both")
    assert left.page.get_by_label("New γ₀", exact=True).input_value() == "9"  # half typed, and still there
    right.press("Stop")
    left.wait_state("stopped")


def test_a_second_server_steers_what_the_first_one_trains_and_trains_nothing_twice(
    begin, dashboard, serve, watched, store
) -> None:
    here = begin()
    id = here.experiment
    here.wait_step(3)
    before = store.experiment(id).runs[0].attempt
    there = watched(f"{serve(home=dashboard.home)}/train?experiment={id}")
    there.wait_state("running")
    # A link to an experiment that is the first page of a server has the navigation all the same.
    there.until(lambda: there.page.get_by_test_id("stTopNavLink").count() >= 2, "Home, Train and others")
    assert there.page.get_by_test_id("stSidebarNavLink").count() == 0
    there.until(lambda: "trained by another dashboard on" in there.status(), "whose it is")
    there.turn("New learning rate", 0.0005)
    here.until(lambda: "Learning rate 0.001 → 0.0005" in here.marks(), "the mark")
    there.press("Stop")
    here.wait_state("stopped")
    there.wait_state("stopped")
    there.press("Resume")
    there.until(lambda: store.experiment(id).runs[0].state is RunState.RUNNING, "the resume")
    here.wait_state("running")
    here.until(lambda: "another dashboard" in here.status(), "the new owner")
    assert store.experiment(id).runs[0].attempt == before + 1
    here.press("Stop")
    there.wait_state("stopped")
