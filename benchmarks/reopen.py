"""A long run from the store to the points of a chart, and the spikes that survive the way."""

import time
from statistics import median

import numpy as np
from numpy.typing import NDArray

from app.charts.decimate import decimate
from benchmarks.harness import Row, seconds, temporary_store
from dmf.jobs import new_owner
from dmf.records import TelemetryBlock
from dmf.runs import RunStore

POINTS = 1000
SPIKES = 100
SERIES = ("loss_ce", "loss_iou", "loss_dice", "weight_ce", "weight_iou", "weight_dice")
COLUMNS = (*SERIES, "auxiliary", "gamma", "total", "lr", "finite")
TARGET_SECONDS = 0.5
TARGET_KEPT = 90


def rows(quick: bool) -> list[Row]:
    steps = 20_000 if quick else 1_000_000
    values, spikes = recorded(steps)
    with temporary_store() as store:
        run = fill(store, values)
        taken = median(seconds(lambda: reopen(store, run)) for _ in range(2 if quick else 5))
        series = reopen(store, run)
    x, _ = series["loss_ce"]
    kept = int(np.isin(spikes, x).sum())
    by_stride = int(np.isin(spikes, np.linspace(0, steps - 1, POINTS).astype(np.int64)).sum())
    return [
        Row(
            f"reopen {steps:,} steps: store to {len(SERIES)} decimated series",
            f"{taken:.2f} s",
            "TensorBoard 3.5 s (recorded, two cores, 1e6 steps)",
            "" if quick else f"{3.5 / taken:.0f}x faster",
            f"<= {TARGET_SECONDS} s",
            taken <= TARGET_SECONDS,
        ),
        Row(
            f"one-step spikes kept at {POINTS:,} drawn points, of {SPIKES}",
            f"MinMaxLTTB {kept}",
            f"stride {by_stride}, TensorBoard 0 (recorded)",
            "",
            f">= {TARGET_KEPT}",
            kept >= TARGET_KEPT,
        ),
    ]


def recorded(steps: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Telemetry (steps, columns) of a falling noisy loss, and the steps of the spikes in its first column."""
    rng = np.random.default_rng(0)
    falling = np.exp(-np.arange(steps) / (steps / 5))[:, None]
    values = (0.2 + falling + rng.normal(0, 0.02, (steps, len(COLUMNS)))).astype(np.float32)
    spikes = rng.choice(steps, SPIKES, replace=False)
    values[spikes, 0] += 1.0
    return values, np.sort(spikes)


def fill(store: RunStore, values: NDArray[np.float32]) -> str:
    """Store the telemetry as one run; returns its id."""
    experiment = store.create_experiment({}, name="bench", labels=["a"], run_configs=[{}], environment={})
    run, owner = experiment.runs[0].id, new_owner("bench")
    store.claim([run], owner)
    start = time.time()
    for first in range(0, len(values), 4096):
        part = values[first : first + 4096]
        times = start + first / 100, start + (first + len(part) - 1) / 100
        store.write([TelemetryBlock(run, 1, first, COLUMNS, part, *times)], owner)
    store.release([run], owner)
    return run


def reopen(store: RunStore, run: str) -> dict[str, tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """What a page does: read the columns it draws, and choose at most ``POINTS`` points of each."""
    telemetry = store.telemetry(run, columns=SERIES)
    chosen = {name: decimate(telemetry.steps, y, POINTS) for name, y in zip(SERIES, telemetry.values.T, strict=True)}
    return {
        name: (telemetry.steps[index], telemetry.values[index, SERIES.index(name)]) for name, index in chosen.items()
    }
