"""The Compare page in a real browser: its table over thousands of runs, and the charts of twenty long ones."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from benchmarks.browser import Served, browser, opened, served, until
from benchmarks.harness import Row
from benchmarks.reopen import COLUMNS, recorded
from dmf.config import DataConfig, FusionConfig, TrainingConfig
from dmf.jobs import new_owner
from dmf.records import EpochMetrics, RunState, StateChange, TelemetryBlock
from dmf.runs import RunStore

TARGET_TABLE = 2.0  # s
TARGET_REDRAWN = 1.5  # s
METHODS = ("fixed", "variance", "mad", "bayesian")
EPOCHS = 5
CHARTS = 3  # that the page shows unless told otherwise: weights, losses, validation score
WATCH = """charts => charts.forEach((chart) => {
    chart.watch?.disconnect();
    chart.updates = 0;
    chart.watch = new MutationObserver(() => { chart.updates += 1; });
    chart.watch.observe(chart, {attributes: true, attributeFilter: ["data-tick-ms"]});
})"""
DRAWN = """charts => charts
    .filter((chart) => chart.updates ?? chart.dataset.tickMs)
    .map((chart) => chart.dataset.key)"""


def rows(quick: bool) -> list[Row]:
    many, long, steps = (12, 4, 1_000) if quick else (2_000, 20, 100_000)
    with browser() as chromium, served() as app:
        chosen = [id for turn in range(long // len(METHODS)) for id in record(app.store, f"Long {turn}", turn, steps)]
        for turn in range((many - long) // len(METHODS)):
            record(app.store, f"Race {turn}", turn, 20)
        with opened(chromium) as page:
            table(app, page, many)  # the server has shown the page before
        appeared = []
        for _ in range(1 if quick else 5):
            with opened(chromium) as page:
                appeared.append(table(app, page, many))
        with opened(chromium) as page:
            redrawn = redraws(app, page, chosen, turns=1 if quick else 4)
    return [
        _row(f"the Compare table of {many:,} recorded runs, from the address to its rows", appeared, TARGET_TABLE),
        _row(
            f"charts of {long} runs of {steps:,} steps redrawn after a click (axis, smoothing, log y)",
            redrawn,
            TARGET_REDRAWN,
        ),
    ]


def table(app: Served, page: Any, runs: int) -> float:
    """Seconds from the address being asked for until the rows are there, with nothing kept in the browser."""
    start = time.perf_counter()
    page.goto(f"{app.url}/compare", wait_until="commit")
    page.locator(f'.picker[data-found="{runs}"] tbody tr').first.wait_for()
    return time.perf_counter() - start


def redraws(app: Served, page: Any, chosen: list[str], turns: int) -> list[float]:
    """Seconds from each click until every chart has been drawn anew."""
    page.goto(f"{app.url}/compare?runs={','.join(chosen)}")
    until(lambda: page.locator(".st-key-compared-charts .live-chart[data-tick-ms]").count() >= CHARTS, "the charts")
    page.locator(".st-key-export").wait_for()  # all below the charts is there
    page.wait_for_timeout(3000)
    smoothing = page.get_by_role("slider", name="Smoothing")
    taken = []
    for _ in range(turns):
        for name in ("Epoch", "Time", "Step"):
            button = page.get_by_role("radio", name=name, exact=True)
            charts = [f"{column}-{name.lower()}" for column in ("weight", "loss", "score")]
            taken.append(_redraw(page, button.click, charts))
        for key in ("ArrowRight", "ArrowRight", "Home"):
            taken.append(_redraw(page, lambda key=key: smoothing.press(key), ["weight-step", "loss-step"]))
        for _ in range(2):
            taken.append(_redraw(page, page.get_by_text("Log y", exact=True).click, ["loss-step"]))
    return taken


def _redraw(page: Any, act: Callable[[], object], which: list[str]) -> float:
    """Seconds until the charts that the click changes have been drawn anew."""
    page.wait_for_timeout(1500)
    charts, wanted = page.locator(".live-chart"), {f"compared-{name}" for name in which}
    charts.evaluate_all(WATCH)
    start = time.perf_counter()
    act()
    until(lambda: wanted <= set(charts.evaluate_all(DRAWN)), f"{', '.join(which)} drawn anew")
    return time.perf_counter() - start


def record(store: RunStore, name: str, seed: int, steps: int) -> list[str]:
    """Finished runs of one experiment, one of each method; returns their ids."""
    config = {
        "data": DataConfig().model_dump(mode="json"),
        "training": TrainingConfig(seed=seed).model_dump(mode="json"),
    }
    fusions = [FusionConfig(weighting=method).recorded() for method in METHODS]
    made = store.create_experiment(config, name=name, labels=list(METHODS), run_configs=fusions, environment={})
    ids, owner = [run.id for run in made.runs], new_owner("bench")
    store.claim(ids, owner)
    scores = np.random.default_rng(seed).uniform(0.5, 0.9, (len(ids), EPOCHS + 1))
    values = recorded(max(steps, 1000))[0][:steps]
    for place, id in enumerate(ids):
        for first in range(0, steps, 4096):
            part = values[first : first + 4096]
            times = first / 100, (first + len(part) - 1) / 100
            store.heartbeat(ids, owner)
            store.write([TelemetryBlock(id, 1, first, COLUMNS, part, *times)], owner)
        named = [{"cb_dice": float(score), "lesion_dice": float(score)} for score in scores[place]]
        store.write(
            [
                *(
                    EpochMetrics(id, epoch, epoch * steps // EPOCHS, "validation", 19, named[epoch])
                    for epoch in range(EPOCHS + 1)
                ),
                EpochMetrics(id, EPOCHS, steps, "test", 19, named[-1]),
                StateChange(id, steps, RunState.FINISHED),
            ],
            owner,
        )
    store.release(ids, owner)
    return ids


def _row(what: str, taken: list[float], target: float) -> Row:
    middle = median(taken)
    return Row(what, f"median {middle:.2f} s", "", f"at most {max(taken):.2f} s", f"<= {target} s", middle <= target)
