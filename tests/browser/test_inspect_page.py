"""The Inspect page in a real browser: the grid, the threshold, the swipe, zoom, the film of a training, the link."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from dmf.config_text import experiment
from dmf.jobs import Job, create_experiment
from dmf.probabilities import found
from dmf.runs import RunStore

pytestmark = pytest.mark.browser

SETTINGS = {
    **{"image_size": "32", "filters": "4", "batch_size": "4", "epochs": "3", "threads": "1", "device": "cpu"},
    "dataset_options": "images=60",  # 9 of which are test images
    "history_min": "3",
}


@pytest.fixture(scope="module")
def runs(dashboard: Any) -> Iterator[list[str]]:
    """The ids of two trained runs, for all tests of this file."""
    made = create_experiment(dashboard.store, experiment(SETTINGS, runs=("mad", "variance")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DMF_HOME", str(dashboard.home))
        Job(dashboard.store, made, "test").train()
    dashboard.kept.add(made.id)
    yield [run.id for run in made.runs]
    dashboard.kept.clear()


@pytest.fixture
def watch(app_server: str, runs: list[str], stay: Any) -> Any:
    """Both runs on the page Inspect, with an image large: the worst one, until a test chooses another."""
    watch = stay(f"{app_server}/inspect?runs={','.join(runs)}")
    viewer(watch.page).locator("canvas").first.wait_for()
    return watch


@pytest.fixture
def page(watch: Any) -> Any:
    return watch.page


def viewer(page: Any, key: str = "case-viewer") -> Any:
    return page.locator(f".st-key-{key} .case-viewer")


def scores(page: Any) -> dict[str, dict[str, float]]:
    return json.loads(viewer(page).get_attribute("data-scores") or "{}")


def shown_case(page: Any) -> str | None:
    """The image that is large; None while there is none."""
    return viewer(page).evaluate_all("all => all.length ? all[all.length - 1].dataset.case ?? null : null")


def named_case(page: Any) -> str | None:
    """The image that the address names."""
    return page.evaluate("new URLSearchParams(location.search).get('case')")


def test_worst_images_come_first_and_a_click_shows_one_large(watch: Any, page: Any, runs: list[str]) -> None:
    cells = page.locator(".cases button")
    watch.until(lambda: cells.count() == 9, "nine pictures")
    dice = [float(text) for text in page.locator(".cases b").all_inner_texts()]
    assert dice == sorted(dice)
    worst = cells.first.get_attribute("data-case")
    watch.until(lambda: shown_case(page) == worst, "the worst image")
    other = cells.nth(4)
    name = other.get_attribute("data-case")
    other.click()
    watch.until(lambda: shown_case(page) == name, "the chosen image")
    watch.until(lambda: named_case(page) == name, "its name in the address")
    # What the grid says is what the viewer counts.
    shown = float(other.locator("b").inner_text())
    first = page.locator(".cases button[aria-pressed=true]")
    watch.until(lambda: first.count() == 1, "one image of the grid that is marked")
    title = page.locator(".case-viewer figure .head").nth(2).inner_text()
    same = pytest.approx(shown, abs=6e-4)
    watch.until(lambda: scores(page).get(title, {}).get("dice") == same, "the same Dice")
    # The arrow keys lead on in the order of the grid.
    order = cells.evaluate_all("all => all.map(cell => cell.dataset.case)")
    for key, place in (("ArrowRight", 5), ("ArrowLeft", 4)):
        viewer(page).locator("canvas").first.press(key)
        watch.until(lambda place=place: shown_case(page) == order[place], f"image {place} by key")
    page.get_by_role("button", name="Next image ▶", exact=True).click()
    watch.until(lambda: shown_case(page) == order[5], "the next image by button")
    # W leads on from the worst, which is the order of the grid here.
    viewer(page).locator("canvas").first.press("w")
    watch.until(lambda: shown_case(page) == order[6], "the next worst by key")
    # The grid stands left of what is large.
    grid, large = page.locator(".cases").bounding_box(), viewer(page).bounding_box()
    assert grid["x"] + grid["width"] < large["x"]
    assert abs(grid["y"] - large["y"]) < 500
    # What is said of the image stands with its picture at once.
    page.get_by_placeholder("Tags of this image").fill("motion")
    page.keyboard.press("Enter")
    chosen = page.locator(".cases button[aria-pressed=true] .tags")
    watch.until(lambda: chosen.all_inner_texts() == ["motion"], "the tag below the picture")


def test_the_threshold_changes_masks_and_scores_at_once(
    watch: Any, page: Any, runs: list[str], store: RunStore
) -> None:
    before = watch.until(lambda: scores(page), "the scores")
    case = shown_case(page)
    slider = viewer(page).get_by_label("Threshold")
    slider.fill("0.2")
    watch.until(lambda: viewer(page).get_attribute("data-threshold") == "0.20", "the threshold")
    watch.until(lambda: scores(page) != before, "other scores")
    after = watch.settled(lambda: scores(page), "the scores")
    for title, id in zip(page.locator(".case-viewer figure .head").all_inner_texts()[2:4], runs, strict=True):
        maps = store.probabilities(id, "best").read(case)
        told = after[title]
        assert told["tp"] + told["fp"] == int((found(maps, 0.2) > 0).sum())
        assert told["dice"] == pytest.approx(2 * told["tp"] / max(1, 2 * told["tp"] + told["fp"] + told["fn"]))
    # The table below, which Python measures at original size, follows.
    page.get_by_text("original image and threshold 0.20").wait_for()


def test_all_panels_zoom_together_and_come_back(watch: Any, page: Any) -> None:
    view = viewer(page)
    canvas = view.locator("canvas").first
    last = view.locator("canvas").last
    canvas.scroll_into_view_if_needed()
    watch.standing(canvas)

    def pixels() -> list[int]:
        return last.evaluate("c => Array.from(c.getContext('2d').getImageData(0, 0, c.width, 60).data)")

    before = watch.settled(pixels, "the picture")
    canvas.click()
    page.mouse.wheel(0, -300)
    watch.until(lambda: float(view.get_attribute("data-zoom")) > 1.2, "the zoom")
    watch.until(lambda: pixels() != before, "the last picture, larger")
    canvas.dblclick()
    watch.until(lambda: view.get_attribute("data-zoom") == "1.00", "the whole image")
    watch.until(lambda: pixels() == before, "the last picture as it was")
    canvas.press("+")
    watch.until(lambda: view.get_attribute("data-zoom") == "1.50", "the zoom by key")
    canvas.dblclick()
    watch.until(lambda: view.get_attribute("data-zoom") == "1.00", "the whole image again")


def test_looks_change_what_is_drawn_and_a_picture_is_saved(watch: Any, page: Any) -> None:
    view = viewer(page)
    seen: set[str] = set()

    def is_new() -> bool:
        return view.locator("canvas").last.evaluate("c => c.toDataURL()") not in seen

    for name, word in (("Filled", "filled"), ("Errors", "errors"), ("Probability", "heat"), ("Outlines", "outline")):
        view.get_by_role("button", name=name, exact=True).click()
        watch.until(lambda word=word: view.get_attribute("data-display") == word, name)
        watch.until(is_new, f"another picture, {name}")
        outlines = view.locator("canvas").last.evaluate("c => c.toDataURL()")
        seen.add(outlines)
    before = scores(page)
    for label, value in (("Window", "0.4"), ("Level", "0.3"), ("Brightness", "1.5")):
        view.get_by_label(label, exact=True).fill(value)
        watch.until(is_new, f"another picture, {label}")
        seen.add(view.locator("canvas").last.evaluate("c => c.toDataURL()"))
    assert scores(page) == before
    for label in ("Window", "Level", "Brightness"):
        view.get_by_text(label, exact=True).dblclick()
    first = view.locator("canvas").last
    watch.until(lambda: first.evaluate("c => c.toDataURL()") == outlines, "the grey values as they are")
    with page.expect_download() as saved:
        view.get_by_role("button", name="Save PNG").click()
    assert saved.value.path().read_bytes().startswith(b"\x89PNG")
    assert saved.value.suggested_filename.startswith("case-")


def test_two_panels_are_swiped_by_mouse_and_keys(watch: Any, page: Any) -> None:
    view = viewer(page)
    view.get_by_role("button", name="Swipe", exact=True).click()
    line = view.get_by_role("slider", name=re.compile("Line between"))
    line.wait_for()
    line.scroll_into_view_if_needed()

    def is_moved() -> bool:
        box, handle = watch.standing(view.locator(".box")), line.bounding_box()
        page.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + 40)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.25, handle["y"] + 40, steps=4)
        page.mouse.up()
        return watch.soon(lambda: abs(float(view.get_attribute("data-split")) - 0.25) < 0.03, 5)

    watch.until(is_moved, "the line at a quarter")
    line.press("End")
    watch.until(lambda: view.get_attribute("data-split") == "1.00", "the line at the right end")
    line.press("ArrowLeft")
    watch.until(lambda: view.get_attribute("data-split") == "0.98", "the line a little to the left")
    view.get_by_role("button", name="Side by side", exact=True).click()
    line.wait_for(state="hidden")


def test_a_training_plays_from_the_untrained_network_to_the_end(watch: Any, page: Any) -> None:
    film = viewer(page, "growth-viewer")
    film.scroll_into_view_if_needed()
    watch.until(lambda: film.get_attribute("data-epoch") == "3", "the last epoch")
    film.evaluate(
        "film => { window.played = []; new MutationObserver(() => window.played.push(film.dataset.epoch))"
        ".observe(film, { attributeFilter: ['data-epoch'] }); }"
    )
    film.get_by_role("button", name="Play").click()
    watch.until(lambda: page.evaluate("window.played.includes('0') && window.played.at(-1) === '3'"), "the whole film")
    film.get_by_role("button", name="Play").wait_for()
    film.get_by_label("Epoch").fill("1")
    watch.until(lambda: film.get_attribute("data-epoch") == "1", "the chosen epoch")
    with page.expect_download() as saved:
        page.get_by_role("button", name="GIF").click()
    assert saved.value.path().read_bytes().startswith(b"GIF89a")


def test_the_network_is_drawn_in_the_colours_of_the_page(watch: Any, page: Any) -> None:
    page.get_by_role("tab", name="Network", exact=True).click()
    graph = page.locator(".st-key-network-graph svg")
    graph.locator(".node").first.wait_for()
    assert "image" in graph.locator(".node text").all_text_contents()
    fill = "text => getComputedStyle(text).fill"
    color = "text => getComputedStyle(text.closest('.st-key-network-graph')).color"
    text = graph.locator(".node text").first
    assert text.evaluate(fill) == text.evaluate(color)
    page.get_by_text("parameters in all.").wait_for()


def test_the_link_reopens_the_view(watch: Any, page: Any, watched: Any) -> None:
    chosen = page.locator(".cases button").nth(2)
    case = chosen.get_attribute("data-case")
    chosen.click()
    watch.until(lambda: named_case(page) == case, "its name in the address")
    watch.until(lambda: shown_case(page) == case, "the chosen image")
    page.get_by_text("validation", exact=True).click()
    page.wait_for_url(re.compile("split=validation"))
    watch.until(lambda: shown_case(page) not in (None, case), "an image of the other split")
    page.get_by_text("test", exact=True).click()
    watch.until(lambda: "split=validation" not in page.evaluate("location.search"), "the test images")
    watch.until(lambda: shown_case(page) == case == named_case(page), "the image of the address large again")
    again = watched(page.evaluate("location.href")).page
    watch.until(lambda: shown_case(again) == case, "the same image at the same address")
    watch.until(lambda: again.locator(".case-viewer figure .head").count() >= 4, "its pictures")


def test_a_phone_has_room_for_it(watch: Any, page: Any) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    viewer(page).locator("canvas").first.wait_for()
    watch.fits(390)
    grid, large = page.locator(".cases").bounding_box(), viewer(page).bounding_box()
    assert grid["y"] + grid["height"] < large["y"], "the large image follows the grid"


def test_dragging_across_the_histogram_filters_the_grid(watch: Any, page: Any) -> None:
    cells = page.locator(".cases button")
    watch.until(lambda: cells.count() == 9, "nine pictures")
    dice = [float(text) for text in page.locator(".cases b").all_inner_texts()]
    chart = page.locator(".st-key-histogram-dice canvas, .st-key-histogram-dice svg").first
    chart.wait_for()
    few = page.locator(".st-key-grid-pages").get_by_text(re.compile("9 in all"))
    empty = page.get_by_text("Widen the range of scores")

    def is_filtered() -> bool:
        watch.drag(chart, 0.99, 0.5)
        return watch.soon(lambda: few.count() or empty.count() or min(dice) > 0.45, 10)

    watch.until(is_filtered, "a filtered grid")
    scored = page.locator(".cases b")
    watch.until(lambda: all(float(text) > 0.4 for text in scored.all_inner_texts()), "higher scores only")
