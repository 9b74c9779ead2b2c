"""The form in a real browser: a race is built row by row, from a preset or as text, and started."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from dmf.config_text import experiment
from dmf.presets import PRESETS
from dmf.runs import RunStore

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 844}


@pytest.fixture
def seen(app_server: str, watched: Callable[..., Any]) -> Any:
    """The Train page."""
    return watched(f"{app_server}/train")


@pytest.fixture
def page(seen: Any) -> Page:
    """The Train page with its form open."""
    page: Page = seen.page
    button(page, "Add run").wait_for()
    return page


@pytest.fixture
def form(app_server: str, stay: Callable[[str], Any]) -> Any:
    """The same as the test before left it."""
    seen = stay(f"{app_server}/train")
    button(seen.page, "Add run").wait_for()
    return seen


def stays_within_the_sidebar(page: Page) -> None:
    """Methods are read whole, and no button sticks out."""
    for place in range(2):
        box = rows(page).nth(place)
        assert box.evaluate("input => input.scrollWidth - input.clientWidth") <= 0
    sidebar = page.get_by_test_id("stSidebar").bounding_box()
    for name in ("Remove run 1", "Remove run 2", "Add run", "As text"):
        box = button(page, name).bounding_box()
        assert box["x"] >= sidebar["x"]
        assert box["x"] + box["width"] <= sidebar["x"] + sidebar["width"]


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def rows(page: Page) -> Locator:
    return page.get_by_role("combobox", name=re.compile("^Weighting method of run"))


def fill(page: Page, label: str, value: object) -> None:
    field = page.get_by_label(label, exact=True)
    field.fill(str(value))
    field.press("Enter")


@pytest.fixture
def choose_in_popover(page: Page, choose: Callable[[Locator, str], None]) -> Callable[[str, str], None]:
    """Choose in a box of the open popover, and leave the box, which closes its list."""

    def choose_there(box: str, option: str) -> None:
        choose(page.get_by_test_id("stPopoverBody").get_by_role("combobox", name=box, exact=True), option)
        page.keyboard.press("Tab")
        expect(page.get_by_role("option")).to_have_count(0)

    return choose_there


def close_popover(page: Page) -> None:
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("stPopoverBody")).to_have_count(0)


def test_a_race_with_overridden_rows_is_built_started_and_seen(
    page: Page, seen: Any, choose_in_popover: Callable[[str, str], None], store: RunStore
) -> None:
    seen.unfold()
    for label, value in (("Image size", 32), ("Batch size", 4), ("Epochs", 2000)):
        fill(page, label, value)
    fill(page, "Images", 40)
    fill(page, "Filters", 4)
    button(page, "Remove run 1").click()
    expect(rows(page)).to_have_count(2)

    button(page, "Edit run 2").click()
    choose_in_popover("Settings of run 2 that differ", "Prior")
    expect(page.get_by_text("--run bayesian,prior=tempered")).to_be_visible()
    choose_in_popover("Prior", "compound")
    expect(page.get_by_text("--run bayesian,prior=compound")).to_be_visible()
    close_popover(page)
    expect(page.locator(".differs")).to_have_text("prior compound")

    button(page, "Duplicate run 2").click()
    expect(page.locator(".problem")).to_have_text("The same as run 2; change or remove one of them.")
    expect(button(page, "Start training")).to_be_disabled()
    choose_in_popover("Settings of run 3 that differ", "Initial auxiliary weight γ₀")
    gamma = page.get_by_test_id("stPopoverBody").get_by_role("spinbutton", name="Initial auxiliary weight γ₀")
    gamma.fill("5")
    gamma.press("Enter")
    expect(page.locator(".differs").nth(1)).to_have_text("prior compound · γ₀ 5")
    close_popover(page)
    expect(page.locator(".problem")).to_have_count(0)

    button(page, "Start training").click()
    page.wait_for_url(re.compile(r"experiment=e-"))
    runs = page.locator(".st-key-run-status .run")
    expect(runs).to_have_count(3)
    for place, title in enumerate(("MAD", "Bayesian prior=compound", "Bayesian prior=compound gamma=5")):
        expect(runs.nth(place)).to_contain_text(title)
    stored = store.experiment(re.search(r"experiment=(e-[\w-]+)", page.url)[1])
    asked = experiment({}, runs=["mad", "bayesian,prior=compound", "bayesian,prior=compound,gamma=5"]).runs
    assert [run.label for run in stored.runs] == [run.label for run in asked]
    assert [run.config for run in stored.runs] == [run.fusion.recorded() for run in asked]
    expect(page.locator(".st-key-run-status .chip").first).to_contain_text("running")
    button(page, "Stop").click()
    expect(page.locator(".st-key-run-status .chip").first).to_contain_text("stopped")


def test_presets_and_text_fill_the_rows_and_nothing_sticks_out(page: Page, seen: Any, app_server: str) -> None:
    preset = PRESETS["priors"]
    button(page, "Presets").click()
    button(page, preset.title).click()
    expect(rows(page)).to_have_count(2)
    expect(page.locator(".st-key-preset-menu")).to_contain_text(preset.about)

    button(page, "As text").click()
    text = page.get_by_label("One run per line", exact=True)
    expect(text).to_have_value("\n".join(preset.runs))
    text.fill("mad\nmadd")
    button(page, "Use these runs").click()
    expect(page.locator(".problem")).to_contain_text("Line 2: Unknown weighting 'madd'.")
    text.fill("mad\nfixed,weights=1:0:0,auxiliary=none,decay_every=100,loss_counts=hard")
    button(page, "Use these runs").click()
    expect(page.get_by_test_id("stPopoverBody")).to_have_count(0)
    expect(page.locator(".differs")).to_have_text(["weights 1:0:0 · auxiliary None · decay period 100 · counts hard"])
    for place, method in enumerate(("MAD", "Fixed")):
        box = rows(page).nth(place)
        expect(box).to_have_value(method)
    stays_within_the_sidebar(page)
    page.set_viewport_size(PHONE)
    shut = page.get_by_test_id("stExpandSidebarButton")
    seen.settled(lambda: str(shut.is_visible()), "the form to stay or to go")
    if shut.is_visible():
        shut.click()
    seen.standing(button(page, "Add run"))
    stays_within_the_sidebar(page)
    assert page.get_by_test_id("stException").count() == 0

    page.goto(f"{app_server}/train?preset=counts")
    expect(page.locator(".differs")).to_have_text(["counts soft", "counts hard"])
    assert "preset" not in page.url


@pytest.mark.parametrize("size", [(1440, 900), (1280, 720)], ids=["1440x900", "1280x720"])
def test_methods_and_start_are_seen_without_scrolling(size: tuple[int, int], form: Any) -> None:
    seen = form
    seen.page.set_viewport_size({"width": size[0], "height": size[1]})
    expect(rows(seen.page)).to_have_count(3)
    seen.page.get_by_test_id("stSidebar").get_by_text("179 train").wait_for()
    start = seen.standing(button(seen.page, "Start training"))
    assert start["y"] + start["height"] <= size[1]
    for place in range(3):
        box = seen.standing(rows(seen.page).nth(place))
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= start["y"]  # and not behind the button


def test_the_fold_of_sizes_says_what_it_holds_and_stays_open_while_that_changes(form: Any) -> None:
    seen = form
    title = seen.page.locator(".st-key-size-and-length summary")
    expect(title).to_contain_text("128 px · 20 epochs · seed 0")
    expect(seen.page.get_by_label("Epochs", exact=True)).not_to_be_visible()
    seen.unfold()
    for label, value, said in (
        ("Epochs", 1, "128 px · 1 epoch · seed 0"),
        ("Seeds", 5, "128 px · 1 epoch · seed 5"),
        ("Image size", 100, "100 px · 1 epoch · seed 5"),
    ):
        fill(seen.page, label, value)
        expect(title).to_contain_text(said)
        expect(seen.page.get_by_label("Epochs", exact=True)).to_be_visible()
    expect(seen.page.get_by_text("Under “100 px · 1 epoch · seed 5”, Image size: ")).to_be_visible()


def test_a_setting_is_found_by_words_and_the_others_keep_what_they_hold(page: Page, seen: Any) -> None:
    seen.unfold()
    fill(page, "Learning rate", 0.5)
    find = page.get_by_label("Find a setting", exact=True)
    find.press_sequentially("cross-val")
    expect(page.get_by_label("Learning rate", exact=True)).not_to_be_visible()
    expect(page.get_by_label("Folds of cross-validation", exact=True)).to_be_visible()
    find.fill("nothing is called so")
    expect(page.get_by_text("No setting is called so.")).to_be_visible()
    find.fill("")
    expect(page.get_by_label("Learning rate", exact=True)).to_have_value("0.5")
    expect(page.get_by_text("No setting is called so.")).to_have_count(0)


def test_rows_are_reached_and_used_by_keyboard_alone(form: Any) -> None:
    page = form.page
    button(page, "Remove run 1").focus()
    page.keyboard.press("Enter")
    expect(rows(page)).to_have_count(2)
    page.get_by_role("combobox", name="Weighting method of run 1").focus()
    names = []
    for _ in range(4):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "() => (document.activeElement.innerText || document.activeElement.ariaLabel || '').split('\\n').pop()"
        )
        names.append(focused)
    assert [name for name in names if "run 1" in name] == ["Edit run 1", "Duplicate run 1", "Remove run 1"]
