"""Home in a real browser, from the first day on: start a race, find it again with its score, adjust another."""

import contextlib
import re

import pytest

pytestmark = pytest.mark.browser


def card(page, name: str):
    return page.locator(f".st-key-preset-{name}")


def test_from_the_first_day_to_a_race_with_a_score(app_server: str, watched) -> None:
    watch = watched(app_server)
    page = watch.page
    page.get_by_text("Your experiments will appear here").wait_for()
    card(page, "notebook").wait_for()
    page.set_viewport_size({"width": 390, "height": 844})
    watch.fits(390)
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390
    page.set_viewport_size({"width": 1440, "height": 900})
    card(page, "auxiliary").get_by_role("button", name="Start").click()
    page.wait_for_url(re.compile(r"/train\?experiment=e-"))
    watch.until(lambda: watch.points("weights-step") > 0, "points of the weights")
    url = page.url
    page.get_by_role("button", name="Copy", exact=True).click()
    page.get_by_text("--run mad,auxiliary=none").wait_for()
    page.get_by_role("tab", name="Python").click()
    page.get_by_text("from dmf.jobs import Job").wait_for()
    page.keyboard.press("Escape")
    page.get_by_text("from dmf.jobs import Job").wait_for(state="hidden")

    page.get_by_role("link", name="Home", exact=True).click()
    row = page.locator('.st-key-active [class*="st-key-experiment-"]')
    row.get_by_text("running").wait_for()
    watch.until(lambda: "CB-Dice" in row.inner_text(), "the score of an epoch")
    assert row.locator("img.sparkline").get_attribute("alt").startswith("Best validation CB-Dice so far: MAD")
    watch.until(lambda: re.search(r"epoch \d+ of 20", row.inner_text()), "the epoch")

    page.get_by_role("link", name="Train", exact=True).click()  # what was watched is still there
    page.locator(".st-key-run-status").wait_for()
    page.wait_for_url(url)
    page.get_by_role("button", name="Stop", exact=True).click()
    page.locator(".st-key-run-status .chip").first.get_by_text("stopped").wait_for()

    page.get_by_role("link", name="All experiments").click()
    over = page.locator('.st-key-recent [class*="st-key-experiment-"]')
    over.get_by_text("stopped").wait_for()
    watch.until(lambda: page.locator(".st-key-active").count() == 0, "what is active to go")

    def is_there() -> bool:  # the whole row is the link
        with contextlib.suppress(Exception):
            over.locator(".score").click(force=True, timeout=20_000)
            page.wait_for_url(url, timeout=10_000)
        return page.url == url

    watch.until(is_there, "the way back by the score in its row")
    page.locator(".st-key-run-status").wait_for()
    assert page.get_by_test_id("stException").count() == 0

    page.go_back()
    watch.until(lambda: page.evaluate("location.pathname + location.search") == "/", "Home behind it")
    over.get_by_text("stopped").wait_for()


def test_adjust_opens_the_form_filled_with_the_race(app_server: str, watched) -> None:
    watch = watched(app_server)
    page = watch.page
    card(page, "notebook").get_by_role("link", name="Adjust").click()
    page.wait_for_url(re.compile("/train"))
    gamma = page.get_by_label("Initial auxiliary weight γ₀", exact=True)
    gamma.wait_for()
    watch.until(lambda: gamma.input_value() == "5", "the notebook's γ₀")
