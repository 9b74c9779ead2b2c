"""The Compare page in a real browser: choosing runs, what differs, charts that are zoomed together, and the link."""

import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dmf.config import DataConfig, FusionConfig, ModelConfig, TrainingConfig
from dmf.records import CaseScores, EpochMetrics, RunState, StateChange, TelemetryBlock
from dmf.runs import RunStore

pytestmark = pytest.mark.browser

STEPS = 300
IMAGES = 12


def record(store: RunStore, name: str, seed: int, hits: dict[str, int]) -> list[str]:
    """Finished runs of one experiment, by method; ``hits`` says how many of 100 lesion pixels each finds."""
    fusions = [FusionConfig(weighting=method).model_dump(mode="json") for method in hits]
    config = {
        "data": DataConfig().model_dump(mode="json"),
        "model": ModelConfig().model_dump(mode="json"),
        "training": TrainingConfig(seed=seed).model_dump(mode="json"),
    }
    made = store.create_experiment(config, name=name, labels=list(hits), run_configs=fusions, environment={})
    store.claim([run.id for run in made.runs], "test")
    generator = np.random.default_rng(seed)
    for run, found in zip(made.runs, hits.values(), strict=True):
        terms = run.config["terms"]
        columns = (*(f"{kind}_{term}" for kind in ("loss", "weight") for term in terms), "auxiliary", "gamma", "total")
        values = np.column_stack([generator.uniform(0.2, 0.8, (STEPS, len(columns))), np.ones(STEPS)])
        right = np.minimum(100, found + generator.integers(0, 4, IMAGES))
        lesion = np.stack([right, np.full(IMAGES, 10), 100 - right], 1)
        rest = np.stack([np.full(IMAGES, 900), 100 - right, np.full(IMAGES, 10)], 1)
        dice = float((2 * right / (2 * right + 10 + 100 - right)).mean())
        scores = {"cb_dice": dice, "lesion_dice_per_image": dice}
        store.write(
            [
                TelemetryBlock(run.id, 1, 0, (*columns, "finite"), values.astype("f4"), 100.0, 400.0),
                *(EpochMetrics(run.id, epoch, epoch * 100, "validation", 8, scores) for epoch in range(4)),
                EpochMetrics(run.id, 3, STEPS, "test", IMAGES, scores),
                CaseScores(
                    *(run.id, 3, "test", tuple(f"case-{seed}-{image}" for image in range(IMAGES))),
                    *(np.stack([rest, lesion], 1).astype(np.int64), np.full((IMAGES, 2), 64)),
                ),
                StateChange(run.id, STEPS, RunState.FINISHED),
            ],
            "test",
        )
    return [run.id for run in made.runs]


@pytest.fixture
def runs(app_server: str, tmp_path: Path) -> list[str]:
    """Three runs of one race, then two of another."""
    store = RunStore(tmp_path / "home" / "runs.sqlite")
    other = record(store, "Other race", 1, {"variance": 60, "mad": 61})
    ids = record(store, "First race", 0, {"variance": 50, "mad": 80, "bayesian": 80})
    store.close()
    return [*ids, *other]


def until(condition: Any, what: str, seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    pytest.fail(f"waited {seconds:.0f} s for {what}")


def chosen(page: Any) -> list[str]:
    return (page.locator(".picker").get_attribute("data-chosen") or "").split(",")


def test_runs_are_searched_sorted_and_chosen_and_the_link_reopens_the_view(
    app_server: str, runs: list[str], watched: Any
) -> None:
    page = watched(app_server).page
    page.get_by_role("link", name="Compare").click()
    page.get_by_label("Search runs").fill("first bayes")
    until(lambda: page.locator(".picker").get_attribute("data-found") == "1", "the search")
    page.get_by_label("Search runs").fill("race")
    page.get_by_role("button", name="Val. CB-Dice").click()
    first = page.locator(".picker tbody tr").first
    assert page.locator(".picker th[aria-sort=descending]").inner_text().startswith("Val. CB-Dice")
    assert "First race" in first.inner_text()
    for id in runs[:2]:
        page.locator(f'[data-run="{id}"]').check()
    page.locator(".st-key-differences").get_by_text("Weighting method").wait_for()
    assert page.locator(".st-key-differences tbody tr").count() == 1
    page.get_by_text("Epoch", exact=True).click()
    page.wait_for_url(re.compile(r"x=Epoch"))
    assert runs[1] in page.url

    again = watched(page.url).page
    again.locator('.live-chart[data-key="compared-weight-epoch"]').wait_for()
    until(lambda: chosen(again) == runs[:2], "the chosen runs")


def test_a_zoom_of_one_chart_moves_the_others_and_so_does_the_pointer(
    app_server: str, runs: list[str], watched: Any
) -> None:
    page = watched(app_server).page
    page.goto(f"{app_server}/compare?runs={runs[0]},{runs[3]}")
    weights, losses = (page.locator(f'.live-chart[data-key="compared-{name}-step"]') for name in ("weight", "loss"))
    until(lambda: losses.count() and int(losses.get_attribute("data-points") or 0) >= 6 * STEPS, "points of losses")
    weights.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    box = weights.locator(".u-over").bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.3, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, y, steps=5)
    page.mouse.up()
    until(lambda: losses.get_attribute("data-zoomed") == "true", "the zoom of the losses")
    page.mouse.move(box["x"] + box["width"] * 0.4, y)
    tip = losses.locator(".tip")
    until(lambda: tip.is_visible() and "Optimizer step" in tip.inner_text(), "the pointer over the losses")
    losses.get_by_role("button", name="Show everything (double click)").click()
    until(lambda: weights.get_attribute("data-zoomed") == "false", "the whole of the weights")


def test_tables_and_the_whole_comparison_are_exported(app_server: str, runs: list[str], watched: Any) -> None:
    page = watched(app_server).page
    page.goto(f"{app_server}/compare?runs={runs[0]},{runs[1]}")
    page.get_by_text("Export tables, charts and the whole comparison").click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Compared by Lesion Dice per image").click()
    rows = saved.value.path().read_text().splitlines()
    assert rows[0].startswith("group,runs,mean,spread,difference")
    assert [row.split(",")[0] for row in rows[1:]] == ["Variance", "MAD"]
    assert 0.85 < float(rows[2].split(",")[2]) < 0.9  # 2 · 80 / (2 · 80 + 10 + 20) = 0.842, up to 83 of 100 found

    with page.expect_download() as saved:
        page.get_by_role("button", name="Whole comparison as HTML").click()
    file = saved.value.path().rename(saved.value.path().with_suffix(".html"))
    alone = watched(file.as_uri()).page
    alone.get_by_text("speaks of these two trained models only").wait_for()
    until(lambda: alone.locator(".main-svg").count() >= 3, "the charts of the page")

    page.get_by_role("radio", name="SVG").click()
    camera = page.locator('.st-key-twin-weights-SVG .modebar-btn[data-title^="Download plot"]')
    with page.expect_download() as saved:
        camera.dispatch_event("click")
    assert saved.value.suggested_filename == "weights.svg"
    assert saved.value.path().read_text().startswith("<svg")
