"""The first day in a real browser: the example runs are there, and pass again as if they were live."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.browser

STEPS = 264
TERMS, RUNS = 3, 4
WEIGHTS = "compared-weight-step"


@pytest.fixture
def with_examples(serve: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> str:
    """A server with an empty store, into which it puts the example runs."""
    monkeypatch.setenv("DMF_EXAMPLES", "yes")
    return serve()


def test_the_examples_play_on_compare_with_pause_place_and_the_zoom_kept(with_examples: str, watched: Any) -> None:
    watch = watched(with_examples)
    page = watch.page
    page.get_by_text("These four runs are examples that came with the program.").wait_for()
    page.get_by_role("link", name="Compare").click()
    boxes = page.locator(".picker tbody input[type=checkbox]")
    watch.until(lambda: boxes.count() == RUNS, "the runs")
    for place in range(RUNS):
        boxes.nth(place).check()
    watch.until(lambda: watch.points(WEIGHTS) == TERMS * RUNS * STEPS, "all points")

    page.get_by_role("button", name="Play", exact=True).click()
    pause = page.get_by_role("button", name="Pause replay")
    pause.wait_for()
    watch.until(lambda: 0 < watch.points(WEIGHTS) < TERMS * RUNS * STEPS, "the first points")
    chart = watch.chart(WEIGHTS)
    chart.scroll_into_view_if_needed()
    before = watch.points(WEIGHTS)
    watch.until(lambda: watch.points(WEIGHTS) > before, "more points")
    pause.click()
    page.get_by_role("button", name="Go on").wait_for()
    box = chart.locator(".u-over").bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.2, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, y, steps=5)
    page.mouse.up()
    watch.until(lambda: chart.get_attribute("data-zoomed") == "true", "the zoom")
    page.locator(".st-key-samples img").first.wait_for()

    page.get_by_role("slider", name="Seconds of training").press("End")
    page.get_by_role("button", name="From the start").wait_for()  # which stands there at the end
    assert chart.get_attribute("data-zoomed") == "true"
    page.get_by_role("button", name="End replay").click()
    page.get_by_role("button", name="Play", exact=True).wait_for()
    watch.until(lambda: page.locator(".st-key-play-bar").count() == 0, "the bar to go")
    assert chart.get_attribute("data-zoomed") == "true"


def test_an_example_plays_on_train_to_its_end(with_examples: str, watched: Any) -> None:
    watch = watched(with_examples)
    page = watch.page
    page.locator(".st-key-recent").get_by_role("link").click()
    watch.wait_state("finished")
    page.get_by_role("button", name="Play", exact=True).click()
    watch.wait_state("running")
    assert watch.step() < STEPS
    page.get_by_role("slider", name="Speed").press("End")  # 50 times as fast
    watch.wait_state("finished")
    assert watch.step() == STEPS
    page.get_by_role("button", name="From the start").wait_for()
