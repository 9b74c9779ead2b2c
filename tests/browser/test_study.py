"""A study in a real browser: from a click to its table, moving on the way."""

import re
from pathlib import Path

import pytest

from dmf.studies import Axis, StudyPlan
from dmf.studies.storing import store_plan

pytestmark = pytest.mark.browser


def test_a_study_trains_by_a_click_and_its_table_comes(app_server: str, store, tiny_texts, watched) -> None:
    base = {name: value for name, value in tiny_texts.items() if name != "seed"}
    axes = (Axis(field="weighting", values=("mad", "fixed")),)
    store_plan(store, StudyPlan(name="watched", base=base, axes=axes, repeats=2, reference="fixed"))
    watch = watched(f"{app_server}/study?study=watched")
    page = watch.page
    page.get_by_text("0 of 2 cells finished").wait_for()
    page.get_by_role("button", name="Train it here").click()
    page.get_by_text("2 of 2 cells finished").wait_for()  # by itself: nobody reloads
    watch.until(lambda: page.get_by_role("button", name="Train it here").count() == 0, "the button to go")

    page.reload()
    page.get_by_role("heading", name="What came out").wait_for()
    page.locator(".st-key-study-heat .js-plotly-plot").wait_for()
    page.get_by_text("With 2 repeats nothing can be said").wait_for()
    assert page.get_by_test_id("stException").count() == 0


def test_what_failed_is_tried_again_a_pause_holds_it_and_a_cell_leads_to_other_pages(
    app_server: str, store, tiny_texts, watched, picture_folder: Path
) -> None:
    base = {name: value for name, value in tiny_texts.items() if name not in ("seed", "dataset_options")}
    axes = (Axis(field="weighting", values=("mad", "fixed")),)
    datasets = ({"dataset": "folder", "root": str(picture_folder)},)
    store_plan(store, StudyPlan(name="steered", base=base, axes=axes, datasets=datasets))
    away = picture_folder.rename(picture_folder.with_name("away"))
    watch = watched(f"{app_server}/study?study=steered")
    page = watch.page
    page.get_by_role("button", name="Train it here").click()
    page.get_by_role("button", name="Retry 1 failed").wait_for()
    away.rename(picture_folder)
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Go on").wait_for()
    page.get_by_role("button", name="Retry 1 failed").click()
    watch.until(lambda: page.get_by_role("button", name="Retry 1 failed").count() == 0, "the failed cell to wait")
    page.get_by_text("0 of 1 cells finished").wait_for()
    page.get_by_role("button", name="Go on").click()
    page.get_by_text("1 of 1 cells finished").wait_for()

    watch.until(lambda: page.get_by_test_id("glide-cell-6-0").count() == 1, "the grid")
    links = [page.get_by_test_id(f"glide-cell-{column}-0").text_content() for column in (5, 6)]
    for link, heading in zip(links, ("Compare runs", "Inspect predictions"), strict=True):
        page.goto(f"{app_server}/{link}")
        page.get_by_role("heading", name=heading).wait_for(timeout=60_000)
        for label in ("mad", "fixed"):
            page.get_by_text(re.compile(rf"\b{label}\b", re.IGNORECASE)).locator("visible=true").first.wait_for(
                timeout=60_000
            )
        assert page.get_by_test_id("stException").count() == 0
