"""Replay of a long history: six methods one after another, beside the time that a page may take to answer."""

import gc
from collections.abc import Callable
from statistics import median

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import Row, milliseconds, seconds
from dmf.config import FusionConfig
from dmf.replay import replay

TARGET = 0.5  # s
METHODS = {
    "variance": "variance",
    "MAD": "mad",
    "Bayesian": "bayesian",
    "CoV": "cov",
    "SoftAdapt": "softadapt",
    "DWA": "dwa",
}
WINDOW = 100


def rows(quick: bool) -> list[Row]:
    steps, rounds = (400, 2) if quick else (10_000, 9)
    losses = history(steps)
    gc.collect()
    taken = [{name: seconds(_replayed(losses, method)) for name, method in METHODS.items()} for _ in range(rounds + 1)]
    each = {name: median(turn[name] for turn in taken[1:]) for name in METHODS}  # the first turn warms up
    together = median(sum(turn.values()) for turn in taken[1:])
    what = f"replay of {steps:,} steps x {losses.shape[1]} losses"
    return [
        *(Row(f"{what}, {name}, window {WINDOW}", milliseconds(spent), "", "") for name, spent in each.items()),
        Row(
            f"{what}, the {len(METHODS)} methods together",
            milliseconds(together),
            f"per step {together / steps * 1e6:.3g} µs",
            "",
            f"<= {TARGET:g} s",
            together <= TARGET,
        ),
    ]


def history(steps: int) -> NDArray[np.float64]:
    """Three noisy descents of different scale, (steps, 3)."""
    noise = 1 + 0.1 * np.random.default_rng(0).standard_normal((steps, 3))
    return np.abs(np.linspace(1, 0.2, steps)[:, None] * np.array([1.0, 0.5, 3.0]) * noise)


def _replayed(losses: NDArray[np.float64], method: str) -> Callable[[], object]:
    config = FusionConfig(weighting=method, history_max=WINDOW)
    return lambda: replay(losses, config)
