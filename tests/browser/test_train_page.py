"""The main job in a real browser: choose, start, watch, steer, come back; a terminal's training is steered here too."""

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
LONG = 90_000  # ms, for machines that are busy with other things
CONTAINERS = ("weights-chart", "losses-chart", "auxiliary-chart", "metrics-table", "samples", "run-status")


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(LONG)
    yield page
    context.close()


def until(condition: Callable[[], object], what: str, seconds: float = LONG / 1000) -> object:
    """Wait for ``condition`` to hold."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    pytest.fail(f"waited {seconds:.0f} s for {what}")


def chart(page, key: str):
    return page.locator(f'.live-chart[data-key="{key}-step"]')


def told(page, key: str, name: str) -> str | None:
    """What a chart says of itself; None while there is none. Never waits."""
    return chart(page, key).evaluate_all("(all, name) => all.length ? all.at(-1).dataset[name] ?? null : null", name)


def points(page, key: str) -> int:
    return int(told(page, key, "points") or 0)


def last(page, key: str) -> dict[str, float]:
    return json.loads(told(page, key, "last") or "{}")


def step(page) -> int:
    status = page.locator(".st-key-run-status")
    found = until(lambda: re.search(r"step ([\d,]+)", " ".join(status.all_inner_texts())), "a step in the status")
    return int(found[1].replace(",", ""))


def says(page, state: str) -> Callable[[], bool]:
    return lambda: state in " ".join(page.locator(".st-key-run-status .chip").all_inner_texts()[:1])


def stands(page) -> int | None:
    """The step at which it stands for longer than a tick; None while it moves."""
    before = step(page)
    time.sleep(1.5)
    return before if step(page) == before else None


def press(page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def fill(page, label: str, value: object) -> None:
    field = page.get_by_label(label, exact=True)
    field.fill(str(value))
    field.press("Enter")


def test_choose_start_watch_steer_and_come_back(idle_server: str, page) -> None:
    page.goto(f"{idle_server}/train")
    page.get_by_text("Start training").first.wait_for()
    press(page, "Remove run 3")
    until(lambda: page.get_by_role("button", name=re.compile("^Remove run")).count() == 2, "two runs")
    fill(page, "Image size", 32)
    fill(page, "Batch size", 4)
    fill(page, "Epochs", 2000)
    page.get_by_text("More", exact=True).click()
    fill(page, "Filters", 4)
    fill(page, "Images", 40)
    page.get_by_text("28 train").wait_for()  # 70 % of 40 images
    press(page, "Start training")
    page.wait_for_url(re.compile(r"/train\?experiment=e-"))

    for name in CONTAINERS:
        page.locator(f".st-key-{name}").wait_for(state="attached")
    first = until(lambda: points(page, "weights"), "points of the weights")
    until(lambda: points(page, "weights") > first, "more points of the weights")
    until(lambda: points(page, "losses") > 0, "points of the losses")
    weights = until(
        lambda: {name: value for name, value in last(page, "weights").items() if abs(value - 1 / 3) > 0.01},
        "unequal weights",
    )
    assert set(last(page, "weights")) == {
        f"{term} · {run}" for term in ("Cross-entropy", "IoU", "Dice") for run in ("Variance", "MAD")
    }
    assert weights
    images = page.locator(".st-key-samples img")
    until(lambda: images.count() == 4 * (2 + 2), "images, truths and predictions of two runs")
    until(lambda: images.first.evaluate("image => image.naturalWidth") == 32, "the first image")
    assert all(images.nth(index).get_attribute("alt") for index in range(images.count()))

    press(page, "Pause")
    until(says(page, "paused"), "the pause")
    stood = until(lambda: stands(page), "the training to stand")
    press(page, "Step")
    until(lambda: step(page) == stood + 1, "one more step")
    assert stands(page) == stood + 1
    press(page, "Resume")
    until(lambda: step(page) > stood + 1, "the training to go on")
    press(page, "Stop")
    until(says(page, "stopped"), "the stop")
    ended, url = until(lambda: stands(page), "the last step"), page.url

    page.reload()
    until(lambda: page.locator(".st-key-run-status").count() and points(page, "weights"), "the page again")
    assert page.url == url
    until(lambda: says(page, "stopped")() and step(page) == ended, "the state as it was")
    until(lambda: images.count() == 16, "the images as they were")
    until(page.get_by_role("button", name="Resume", exact=True).is_enabled, "the way to resume it")
    assert page.get_by_test_id("stException").count() == 0


def test_the_zoom_of_a_chart_outlives_its_ticks_and_a_second_tab_sees_the_same(idle_server: str, watched) -> None:
    seen = watched()
    seen.start(idle_server)
    until(lambda: seen.points() > 60, "points of the losses")
    seen.zoom("losses-step", 0.3, 0.6)
    for _ in range(20):
        before = last(seen.page, "losses")
        until(lambda before=before: last(seen.page, "losses") != before, "another tick")
        assert seen.told("losses-step", "zoomed") == "true"

    second = watched(seen.page.url)
    until(lambda: second.points("weights-step") > 0, "the second tab")
    second.press("Stop")
    seen.wait_state("stopped")


def test_a_training_of_the_terminal_appears_and_obeys_stop(idle_server: str, page, shared_home: Path) -> None:
    options = {"image-size": 32, "filters": 4, "batch-size": 4, "epochs": 5000, "limit": 40, "name": "From a terminal"}
    command = [sys.executable, "-m", "dmf", "train", "--weighting", "mad"]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    environment = {**os.environ, "DMF_HOME": str(shared_home), "DMF_STORE": f"sqlite:///{shared_home / 'runs.sqlite'}"}
    training = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        page.goto(f"{idle_server}/train")
        link = page.get_by_role("link", name=re.compile("From a terminal")).first  # a second try finds two

        def listed() -> bool:
            page.get_by_text("Recent experiments").wait_for()
            return link.count() > 0 or bool(page.reload() and False)

        until(listed, "the experiment in the list")

        def is_open() -> bool:
            with contextlib.suppress(Exception):  # the list is drawn anew under the pointer
                link.click(timeout=5000)
                page.wait_for_url(re.compile(r"experiment=e-"), wait_until="commit", timeout=10_000)
            return "experiment=e-" in page.evaluate("location.search")

        until(is_open, "the experiment in the address")
        first = until(lambda: points(page, "weights"), "its points")
        until(lambda: points(page, "weights") > first, "more points")
        press(page, "Stop")
        until(says(page, "stopped"), "the stop")
        training.wait(90)
    finally:
        if training.poll() is None:
            training.kill()
            training.wait()
