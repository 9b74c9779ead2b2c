"""The queue in a real Chromium: what trains and what waits, moved and cancelled from the page."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dmf.records import RunState
from dmf.runs import RunStore

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]


def order(seen) -> list[str]:
    """Ids of the experiments on the list, as they stand there."""
    rows = seen.page.locator(".st-key-queue [class*='st-key-queue-e-']")
    classes = [rows.nth(index).get_attribute("class") for index in range(rows.count())]
    return [re.search(r"st-key-queue-(e-[\w-]+)", found)[1] for found in classes]


def button(seen, experiment: str, word: str):
    return seen.page.locator(f".st-key-queue-{word}-{experiment} button").first


def test_three_experiments_wait_in_order_are_moved_and_cancelled(app_server, watched, tmp_path) -> None:
    store = RunStore(tmp_path / "home" / "runs.sqlite")
    seen = watched()
    first = seen.start(app_server)
    seen.wait_step(3)
    assert seen.page.locator(".st-key-queue").count() == 0  # alone, there is nothing to list
    ids = [first]
    for seed in (1, 2):
        seen.fill_in((), {"Seed": seed})
        seen.press("Start training")
        seen.until(lambda: seen.experiment not in ids, "the next experiment")
        ids.append(seen.experiment)
    _, second, third = ids
    seen.until(lambda: order(seen) == ids, "the list of three")
    texts = seen.page.locator(".st-key-queue").inner_text()
    assert texts.count("this dashboard") == 3
    assert "(this one)" in texts
    assert "waiting for its turn" in seen.page.locator(".st-key-run-status").inner_text()
    assert button(seen, second, "earlier").is_disabled()
    assert button(seen, first, "cancel").count() == 0

    button(seen, third, "earlier").click()
    seen.until(lambda: order(seen) == [first, third, second], "the new order")
    assert [experiment.id for experiment in store.queue()] == [first, third, second]
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
    app_server, watched, tmp_path
) -> None:
    store = RunStore(tmp_path / "home" / "runs.sqlite")
    seen = watched()
    first = seen.start(app_server)
    seen.wait_step(3)
    seen.fill_in((), {"Seed": 1})
    seen.press("Start training")
    seen.until(lambda: seen.experiment != first, "the second experiment")
    second = seen.experiment
    seen.until(lambda: button(seen, second, "cancel").count() == 1, "the list")
    store.add_control(store.experiment(first).runs[0].id, "stop")
    seen.until(lambda: store.experiment(second).runs[0].state is RunState.RUNNING, "the second one's turn")
    found = button(seen, second, "cancel")
    if found.count():
        found.evaluate("button => button.click()")
    seen.wait_state("running")
    assert store.experiment(second).runs[0].state is RunState.RUNNING


def test_what_a_terminal_trains_is_listed_with_its_owner(app_server, watched, tmp_path) -> None:
    home = tmp_path / "home"
    options = {"image-size": 32, "filters": 4, "batch-size": 4, "epochs": 5000, "limit": 40, "name": "In a terminal"}
    command = [sys.executable, "-m", "dmf", "train", "--weighting", "mad"]
    command += [word for name, value in options.items() for word in (f"--{name}", str(value))]
    environment = {**os.environ, "DMF_HOME": str(home), "DMF_STORE": f"sqlite:///{home / 'runs.sqlite'}"}
    training = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        seen = watched()
        seen.start(app_server)
        listed = seen.page.locator(".st-key-queue")
        listed.get_by_role("link", name="In a terminal").wait_for()
        assert re.search(rf"dmf train on \S+ \(process {training.pid}\)", listed.inner_text())
        seen.wait_step(3)  # two processes train at once: neither waits for the other
        training.terminate()
        training.wait(30)
        seen.until(lambda: listed.count() == 0, "the list to go")
    finally:
        if training.poll() is None:
            training.kill()
            training.wait()
