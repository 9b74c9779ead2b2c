"""The gradients of the losses in a real browser: asked for in the form, seen while a race trains, and on Compare."""

from typing import Any

import pytest

from dmf.runs import RunStore

pytestmark = pytest.mark.browser

SMALL = {"Image size": 32, "Batch size": 4, "Epochs": 5000, "Filters": 4, "Images": 40, "CPU threads": 1}


def test_a_race_that_measures_gradients_shows_them_while_it_trains(
    app_server: str, store: RunStore, watched: Any, choose: Any
) -> None:
    watch = watched(f"{app_server}/train")
    page = watch.page
    page.get_by_role("button", name="Start training").wait_for()
    watch.unfold()
    choose(page.get_by_role("combobox", name="Measure gradients at", exact=True), "logits")
    watch.fill_in((3, 2), SMALL | {"Steps between measurements": 2})
    watch.press("Start training")
    experiment = watch.experiment

    def points(key: str) -> int:
        chart = page.locator(f'.live-chart[data-key="{key}"]')
        return int(chart.get_attribute("data-points") or 0) if chart.count() else 0

    for key, lines in (("grad_norm-step", 4), ("grad_cos-step", 3), ("grad_share-step", 4)):
        watch.until(lambda key=key, lines=lines: points(key) >= 3 * lines, f"points of {key}")
    page.get_by_role("tab", name="Gradients", exact=True).click()
    section = page.locator(".st-key-gradient-charts")
    section.get_by_text("Cross-entropy and IoU", exact=True).wait_for()
    watch.press("Stop")
    watch.wait_state("stopped")

    (run,) = store.experiment(experiment).runs
    page.goto(f"{app_server}/compare?runs={run.id}")
    watch.until(lambda: points("compared-grad-share-step") >= 12, "the shares on Compare")
