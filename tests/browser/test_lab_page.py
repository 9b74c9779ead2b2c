"""The weighting lab in a real browser: sliders that answer while they move, changes by click, links that lead back."""

import json
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.browser

SMALL = "methods=variance;mad&synthetic=%7B%22steps%22%3A300%7D"


def chart(page: Any, key: str) -> Any:
    found = page.locator(f'.live-chart[data-key="{key}"]')
    found.locator("canvas").first.wait_for()
    return found


def last(drawn: Any) -> str:
    """The newest value of every line."""
    return str(drawn.get_attribute("data-last"))


def address(page: Any) -> str:
    return str(page.evaluate("decodeURIComponent(location.search)"))


@pytest.fixture
def lab(app_server: str, watched: Callable[..., Any]) -> Callable[..., Any]:
    """Opens the lab: ``lab(query)`` gives the page once its losses are drawn and nothing is computed any more."""

    def open_lab(query: str = SMALL, **options: Any) -> Any:
        opened = watched(f"{app_server}/lab?{query}", **options)
        chart(opened.page, "lab-losses")
        opened.idle()
        return opened

    return open_lab


@pytest.fixture
def small_lab(app_server: str, stay: Callable[[str], Any]) -> Any:
    """The lab of two methods and 300 steps, as the test before left it."""
    opened = stay(f"{app_server}/lab?{SMALL}")
    chart(opened.page, "lab-losses")
    opened.idle()
    return opened


def test_on_a_phone_the_charts_stay_in_view_above_the_sliders(small_lab):
    opened = small_lab
    page = opened.page
    page.set_viewport_size({"width": 390, "height": 844})
    slider = page.get_by_role("slider", name="Window length").first
    slider.scroll_into_view_if_needed()
    opened.until(lambda: opened.standing(page.locator(".st-key-lab-charts"))["y"] < 120, "the charts in view")
    assert slider.bounding_box()["y"] > 300
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_slider_is_moved_by_keys_and_its_number_typed(small_lab):
    opened = small_lab
    page, until = opened.page, opened.until
    slider = page.get_by_role("slider", name="Warm-up steps").first
    number = page.get_by_role("spinbutton", name="Warm-up steps").first
    slider.focus()
    page.keyboard.press("End")
    until(lambda: "history_min=1000" in address(page), "the end of the slider")
    until(lambda: page.get_by_text("would never move").count() == 1, "what is wrong with it")
    number.fill("30")
    number.press("Enter")
    until(lambda: "history_min=30" in address(page), "the typed number")
    until(lambda: page.get_by_text("would never move").count() == 0, "nothing to be wrong any more")
    number.fill("10")  # as it was
    number.press("Enter")
    until(lambda: "history_min=30" not in address(page), "the number before")


def test_the_weights_are_drawn_anew_while_a_slider_is_held(small_lab):
    opened = small_lab
    page, until = opened.page, opened.until
    drawn = chart(page, "lab-weights")
    slider = page.get_by_role("slider", name="Window length").first
    slider.scroll_into_view_if_needed()
    box = opened.standing(slider)
    middle = box["y"] + box["height"] / 2
    before, where = last(drawn), address(page)
    page.mouse.move(box["x"] + box["width"] * 0.6, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.3, middle, steps=6)
    until(lambda: last(drawn) != before, "other weights while the slider is held")
    assert address(page) == where, "a drag does not fill the history of the browser"
    page.mouse.up()
    until(lambda: "variance,history_max=" in address(page), "the new setting in the address")


def shown(page: Any, panel: str = "") -> dict[str, tuple[str, str]]:
    """What the boxes of a panel read, and where the sliders stand, by the name of the control."""
    script = """nodes => Object.fromEntries(nodes.flatMap(root => [...root.querySelectorAll('input[type=range]')].map(
        range => [range.name, [root.querySelector(`[name="${range.name}-number"]`).value, range.value]])))"""
    found = page.locator(f"{panel} .controls").evaluate_all(script)
    return {name: tuple(pair) for name, pair in found.items()}


def test_boxes_and_sliders_keep_their_values_when_the_number_of_losses_changes(lab):
    opened = lab('methods=variance&synthetic={"steps":300,"seed":7}')
    page, until = opened.page, opened.until
    panel = ".st-key-lab-shape"
    until(lambda: shown(page, panel).get("seed") == ("7", "7"), "the seed of the link")
    before = shown(page, panel)
    page.get_by_text("Shape of L1").click()
    count = page.locator(f'{panel} input[name="count"]')
    count.focus()
    page.keyboard.press("ArrowRight")
    until(lambda: "3.start" in shown(page, panel), "sliders of a fourth loss")
    after = opened.settled(lambda: shown(page, panel), "the sliders")
    assert (after["count"][0], after["steps"], after["seed"]) == ("4", before["steps"], before["seed"])
    assert all(after[name] == before[name] for name in before if name != "count")
    assert after["3.start"][0], "the new loss shows what it begins with"
    assert page.locator(f"{panel} details").first.get_attribute("open") is not None, "what was unfolded stays so"
    page.keyboard.press("ArrowRight")
    until(lambda: "4.start" in shown(page, panel), "the slider still has the keys")
    page.locator(f'{panel} input[name="seed"]').press("ArrowRight")
    until(lambda: '"seed":8' in address(page), "one more than the seed was")


