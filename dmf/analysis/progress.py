"""An experiment as a page follows it: its runs with their telemetry, events, metrics and pictures, as of one moment."""

import threading
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dmf.analysis.live import LiveRun
from dmf.config import TrainingConfig
from dmf.knobs import KNOBS
from dmf.records import RunState
from dmf.runs import EventRow, ExperimentRow, RunRow, RunStore, SampleRow


@dataclass(frozen=True)
class Snapshot:
    """An experiment at one moment.

    Attributes:
        facts: What was known once its data were prepared (``steps_total``, ``images``, ...); empty before.
        live: Telemetry of each run, in their order; it goes on growing.
        events: All events, oldest first; but a knob that was turned further on than its run stands, because the run
            went back to a checkpoint, is left out until the run comes there again.
        metrics: Rows as ``RunStore.epoch_metrics`` gives them.
        samples: Every picture, without its bytes.
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
    def origin(self) -> float:
        """Unix time of the first step of any run: 0 s of the race."""
        return min((live.started for live in self.live if live.started is not None), default=self.experiment.created)

    @property
    def settings(self) -> tuple[dict[str, float | str], ...]:
        """What the knobs of each run stand at now, by field."""
        return tuple(self.first_settings(run) | self.changes(run) for run in self.experiment.runs)

    def first_settings(self, run: RunRow) -> dict[str, float | str]:
        """What the knobs of a run stood at when it began, by field; a recorded run may not tell them all."""
        training = TrainingConfig.model_fields["lr"].default
        lr = self.experiment.config.get("training", {}).get("lr", training)
        return {field: lr if field == "lr" else run.config[field] for field in KNOBS if field in {"lr", *run.config}}

    def changes(self, run: RunRow) -> dict[str, float | str]:
        """The knobs of a run that were turned, at what they stand at now."""
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
        self._metrics: tuple[Any, pd.DataFrame] = (None, pd.DataFrame())
        self._samples: tuple[SampleRow, ...] = ()
        self._samples_of: Any = None

    def refresh(self) -> Snapshot:
        """Read what is new.

        Raises:
            RunNotFoundError: If the experiment is gone.
            StoreError: If the store cannot be read.
        """
        with self._lock:
            experiment = self._store.experiment(self.id)
            if [run.id for run in experiment.runs] != self._run_ids:  # one was deleted, or added by a recording
                self._begin(experiment)
            for live in self._live:
                live.refresh(self._store)
            self._read_events(experiment)
            # Reading them all is dear once there are thousands of epochs, so it waits until they say there is more.
            evaluated = [(run.attempt, run.summary["epoch"], sorted(run.summary["metrics"])) for run in experiment.runs]
            if self._metrics[0] != evaluated:
                self._metrics = (evaluated, self._store.epoch_metrics(self._run_ids))
            if self._samples_of != evaluated:
                self._samples = tuple(self._store.samples(self.id))
                if not any(run.state.is_active for run in experiment.runs) or self._has_every_sample(experiment):
                    self._samples_of = evaluated
            return Snapshot(
                experiment, self._facts, self._live, self._events_so_far(experiment), self._metrics[1], self._samples
            )

    def _events_so_far(self, experiment: ExperimentRow) -> tuple[EventRow, ...]:
        taken = {run.id: run.summary["step"] + 1 for run in experiment.runs}
        return tuple(event for event in self._events if event.kind != "knob" or event.step <= taken[event.run])

    def _read_events(self, experiment: ExperimentRow) -> None:
        attempts = tuple(run.attempt for run in experiment.runs)
        if attempts != self._attempts:  # a resume took back what had happened after its checkpoint
            self._attempts, self._events = attempts, []
        fresh = self._store.events(self._run_ids, after_id=self._events[-1].id if self._events else 0)
        self._events.extend(fresh)
        for event in fresh:
            if event.kind == "prepared":
                self._facts = event.data

    def _has_every_sample(self, experiment: ExperimentRow) -> bool:
        """Whether each run has a picture of each case at its latest epoch; they come a moment after the metrics."""
        cases = {sample.case for sample in self._samples if sample.kind == "truth"}
        predicted = {(sample.run, sample.epoch, sample.case) for sample in self._samples if sample.kind == "prediction"}
        wanted = {(run.id, run.summary["epoch"], case) for run in experiment.runs for case in cases}
        return bool(cases) and wanted <= predicted
