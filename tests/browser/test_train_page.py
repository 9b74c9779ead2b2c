"""The main job in a real browser: choose, start, watch, steer, come back; a terminal's training is steered here too."""

import contextlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dmf.records import RunState

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
CONTAINERS = ("weights-chart", "losses-chart", "auxiliary-chart", "metrics-table", "samples", "run-status")


def last(seen, key: str) -> dict[str, float]:
    """The newest value of every line of a chart."""
    return json.loads(seen.told(f"{key}-step", "last") or "{}")


def test_choose_start_watch_steer_and_come_back(app_server: str, store, watched) -> None:
    seen = watched(f"{app_server}/train")
    page, until = seen.page, seen.until
    seen.start(None, without=(3,))
    for name in CONTAINERS:
        page.locator(f".st-key-{name}").wait_for(state="attached")
    first = until(lambda: seen.points("weights-step"), "points of the weights")
    until(lambda: seen.points("weights-step") > first, "more points of the weights")
    until(lambda: seen.points("losses-step") > 0, "points of the losses")
    until(lambda: any(abs(value - 1 / 3) > 0.01 for value in last(seen, "weights").values()), "unequal weights")
    assert set(last(seen, "weights")) == {
        f"{term} · {run}" for term in ("Cross-entropy", "IoU", "Dice") for run in ("Variance", "MAD")
    }
    images = page.locator(".st-key-samples img")
    until(lambda: images.count() == 4 * (2 + 2), "images, truths and predictions of two runs")
    until(lambda: images.first.evaluate("image => image.naturalWidth") == 32, "the first image")
    assert all(images.nth(index).get_attribute("alt") for index in range(images.count()))

    def steps(state: RunState) -> set[int] | None:
        """How many steps both runs took, once the store says that they stand there."""
        runs = store.experiment(seen.experiment).runs
        return {run.summary["step"] + 1 for run in runs} if all(run.state is state for run in runs) else None

    seen.press("Pause")
    seen.wait_state("paused")
    (stood,) = until(lambda: steps(RunState.PAUSED), "the training to stand")
    until(lambda: seen.step() == stood, "where it stands")
    seen.press("Step")
    until(lambda: steps(RunState.PAUSED) == {stood + 1}, "one more step")
    until(lambda: seen.step() == stood + 1, "one more step on the page")
    seen.press("Resume")
    seen.wait_step(stood + 2)
    seen.press("Stop")
    seen.wait_state("stopped")
    (ended,) = until(lambda: steps(RunState.STOPPED), "the last step")
    until(lambda: seen.step() == ended, "the last step on the page")

    url = page.url
    page.reload()
    seen.wait_state("stopped")
    until(lambda: seen.step() == ended and seen.points("weights-step"), "the page as it was")
    assert page.url == url
    until(lambda: images.count() == 16, "the images as they were")
    until(page.get_by_role("button", name="Resume", exact=True).is_enabled, "the way to resume it")
    assert page.get_by_test_id("stException").count() == 0


def test_the_zoom_of_a_chart_outlives_its_ticks_and_a_second_tab_sees_the_same(begin, watched) -> None:
    seen = begin()
    seen.until(lambda: seen.points() > 60, "points of the losses")
    seen.zoom("losses-step", 0.3, 0.6)
    for _ in range(8):
        before = last(seen, "losses")
        seen.until(lambda before=before: last(seen, "losses") != before, "another tick")
        assert seen.told("losses-step", "zoomed") == "true"

    second = watched(seen.page.url)
    second.until(lambda: second.points("weights-step") > 0, "the second tab")
    second.press("Stop")
    seen.wait_state("stopped")


def test_a_training_of_the_terminal_appears_and_obeys_stop(app_server: str, dashboard, watched) -> None:
    options = {"image-size": 32, "filters": 4, "batch-size": 4, "epochs": 5000, "limit": 40, "name": "From a terminal"}
    command = [sys.executable, "-m", "dmf", "train", "--weighting", "mad"]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    environment = {**os.environ, "DMF_HOME": str(dashboard.home), "DMF_STORE": str(dashboard.store.url)}
    training = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        seen = watched()
        seen.until(dashboard.store.experiments, "the experiment in the store")
        page = seen.page
        page.goto(f"{app_server}/train")
        link = page.get_by_role("link", name="From a terminal")

        def is_open() -> bool:
            with contextlib.suppress(Exception):  # the list is drawn anew under the pointer
                link.first.click(timeout=20_000)
                page.wait_for_url(re.compile(r"experiment=e-"), wait_until="commit", timeout=10_000)
            return "experiment=e-" in page.evaluate("location.search")

        seen.until(is_open, "the experiment in the address")
        first = seen.until(lambda: seen.points("weights-step"), "its points")
        seen.until(lambda: seen.points("weights-step") > first, "more points")
        seen.press("Stop")
        seen.wait_state("stopped")
        training.wait(240)
    finally:
        if training.poll() is None:
            training.kill()
            training.wait()
