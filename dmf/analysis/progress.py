"""An experiment as a page follows it: its runs with their telemetry, events, metrics and pictures, as of one moment."""

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dmf.analysis.live import LiveRun
from dmf.analysis.training_time import end_of, seconds_trained
from dmf.config import TrainingConfig
from dmf.live_settings import LIVE_SETTINGS
from dmf.records import RunState
from dmf.runs import EventRow, ExperimentRow, Latest, RunRow, RunStore, SampleRow
from dmf.tasks import task_named


@dataclass(frozen=True)
class Snapshot:
    """An experiment at one moment.

    Attributes:
        facts: What was known once its data were prepared (``steps_total``, ``images``, ...); empty before.
        live: Telemetry of each run, in their order; it goes on growing.
        events: All events, oldest first; but a change that was turned further on than its run stands, because the run
            went back to a checkpoint, is left out until the run comes there again.
        metrics: Rows as ``RunStore.epoch_metrics`` gives them, in no order.
        samples: Every picture, without its bytes, by epoch.
    """

    experiment: ExperimentRow
    facts: dict[str, Any]
    live: tuple[LiveRun, ...]
    events: tuple[EventRow, ...]
    metrics: pd.DataFrame
    samples: tuple[SampleRow, ...]

    @property
    def is_active(self) -> bool:
        """Whether anything may still change by itself."""
        return any(run.state.is_active for run in self.experiment.runs)

    @property
    def are_classes(self) -> bool:
        """Whether pictures of truth and prediction hold the class of each pixel; else they are images."""
        return task_named(self.experiment.task).target == "classes"

    @property
    def score_title(self) -> str:
        """What the score of a picture is called."""
        return task_named(self.experiment.task).case_title

    @property
    def states(self) -> tuple[RunState, ...]:
        """State of each run."""
        return tuple(run.state for run in self.experiment.runs)

    @property
    def steps_per_epoch(self) -> int | None:
        """Optimizer steps in one epoch, once known."""
        return self.facts.get("steps_per_epoch")

    @property
    def steps_total(self) -> int | None:
        """Optimizer steps every run is to take, once known."""
        return self.facts.get("steps_total")

    @property
    def step(self) -> int:
        """Steps taken by the run that is furthest."""
        return 1 + max(int(run.summary["step"]) for run in self.experiment.runs)

    @property
    def seconds_trained(self) -> float:
        """How long the run that trained longest has trained, by the clock of the store; not while it was paused."""
        return max(
            seconds_trained([event for event in self.events if event.run == run.id], end_of(run))
            for run in self.experiment.runs
        )

    @property
    def origin(self) -> float:
        """Unix time of the first step of any run: 0 s of the race."""
        return min((live.started for live in self.live if live.started is not None), default=self.experiment.created)

    @property
    def settings(self) -> tuple[dict[str, float | str], ...]:
        """What the live settings of each run stand at now, by field."""
        return tuple(self.first_settings(run) | self.changes(run) for run in self.experiment.runs)

    def first_settings(self, run: RunRow) -> dict[str, float | str]:
        """What the live settings of a run stood at when it began, by field; a recorded run may not tell them all."""
        training = TrainingConfig.model_fields["lr"].default
        lr = self.experiment.config.get("training", {}).get("lr", training)
        return {
            field: lr if field == "lr" else run.config[field] for field in LIVE_SETTINGS if field in {"lr", *run.config}
        }

    def changes(self, run: RunRow) -> dict[str, float | str]:
        """The live settings of a run that were changed, at what they stand at now."""
        turned = sorted(
            (event for event in self.events if event.run == run.id and event.kind == "knob"),
            key=lambda event: (event.step, event.id),
        )
        values = {event.data["field"]: event.data["value"] for event in turned}
        first = self.first_settings(run)
        return {field: value for field, value in values.items() if value != first.get(field)}


