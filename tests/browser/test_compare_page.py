"""The Compare page in a real browser: choosing runs, what differs, charts that are zoomed together, and the link."""

import contextlib
import re
import zipfile
from collections.abc import Iterator
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
    fusions = [FusionConfig(weighting=method).recorded() for method in hits]
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
    store.release([run.id for run in made.runs], "test")
    return [run.id for run in made.runs]


@pytest.fixture(scope="module")
def runs(dashboard: Any) -> Iterator[list[str]]:
    """Three runs of one race, then two of another, for all tests of this file."""
    ids = two_races(dashboard.store)
    dashboard.kept.update(dashboard.store.run(id).experiment for id in ids)
    yield ids
    dashboard.kept.clear()


def two_races(store: RunStore) -> list[str]:
    other = record(store, "Other race", 1, {"variance": 60, "mad": 61})
    ids = record(store, "First race", 0, {"variance": 50, "mad": 80, "bayesian": 80})
    return [*ids, *other]


def chosen(page: Any) -> list[str]:
    return (page.locator(".picker").get_attribute("data-chosen") or "").split(",")


def test_runs_are_searched_sorted_and_chosen_and_the_link_reopens_the_view(
    app_server: str, runs: list[str], watched: Any
) -> None:
    watch = watched(app_server)
    page = watch.page
    page.get_by_role("link", name="Compare").click()
    page.get_by_label("Search runs").fill("first bayes")
    watch.until(lambda: page.locator(".picker").get_attribute("data-found") == "1", "the search")
    page.get_by_label("Search runs").fill("method:bayes seed:0")
    watch.until(lambda: page.locator(".picker").get_attribute("data-found") == "1", "the search in two columns")
    page.get_by_label("Search runs").fill("experiment:first")
    page.get_by_role("button", name="Choose all found").click()
    watch.until(lambda: sorted(chosen(page)) == sorted(runs[:3]), "all that are found")
    page.get_by_label("Search runs").fill("race")
    page.get_by_role("button", name="Choose none of the 3 runs of First race").first.click()
    page.get_by_role("button", name="Choose all of the 2 runs of Other race").first.click()
    watch.until(lambda: sorted(chosen(page)) == sorted(runs[3:]), "a whole experiment")
    page.get_by_role("button", name="Choose none", exact=True).click()
    page.get_by_text("Columns", exact=True).click()
    page.locator(".picker details").get_by_label("Id", exact=True).check()
    page.locator(".picker td.run").get_by_text(runs[0]).wait_for()
    page.locator(".picker details").get_by_label("Dataset").uncheck()
    watch.until(lambda: page.locator(".picker td.dataset").count() == 0, "a column less")
    page.set_viewport_size({"width": 390, "height": 844})
    menu = watch.standing(page.locator(".picker details.columns div"))
    assert menu["x"] >= 0
    assert menu["x"] + menu["width"] <= 390, "the menu lies within a phone"
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_text("Columns", exact=True).click()
    page.get_by_role("button", name="Val. CB-Dice").click()
    page.locator(".picker th[aria-sort=descending]").get_by_text("Val. CB-Dice").wait_for()
    page.locator(".picker tbody tr").first.get_by_text("First race").wait_for()
    for id in runs[:2]:
        page.locator(f'[data-run="{id}"]').check()
    page.locator(".st-key-differences").get_by_text("Weighting method").wait_for()
    watch.until(lambda: page.locator(".st-key-differences tbody tr").count() == 1, "one setting that differs")
    page.get_by_text("Epoch", exact=True).click()
    page.wait_for_url(re.compile(r"x=Epoch"))
    watch.until(lambda: all(id in page.evaluate("location.search") for id in runs[:2]), "the runs in the address")

    again = watched(page.evaluate("location.href")).page
    again.locator('.live-chart[data-key="compared-weight-epoch"]').wait_for()
    watch.until(lambda: chosen(again) == runs[:2], "the chosen runs")


def test_a_zoom_of_one_chart_moves_the_others_and_so_does_the_pointer(
    app_server: str, runs: list[str], watched: Any
) -> None:
    watch = watched(f"{app_server}/compare?runs={runs[0]},{runs[4]}")
    page = watch.page
    weights, losses = (page.locator(f'.live-chart[data-key="compared-{name}-step"]') for name in ("weight", "loss"))
    watch.until(
        lambda: losses.count() and int(losses.get_attribute("data-points") or 0) >= 6 * STEPS, "points of losses"
    )
    watch.zoom("compared-weight-step", 0.3, 0.6)
    watch.until(lambda: losses.get_attribute("data-zoomed") == "true", "the zoom of the losses")
    tip = losses.locator(".tip")

    def is_told() -> bool:
        box = watch.standing(weights.locator(".u-over"))
        for share in (0.45, 0.4):
            page.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] / 2)
        return watch.soon(lambda: tip.is_visible() and "Optimizer step" in tip.inner_text(), 5)

    watch.until(is_told, "the pointer over the losses")
    losses.get_by_role("button", name="Show everything (double click)").click()
    watch.until(lambda: weights.get_attribute("data-zoomed") == "false", "the whole of the weights")


@pytest.fixture
def exporting(app_server: str, runs: list[str], stay: Any) -> Any:
    """Two runs compared, with all that can be exported."""
    watch = stay(f"{app_server}/compare?runs={runs[0]},{runs[1]}&show=Losses")
    prepared = watch.page.get_by_label("Chart", exact=True)
    if not prepared.count():
        watch.page.get_by_text("Export tables, charts and the whole comparison").click()
        prepared.wait_for()
    return watch


