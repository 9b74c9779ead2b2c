"""The Studies page as a person meets it: how far a study is, buttons, what came out."""

import json
import time
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from app import access
from dmf.jobs import Job
from dmf.records import RunState
from dmf.runs import RunStore
from dmf.studies import Axis, StudyPlan
from dmf.studies.local import LocalEngine
from dmf.studies.storing import store_plan


@pytest.fixture
def study(store: RunStore, tiny_texts: dict[str, str]) -> str:
    """Two cells of two runs, none of them begun."""
    base = {name: value for name, value in tiny_texts.items() if name != "seed"}
    axes = (Axis(field="weighting", values=("mad", "fixed")),)
    store_plan(store, StudyPlan(name="rules", about="Two rules", base=base, axes=axes, repeats=2, reference="fixed"))
    return "rules"


def bar(test: AppTest) -> str:
    return test.get("progress")[0].proto.text


def until_finished(store: RunStore, name: str) -> None:
    end = time.monotonic() + 300
    while any(cell.state is not RunState.FINISHED for cell in store.study_cells(name)):
        assert time.monotonic() < end
        time.sleep(0.1)


def cells(test: AppTest) -> list[tuple[str, str]]:
    frame = test.dataframe[0].value
    return list(zip(frame["cell"], frame["state"], strict=True))


def test_without_a_study_the_page_says_how_to_begin_one(visit: Callable[..., AppTest], store: RunStore) -> None:
    test = visit("study")
    assert test.code[0].value.startswith("dmf study run paper")


def test_a_study_that_has_not_begun_shows_its_cells(visit: Callable[..., AppTest], study: str) -> None:
    test = visit("study", study=study)
    assert bar(test) == "0 of 2 cells finished"
    assert cells(test) == [("phantom, seed 0", "⏳ waiting"), ("phantom, seed 1", "⏳ waiting")]
    assert len(test.dataframe) == 1
    assert [button.key for button in test.button] == ["study-train", "study-pause"]


def test_a_click_trains_it_here_and_then_the_table_stands_below(
    visit: Callable[..., AppTest], store: RunStore, study: str
) -> None:
    test = visit("study")
    test.button(key="study-train").click().run()
    assert not test.exception
    until_finished(store, study)
    test.run()
    assert bar(test) == "2 of 2 cells finished"
    assert not {"study-train", "study-pause"} & {button.key for button in test.button}
    first = test.dataframe[0].value.iloc[0]
    ids = ",".join(run.id for run in store.study_cells(study)[0].experiment.runs)  # type: ignore[union-attr]
    assert (first["compare"], first["inspect"]) == (f"compare?runs={ids}", f"inspect?runs={ids}")
    assert 0 < first["score"] <= 1
    assert first["trained"] == 1
    table = test.dataframe[1].value
    assert list(table["configuration"]) == ["mad", "fixed"]
    assert "With 2 repeats nothing can be said" in test.markdown[-1].value
    assert len(test.get("plotly_chart")) == 2  # the heat map and the ranks
    assert "Within 2 blocks: phantom, seed 0; phantom, seed 1." in [caption.value for caption in test.caption]
    assert len(test.get("download_button")) == 4


def test_pause_and_go_on_reach_whoever_trains_it(visit: Callable[..., AppTest], store: RunStore, study: str) -> None:
    test = visit("study")
    test.button(key="study-pause").click().run()
    assert store.study(study).paused
    assert test.button(key="study-pause").label == "Go on"
    test.button(key="study-pause").click().run()
    assert not store.study(study).paused


def test_what_failed_can_be_tried_again(
    visit: Callable[..., AppTest], store: RunStore, study: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*words: object) -> None:
        raise ValueError("broken")

    with monkeypatch.context() as patch:
        patch.setattr(Job, "_prepare", broken)
        LocalEngine(store, study).run()
    test = visit("study")
    assert cells(test) == [("phantom, seed 0", "✖ failed"), ("phantom, seed 1", "✖ failed")]
    assert test.button(key="study-retry").label == "Retry 2 failed"
    test.button(key="study-retry").click().run()
    until_finished(store, study)


