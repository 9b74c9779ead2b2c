"""The Inspect page as a person meets it: nothing yet, runs to choose, all images, one of them large."""

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dmf.errors import StoreError
from dmf.runs import RunStore

MAIN = Path(__file__).parents[2] / "app" / "main.py"


def page(runs: str = "", **query: str) -> AppTest:
    test = AppTest.from_file(MAIN, default_timeout=60)
    test.run()
    test.switch_page("pages/inspect.py")
    for name, value in (({"runs": runs} if runs else {}) | query).items():
        test.query_params[name] = value
    test.run()
    assert not test.exception
    return test


@pytest.fixture
def race(store: RunStore, tiny: Any) -> list[str]:
    """Two trained runs with probabilities of 4 test images."""
    from dmf.jobs.job import Job, create_experiment

    experiment = create_experiment(store, tiny("mad", "variance"))
    Job(store, experiment, "test").train()
    return [run.id for run in experiment.runs]


def said(test: AppTest) -> str:
    kinds = ("html", "caption", "markdown", "warning", "info")
    return " ".join(str(element.value) for kind in kinds for element in test.get(kind))


def test_before_anything_was_trained_it_leads_to_the_races_on_home(store: RunStore) -> None:
    assert "Nothing was trained yet" in said(page())


def test_runs_without_a_choice_are_only_listed(store: RunStore, race: list[str]) -> None:
    assert "Tick runs to see what they predict" in said(page())


def test_the_worst_image_is_shown_large_with_its_numbers(store: RunStore, race: list[str]) -> None:
    from dmf.analysis.inspection import cases_table

    text = said(page(",".join(race)))
    table = cases_table(store, race)
    worst = table[table["run"] == race[0]].sort_values(["dice", "case"])["case"].iloc[0]
    assert worst.replace("-", "\\-") in text
    assert "Hausdorff 95 (px)" in text or "Hausdorff 95 (mm)" in text
    assert "1 to 4 of 4 images" in text


def test_the_link_names_the_image(store: RunStore, race: list[str]) -> None:
    case = store.case_scores(race[0], "test")[-1].cases[-1]
    assert f"#### {case}".replace("-", "\\-") in said(page(race[0], case=case))


def test_an_image_that_is_not_there_shows_another(store: RunStore, race: list[str]) -> None:
    assert "gone" not in said(page(race[0], case="gone"))


def test_validation_images_show_what_was_kept_of_them(store: RunStore, race: list[str]) -> None:
    test = page(race[0], split="validation")
    assert "without probabilities" in str(test.get("bidi_component")) or "images" in said(test)


def test_a_run_that_is_gone_is_named_and_the_others_are_shown(store: RunStore, race: list[str]) -> None:
    text = said(page(f"{race[0]},r-gone"))
    assert "No run is called r\\-gone" in text
    assert "All images" in text


def test_without_probabilities_the_page_says_why(store: RunStore, tiny: Any) -> None:
    from dmf.jobs.job import Job, create_experiment

    experiment = create_experiment(store, tiny("mad", keep_probabilities="none"))
    Job(store, experiment, "test").train()
    text = said(page(experiment.runs[0].id))
    assert "keep\\_probabilities" in text
    assert "All images" in text


def test_a_store_that_cannot_be_read_is_told(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    from app import access

    def refuse(*_: Any, **__: Any) -> Any:
        raise StoreError("The disk is gone.")

    monkeypatch.setattr(access, "all_runs", refuse)
    assert [error.value for error in page().error] == ["The disk is gone."]
