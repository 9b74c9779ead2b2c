"""A study in a real browser: from a click to its table, moving on the way."""

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
