"""A store with one experiment, and a way to record steps in it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dmf.config import FusionConfig
from dmf.records import TelemetryBlock
from dmf.runs import ExperimentRow, RunStore

TERMS = ("ce", "iou", "dice")
COLUMNS = (
    *(f"loss_{term}" for term in TERMS),
    *(f"weight_{term}" for term in TERMS),
    *("auxiliary", "gamma", "total", "lr", "finite"),
)


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs.sqlite")


@pytest.fixture
def experiment(store: RunStore) -> ExperimentRow:
    """Two runs, owned by "me"."""
    fusions = [FusionConfig(weighting=name).recorded() for name in ("variance", "mad")]
    found = store.create_experiment({}, name="e", labels=["variance", "mad"], run_configs=fusions, environment={})
    store.claim([run.id for run in found.runs], "me")
    return found


@pytest.fixture
def record(store: RunStore) -> Callable[..., np.ndarray]:
    """Records steps of a run whose losses count up from ``first``; returns their values (steps, columns)."""

    def write(  # noqa: PLR0917
        run: str, first: int, count: int, attempt: int = 1, bad: tuple[int, ...] = (), total: float | None = None
    ) -> np.ndarray:
        values = np.zeros((count, len(COLUMNS)), np.float32)
        values[:, 0] = np.arange(first, first + count)
        values[:, 1:8] = [0.5, 0.25, 0.25, 0.25, 0.5, 2.0, 0.5]
        values[:, 8] = 0.25 * values[:, 0] + 0.125 + 0.125 + 1.0 if total is None else total
        values[:, 10] = 1
        values[list(bad), 0], values[list(bad), 10] = np.nan, 0
        start = 1_000.0 + first
        store.write([TelemetryBlock(run, attempt, first, COLUMNS, values, start, start + count - 1)], "me")
        return values

    return write
