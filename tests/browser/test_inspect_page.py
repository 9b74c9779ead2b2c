"""The Inspect page in a real browser: the grid, the threshold, the swipe, zoom, the film of a training, the link."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dmf.probabilities import found
from dmf.runs import RunStore

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "--image-size": 32,
    "--filters": 4,
    "--batch-size": 4,
    "--epochs": 3,
    "--limit": 60,  # 9 of which are test images
    "--threads": 1,
    "--device": "cpu",
    "--history-min": 3,
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two trained runs, made once."""
    home = tmp_path_factory.mktemp("trained")
    environment = {**os.environ, "DMF_HOME": str(home), "DMF_STORE": f"sqlite:///{home / 'runs.sqlite'}"}
    options = [str(word) for pair in SETTINGS.items() for word in pair]
    command = [sys.executable, "-m", "dmf", "train", "--run", "mad", "--run", "variance", "--json", *options]
    made = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return home


@pytest.fixture
def runs(app_server: str, trained: Path, tmp_path: Path) -> list[str]:
    """The ids of both runs, which the server finds in its store."""
    home = tmp_path / "home"
    shutil.copytree(trained / "artifacts", home / "artifacts")
    shutil.copy(trained / "runs.sqlite", home)
    store = RunStore(home / "runs.sqlite")
    ids = [run.id for run in store.runs()]
    store.close()
    return ids


def until(condition: Any, what: str, seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := condition():
            return answer
        time.sleep(0.05)
    pytest.fail(f"waited {seconds:.0f} s for {what}")


@pytest.fixture
def page(app_server: str, runs: list[str], watched: Any) -> Any:
    """Both runs on the page Inspect, with the worst image large."""
    page = watched().page
    page.goto(f"{app_server}/inspect?runs={','.join(runs)}")
    viewer(page).locator("canvas").first.wait_for()
    return page


def viewer(page: Any, key: str = "case-viewer") -> Any:
    return page.locator(f".st-key-{key} .case-viewer")


def scores(page: Any) -> dict[str, dict[str, float]]:
    return json.loads(viewer(page).get_attribute("data-scores") or "{}")


def test_worst_images_come_first_and_a_click_shows_one_large(page: Any, runs: list[str]) -> None:
    cells = page.locator(".cases button")
    until(lambda: cells.count() == 9, "nine pictures")
    dice = [float(text) for text in page.locator(".cases b").all_inner_texts()]
    assert dice == sorted(dice)
    worst = cells.first.get_attribute("data-case")
    assert viewer(page).get_attribute("data-case") == worst
    other = cells.nth(4)
    name = other.get_attribute("data-case")
    other.click()
    until(lambda: viewer(page).get_attribute("data-case") == name, "the chosen image")
    page.wait_for_url(re.compile(rf"case={name}"))
    # What the grid says is what the viewer counts.
    shown = float(other.locator("b").inner_text())
    first = page.locator(".cases button[aria-pressed=true]")
    assert first.count() == 1
    title = page.locator(".case-viewer figure .head").nth(2).inner_text()
    until(lambda: scores(page)[title]["dice"] == pytest.approx(shown, abs=6e-4), "the same Dice")


def test_the_threshold_changes_masks_and_scores_at_once(page: Any, runs: list[str], tmp_path: Path) -> None:
    case = viewer(page).get_attribute("data-case")
    before = scores(page)
    slider = viewer(page).get_by_label("Threshold")
    slider.fill("0.2")
    until(lambda: viewer(page).get_attribute("data-threshold") == "0.20", "the threshold")
    after = scores(page)
    assert after != before
    store = RunStore(tmp_path / "home" / "runs.sqlite")
    for title, id in zip(page.locator(".case-viewer figure .head").all_inner_texts()[2:4], runs, strict=True):
        maps = store.probabilities(id, "best").read(case)
        told = after[title]
        assert told["tp"] + told["fp"] == int((found(maps, 0.2) > 0).sum())
        assert told["dice"] == pytest.approx(2 * told["tp"] / max(1, 2 * told["tp"] + told["fp"] + told["fn"]))
    store.close()
    # The table below, which Python measures at original size, follows.
    page.get_by_text("original image and threshold 0.20").wait_for()


def test_two_panels_are_swiped_by_mouse_and_keys(page: Any) -> None:
    view = viewer(page)
    view.get_by_role("button", name="Swipe", exact=True).click()
    line = view.get_by_role("slider", name=re.compile("Line between"))
    line.wait_for()
    line.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    box = view.locator(".box").bounding_box()
    handle = line.bounding_box()
    page.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.25, handle["y"] + 40, steps=4)
    page.mouse.up()
    until(lambda: abs(float(view.get_attribute("data-split")) - 0.25) < 0.03, "the line at a quarter")
    line.press("End")
    until(lambda: view.get_attribute("data-split") == "1.00", "the line at the right end")
    line.press("ArrowLeft")
    until(lambda: view.get_attribute("data-split") == "0.98", "the line a little to the left")


