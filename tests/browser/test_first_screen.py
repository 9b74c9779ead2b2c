"""The promise of the page on one screen: weights, losses, predictions and scores are seen at once and stay in place."""

import json
from functools import partial

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

PARTS = ("controls", "run-status", "weights-chart", "losses-chart", "strip", "score-chart", "start")
MOST = 2  # CSS pixels


SIZES = ((1440, 900), (1280, 720))


def boxes(seen) -> dict[tuple[int, int], dict[str, dict[str, float]]]:
    """Where each part stands, once all stand still, by the size of the screen."""
    found = {}
    for size in SIZES:
        seen.page.set_viewport_size({"width": size[0], "height": size[1]})
        seen.idle()
        seen.page.mouse.move(700, 5)
        found[size] = seen.settled(partial(places, seen), "the page to stand still")
    return found


def places(seen) -> dict[str, dict[str, float]]:
    """Where each part stands; empty while one is not to be seen."""
    found = {part: seen.page.locator(f".st-key-{part}").first.bounding_box() for part in PARTS}
    return found if all(found.values()) else {}


def moved(before: dict, after: dict) -> dict[str, dict[str, float]]:
    """Parts that stand elsewhere, or are of another size, by more than two pixels."""
    return {
        part: after[part]
        for part, box in before.items()
        if any(abs(box[side] - after[part][side]) > MOST for side in ("x", "y", "height"))
    }


def test_all_is_seen_without_scrolling_and_nothing_moves(app_server, dashboard, watched) -> None:
    seen = watched()
    page, until = seen.page, seen.until
    page.goto(f"{app_server}/train?experiment={dashboard.race('variance', 'mad', 'bayesian')}")
    seen.wait_state("stopped")
    page.locator(".strip-empty").wait_for()
    page.get_by_role("button", name="Start training").wait_for()
    states = {"before": boxes(seen)}
    seen.press("Resume")
    seen.wait_state("running")
    images = page.locator(".st-key-strip img")
    until(lambda: images.count() == 2 + 3, "image, truth and three predictions")
    until(lambda: seen.points("weights-step") and seen.points("scores-0-step"), "the charts")
    states["running"] = boxes(seen)
    for image in images.all():
        box = seen.standing(image)
        assert box["y"] + box["height"] <= SIZES[-1][1]
    seen.press("Pause")
    seen.wait_state("paused")
    states["paused"] = boxes(seen)
    seen.press("Resume")
    seen.wait_state("running")
    seen.press("Stop")
    seen.wait_state("stopped")
    page.get_by_role("button", name="Play", exact=True).wait_for()
    states["stopped"] = boxes(seen)
    seen.press("Play")
    page.locator(".st-key-play-bar").wait_for()
    states["played"] = boxes(seen)
    for key in ("weights-step", "losses-step"):
        assert json.loads(seen.told(key, "panels")) == ["Variance", "MAD", "Bayesian"]
    for size in SIZES:
        running = states["running"][size]
        for part, box in running.items():
            assert box["x"] >= 0, part
            assert box["y"] >= 0, part
            assert box["x"] + box["width"] <= size[0], part
            assert box["y"] + box["height"] <= size[1], (part, box)
        assert {state: moved(running, found[size]) for state, found in states.items()} == {
            state: {} for state in states
        }, size


def test_arrows_turn_to_the_next_case_and_tabs_hold_the_rest(begin) -> None:
    seen = begin("variance", "mad")
    page = seen.page
    title = page.locator(".strip-title")
    expect(title).to_contain_text("1 of 4")
    first = title.inner_text()
    page.get_by_role("button", name="Next case").click()
    expect(title).to_contain_text("2 of 4")
    page.get_by_role("button", name="Previous case").click()
    expect(title).to_have_text(first)
    page.get_by_role("button", name="Previous case").click()
    expect(title).to_contain_text("4 of 4")
    for tab, inside in (
        ("Scores", ".st-key-metrics-table"),
        ("All predictions", ".st-key-samples img"),
        ("Gradients", ".st-key-gradient-charts"),
        ("Events", ".st-key-events"),
        ("Auxiliary", ".st-key-auxiliary-chart"),
    ):
        page.get_by_role("tab", name=tab, exact=True).click()
        expect(page.locator(inside).first).to_be_visible()
    page.get_by_role("tab", name="Events", exact=True).click()
    seen.press("Pause")
    expect(page.locator(".st-key-events")).to_contain_text("Paused")


def test_a_layout_is_remembered_by_the_browser_that_chose_it(app_server, dashboard, watched) -> None:
    url = f"{app_server}/train?experiment={dashboard.race('variance', 'mad', 'bayesian')}"
    seen = watched()
    seen.resume(app_server, url.rpartition("=")[2])
    seen.wait_step(3)
    seen.press("Stop")
    seen.wait_state("stopped")

    def panels(seen) -> list[str] | None:
        return json.loads(seen.told("weights-step", "panels") or "null")

    seen.until(lambda: len(panels(seen) or ()) == 3, "small multiples")
    seen.page.locator(".st-key-apart").get_by_text("Overlay", exact=True).click()
    seen.until(lambda: panels(seen) == [], "one chart")
    seen.page.goto(url)
    seen.until(lambda: seen.points("weights-step") and panels(seen) == [], "the same layout")
    elsewhere = watched(url)
    elsewhere.until(lambda: len(panels(elsewhere) or ()) == 3, "small multiples in another browser")