class LiveExperiment:
    """Follows one experiment of a store. Safe to share between threads.

    Args:
        store: Where it is kept.
        experiment_id: Which.

    Raises:
        RunNotFoundError: If there is no such experiment.
    """

    def __init__(self, store: RunStore, experiment_id: str) -> None:
        self._store, self.id = store, experiment_id
        self._lock = threading.Lock()
        self._begin(store.experiment(experiment_id))

    def _begin(self, experiment: ExperimentRow) -> None:
        self._run_ids = [run.id for run in experiment.runs]
        self._live = tuple(LiveRun(run) for run in experiment.runs)
        self._events: list[EventRow] = []
        self._attempts: tuple[int, ...] = ()
        self._facts: dict[str, Any] = {}
        self._evaluated: list[_Evaluated] | None = None
        self._metrics = pd.DataFrame()
        self._samples: list[SampleRow] = []
        self._samples_of: tuple[list[_Evaluated], bool] | None = None
        self._samples_attempts: tuple[int, ...] = ()
        self._samples_since = 0

    def refresh(self) -> Snapshot:
        """Read what is new.

        Raises:
            RunNotFoundError: If the experiment is gone.
            StoreError: If the store cannot be read.
        """
        with self._lock:
            latest = self._read()
            while [run.id for run in latest.experiment.runs] != self._run_ids:  # one was deleted, or added
                self._begin(latest.experiment)
                latest = self._read()
            experiment = latest.experiment
            for live in self._live:
                live.take(latest.telemetry[live.id])
            self._keep_events(experiment, latest.events)
            # Runs say when there is more, and then only that is read: what a refresh costs does not grow with epochs.
            evaluated = [_Evaluated.of(run) for run in experiment.runs]
            self._read_metrics(evaluated)
            self._read_samples(experiment, evaluated)
            return Snapshot(
                experiment,
                self._facts,
                self._live,
                self._events_so_far(experiment),
                self._metrics,
                tuple(self._samples),
            )

    def _read_metrics(self, evaluated: "list[_Evaluated]") -> None:
        before = self._evaluated
        if before == evaluated:
            return
        # A split that is new, as the test images at the end, may have been judged at an earlier epoch.
        if before is None or any(
            was.attempt != now.attempt or was.splits != now.splits for was, now in _pairs(before, evaluated)
        ):
            self._metrics = self._store.epoch_metrics(self._run_ids)
        else:
            since = min(was.epoch for was, now in _pairs(before, evaluated) if was != now)
            fresh = self._store.epoch_metrics(self._run_ids, since=since)
            self._metrics = pd.concat([self._metrics[self._metrics["epoch"] < since], fresh], ignore_index=True)
        self._evaluated = evaluated

    def _read_samples(self, experiment: ExperimentRow, evaluated: "list[_Evaluated]") -> None:
        active = [run for run in experiment.runs if run.state.is_active]
        if self._samples_of == (evaluated, bool(active)):
            return
        attempts = tuple(run.attempt for run in experiment.runs)
        # Pictures of an epoch come before the next one is evaluated, so what is older than the last look is all there;
        # at the end all are read once more, as a program of someone's own may have added some late.
        since = self._samples_since if active and attempts == self._samples_attempts else 0
        kept = bisect_left(self._samples, since, key=lambda sample: sample.epoch)
        fresh = self._store.samples(self.id, since=since)
        self._samples = [*self._samples[:kept], *fresh]
        self._samples_attempts = attempts
        self._samples_since = min((run.summary["epoch"] for run in active), default=0)
        if not active or self._has_every_sample(active, fresh):
            self._samples_of = evaluated, bool(active)

    def _events_so_far(self, experiment: ExperimentRow) -> tuple[EventRow, ...]:
        taken = {run.id: run.summary["step"] + 1 for run in experiment.runs}
        return tuple(event for event in self._events if event.kind != "knob" or event.step <= taken[event.run])

    def _read(self) -> Latest:
        positions = {live.id: live.position for live in self._live}
        return self._store.latest(self.id, positions, after_event=self._events[-1].id if self._events else 0)

    def _keep_events(self, experiment: ExperimentRow, fresh: list[EventRow]) -> None:
        attempts = tuple(run.attempt for run in experiment.runs)
        if attempts != self._attempts:  # a resume took back what had happened after its checkpoint
            if self._events:
                fresh = self._store.events(self._run_ids)
            self._attempts, self._events = attempts, []
        self._events.extend(fresh)
        for event in fresh:
            if event.kind == "prepared":
                self._facts = event.data

    def _has_every_sample(self, runs: Sequence[RunRow], fresh: Sequence[SampleRow]) -> bool:
        """Whether each run has a picture of each case at its latest epoch; they come a moment after the metrics."""
        shared = bisect_right(self._samples, 0, key=lambda sample: sample.epoch)
        cases = {sample.case for sample in self._samples[:shared] if sample.kind == "truth"}
        predicted = {(sample.run, sample.epoch, sample.case) for sample in fresh if sample.kind == "prediction"}
        wanted = {(run.id, run.summary["epoch"], case) for run in runs for case in cases}
        return bool(cases) and wanted <= predicted


@dataclass(frozen=True)
class _Evaluated:
    """How far the evaluation of a run has come."""

    attempt: int
    epoch: int
    splits: tuple[str, ...]

    @classmethod
    def of(cls, run: RunRow) -> "_Evaluated":
        return cls(run.attempt, run.summary["epoch"], tuple(sorted(run.summary["metrics"])))


def _pairs(before: list[_Evaluated], after: list[_Evaluated]) -> list[tuple[_Evaluated, _Evaluated]]:
    return list(zip(before, after, strict=True))