def test_all_panels_zoom_together_and_come_back(page: Any) -> None:
    view = viewer(page)
    canvas = view.locator("canvas").first
    last = view.locator("canvas").last
    canvas.scroll_into_view_if_needed()
    page.wait_for_timeout(500)

    def pixels() -> list[int]:
        return last.evaluate("c => Array.from(c.getContext('2d').getImageData(0, 0, c.width, 60).data)")

    before = pixels()
    canvas.click()
    page.mouse.wheel(0, -300)
    until(lambda: float(view.get_attribute("data-zoom")) > 1.2, "the zoom")
    page.wait_for_timeout(200)
    assert not np.array_equal(pixels(), before)
    canvas.dblclick()
    until(lambda: view.get_attribute("data-zoom") == "1.00", "the whole image")
    page.wait_for_timeout(200)
    np.testing.assert_array_equal(pixels(), before)
    canvas.press("+")
    until(lambda: view.get_attribute("data-zoom") == "1.50", "the zoom by key")


def test_looks_change_what_is_drawn_and_a_picture_is_saved(page: Any) -> None:
    view = viewer(page)
    seen = set()
    for name, word in (("Filled", "filled"), ("Errors", "errors"), ("Probability", "heat"), ("Outlines", "outline")):
        view.get_by_role("button", name=name, exact=True).click()
        until(lambda word=word: view.get_attribute("data-display") == word, name)
        page.wait_for_timeout(100)
        seen.add(view.locator("canvas").last.evaluate("c => c.toDataURL()"))
    assert len(seen) == 4
    with page.expect_download() as saved:
        view.get_by_role("button", name="Save PNG").click()
    assert saved.value.path().read_bytes().startswith(b"\x89PNG")
    assert saved.value.suggested_filename.startswith("case-")


def test_a_training_plays_from_the_untrained_network_to_the_end(page: Any) -> None:
    film = viewer(page, "growth-viewer")
    film.scroll_into_view_if_needed()
    until(lambda: film.get_attribute("data-epoch") == "3", "the last epoch")
    film.get_by_role("button", name="Play").click()
    until(lambda: film.get_attribute("data-epoch") == "0", "the first epoch")
    until(lambda: film.get_attribute("data-epoch") == "3", "the last epoch again")
    film.get_by_role("button", name="Play").wait_for()
    film.get_by_label("Epoch").fill("1")
    until(lambda: film.get_attribute("data-epoch") == "1", "the chosen epoch")
    with page.expect_download() as saved:
        page.get_by_role("button", name="GIF").click()
    assert saved.value.path().read_bytes().startswith(b"GIF89a")


def test_dragging_across_the_histogram_filters_the_grid(page: Any) -> None:
    cells = page.locator(".cases button")
    until(lambda: cells.count() == 9, "nine pictures")
    dice = [float(text) for text in page.locator(".cases b").all_inner_texts()]
    chart = page.locator(".st-key-histogram-dice canvas, .st-key-histogram-dice svg").first
    chart.wait_for()
    chart.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    box = chart.bounding_box()
    y = box["y"] + box["height"] * 0.3
    page.mouse.move(box["x"] + box["width"] * 0.99, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, y, steps=8)
    page.mouse.up()
    few = page.locator(".st-key-grid-pages").get_by_text(re.compile("9 in all"))
    empty = page.get_by_text("Widen the range of scores")
    until(lambda: few.count() or empty.count() or min(dice) > 0.45, "a filtered grid")
    until(lambda: all(float(text) > 0.4 for text in page.locator(".cases b").all_inner_texts()), "higher scores only")


def test_the_link_reopens_the_view(page: Any, runs: list[str], watched: Any) -> None:
    page.locator(".cases button").nth(2).click()
    page.wait_for_url(re.compile("case="))
    page.get_by_text("validation", exact=True).click()
    page.wait_for_url(re.compile("split=validation"))
    page.get_by_text("test", exact=True).click()
    until(lambda: "split=validation" not in page.url, "the test images")
    case = until(lambda: viewer(page).get_attribute("data-case"), "the image large again")
    again = watched(page.url).page
    viewer(again).locator("canvas").first.wait_for()
    assert viewer(again).get_attribute("data-case") == case
    assert again.locator(".case-viewer figure .head").count() >= 4


def test_a_phone_has_room_for_it(app_server: str, runs: list[str], watched: Any) -> None:
    page = watched(viewport={"width": 390, "height": 844}).page
    page.goto(f"{app_server}/inspect?runs={','.join(runs)}")
    viewer(page).locator("canvas").first.wait_for()
    page.wait_for_timeout(500)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
