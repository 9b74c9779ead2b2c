"""The first day in a real browser: the example runs are there, and pass again as if they were live."""

import contextlib
from typing import Any

import pytest

from dmf.examples import add_examples
from dmf.runs import RunStore

pytestmark = pytest.mark.browser

STEPS = 264
TERMS, RUNS, OTHERS = 3, 4, 2  # the race of segmentation, which stands first, and that of synthesis
WEIGHTS = "compared-weight-step"


@pytest.fixture
def with_examples(app_server: str, store: RunStore) -> str:
    """The app with the example runs in its store."""
    add_examples(store)
    return app_server


def show_all(watch: Any, what: str) -> None:
    """End the zoom, outside which lines are thinned, and wait for all points."""

    def is_whole() -> bool:
        with contextlib.suppress(Exception):  # it is drawn anew under the key
            watch.chart(WEIGHTS).locator(".plot").press("Escape", timeout=20_000)
        return watch.soon(
            lambda: watch.told(WEIGHTS, "zoomed") != "true" and watch.points(WEIGHTS) == TERMS * RUNS * STEPS, 10
        )

    watch.until(is_whole, what)


def test_the_examples_play_on_compare_with_pause_place_and_the_zoom_kept(with_examples: str, watched: Any) -> None:
    watch = watched(with_examples)
    page = watch.page
    page.get_by_text("These six runs are examples that came with the program.").wait_for()
    page.get_by_role("link", name="Compare").click()
    boxes = page.locator(".picker tbody input[type=checkbox]")
    watch.until(lambda: boxes.count() == RUNS + OTHERS, "the runs")
    for place in range(RUNS):
        boxes.nth(place).check()
    watch.until(lambda: watch.points(WEIGHTS) == TERMS * RUNS * STEPS, "all points")

    page.get_by_role("button", name="Play", exact=True).click()
    pause, go_on = (page.get_by_role("button", name=name) for name in ("Pause replay", "Go on"))
    again = page.get_by_role("button", name="From the start")
    watch.until(lambda: 0 < watch.points(WEIGHTS) < TERMS * RUNS * STEPS, "the first points")
    before = watch.points(WEIGHTS)
    watch.until(lambda: watch.points(WEIGHTS) > before, "more points")

    def is_paused() -> bool:
        if again.is_visible():  # on a slow machine it is over before it can be paused
            again.click()
        with contextlib.suppress(Exception):
            pause.click(timeout=20_000)
        return watch.soon(go_on.is_visible, 10)

    watch.until(is_paused, "the pause")
    watch.zoom(WEIGHTS)
    page.locator(".st-key-samples img").first.wait_for()

    page.get_by_role("slider", name="Seconds of training").press("End")
    again.wait_for()  # which stands there at the end
    assert watch.told(WEIGHTS, "zoomed") == "true"
    show_all(watch, "the last points")
    watch.zoom(WEIGHTS)
    page.get_by_role("button", name="End replay").click()
    page.get_by_role("button", name="Play", exact=True).wait_for()
    watch.until(lambda: page.locator(".st-key-play-bar").count() == 0, "the bar to go")
    charts = page.locator(f'.live-chart[data-key="{WEIGHTS}"]')
    watch.until(lambda: charts.count() == 1 and watch.told(WEIGHTS, "zoomed") == "true", "one chart that is zoomed")
    show_all(watch, "one chart with all points")


def test_an_example_plays_on_train_to_its_end(with_examples: str, watched: Any) -> None:
    watch = watched(with_examples)
    page = watch.page
    # Both races are listed: they come into the store one after the other, and the last one stands first.
    page.get_by_text("These six runs are examples that came with the program.").wait_for()
    page.locator(".st-key-recent").get_by_role("link").first.click()
    watch.wait_state("finished")
    page.get_by_role("button", name="Play", exact=True).click()
    watch.until(lambda: watch.says("running") and watch.step() < STEPS, "the race from its beginning")
    page.get_by_role("slider", name="Speed").press("End")  # 50 times as fast
    watch.wait_state("finished")
    watch.until(lambda: watch.step() == STEPS, "the last step")
    page.get_by_role("button", name="From the start").wait_for()