def choose_chart(page: Any, typed: str, name: str) -> None:
    page.get_by_label("Chart", exact=True).fill(typed)
    page.get_by_role("option", name=name, exact=True).click()


def test_tables_and_the_whole_comparison_are_exported(exporting: Any, watched: Any) -> None:
    watch, page = exporting, exporting.page
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
    watch.until(lambda: alone.locator(".main-svg").count() >= 3, "the charts of the page")
    for heading in ("What differs", "Results", "Weight behaviour", "Predictions", "Notes", "Settings"):
        alone.get_by_role("heading", name=heading, exact=True).wait_for()
    assert alone.get_by_text("training.seed", exact=True).count() == 1

    page.get_by_role("radio", name="LaTeX").click()
    with page.expect_download() as saved:
        page.locator(".st-key-tex-weight-behaviour button").click()
    assert saved.value.suggested_filename == "weight-behaviour.tex"
    assert saved.value.path().read_text().startswith("\\begin{tabular}{")


def test_one_chart_is_exported_as_a_page_and_as_pictures(exporting: Any, watched: Any) -> None:
    page = exporting.page
    with page.expect_download() as saved:
        page.get_by_role("button", name="Chart as HTML").click()
    file = saved.value.path().rename(saved.value.path().with_suffix(".html"))
    alone = watched(file.as_uri()).page
    alone.locator(".main-svg").first.wait_for()
    names, first, points = alone.evaluate(
        "() => { const [one, ...rest] = document.querySelector('.js-plotly-plot')._fullData;"
        " return [[one, ...rest].map((line) => line.name), one.y[0], one.y.length]; }"
    )
    assert names == [f"{term} · {run}" for run in ("Variance", "MAD") for term in ("Cross-entropy", "IoU", "Dice")]
    assert first == pytest.approx(0.2 + 0.6 * np.random.default_rng(0).uniform(), abs=1e-6)  # loss_ce, step 0
    assert points == STEPS

    choose_chart(page, "Paths", "Paths of the weights")
    camera = page.locator('.st-key-twin-paths-of-the-weights-PNG .modebar-btn[data-title^="Download plot"]')
    with page.expect_download() as saved:
        camera.dispatch_event("click")
    assert saved.value.suggested_filename == "paths-of-the-weights.png"
    assert saved.value.path().read_bytes().startswith(b"\x89PNG")
    choose_chart(page, "Settings", "Settings against results")
    page.get_by_role("radio", name="SVG").click()
    camera = page.locator('.st-key-twin-settings-against-results-SVG .modebar-btn[data-title^="Download plot"]')
    with page.expect_download() as saved:
        camera.dispatch_event("click")
    text = saved.value.path().read_text()
    assert text.startswith("<svg")
    assert "Weighting method" in text


def test_runs_are_exported_as_they_were_recorded(exporting: Any) -> None:
    page = exporting.page
    with page.expect_download() as saved:
        page.get_by_role("button", name="Runs as CSV").click()
    assert saved.value.suggested_filename == "runs-csv.zip"
    with zipfile.ZipFile(saved.value.path()) as archive:
        assert archive.namelist() == ["mad.csv", "variance.csv"]
        rows = archive.read("variance.csv").decode().splitlines()
    assert rows[0].startswith("step,loss_ce,loss_iou,loss_dice,weight_ce")
    assert len(rows) == 1 + STEPS
    first = np.float32(0.2 + 0.6 * np.random.default_rng(0).uniform())
    assert np.float32(rows[1].split(",")[1]) == first


def test_a_run_is_renamed_tagged_and_archived_and_another_deleted_once_that_is_confirmed(
    app_server: str, store: RunStore, watched: Any
) -> None:
    runs = two_races(store)
    watch = watched(f"{app_server}/compare?runs={runs[0]},{runs[1]}")
    page = watch.page
    page.get_by_text("Rename, tag, archive or delete").click()
    page.get_by_label("Name", exact=True).fill("Renamed run")
    page.get_by_role("textbox", name="Tags", exact=True).fill("keep, paper")
    page.get_by_text("Archived", exact=True).click()
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Saved.").wait_for()
    watch.until(lambda: page.locator(f'[data-run="{runs[0]}"]').count() == 0, "the archived run to leave the table")
    page.get_by_text("Show archived runs").click()
    row = page.locator(".picker tbody tr", has=page.locator(f'[data-run="{runs[0]}"]'))
    row.get_by_text("Renamed run").first.wait_for()
    row.get_by_text("keep, paper").first.wait_for()

    chosen = page.locator(".st-key-delete-runs").get_by_text("MAD", exact=True)

    def is_chosen() -> bool:  # the list closes when the page is drawn again
        with contextlib.suppress(Exception):
            page.locator(".st-key-delete-runs input").click()
            page.get_by_role("option", name="MAD").click(timeout=20_000)
        return watch.soon(lambda: chosen.count() > 0, 5)

    watch.until(is_chosen, "the run that is to be deleted")
    page.keyboard.press("Escape")
    button = page.get_by_role("button", name="Delete for good")
    watch.until(lambda: button.count() == 1 and button.is_disabled(), "a button that does nothing yet")
    page.get_by_text("Yes, delete MAD").click()
    watch.until(button.is_enabled, "the button, once it is confirmed")
    button.click()
    page.get_by_text("1 deleted.").wait_for()
    watch.until(lambda: page.locator(f'[data-run="{runs[1]}"]').count() == 0, "the deleted run to leave the table")
    watch.until(lambda: runs[1] not in page.evaluate("location.search"), "the deleted run to leave the link")
