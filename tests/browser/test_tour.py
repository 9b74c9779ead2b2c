"""The guided tour in a real browser: scenes play by themselves, from the first picture to the last step."""

import re
from typing import Any

import pytest

pytestmark = pytest.mark.browser

TERMS, RUNS = 3, 2
WEIGHTS, LOSSES = "tour-weights", "tour-losses"
FIRST, SECOND = 132, 110  # steps


def step(page: Any) -> int:
    return int(re.search(r"step (\d+) of", page.locator(".st-key-tour-bar").inner_text())[1])


def test_scenes_play_to_their_end_and_turn_by_key_and_button(app_server: str, watched: Any) -> None:
    watch = watched(app_server)
    page = watch.page
    page.get_by_role("link", name="Guided tour", exact=True).first.click()
    page.get_by_role("heading", name="Why weights adapt").wait_for()
    watch.until(lambda: watch.points(WEIGHTS) > 0, "the first picture")
    before = step(page)
    watch.until(lambda: before < step(page) < FIRST or step(page) == FIRST, "the scene to go on by itself")

    page.get_by_role("button", name="Next").click()
    page.get_by_role("heading", name="Variance against MAD on a spike").wait_for()
    watch.until(lambda: "scene=2" in page.evaluate("location.search"), "the scene in the address")
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Go on").wait_for()
    watch.idle()
    held = step(page)
    assert held < SECOND
    page.get_by_role("button", name="Go on").click()
    watch.until(lambda: step(page) > held, "the scene to go on from there")
    page.get_by_role("button", name="Play again").wait_for()
    watch.until(lambda: watch.points(WEIGHTS) == TERMS * RUNS * SECOND, "all of the weights")
    assert watch.points(LOSSES) == TERMS * RUNS * SECOND
    assert watch.has_mark("Learning rate 0.002 → 0.1", WEIGHTS)

    page.keyboard.press("ArrowLeft")
    page.get_by_role("heading", name="Why weights adapt").wait_for()
    watch.until(lambda: 0 < watch.points(WEIGHTS) < TERMS * RUNS * FIRST, "the first scene from its beginning")


def test_arrow_keys_in_a_chart_read_it_and_turn_no_page(app_server: str, watched: Any) -> None:
    watch = watched(f"{app_server}/tour?scene=3")
    page = watch.page
    watch.until(lambda: watch.points(WEIGHTS) > 0, "the first picture")
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Go on").wait_for()
    chart = watch.chart(WEIGHTS)
    chart.locator(".plot").focus()
    page.keyboard.press("ArrowLeft")
    watch.until(lambda: chart.locator(".tip").is_visible(), "the value at the cursor")
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Pause").wait_for()  # the server has heard this, and what came before
    assert "scene=3" in page.evaluate("location.search")


def test_it_is_read_from_the_back_of_a_room_and_fits_a_projector(app_server: str, watched: Any) -> None:
    watch = watched(f"{app_server}/tour?scene=4", viewport={"width": 1280, "height": 720})
    page = watch.page
    watch.until(lambda: watch.points("tour-share") > 0, "the first picture")

    def size(selector: str) -> float:
        return page.locator(selector).first.evaluate("node => parseFloat(getComputedStyle(node).fontSize)")

    assert size(".story h1") >= 36
    assert size(".story .said p") >= 20
    box = watch.chart("tour-share").bounding_box()
    assert box["y"] + box["height"] <= 720
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator(".st-key-tour-pictures img").first.wait_for()

    page.goto(f"{app_server}/tour?scene=7")
    page.get_by_role("heading", name="A loss for what is rare").wait_for()
    page.get_by_role("button", name="Pause").wait_for()
    for chart in ("tour-scores", "tour-attention"):
        watch.until(lambda chart=chart: watch.points(chart) == RUNS * 13, "a point for each epoch of both runs")
        box = watch.chart(chart).bounding_box()
        assert box["y"] + box["height"] <= 720
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator(".st-key-tour-pictures img").count() == 4 * (2 + RUNS)


def test_a_scene_is_replayed_in_the_lab_and_the_way_back_from_other_pages_leads_to_it(
    app_server: str, watched: Any
) -> None:
    watch = watched(f"{app_server}/tour?scene=2")
    page = watch.page
    page.get_by_role("button", name="Replay it in the weighting lab").click()
    page.get_by_role("heading", name="Weighting lab").wait_for()
    watch.until(lambda: page.evaluate("location.pathname").endswith("/lab"), "the address of the lab")
    watch.until(lambda: page.locator(".live-chart canvas").count() > 0, "the weights of the replay")
    assert "run=r-20260101" in page.evaluate("location.search")
    page.go_back()
    page.get_by_role("heading", name="Variance against MAD on a spike").wait_for()

    page.get_by_role("button", name="Next").click()
    page.get_by_role("heading", name="A compounding prior takes all").wait_for()
    page.get_by_role("button", name="Change it first").click()
    page.get_by_role("button", name="Start training").wait_for()
    watch.until(lambda: page.evaluate("location.pathname").endswith("/train"), "the address of the form")
    page.go_back()
    page.get_by_role("heading", name="A compounding prior takes all").wait_for()


def test_on_a_phone_pictures_and_their_captions_are_whole(app_server: str, watched: Any) -> None:
    watch = watched(f"{app_server}/tour?scene=5", viewport={"width": 390, "height": 844})
    page = watch.page
    page.locator(".st-key-tour-pictures img").nth(15).wait_for()
    gallery = page.locator(".st-key-tour-pictures .gallery")
    assert gallery.evaluate("node => node.scrollWidth <= node.clientWidth")
    captions = page.locator(".st-key-tour-pictures figcaption")
    assert all(captions.evaluate_all("nodes => nodes.map(node => node.scrollWidth <= node.clientWidth)"))
    named = "node => getComputedStyle(node, '::before').content.includes('Cross-entropy alone')"
    watch.until(lambda: captions.nth(2).evaluate(named), "the name of the run above its first picture")
