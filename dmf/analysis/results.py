"""What came out of an experiment, as one document."""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from dmf.analysis.best import headline_of, shown_epoch
from dmf.analysis.training_time import seconds_of
from dmf.runs import EventRow, ExperimentRow, RunRow, RunStore


def experiment_document(store: RunStore, experiment_id: str) -> dict[str, Any]:
    """Outcome of every run: steps, seconds of training, last weights, and metrics of all splits at one epoch.

    That epoch is the tested one, else the best so far; see :func:`dmf.analysis.best.shown_epoch`.

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
    epoch = shown_epoch(own, headline_of(experiment.config))
    at_epoch = own[own["epoch"] == epoch]
    events = store.events([run.id])
    return {
        "id": run.id,
        "label": run.label,
        "state": run.state.value,
        "reason": run.reason,
        "weighting": run.config["weighting"],
        "auxiliary": run.config["auxiliary"],
        "steps": latest + 1,
        "stopped_early": _stopped_early(events),
        "seconds": 0.0 if run.started is None else round(seconds_of(run, events), 3),
        "epoch": epoch,
        "weights": [] if last is None else [_finite(value) for value in last.values[-1].tolist()],
        **{split: _metrics(at_epoch[at_epoch["split"] == split]) for split in ("train", "validation", "test")},
    }


def _stopped_early(events: Sequence[EventRow]) -> dict[str, Any] | None:
    """Which score stood still, its best epoch and the patience, where a run ended before its last step; else None."""
    stops = [event for event in events if event.kind == "stopped_early"]
    return {**stops[-1].data, "step": stops[-1].step} if stops else None


def _metrics(rows: pd.DataFrame) -> dict[str, float | None]:
    return {name: _finite(value) for name, value in zip(rows["metric"], rows["value"], strict=True)}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
