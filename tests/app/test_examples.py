"""The first day: runs that come with the program are there to be looked at, and can be deleted for good."""

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dmf.examples import add_examples
from dmf.examples.make import STEM, SYNTHESIS_STEM
from dmf.runs import RunStore

MAIN = Path(__file__).parents[2] / "app" / "main.py"
LINE = "These six runs are examples that came with the program."


def says(test: AppTest) -> bool:
    return any(caption.value.startswith(LINE) for caption in test.caption)


def test_an_empty_store_gets_them_when_the_dashboard_opens_it(
    home: Any, monkeypatch: pytest.MonkeyPatch, visit: Any
) -> None:
    monkeypatch.delenv("DMF_EXAMPLES")
    test = visit("home")
    assert says(test)
    assert "four ways to weight" in next(link.proto.label for link in test.container(key="recent").get("page_link"))
    assert says(visit("compare"))


def test_nothing_is_added_where_they_are_not_wanted(store: RunStore, visit: Any) -> None:
    assert not says(visit("home"))
    assert store.is_untouched()


def test_the_line_goes_once_there_is_something_else(store: RunStore, visit: Any) -> None:
    add_examples(store)
    store.create_experiment({}, name="Own", labels=["a"], run_configs=[{"weighting": "mad"}], environment={})
    assert not says(visit("home"))


def test_the_four_are_compared_with_results_and_a_triangle(store: RunStore, visit: Any) -> None:
    add_examples(store)
    test = visit("compare", runs=",".join(run.id for run in store.experiment(f"e-{STEM}").runs))
    assert len(test.container(key="behaviour").get("plotly_chart")) == 1
    assert "these two trained models only" in test.container(key="results").markdown[-1].value or any(
        "trained models only" in text.value for text in test.container(key="results").markdown
    )


@pytest.mark.parametrize("stem", [STEM, SYNTHESIS_STEM])
def test_they_are_inspected_with_what_their_networks_predict(store: RunStore, visit: Any, stem: str) -> None:
    add_examples(store)
    runs = store.experiment(f"e-{stem}").runs
    test = visit("inspect", runs=",".join(run.id for run in runs))
    text = " ".join(str(caption.value) for caption in test.caption)
    count = len(store.case_scores(runs[0].id, "test")[-1].cases)
    assert f"1 to 12 of {count} images" in text
    assert "No probabilities" not in text
    assert "sample of epoch" not in text, "what networks predict, not what was kept of a training"