def test_a_choice_that_takes_a_slider_away_leaves_the_values_of_the_others(lab):
    opened = lab('methods=bayesian,history_max=40&synthetic={"steps":300}')
    page, until = opened.page, opened.until
    panel = '[class*="st-key-lab-method-"]'
    until(lambda: shown(page, panel).get("history_max", ("",))[0] == "40", "the history of the link")
    before = shown(page, panel)
    prior = page.get_by_role("combobox", name="Prior", exact=True)
    prior.select_option("compound")
    until(lambda: "rho" not in shown(page, panel), "the slider of the tempered prior goes")
    assert prior.input_value() == "compound"
    after = opened.settled(lambda: shown(page, panel), "the sliders")
    assert all(pair == before[name] for name, pair in after.items())
    page.locator(f'{panel} input[name="history_max"]').press("ArrowRight")
    until(lambda: "prior=compound" in address(page) and "history_max=4" in address(page), "one step from 40")


def test_a_number_that_cannot_be_is_refused_beside_its_box(lab):
    opened = lab('methods=bayesian&synthetic={"steps":300}')
    page, until = opened.page, opened.until
    drawn = chart(page, "lab-weights")
    before, where = last(drawn), address(page)
    for box, typed, words in (
        ("count-number", "7", "Must be a whole number, at least 1, at most 6. It stays at 3."),
        ("count-number", "2.5", "Must be a whole number, at least 1, at most 6. It stays at 3."),
        ("steps-number", "-1", "Must be a whole number, at least 2, at most 100000. It stays at 300."),
        ("rho-number", "1", "Must be a number, at least 0, below 1. It stays at 0.9."),
    ):
        number = page.locator(f'input[name="{box}"]')
        number.fill(typed)
        number.press("Enter")
        page.get_by_role("alert").filter(has_text=words).wait_for()
        until(lambda number=number, words=words: number.input_value() in words.rpartition(" ")[2], "the number before")
    assert (last(drawn), address(page)) == (before, where)
    page.locator('input[name="count"]').press("ArrowLeft")
    until(lambda: page.get_by_role("alert").filter(has_text="at most 6").count() == 0, "nothing to be wrong any more")


def click_in_the_middle(opened: Any, step: Any) -> None:
    """Click in the chart of the losses until a field holds the step that lies there."""
    plot = opened.page.locator('.live-chart[data-key="lab-losses"] .u-over')

    def is_chosen() -> bool:  # the chart is drawn anew under the pointer
        box = opened.standing(plot)
        opened.page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5)
        return opened.soon(lambda: step.count() and abs(int(step.input_value()) - 150) <= 5, 10)

    opened.until(is_chosen, "the step that was clicked")


def test_a_click_in_a_chart_chooses_where_the_losses_are_changed(small_lab):
    opened = small_lab
    page, until = opened.page, opened.until
    weights = chart(page, "lab-weights")
    before = json.loads(last(weights))
    click_in_the_middle(opened, page.get_by_label("From step", exact=True))

    def is_added() -> bool:  # the page may be drawn anew under the click
        if '"kind":"spike"' not in address(page):
            page.get_by_role("button", name="Add a spike").click()
        return opened.soon(lambda: '"kind":"spike"' in address(page), 20)

    until(is_added, "the change in the address")
    until(lambda: len(json.loads(last(weights))) == 2 * len(before), "every line before and after")


def test_a_link_reopens_the_page_as_it_is(lab, watched):
    opened = lab(f"{SMALL}&view=method&changes=%5B%7B%22kind%22%3A%22cut%22%2C%22step%22%3A100%7D%5D")
    page, until = opened.page, opened.until
    page.get_by_role("tab", name="Take away").click()
    link = page.locator('.st-key-lab-charts [data-testid="stCode"]').first
    link.wait_for()
    said = link.inner_text().strip()
    again = watched(said).page
    shown = chart(again, "lab-method")
    until(lambda: "before" in last(shown), "the same change")
    assert json.loads(shown.get_attribute("data-panels")) == ["Variance", "MAD"], "and the same small charts"

    def parts(of: Any) -> set[str]:
        return set(address(of).strip("?").split("&"))

    until(lambda: parts(again) == parts(page), "the same address")


def test_a_step_of_a_method_is_explained_at_a_click(lab):
    opened = lab()
    page, until = opened.page, opened.until
    page.get_by_role("tab", name="Explain").click()
    page.get_by_text("Step 217 of 299").first.wait_for()  # where its weights changed most
    click_in_the_middle(opened, page.get_by_label("Step", exact=True))
    until(lambda: "explain=Variance" in address(page), "what is explained in the address")
