"""Home in a real browser, from the first day on: start a race, find it again with its score, adjust another."""

import contextlib
import re
import time
from collections.abc import Callable

import pytest

pytestmark = pytest.mark.browser

LONG = 90_000  # ms, for machines that are busy with other things
PAINT = 2.0  # s on a warm server whose machine does nothing else
BUSY = 3  # times that at most, and as many times longer as the machine takes for anything


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(LONG)
    yield page
    context.close()


def until(condition: Callable[[], object], what: str, seconds: float = 2 * LONG / 1000) -> None:
    """Wait for ``condition`` to hold."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.1)


def card(page, name: str):
    return page.locator(f".st-key-preset-{name}")


def test_from_the_first_day_to_a_race_with_a_score(app_server: str, page) -> None:
    page.goto(app_server)
    page.get_by_text("Your experiments will appear here").wait_for()
    card(page, "auxiliary").get_by_role("button", name="Start").click()
    page.wait_for_url(re.compile(r"/train\?experiment=e-"))
    chart = page.locator('.live-chart[data-key="weights-step"]')
    until(lambda: chart.count() and int(chart.get_attribute("data-points") or 0) > 0, "points of the weights")
    url = page.url

    page.get_by_role("link", name="Home", exact=True).click()
    row = page.locator('.st-key-active [class*="st-key-experiment-"]')
    row.get_by_text("running").wait_for()
    until(lambda: "CB-Dice" in row.inner_text(), "the score of an epoch")
    assert row.locator("img.sparkline").get_attribute("alt").startswith("Best validation CB-Dice so far: MAD")
    until(lambda: re.search(r"epoch [1-9]\d* of 20", row.inner_text()), "the epoch")

    page.get_by_role("link", name="Train", exact=True).click()  # what was watched is still there
    page.locator(".st-key-run-status").wait_for()
    page.wait_for_url(url)
    page.get_by_role("button", name="Stop", exact=True).click()
    page.locator(".st-key-run-status .chip").first.get_by_text("stopped").wait_for()

    page.get_by_role("link", name="All experiments").click()
    over = page.locator('.st-key-recent [class*="st-key-experiment-"]')
    over.get_by_text("stopped").wait_for()
    until(lambda: page.locator(".st-key-active").count() == 0, "what is active to go")

    def is_there() -> bool:  # the whole row is the link
        with contextlib.suppress(Exception):
            over.locator(".score").click(force=True, timeout=5000)
            page.wait_for_url(url, timeout=10_000)
        return page.url == url

    until(is_there, "the way back by the score in its row")
    page.locator(".st-key-run-status").wait_for()
    assert page.get_by_test_id("stException").count() == 0

    page.go_back()
    until(lambda: page.evaluate("location.pathname + location.search") == "/", "Home behind it")
    over.get_by_text("stopped").wait_for()


def test_adjust_opens_the_form_filled_with_the_race(idle_server: str, page) -> None:
    page.goto(idle_server)
    card(page, "notebook").get_by_role("link", name="Adjust").click()
    page.wait_for_url(re.compile("/train"))
    gamma = page.get_by_label("Initial auxiliary weight γ₀", exact=True)
    gamma.wait_for()
    until(lambda: gamma.input_value() == "5", "the notebook's γ₀")


def test_what_was_trained_can_be_copied(idle_server: str, page) -> None:
    page.goto(idle_server)
    card(page, "priors").get_by_role("button", name="Start").click()
    page.wait_for_url(re.compile(r"/train\?experiment=e-"))
    page.get_by_role("button", name="Copy", exact=True).click()
    page.get_by_text("--run bayesian,prior=compound").wait_for()
    page.get_by_role("tab", name="Python").click()
    page.get_by_text("from dmf.jobs import Job").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Stop", exact=True).click()


def test_home_is_painted_soon_and_fits_a_phone(idle_server: str, browser, watched) -> None:
    taken, slowness = [], watched().slowness
    slow = slowness()
    for _ in range(4):
        context = browser.new_context(viewport={"width": 390, "height": 844})
        page = context.new_page()
        began = time.monotonic()
        page.goto(idle_server, wait_until="commit")
        page.locator("h1").wait_for(timeout=LONG)
        taken.append(time.monotonic() - began)
        page.locator(".st-key-preset-notebook").wait_for(timeout=LONG)
        width = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
        context.close()
        assert width <= 390
    print(f"first paint of Home: {', '.join(f'{seconds:.2f}' for seconds in taken)} s")
    assert min(taken[1:]) < BUSY * PAINT * max(slow, slowness())
