"""Every page opens where runs of image synthesis are, alone and beside others."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dmf.runs import RunStore


def said(test: AppTest) -> str:
    kinds = ("html", "caption", "markdown", "warning", "info", "error")
    return " ".join(str(element.value) for kind in kinds for element in test.get(kind))


def test_every_page_opens(store: RunStore, synthesis: str, visit: Callable[..., AppTest]) -> None:
    runs = ",".join(run.id for run in store.experiment(synthesis).runs)
    for name, query in (
        ("home", {}),
        ("train", {"experiment": synthesis}),
        ("compare", {"runs": runs}),
        ("inspect", {"runs": runs}),
        ("lab", {}),
        ("datasets", {}),
    ):
        test = visit(name, **query)
        assert not test.error, (name, [error.value for error in test.error])


def test_the_live_page_shows_its_scores(synthesis: str, visit: Callable[..., AppTest]) -> None:
    shown = said(visit("train", experiment=synthesis)).lower()
    for metric in ("psnr", "ssim", "rmse"):
        assert f">{metric}" in shown


def test_the_form_offers_only_datasets_of_its_task(visit: Callable[..., AppTest]) -> None:
    offered = next(box for box in visit("train").selectbox if "phantom" in str(box.value))
    assert not any("contrast" in option for option in offered.options)


def test_inspect_shows_the_runs_of_one_task_and_names_the_others(
    store: RunStore, trained_runs: dict[str, list[str]], synthesis: str, visit: Callable[..., AppTest]
) -> None:
    runs = [trained_runs["race"][0], store.experiment(synthesis).runs[0].id]
    shown = said(visit("inspect", runs=",".join(runs)))
    assert "These are the runs of the task Segmentation. Untick them to see CoV" in shown
    assert "All images" in shown


def test_inspect_says_what_a_task_without_pages_of_its_own_has_elsewhere(
    store: RunStore, synthesis: str, visit: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.tasks.ROOMS", {})
    shown = said(visit("inspect", runs=store.experiment(synthesis).runs[0].id))
    assert "There is nothing to inspect for the task **Image synthesis**" in shown


def test_the_datasets_page_shows_pairs_and_opens_the_form_with_them(
    tmp_path: Path, visit: Callable[..., AppTest], home: Path
) -> None:
    for side in ("source", "target"):
        (tmp_path / "mr" / side).mkdir(parents=True)
        for number in range(4):
            picture = np.random.default_rng(number).integers(0, 200, (32, 32), dtype=np.uint8)
            (tmp_path / "mr" / side / f"{number}.png").write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    test = visit("datasets", dataset=f"paired@{tmp_path / 'mr'}")
    assert not test.error, [error.value for error in test.error]
    assert "0 · source" in said(test)
    assert "0 · target" in said(test)
    test.button(key="look").click().run()
    assert "No problems found" in said(test)
    test.button(key="train-on-it").click().run()
    assert not test.exception
    assert test.selectbox(key="form-task").value == "synthesis"
    assert test.selectbox(key="form-synthesis-dataset").value == "paired"


def test_the_live_page_shows_differences_on_one_scale_with_a_bar(synthesis: str, visit: Callable[..., AppTest]) -> None:
    test = visit("train", experiment=synthesis)
    shown = said(test)
    assert "Difference of CoV for" in shown
    assert '<div class="head">Source</div><div class="head">Target</div>' in shown
    assert "−20 %" in shown
    assert "+20 %" in shown
    test.slider(key="difference-scale").set_value(50).run()
    assert "+50 %" in said(test)


def test_inspect_draws_the_network_once_it_is_asked_for(
    store: RunStore, synthesis: str, visit: Callable[..., AppTest]
) -> None:
    test = visit("inspect", runs=store.experiment(synthesis).runs[0].id)
    assert not test.get("graphviz_chart")
    test.session_state["inspect-network"] = True
    test.run()
    assert len(test.get("graphviz_chart")) == 1
    assert "parameters in all." in said(test)


def test_inspect_is_worst_first_and_shows_a_case_in_every_way(
    store: RunStore, synthesis: str, visit: Callable[..., AppTest]
) -> None:
    runs = [run.id for run in store.experiment(synthesis).runs]
    (scores,) = store.case_scores(runs[0], "test")
    worst = scores.cases[int(scores.scores["psnr"].argmin())]
    test = visit("inspect", runs=",".join(runs))
    assert not test.error
    assert f"#### {worst}" in said(test).replace("\\", "")
    assert "The target with the line" in said(test)
    assert "Source left and CoV right of the edge" not in said(test)
    test.selectbox(key="swipe-left").set_value("Source").run()
    assert "Source left and CoV right of the edge" in said(test)
    test.slider(key="inspect-window").set_value((10, 60)).run()
    assert "window 50 %, level 35 %" in said(test)
    test.slider(key="profile-starts").set_value(0).run()
    assert not test.exception
    orders = test.selectbox(key="order").options
    assert {f"{name}, worst first" for name in ("PSNR", "SSIM", "RMSE", "MAE", "NMSE")} <= set(orders)
    test.selectbox(key="order").set_value("RMSE, worst first").run()
    assert not test.exception
    there = test.query_params.get("case", worst)
    forward = test.button(key="case-step1")
    (test.button(key="case-step-1") if forward.disabled else forward).click().run()
    assert not test.exception
    assert test.query_params["case"] != there


def test_runs_of_two_tasks_stand_beside_each_other_by_their_own_scores(
    store: RunStore, trained_runs: dict[str, list[str]], synthesis: str, visit: Callable[..., AppTest]
) -> None:
    made = [run.id for run in store.experiment(synthesis).runs]
    test = visit("compare", runs=",".join([*made, trained_runs["race"][0]]))
    assert not test.error
    shown = said(test)
    assert "These runs are of 2 tasks: Image synthesis, Segmentation." in shown
    # The metrics that can be tested are those of both; each for the runs that have it.
    tested = test.selectbox(key="metric")
    assert tested.options == ["PSNR [dB]", "Lesion Dice per image", "SSIM", "RMSE", "MAE", "NMSE"]
    plain = shown.replace("\\", "")
    assert "MAD is of the task Segmentation, which has no such score." in plain
    pairs = ("CoV and Fixed", "Fixed and CoV")
    assert any(f"no significant difference between {pair} (Wilcoxon signed-rank, Holm: p" in plain for pair in pairs)
    assert "has no scores of single test images" not in plain
    tested.select("lesion_dice_per_image").run()
    assert not test.exception
    plain = said(test).replace("\\", "")
    assert "Fixed is of the task Image synthesis, which has no such score." in plain
    (note,) = [caption.value for caption in test.caption if "Mean ± standard deviation" in caption.value]
    assert "CoV" not in note  # nothing is said of absent classes where there are no classes
    assert "MAD" in note
    scores = next(table.value for table in test.get("html") if 'aria-label="Results"' in table.value)
    assert "PSNR" in scores
    assert "CB-Dice" in scores
    assert any("Only the 2 runs that weigh L1, SSIM, Gradient difference." in each.value for each in test.caption)
