"""Takes the pictures of README and docs from the real app in real Chromium: ``make screenshots``.

Not collected by ``make test``; run by name, so that it shares the browser and server of the tests.
"""

import re
from pathlib import Path

import pytest

IMAGES = Path(__file__).parents[2] / "docs" / "images"
EPOCHS = 8
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


@pytest.mark.browser
def test_take_pictures(browser, app_server: str) -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    context = browser.new_context(viewport=WIDE, color_scheme="light")
    page = context.new_page()
    page.goto(f"{app_server}/train")
    page.get_by_label("Epochs", exact=True).fill(str(EPOCHS))
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url(re.compile("experiment="), timeout=60_000)
    page.locator(".st-key-run-status").get_by_text("took").wait_for(timeout=600_000)  # all runs are over
    url = page.url
    context.close()
    for name, viewport, scheme, top in (
        ("train-light", WIDE, "light", "weights-chart"),
        ("train-dark", WIDE, "dark", "weights-chart"),
        ("samples-light", WIDE, "light", "samples"),
        ("train-phone", PHONE, "light", "weights-chart"),
    ):
        context = browser.new_context(viewport=viewport, color_scheme=scheme)
        page = context.new_page()
        page.goto(url)
        page.locator(".st-key-samples img").first.wait_for(timeout=60_000)
        page.wait_for_timeout(3000)
        if top == "samples":
            page.locator(".st-key-samples").scroll_into_view_if_needed()
            page.wait_for_timeout(1000)
        page.screenshot(path=IMAGES / f"{name}.png")
        context.close()
