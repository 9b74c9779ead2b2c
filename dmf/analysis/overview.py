"""Experiments at a glance: for each its state, its validation scores over the epochs, and the best of them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dmf.analysis.best import OURS, Headline, best_point, headline_of
from dmf.config import DataConfig, TrainingConfig
from dmf.records import RunState
from dmf.runs import ExperimentRow, RunRow, RunStore

POINTS = 60  # of a sparkline; more than its pixels could show


@dataclass(frozen=True)
class RunSummary:
    """One run at a glance.

    Attributes:
        weighting: The method it started with.
        epoch: The latest epoch evaluated, 0 before the first.
        epochs, scores: Validation scores, of the metric that decides the best epoch of the experiment
            after each epoch, from the untrained network (epoch 0) on; at most 60 points, the best among them.
        best_epoch, best: The best score of a trained epoch; None before the first.
    """

    id: str
    label: str
    weighting: str
    state: RunState
    epoch: int
    epochs: tuple[int, ...]
    scores: tuple[float, ...]
    best_epoch: int | None
    best: float | None


@dataclass(frozen=True)
class ExperimentSummary:
    """One experiment at a glance; ``created`` is a Unix time, ``image_size`` in pixels.

    ``age`` is for how many seconds it has trained or waited, or how long ago it ended, by the store's clock.

    Of one that a program of someone's own recorded, ``dataset``, ``image_size`` and ``epochs`` are None where its
    owner did not tell them.
    """

    id: str
    name: str
    created: float
    age: float
    dataset: str | None
    image_size: int | None
    epochs: int | None
    runs: tuple[RunSummary, ...]
    headline: Headline = OURS

    @property
    def states(self) -> tuple[RunState, ...]:
        """State of each run."""
        return tuple(run.state for run in self.runs)

    @property
    def is_active(self) -> bool:
        """Whether anything may still change by itself."""
        return any(state.is_active for state in self.states)

    @property
    def winner(self) -> RunSummary | None:
        """The run with the best score, the first of equals; None before any was scored."""
        scored = [run for run in self.runs if run.best is not None]
        return max(scored, key=lambda run: self.headline.rank(run.best or 0.0), default=None)


def overview(store: RunStore, limit: int = 12, offset: int = 0) -> list[ExperimentSummary]:
    """Experiments at a glance, newest first. The number of queries does not depend on how many there are.

    Raises:
        StoreError: If the store cannot be read.
    """
    return _summaries(store, store.experiments(limit, offset))


def active(store: RunStore) -> list[ExperimentSummary]:
    """What trains at a glance, then what waits, in order.

    Raises:
        StoreError: If the store cannot be read.
    """
    return _summaries(store, store.queue())


def _summaries(store: RunStore, experiments: Sequence[ExperimentRow]) -> list[ExperimentSummary]:
    runs = [run.id for experiment in experiments for run in experiment.runs]
    names = {headline_of(experiment.config).metric for experiment in experiments}
    metrics = store.epoch_metrics(runs, metrics=sorted(names), split="validation")
    scores: dict[Any, pd.DataFrame] = dict(iter(metrics.groupby(["run", "metric"])))
    now = store.now()
    return [_summary(experiment, scores, now) for experiment in experiments]


def _summary(experiment: ExperimentRow, scores: Mapping[Any, pd.DataFrame], now: float) -> ExperimentSummary:
    headline = headline_of(experiment.config)
    data, training = experiment.config.get("data", {}), experiment.config.get("training", {})
    if not experiment.is_recorded:  # what an earlier program did not store was what is the default now
        data, training = DataConfig().model_dump() | data, TrainingConfig().model_dump() | training
    return ExperimentSummary(
        id=experiment.id,
        name=experiment.name,
        created=experiment.created,
        age=max(0.0, now - _moment(experiment)),
        dataset=data.get("dataset"),
        image_size=data.get("image_size"),
        epochs=training.get("epochs"),
        runs=tuple(_run_summary(run, scores.get((run.id, headline.metric)), headline) for run in experiment.runs),
        headline=headline,
    )


def _moment(experiment: ExperimentRow) -> float:
    """Unix time from which the age of an experiment counts: its first step, its end, else when it was made."""
    runs = experiment.runs
    if any(run.state.is_active for run in runs):
        return min((run.started for run in runs if run.started is not None), default=experiment.created)
    return max((run.ended or run.heartbeat or run.created for run in runs), default=experiment.created)


def _run_summary(run: RunRow, rows: pd.DataFrame | None, headline: Headline) -> RunSummary:
    pairs = [] if rows is None else zip(rows["epoch"].tolist(), rows["value"].tolist(), strict=True)
    points = sorted((epoch, score) for epoch, score in pairs if math.isfinite(score))
    best = best_point(points, headline)
    drawn = thinned(points, POINTS, headline)
    return RunSummary(
        id=run.id,
        label=run.label,
        weighting=run.config["weighting"],
        state=run.state,
        epoch=run.summary["epoch"],
        epochs=tuple(epoch for epoch, _ in drawn),
        scores=tuple(score for _, score in drawn),
        best_epoch=best[0] if best else None,
        best=best[1] if best else None,
    )


def thinned(points: Sequence[tuple[int, float]], most: int, headline: Headline = OURS) -> list[tuple[int, float]]:
    """At most ``most`` of the points, in order: evenly spaced ones with first and last, and the best.

    Args:
        points: (epoch, score), by epoch.
        most: At least 3.
        headline: What the scores are.
    """
    if len(points) <= most:
        return list(points)
    kept = {round(index * (len(points) - 1) / (most - 2)) for index in range(most - 1)}
    kept.add(max(range(len(points)), key=lambda index: headline.rank(points[index][1])))
    return [points[index] for index in sorted(kept)]
