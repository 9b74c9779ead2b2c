"""What came out of an experiment, as one document."""

import math
from typing import Any

import pandas as pd

from dmf.runs import ExperimentRow, RunRow, RunStore


def tested_epoch(metrics: pd.DataFrame) -> int | None:
    """The epoch of the network that was tested, else the last one evaluated; None before the first.

    Args:
        metrics: Rows of one run as ``RunStore.epoch_metrics`` returns them.
    """
    if metrics.empty:
        return None
    tested = metrics.loc[metrics["split"] == "test", "epoch"]
    return int(tested.iloc[-1] if len(tested) else metrics["epoch"].max())


def experiment_document(store: RunStore, experiment_id: str) -> dict[str, Any]:
    """Outcome of every run: steps, seconds, last weights, and metrics of all splits at the tested epoch.

    A number that is not finite is None.

    Raises:
        RunNotFoundError: If there is no such experiment.
    """
    experiment = store.experiment(experiment_id)
    metrics = store.epoch_metrics([run.id for run in experiment.runs])
    return {"experiment": experiment.id, "runs": [_run(store, experiment, run, metrics) for run in experiment.runs]}


def _run(store: RunStore, experiment: ExperimentRow, run: RunRow, metrics: pd.DataFrame) -> dict[str, Any]:
    latest = store.latest_step(run.id)
    terms = run.config["terms"]
    last = (
        store.telemetry(run.id, after=latest - 1, columns=[f"weight_{term}" for term in terms]) if latest >= 0 else None
    )
    own = metrics[metrics["run"] == run.id]
    at_epoch = own[own["epoch"] == tested_epoch(own)]
    return {
        "id": run.id,
        "label": run.label,
        "state": run.state.value,
        "reason": run.reason,
        "weighting": run.config["weighting"],
        "auxiliary": run.config["auxiliary"],
        "steps": latest + 1,
        "seconds": round((run.ended or run.heartbeat or run.created) - (run.started or run.created), 3),
        "epoch": tested_epoch(own),
        "weights": [] if last is None else [_finite(value) for value in last.values[-1].tolist()],
        **{split: _metrics(at_epoch[at_epoch["split"] == split]) for split in ("train", "validation", "test")},
    }


def _metrics(rows: pd.DataFrame) -> dict[str, float | None]:
    return {name: _finite(value) for name, value in zip(rows["metric"], rows["value"], strict=True)}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
