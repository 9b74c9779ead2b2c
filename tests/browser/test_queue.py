"""The queue in a real Chromium: what trains and what waits, moved and cancelled from the page."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dmf.records import RunState

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]


def order(seen) -> list[str]:
    """Ids of the experiments on the list, as they stand there."""
    rows = seen.page.locator(".st-key-queue [class*='st-key-queue-e-']")
    classes = rows.evaluate_all("all => all.map((row) => row.className)")
    return [re.search(r"st-key-queue-(e-[\w-]+)", found)[1] for found in classes]


def button(seen, experiment: str, word: str):
    return seen.page.locator(f".st-key-queue-{word}-{experiment} button").first


def test_three_experiments_wait_in_order_are_moved_and_cancelled(app_server, watched, store) -> None:
    seen = watched()
    first = seen.start(app_server)
    seen.wait_step(3)
    listed = seen.page.locator(".st-key-queue")
    assert listed.count() == 0  # alone, there is nothing to list
    ids = [first]
    for seed in (1, 2):
        seen.unfold()
        seen.fill_in((), {"Seeds": seed})
        seen.press("Start training")
        seen.until(lambda: seen.experiment not in ids, "the next experiment")
        ids.append(seen.experiment)
    _, second, third = ids
    seen.until(lambda: order(seen) == ids, "the list of three")
    seen.until(lambda: "".join(listed.all_inner_texts()).count("this dashboard") == 3, "whose they are")
    listed.get_by_text("(this one)").wait_for()
    seen.until(lambda: "waiting for its turn" in seen.status(), "the state of the last one")
    seen.until(button(seen, second, "earlier").is_disabled, "the first that waits to be as early as can be")
    assert button(seen, first, "cancel").count() == 0

    button(seen, third, "earlier").click()
    seen.until(lambda: order(seen) == [first, third, second], "the new order")
    seen.until(lambda: [experiment.id for experiment in store.queue()] == [first, third, second], "the stored order")
    button(seen, third, "cancel").click()
    seen.wait_state("stopped")  # it is the one on the page
    assert store.experiment(third).runs[0].state is RunState.STOPPED
    assert store.experiment(second).runs[0].state is RunState.QUEUED
    assert store.experiment(first).runs[0].state is RunState.RUNNING
    seen.page.get_by_text("cancelled in the queue").wait_for()

    seen.page.locator(f".st-key-queue-{first} a").click()
    seen.page.wait_for_url(re.compile(first))
    seen.wait_state("running")
    seen.press("Stop")
    seen.wait_state("stopped")
    seen.until(lambda: store.experiment(second).runs[0].state is RunState.RUNNING, "the next in line")


def test_a_click_on_a_list_that_has_changed_meanwhile_does_what_it_said_or_nothing(
    app_server, dashboard, begin, store
) -> None:
    seen = begin()
    first, second = seen.experiment, dashboard.race(seed="1")
    seen.page.goto(f"{app_server}/train?experiment={second}")
    seen.press("Resume")
    seen.until(lambda: button(seen, second, "cancel").count() == 1, "the list")
    store.add_command(store.experiment(first).runs[0].id, "stop")
    seen.until(lambda: store.experiment(second).runs[0].state is RunState.RUNNING, "the second one's turn")
    button(seen, second, "cancel").evaluate_all("found => found.forEach((button) => button.click())")  # if still there
    seen.wait_state("running")
    assert store.experiment(second).runs[0].state is RunState.RUNNING


def test_what_a_terminal_trains_is_listed_with_its_owner(dashboard, begin) -> None:
    options = {"image-size": 32, "filters": 4, "batch-size": 4, "epochs": 5000, "limit": 40, "name": "In a terminal"}
    command = [sys.executable, "-m", "dmf", "train", "--weighting", "mad"]
    command += [word for name, value in options.items() for word in (f"--{name}", str(value))]
    environment = {**os.environ, "DMF_HOME": str(dashboard.home), "DMF_STORE": str(dashboard.store.url)}
    training = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        seen = begin()
        listed = seen.page.locator(".st-key-queue")
        listed.get_by_role("link", name="In a terminal").wait_for()
        listed.get_by_text(re.compile(rf"dmf train on \S+ \(process {training.pid}\)")).first.wait_for()
        seen.wait_step(3)  # two processes train at once: neither waits for the other
        training.terminate()
        training.wait(240)
        seen.until(lambda: listed.count() == 0, "the list to go")
    finally:
        if training.poll() is None:
            training.kill()
            training.wait()
