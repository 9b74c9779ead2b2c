"""From a step being taken to its point on the screen, in a real browser, while the server trains."""

from statistics import median
from typing import Any

import numpy as np

from benchmarks.browser import Served, browser, opened, served, until
from benchmarks.harness import Row
from dmf.config import DataConfig, ExperimentConfig, FusionConfig, ModelConfig, RunConfig, TrainingConfig
from dmf.jobs import Job, create_experiment, new_owner

TARGET = 1.5  # s
WATCH = """chart => {
    const seen = [];
    chart.seen = seen;
    const look = () => {
        const points = chart.dataset.points / chart.dataset.series;
        if (points && points !== seen.at(-1)?.[1]) seen.push([Date.now() / 1000, points]);
    };
    new MutationObserver(look).observe(chart, {attributes: true});
}"""


def rows(quick: bool) -> list[Row]:
    with browser() as chromium, served() as app, opened(chromium) as page:
        latencies = measure(app, page, seconds=1 if quick else 25, quick=quick)
    return [
        Row(
            f"a step taken to its point on screen, Chromium, 1 s refresh, {len(latencies)} steps",
            f"median {median(latencies):.2f} s",
            "",
            f"at most {max(latencies):.2f} s",
            f"<= {TARGET} s",
            median(latencies) <= TARGET,
        )
    ]


def measure(app: Served, page: Any, seconds: float, quick: bool) -> list[float]:
    """Seconds of every step that was drawn, from the moment its loss was known."""
    config = training_config(("variance",), quick)
    experiment = waiting_experiment(app, config)
    resume(app, page, experiment)
    chart = page.locator('.live-chart[data-key="losses-step"]')
    chart.locator("canvas").first.wait_for()
    chart.evaluate(WATCH)
    page.wait_for_timeout(1000 * seconds)
    seen = until(lambda: found if len(found := chart.evaluate("chart => chart.seen")) > 1 else None, "two refreshes")
    page.get_by_role("button", name="Stop").click()
    telemetry = app.store.telemetry(app.store.experiment(experiment).runs[0].id)
    shown_at, counts = np.array(seen).T
    first, last = int(counts[0]), int(counts[-1])  # steps first .. last - 1 appeared while we watched
    appeared = shown_at[np.searchsorted(counts, np.arange(first, last), side="right")]
    return [float(value) for value in appeared - telemetry.times[first:last]]


def training_config(methods: tuple[str, ...], quick: bool) -> ExperimentConfig:
    """Runs at the default sizes that go on for as long as anyone watches."""
    return ExperimentConfig(
        data=DataConfig(image_size=32, limit=24) if quick else DataConfig(limit=128),
        model=ModelConfig(filters=4) if quick else ModelConfig(),
        training=TrainingConfig(device="cpu", epochs=10_000),
        runs=tuple(RunConfig(label=name, fusion=FusionConfig(weighting=name)) for name in methods),
    )


def waiting_experiment(app: Served, config: ExperimentConfig) -> str:
    """An experiment that the server can resume, because whoever claimed it gave it up; returns its id."""
    experiment = create_experiment(app.store, config)
    Job(app.store, experiment, new_owner("bench")).abandon()
    return experiment.id


def resume(app: Served, page: Any, experiment: str) -> None:
    """Open the experiment and let the server train it."""
    page.goto(f"{app.url}/train?experiment={experiment}")
    page.get_by_role("button", name="Resume").click()
    runs = [run.id for run in app.store.experiment(experiment).runs]
    until(lambda: all(app.store.latest_step(run) > 20 for run in runs), "the first steps", pause=0.1)
