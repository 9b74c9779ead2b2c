"""The Home page as a person meets it: what it is, races to start, experiments to open."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app.views import Checked
from dmf.config import FusionConfig
from dmf.errors import StoreError
from dmf.presets import PRESETS
from dmf.records import EpochMetrics, RunState, StateChange
from dmf.runs import RunStore

MAIN = Path(__file__).parents[2] / "app" / "main.py"


def page(query: dict[str, str] | None = None) -> AppTest:
    test = AppTest.from_file(MAIN, default_timeout=300)
    for name, value in (query or {}).items():
        test.query_params[name] = value
    test.run()
    assert not test.exception
    return test


def record(
    store: RunStore, name: str, state: RunState = RunState.FINISHED, scores: dict[str, tuple[float, ...]] | None = None
) -> str:
    """An experiment on the phantom with validation CB-Dice by run, from epoch 0 on."""
    scores = scores or {"mad": (0.1, 0.8, 0.7)}
    fusions = [FusionConfig(weighting=label.split()[0]).recorded() for label in scores]
    config = {"data": {"dataset": "phantom", "image_size": 64}, "training": {"epochs": 5}}
    made = store.create_experiment(config, name=name, labels=list(scores), run_configs=fusions, environment={})
    store.claim([run.id for run in made.runs], "test")
    for run, values in zip(made.runs, scores.values(), strict=True):
        metrics = [EpochMetrics(run.id, n, n, "validation", 4, {"cb_dice": value}) for n, value in enumerate(values)]
        store.write([*metrics, StateChange(run.id, 9, state)], "test")
    return made.id


def rows(test: AppTest, key: str = "recent") -> list[str]:
    """What the rows of a list say."""
    return [element.value for element in test.container(key=key).get("html")]


def links(test: AppTest, key: str) -> list[tuple[str, str]]:
    return [(link.proto.label, link.proto.query_string) for link in test.container(key=key).get("page_link")]


def test_the_first_day_says_what_this_is_offers_races_and_says_what_will_come(store: RunStore) -> None:
    test = page()
    assert "weights" in test.title[0].value
    assert {button.key for button in test.button} == {f"start-{name}" for name in PRESETS}
    assert any("Your experiments will appear here" in caption.value for caption in test.caption)


@pytest.mark.parametrize("name", PRESETS)
def test_every_race_is_a_card_with_its_runs_and_a_way_to_adjust_it(store: RunStore, name: str) -> None:
    card = page().container(key=f"preset-{name}")
    (said,) = (element.value for element in card.get("html"))
    assert said.count('class="run"') == len(PRESETS[name].runs)
    (adjust,) = card.get("page_link")
    assert (adjust.proto.page, adjust.proto.query_string) == ("train", f"preset={name}")


def test_start_starts_that_race_and_opens_it(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    from app import access

    id, started = record(store, "made"), []
    monkeypatch.setattr(access, "start", lambda config: started.append(config) or id)
    test = page()
    test.button(key="start-priors").click().run()
    assert not test.exception
    assert started == [PRESETS["priors"].config()]
    assert test.query_params["experiment"] == id
    assert test.container(key="run-status") is not None


def test_a_race_that_cannot_work_is_refused_in_one_message(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    from app import access

    monkeypatch.setattr(access, "check", lambda *form: Checked(problems={"dataset": "No images in data/raw."}))
    test = page()
    test.button(key="start-figure-4").click().run()
    assert [error.value for error in test.error] == [
        "“Variance, MAD and Bayesian” cannot start: No images in data/raw."
    ]
    assert store.experiments() == []


def test_a_store_that_refuses_the_race_is_told(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    from app import access

    def refuse(config: Any) -> str:
        raise StoreError("The disk is full.")

    monkeypatch.setattr(access, "start", refuse)
    test = page()
    test.button(key="start-figure-4").click().run()
    assert [error.value for error in test.error] == ["The disk is full."]


def test_an_experiment_is_a_row_with_state_settings_scores_and_a_link(store: RunStore) -> None:
    id = record(store, "a*b* <i>", scores={"variance": (0.1, 0.6), "mad gamma=2": (0.1, 0.85, 0.7)})
    test = page()
    assert links(test, "recent") == [(r"a\*b\* \<i\>", f"experiment={id}")]
    (row,) = rows(test)
    assert "finished" in row
    assert "phantom, 64 px · 5 epochs" in row
    assert "data:image/svg+xml" in row
    assert "<b>0.850</b> CB-Dice" in row
    assert "MAD gamma=2, epoch 1" in row
    assert "Best validation CB-Dice so far: Variance 0.600 at epoch 1; MAD gamma=2 0.850 at epoch 1." in row


def test_what_trains_comes_first_and_says_how_far_it_is(store: RunStore) -> None:
    record(store, "over")
    running = record(store, "goes on", RunState.RUNNING)
    test = page()
    assert links(test, "active") == [("goes on", f"experiment={running}")]
    assert "epoch 2 of 5" in rows(test, "active")[0]
    assert [label for label, _ in links(test, "recent")] == ["over"]
    headings = [element.value for element in test.markdown if element.value.startswith("####")]
    assert headings == ["#### Training now", "#### Races to start", "#### Recent experiments"]


def test_many_experiments_come_page_by_page(store: RunStore) -> None:
    for number in range(14):
        record(store, f"number {number}")
    test = page()
    assert [label for label, _ in links(test, "recent")] == [f"number {number}" for number in range(13, 1, -1)]
    newer, older = test.container(key="recent-pages").button
    assert newer.disabled
    older.click().run()
    assert [label for label, _ in links(test, "recent")] == ["number 1", "number 0"]
    newer, older = test.container(key="recent-pages").button
    assert older.disabled
    newer.click().run()
    assert len(rows(test)) == 12


def test_a_link_to_an_experiment_from_before_there_were_pages_leads_on(store: RunStore) -> None:
    id = record(store, "old")
    test = page({"experiment": id})
    assert test.query_params["experiment"] == id
    assert test.container(key="run-status") is not None


def test_a_look_at_home_does_not_lose_what_was_watched(store: RunStore) -> None:
    id = record(store, "watched", RunState.RUNNING)
    test = page({"experiment": id})
    test.switch_page("pages/home.py")
    test.query_params.clear()
    test.run()
    assert [label for label, _ in links(test, "active")] == ["watched"]
    test.switch_page("pages/train.py").run()
    assert test.query_params["experiment"] == id
    assert test.container(key="run-status") is not None


def test_a_store_that_cannot_be_opened_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "runs.sqlite").write_text("not a database, but long enough to be taken for one " * 20)
    monkeypatch.setenv("DMF_HOME", str(tmp_path))
    monkeypatch.setenv("DMF_STORE", f"sqlite:///{tmp_path / 'runs.sqlite'}")
    test = page()
    assert "runs.sqlite" in test.error[0].value
    assert test.button(key="start-figure-4") is not None


def test_home_opens_without_torch(store: RunStore) -> None:
    record(store, "over")
    code = (
        "import sys\nfrom streamlit.testing.v1 import AppTest\nfrom app import access\n"
        "access.prepare_ahead = lambda: None\n"  # which loads it in a thread, once the page is there
        f"test = AppTest.from_file({str(MAIN)!r}, default_timeout=300).run()\n"
        "assert not test.exception and test.container(key='recent').get('html')\n"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
