"""Explanations in a real browser: stepping by buttons, keys and links."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.browser

SMALL = "methods=variance;mad;cov&synthetic=%7B%22steps%22%3A300%7D"


@pytest.fixture
def opened(app_server: str, stay: Callable[[str], Any]) -> Any:
    """The lab where step 120 of MAD is explained, or whichever the test before came to."""
    opened = stay(f"{app_server}/lab?{SMALL}&explain=MAD&step=120")
    opened.page.locator(".explained .headline").first.wait_for()
    go_to(opened, 120)
    shows(opened, "MAD", 120)
    return opened


def go_to(opened: Any, step: int) -> None:
    field = opened.page.get_by_label("Step", exact=True)
    field.fill(str(step))
    field.press("Enter")


def shows(opened: Any, method: str, step: int) -> None:
    """Wait until a step of a method is explained, and the address says so."""
    expected = f"Step {step} of 299, {method}"
    headline = opened.page.locator(".explained .headline")
    opened.until(lambda: expected in headline.all_inner_texts(), expected)
    address = f"explain={method}&step={step}"
    opened.until(lambda: address in opened.page.evaluate("decodeURIComponent(location.search)"), address)


def weights(opened: Any) -> list[str]:
    return opened.page.locator(".explained.weights .number").all_inner_texts()  # type: ignore[no-any-return]


def test_buttons_and_keys_step_through_the_history_and_a_link_leads_back(opened, watched):
    page = opened.page
    before = weights(opened)
    page.get_by_role("button", name="Next ▶", exact=True).click()
    shows(opened, "MAD", 121)
    opened.until(lambda: weights(opened) != before, "other weights")
    page.keyboard.press("Enter")  # the button keeps the focus
    shows(opened, "MAD", 122)
    page.get_by_role("button", name="◀ 10", exact=True).click()
    shows(opened, "MAD", 112)
    page.get_by_role("button", name="◀ Back", exact=True).focus()
    page.keyboard.press("Space")
    shows(opened, "MAD", 111)
    go_to(opened, 40)
    shows(opened, "MAD", 40)
    told = weights(opened)
    other = watched(page.url)
    shows(other, "MAD", 40)
    opened.until(lambda: weights(other) == told, "the same weights by the link")


def test_every_loss_has_its_window_and_every_stage_its_formula(opened):
    page = opened.page
    opened.until(lambda: page.locator(".js-plotly-plot").count() == 3, "a window for every loss")
    for title in ("Symmetric logarithm", "Min–max", "Median absolute deviation", "Likelihood", "Normalisation"):
        page.get_by_text(title).first.wait_for()
    opened.until(lambda: page.locator('[class*="st-key-explained-stage"] .katex').count() >= 6, "the formulas")
    page.get_by_text("next to leave: steps 21, 22, 23").wait_for()  # of a window of 100


def test_it_can_be_used_on_a_phone(opened):
    opened.page.set_viewport_size({"width": 390, "height": 844})
    opened.page.get_by_role("button", name="Next ▶", exact=True).click()
    shows(opened, "MAD", 121)
    opened.fits(390)


def test_another_method_is_explained_at_the_same_step(opened, choose):
    page = opened.page
    choose(page.locator(".st-key-lab-explain-choice").get_by_role("combobox"), "CoV")
    shows(opened, "CoV", 120)
    page.get_by_text("Coefficient of variation").first.wait_for()
    choose(page.locator(".st-key-lab-explain-choice").get_by_role("combobox"), "MAD")
    shows(opened, "MAD", 120)
