"""A long run from the store to the points of a chart, and the spikes that survive the way."""

from statistics import median

import numpy as np
from numpy.typing import NDArray

from app.charts.decimate import decimate
from app.components.live_chart import Series, pack
from benchmarks import peers
from benchmarks.harness import Row, milliseconds, seconds, temporary_store
from dmf.analysis.live import LiveRun
from dmf.config import FusionConfig
from dmf.jobs import new_owner
from dmf.records import TelemetryBlock
from dmf.runs import RunStore

POINTS = 1000
SPIKES = 100
NEW = 25  # steps that came since the last refresh
SERIES = ("loss_ce", "loss_iou", "loss_dice", "weight_ce", "weight_iou", "weight_dice")
COLUMNS = (*SERIES, "auxiliary", "gamma", "total", "lr", "finite")
TARGET_REOPEN = 0.5  # s
TARGET_REFRESH = 0.1  # s
TARGET_KEPT = 90
TARGET_PAYLOAD = 75_000  # bytes

Drawn = dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]


def rows(quick: bool) -> list[Row]:
    steps = 20_000 if quick else 1_000_000
    values, spikes = recorded(steps)
    with temporary_store() as store:
        run, owner = new_run(store)
        keep(store, owner, run, values)
        reopened = median(seconds(lambda: draw(store, LiveRun(store.run(run)))) for _ in range(2 if quick else 5))
        live = LiveRun(store.run(run))
        drawn = draw(store, live)
        x, _ = drawn["loss_ce"]
        taken = []
        for turn in range(3 if quick else 20):
            keep(store, owner, run, values[:NEW], first=steps + turn * NEW)
            taken.append(seconds(lambda: draw(store, live)))
        refreshed = median(taken)
    kept = int(np.isin(spikes, x).sum())
    by_stride = int(np.isin(spikes, np.linspace(0, steps - 1, POINTS).astype(np.int64)).sum())
    payload = len(pack({}, [Series(name, *line, "#000000") for name, line in drawn.items()]))
    board = {name: peers.quoted("tensorboard", name) for name in ("reopen", "refresh", "payload", "spikes_kept")}
    told = f"({peers.source()})"
    return [
        Row(
            f"reopen {steps:,} steps: store to {len(SERIES)} drawn series",
            milliseconds(reopened),
            f"TensorBoard {board['reopen']:.1f} s {told}",
            "" if quick else f"{board['reopen'] / reopened:.0f}x faster",
            f"<= {TARGET_REOPEN} s",
            reopened <= TARGET_REOPEN,
        ),
        Row(
            f"refresh after {NEW} more steps: store to {len(SERIES)} drawn series",
            milliseconds(refreshed),
            f"TensorBoard {board['refresh']:.2f} s {told}",
            "" if quick else f"{board['refresh'] / refreshed:.0f}x faster",
            f"<= {TARGET_REFRESH} s",
            refreshed <= TARGET_REFRESH,
        ),
        Row(
            f"payload of a refresh, {len(SERIES)} series of at most {POINTS:,} points",
            f"{payload / 1e3:.0f} kB",
            f"TensorBoard {board['payload'] / 1e3:.0f} kB {told}",
            f"{board['payload'] / payload:.1f}x less",
            f"<= {TARGET_PAYLOAD / 1e3:.0f} kB",
            payload <= TARGET_PAYLOAD,
        ),
        Row(
            f"one-step spikes kept at {POINTS:,} drawn points, of {SPIKES}",
            f"{kept} with MinMaxLTTB",
            f"{by_stride} with a stride; TensorBoard {board['spikes_kept']:.0f} {told}",
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
    values[:, -1] = 1  # every step was finite
    spikes = rng.choice(steps, SPIKES, replace=False)
    values[spikes, 0] += 1.0
    return values, np.sort(spikes)


def new_run(store: RunStore) -> tuple[str, str]:
    """A claimed run: its id and its owner."""
    config = FusionConfig().recorded()
    experiment = store.create_experiment({}, name="bench", labels=["a"], run_configs=[config], environment={})
    run, owner = experiment.runs[0].id, new_owner("bench")
    store.claim([run], owner)
    return run, owner


def keep(store: RunStore, owner: str, run: str, values: NDArray[np.float32], first: int = 0) -> None:
    """Store telemetry as it would come at 100 steps per second."""
    for start in range(0, len(values), 4096):
        part = values[start : start + 4096]
        begin = first + start
        times = begin / 100, (begin + len(part) - 1) / 100
        store.heartbeat([run], owner)
        store.write([TelemetryBlock(run, 1, begin, COLUMNS, part, *times)], owner)


def draw(store: RunStore, live: LiveRun) -> Drawn:
    """What a page does on a tick: read what is new, and choose at most ``POINTS`` points of each line."""
    live.refresh(store)
    return chosen(live)


def chosen(live: LiveRun) -> Drawn:
    """At most ``POINTS`` points of each line, from what was read."""
    drawn: Drawn = {}
    for name in SERIES:
        x, y = live.trace(name)
        kept = decimate(x, y, POINTS)
        drawn[name] = x[kept], y[kept]
    return drawn