@pytest.fixture
def trained(store: RunStore, study: str) -> str:
    """The same with both cells trained."""
    LocalEngine(store, study).run()
    return study


def test_weights_over_the_steps_are_read_once_they_are_asked_for(
    visit: Callable[..., AppTest], trained: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = visit("study", study=trained)
    assert "study-weights-dataset" not in test.session_state
    test.session_state["study-weights"] = True
    test.run()
    assert not test.exception
    assert test.multiselect(key="study-weights-configurations").value == ["mad", "fixed"]
    assert len(test.get("plotly_chart")) == 3


def test_the_table_can_be_taken_away_in_every_format(store: RunStore, trained: str) -> None:
    assert access.study_file(trained, "csv").startswith("dataset,configuration,")
    assert json.loads(access.study_file(trained, "json"))["study"] == trained
    assert list(access.STUDY_FILES) == ["csv", "latex", "html", "json"]


def planned(test: AppTest, texts: dict[str, str]) -> AppTest:
    """The form with a small plan typed into it."""
    test.text_input(key="plan-name").set_value("typed")
    test.multiselect(key="plan-datasets").set_value(["phantom"])
    test.number_input(key="plan-repeats").set_value(2)
    test.text_area(key="plan-base").set_value("\n".join(f"{k}={v}" for k, v in texts.items() if k != "seed"))
    test.text_area(key="plan-axes").set_value("weighting=mad, fixed")
    test.text_area(key="plan-configurations").set_value("")
    test.text_input(key="plan-reference").set_value("fixed")
    test.run()
    assert not test.exception
    return test


def test_a_study_is_planned_tried_and_kept_in_the_form(
    visit: Callable[..., AppTest], store: RunStore, tiny_texts: dict[str, str]
) -> None:
    test = visit("study")
    assert "30 cells, 390 runs: 13 configurations × 3 datasets × 10 repeats." in [one.value for one in test.caption]
    planned(test, tiny_texts)
    assert "2 cells, 4 runs: 2 configurations × 1 dataset × 2 repeats." in [one.value for one in test.caption]
    test.button(key="plan-dry").click().run()
    assert test.success[0].value.endswith("for 2 of 2 cells.")
    assert list(test.dataframe[0].value["runs"]) == [2, 2]
    assert (store.studies(), store.experiments()) == ([], [])
    test.button(key="plan-start").click().run()
    assert not test.exception
    assert test.selectbox(key="study-name").value == "typed"
    until_finished(store, "typed")


def test_a_plan_that_cannot_be_says_why_and_keeps_nothing(
    visit: Callable[..., AppTest], store: RunStore, tiny_texts: dict[str, str]
) -> None:
    test = planned(visit("study"), tiny_texts)
    test.text_area(key="plan-axes").set_value("weighting=mat, fixed").run()
    for button in ("plan-dry", "plan-keep"):
        test.button(key=button).click().run()
        assert test.error[0].value.startswith("Cell 'phantom, seed 0': Unknown weighting 'mat'.")
        assert "Did you mean 'mad'" in test.error[0].value
    test.text_input(key="plan-reference").set_value("variance").run()
    assert "is none of the configurations" in test.error[0].value
    assert not [button for button in test.button if button.key == "plan-keep"]
    assert store.studies() == []


def test_another_plan_to_begin_with_fills_the_form(visit: Callable[..., AppTest], study: str) -> None:
    test = visit("study")
    test.selectbox(key="plan-from").select("methods").run()
    assert test.text_input(key="plan-name").value == "methods"
    assert test.text_input(key="plan-reference").value == "fixed"
    assert test.text_area(key="plan-base").value == "auxiliary=none"
