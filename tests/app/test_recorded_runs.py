"""Runs of a loop of someone's own on every page, whatever their owner told of them."""

import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from dmf.fusion import Fused, Fusion
from dmf.recording import Recording, record
from dmf.records import RunState, StateChange
from dmf.runs import RunStore
from dmf.schedule import AuxiliarySchedule
from dmf.weighting import MADWeighting

MAIN = Path(__file__).parents[2] / "app" / "main.py"


def every_html(test: AppTest) -> str:
    return " ".join(element.value for element in test.main.get("html"))


def take_steps(run: Recording, fusion: Fusion | None = None) -> None:
    for step in range(30):
        terms = torch.tensor([0.5, 0.25, 0.125]) + step / 100
        weights = torch.full((3,), 1 / 3)
        fused = Fused(terms.mean(), terms, weights, None, 0.0, torch.tensor(True)) if fusion is None else fusion(terms)
        run.write(fused)


@pytest.fixture
def bare(store: RunStore) -> Recording:
    """Nothing was told but a name."""
    with record("my <run>", store=store) as run:
        take_steps(run)
    return run


@pytest.fixture
def rich(store: RunStore) -> Recording:
    """Everything was told, and scores that only its program knows."""
    fusion = Fusion(MADWeighting(3), schedule=AuxiliarySchedule(2, 0.1))
    told: dict[str, Any] = {
        "terms": ("ce", "dice", "mine"),
        "config": {"dataset": "busi", "image_size": 64, "epochs": 3, "backbone": "r50"},
        "steps_per_epoch": 10,
        "steps_total": 30,
    }
    truth = np.eye(8, dtype=int)
    with record("rich", fusion=fusion, store=store, **told) as run:
        take_steps(run, fusion)
        for epoch in (1, 2, 3):
            run.metrics(epoch, "validation", {"cb_dice": 0.1 * epoch, "val_loss": 12.5}, images=7)
            run.sample("case-1", np.random.default_rng(0).random((8, 8)), truth, truth)
        run.metrics(3, "test", {"cb_dice": 0.5})
    return run


@pytest.mark.parametrize("name", ["bare", "rich"])
def test_it_opens_on_the_train_page(name: str, request: pytest.FixtureRequest, visit: Any) -> None:
    run: Recording = request.getfixturevalue(name)
    test = visit("train", experiment=run.experiment)
    said = every_html(test)
    assert "recorded by its own program" in said
    assert "step 30" in said


def test_its_scores_stand_under_the_names_its_program_gave_them(rich: Recording, visit: Any) -> None:
    said = every_html(visit("train", experiment=rich.experiment))
    assert "val_loss" in said
    assert "as recorded, by its own program" in said
    assert "Validation, 7 images" in said
    assert ">Test<" in said  # nobody said over how many images


@pytest.mark.parametrize("name", ["bare", "rich"])
def test_it_is_among_the_experiments_on_home_and_on_compare(
    name: str, request: pytest.FixtureRequest, visit: Any
) -> None:
    run: Recording = request.getfixturevalue(name)
    said = every_html(visit("home"))
    assert ("busi, 64 px · 3 epochs" in said) == (name == "rich")
    assert "phantom" not in said.partition("ago")[2].partition("</span>")[0]
    visit("compare", runs=run.id)


def test_while_it_trains_nothing_offers_to_change_its_settings(store: RunStore, visit: Any) -> None:
    with record("mine", store=store) as run:
        take_steps(run)
        test = visit("train", experiment=run.experiment)
        assert not [button for button in test.button if button.label == "Apply"]
        test.button(key=f"control-stop-{run.experiment}").click().run()
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            take_steps(run)
    assert store.run(run.id).state is RunState.STOPPED


def test_resume_says_in_one_sentence_that_only_its_program_can(store: RunStore, bare: Recording) -> None:
    store.write([StateChange(bare.id, 30, RunState.INTERRUPTED, "silent")], None)
    test = AppTest.from_file(MAIN, default_timeout=300)
    test.switch_page("pages/train.py")
    test.query_params["experiment"] = bare.experiment
    test.run()
    assert "Resume goes on" not in " ".join(warning.value for warning in test.warning)
    test.button(key=f"control-resume-{bare.experiment}").click().run()
    assert [error.value for error in test.error] == [
        f"Experiment '{bare.experiment}' was recorded by its own program. Only that program can train it: "
        "start it again there."
    ]


def record_depths(store: RunStore, seed: int) -> list[str]:
    """Ids of two runs, the second of which has lower depths, which are better."""
    ids, experiment = [], f"depths {seed}"
    for name, values in {"far": (3.0, 2.5, 2.75), "near": (2.0, 0.5, 1.5)}.items():
        told: dict[str, Any] = {"metrics": {"depth": ("lower", 0, None)}, "config": {"seed": seed}}
        with record(name, experiment=experiment, store=store, **told) as run:
            take_steps(run)
            for epoch, value in enumerate(values, start=1):
                run.metrics(epoch, "validation", {"depth": value})
            run.metrics(3, "test", {"depth": values[-1] + seed / 100})
        ids.append(run.id)
        experiment = run.experiment
    return ids


def test_a_metric_that_is_told_of_has_its_best_on_home_and_train(store: RunStore, visit: Any) -> None:
    ids = record_depths(store, 0)
    home = every_html(visit("home"))
    assert "<b>0.500</b> depth" in home
    assert "near, epoch 2" in home.lower()
    trained = every_html(visit("train", experiment=store.run(ids[0]).experiment))
    # of the latest epoch, on either split: the lower one
    assert re.findall(r'class="best">([\d.]+)', trained) == ["1.5000", "1.5000"]
    assert "Lower is better." in trained


def test_a_metric_that_is_told_of_has_its_best_on_compare(store: RunStore, visit: Any) -> None:
    from app import access

    members = list(zip(*(record_depths(store, seed) for seed in (1, 2, 3)), strict=True))
    runs, _ = access.compared_runs(id for ids in members for id in ids)
    assert access.named_metric("depth", runs).sentence.endswith("Lower is better.")
    found = access.results(runs, dict(zip(("far", "near"), members, strict=True)), "far")
    table = found.comparisons["depth"].table.set_index("group")
    assert table["mean"].round(6).to_dict() == {"far": 2.77, "near": 1.52}
    assert table["bold"].to_dict() == {"far": False, "near": True}
    shown = every_html(visit("compare", runs=",".join(run.id for run in runs)))
    assert "Lower is better." in shown
