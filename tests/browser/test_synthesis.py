"""Image synthesis in a real browser: choose the task, watch weights and differences, compare, look along a line."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from dmf.records import RunState
from dmf.runs import RunStore

pytestmark = pytest.mark.browser

FIELDS = {
    "Use only the first cases": 40,
    "Image size": 32,
    "Filters": 4,
    "Batch size": 4,
    "Epochs": 3,
    "CPU threads": 1,
}


def test_choose_the_task_watch_it_compare_and_look_along_a_line(
    app_server: str, store: RunStore, watched: Callable[..., Any], choose: Callable[[Any, str], None]
) -> None:
    seen = watched(f"{app_server}/train")
    page, until = seen.page, seen.until
    page.get_by_role("button", name="Start training").wait_for()
    choose(page.get_by_role("combobox", name="Task", exact=True), "Image synthesis")
    sidebar = page.get_by_test_id("stSidebar")
    sidebar.get_by_text("Simulated delayed contrast in MR").first.wait_for()
    seen.unfold()
    for label, value in FIELDS.items():
        field = page.get_by_label(label, exact=True)
        field.fill(str(value))
        field.press("Enter")
        sidebar.get_by_text("steps per epoch").wait_for()
    seen.press("Start training")
    until(lambda: "experiment=e-" in page.evaluate("location.search"), "the experiment in the address")
    ids = [run.id for run in store.experiment(seen.experiment).runs]

    def weights() -> dict[str, float]:
        told = json.loads(seen.told("weights-step", "last") or "{}")
        return {name: value for name, value in told.items() if value is not None}

    until(lambda: any(name.startswith("SSIM") for name in weights()), "weights of the losses of synthesis")
    until(lambda: any(abs(value - 1 / 3) > 0.01 for value in weights().values()), "unequal weights")
    until(lambda: all(run.state is RunState.FINISHED for run in store.experiment(seen.experiment).runs), "the end", 300)
    page.get_by_role("tab", name="All predictions", exact=True).click()
    differences = page.locator(".st-key-samples img[alt^=Difference]")
    until(lambda: differences.count() == 4 * len(ids), "a difference map of each run and image")
    until(lambda: differences.first.evaluate("image => image.naturalWidth") == 32, "the first difference map")
    page.locator(".st-key-samples .colour-bar").wait_for()
    bar = page.locator(".st-key-samples .colour-bar i").first
    until(lambda: (bar.bounding_box() or {"width": 0})["width"] > 100, "a bar wide enough to see its colours")

    page.goto(f"{app_server}/compare?runs={','.join(ids)}")
    for metric in ("PSNR", "SSIM", "RMSE"):
        page.get_by_text(metric).first.wait_for()
    assert page.get_by_test_id("stException").count() == 0

    page.goto(f"{app_server}/inspect?runs={','.join(ids[:2])}")
    shown = page.locator(".st-key-one-case .gallery img")
    until(lambda: shown.count() == 2 + 2 + 2, "source, target, two outputs and two differences")
    page.get_by_role("tab", name="Line profile").click()
    chart = page.locator(".st-key-profile-chart .js-plotly-plot")
    chart.wait_for()
    target = page.get_by_alt_text("The target with the line")
    before = target.get_attribute("src")
    start = page.get_by_role("slider", name="Height where it starts")
    start.focus()
    start.press("ArrowLeft")
    until(lambda: target.get_attribute("src") != before, "the line where it was moved to")
    page.get_by_role("tab", name="Swipe").click()
    page.get_by_alt_text("left and").wait_for()
    assert page.get_by_test_id("stException").count() == 0
