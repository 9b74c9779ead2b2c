"""The Studies page as a person meets it: how far a study is, buttons, what came out."""

import time
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

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
    end = time.monotonic() + 120
    while any(cell.state is not RunState.FINISHED for cell in store.study_cells(study)):
        assert time.monotonic() < end
        time.sleep(0.1)
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
    assert test.get("plotly_chart")


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
    end = time.monotonic() + 120
    while any(cell.state is not RunState.FINISHED for cell in store.study_cells(study)):
        assert time.monotonic() < end
        time.sleep(0.1)
