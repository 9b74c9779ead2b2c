"""How the page behaves to the eye: ticks move and flash nothing, phones have room, nothing covers what was started."""

import cv2
import numpy as np
import pytest

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
MOVING = (".live-chart", ".st-key-run-status", ".st-key-metrics-table", ".st-key-strip", ".st-key-race-tabs")
"""What is there to change while a race trains. Of the tabs, cut off by the end of the screen, the place is compared."""
FEW = 400
"""A line of text that moves or turns grey is thousands of pixels; fewer differ at the edges of what is painted over."""


def still(seen) -> np.ndarray:
    """The screen with all that may change painted over."""
    masks = [seen.page.locator(selector) for selector in MOVING]
    png = seen.page.screenshot(mask=masks, animations="allow", caret="hide")
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)


def changed(first: np.ndarray, later: np.ndarray) -> np.ndarray:
    """(N, 2) places of the pixels that differ."""
    assert later.shape == first.shape
    return np.argwhere((later != first).any(axis=-1))


def test_ticks_change_charts_and_nothing_else(app_server, dashboard, watched) -> None:
    seen = watched()
    seen.resume(app_server, dashboard.race("variance", "mad"))
    seen.wait_step(20)  # weights move, and the line below their chart says so
    seen.page.mouse.move(700, 5)
    seen.page.locator(".st-key-strip img").first.wait_for()
    for scheme in ("light", "dark"):
        seen.page.emulate_media(color_scheme=scheme)
        looks = [still(seen)]

        def stands(looks: list[np.ndarray] = looks) -> bool:
            points = seen.points()
            seen.until(lambda: seen.points() > points, "a tick")
            looks.append(still(seen))
            return len(changed(*looks[-2:])) < FEW

        seen.until(stands, "the page to be complete")
        first, points = looks[-1], seen.points()
        assert (first.mean() > 128) == (scheme == "light")
        for _ in range(12):
            differ = changed(first, still(seen))
            assert len(differ) < FEW, f"{scheme}: pixels changed from {differ.min(axis=0)} to {differ.max(axis=0)}"
        seen.until(lambda points=points: seen.points() > points, "a tick")
        assert len(changed(first, still(seen))) < FEW, scheme
    assert seen.page.get_by_test_id("stException").count() == 0


def test_on_a_phone_start_shows_the_race_and_everything_fits(app_server, watched) -> None:
    seen = watched(**PHONE)
    seen.page.goto(f"{app_server}/train")
    seen.page.get_by_test_id("stExpandSidebarButton").click()
    seen.start(None, without=(3,))
    seen.until(lambda: seen.points("weights-step") > 0, "the charts")
    seen.page.get_by_test_id("stExpandSidebarButton").wait_for()  # shown while the sidebar is closed
    seen.until(lambda: seen.page.evaluate("document.documentElement.scrollWidth") <= 390, "charts of its width")
    apply = seen.page.get_by_role("button", name="Apply", exact=True)
    apply.wait_for()
    apply.scroll_into_view_if_needed()
    box = seen.standing(apply)
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    seen.turn("New γ₀", 2)
    seen.until(lambda: seen.has_mark("γ₀ 1 → 2", "weights-step"), "the mark")
    seen.until(lambda: seen.page.evaluate("document.documentElement.scrollWidth") <= 390, "charts of its width")


def test_a_mark_of_the_latest_step_lies_within_the_chart(begin) -> None:
    seen = begin()
    seen.wait_step(5)
    seen.press("Pause")
    seen.wait_state("paused")
    seen.until(lambda: "Paused" in seen.marks(), "the mark")
    step = seen.settled(seen.step, "the step it stands at")
    tip = seen.chart("losses-step").locator(".tip .event")

    def is_told() -> bool:
        plot = seen.standing(seen.chart("losses-step").locator(".u-over"))
        seen.page.mouse.move(plot["x"] + plot["width"] / 2, plot["y"] + 40)
        seen.page.mouse.move(plot["x"] + plot["width"] - 1, plot["y"] + 40)
        return seen.soon(lambda: tip.all_inner_texts() == [f"Paused ({step:,})"], 5)

    seen.until(is_told, "the mark under the pointer")
