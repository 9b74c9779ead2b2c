"""One experiment of the store, trained: claimed, prepared or continued, kept, released."""

import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from dmf import build
from dmf.config import ExperimentConfig
from dmf.errors import CheckpointError, DMFError, RunFinishedError, StoreError
from dmf.records import Event, RunState, StateChange
from dmf.runs import ExperimentRow, RunRow, RunStore, StoreControls, StoreSink
from dmf.training import Lockstep, TrainingRun

logger = logging.getLogger(__name__)

OnStep = Callable[[Sequence[TrainingRun]], None]


def new_owner(kind: str) -> str:
    """A name for this process as an owner of runs, fit to be shown: kind, host, process and a random part."""
    return f"{kind} on {socket.gethostname()} (process {os.getpid()}, {secrets.token_hex(2)})"


def create_experiment(store: RunStore, config: ExperimentConfig) -> ExperimentRow:
    """Check ``config`` and put its runs into the store, queued.

    Raises:
        ConfigError: If something cannot work; nothing is stored then.
        StoreError: If the store refuses.
    """
    build.validate(config)
    build.numerics(config)
    return store.create_experiment(
        config.model_dump(mode="json"),
        name=config.name or f"{config.data.dataset}: {', '.join(run.label for run in config.runs)}",
        labels=[run.label for run in config.runs],
        run_configs=[run.fusion.model_dump(mode="json") for run in config.runs],
        environment=build.environment(config),
    )


class _StoppedEarlyError(Exception):
    """Everything is to stop while the data are still being prepared."""


class Job:
    """One claimed experiment: from the moment it is queued, its lease is kept and wishes are heard.

    Args:
        store: Where it is kept.
        experiment: Its runs that are queued or can be resumed are claimed; those that are finished stay as they are.
        owner: Who trains it.

    Raises:
        RunFinishedError: If there is nothing left to train.
        NotOwnerError: If another process owns a run.
    """

    def __init__(self, store: RunStore, experiment: ExperimentRow, owner: str) -> None:
        self.store, self.owner = store, owner
        self.experiment = experiment
        self.config = ExperimentConfig.model_validate(experiment.config)
        self.stop = threading.Event()
        self.steps_total: int | None = None  # known once the data are prepared
        self.runs = [run for run in experiment.runs if run.state is RunState.QUEUED or run.state.is_resumable]
        ids = [run.id for run in self.runs]
        if not ids:
            states = ", ".join(sorted({run.state.value for run in experiment.runs}))
            raise RunFinishedError(f"Nothing to train in experiment {experiment.id!r}: its runs are {states}.")
        store.claim(ids, owner)
        self._controls = StoreControls(store, ids, owner)

    def train(self, on_step: OnStep | None = None, on_progress: Callable[[int, int], None] | None = None) -> None:
        """Train until every run has ended. What goes wrong with the data or a run is stored as its state.

        Raises:
            StoreError: If what happens can no longer be kept, or another process took the runs over.
        """
        ids = [run.id for run in self.runs]
        sink = StoreSink(self.store, self.owner)
        try:
            try:
                lockstep = self._prepare(sink, on_step, on_progress)
            except StoreError:
                raise
            except _StoppedEarlyError:
                for row in self.runs:
                    sink.write(StateChange(row.id, max(0, row.summary["step"] + 1), RunState.STOPPED))
            except Exception as error:
                self._fail(sink, error, self.runs)
            else:
                lockstep.train()
        finally:
            with suppress(StoreError):  # the first error is the one to tell; this one would hide it
                sink.close()
            self._controls.close()
            with suppress(StoreError):
                self.store.release(ids, self.owner)

    def abandon(self) -> None:
        """Give the runs up without training them; they count as interrupted."""
        self._controls.close()
        self.store.release([run.id for run in self.runs], self.owner)

    def _prepare(
        self, sink: StoreSink, on_step: OnStep | None, on_progress: Callable[[int, int], None] | None
    ) -> Lockstep:
        def hear(done: int, total: int) -> None:
            if self.stop.is_set():
                raise _StoppedEarlyError
            if on_progress is not None:
                on_progress(done, total)

        workbench = build.build_workbench(self.config, hear)
        self.steps_total = workbench.facts()["steps_total"]
        runs = []
        for row in self.runs:
            config = self.config.runs[row.position]
            run = workbench.run(row.id, config, self.store.artifact_folder(row.id))
            try:
                self._continue(run, row)
            except CheckpointError as error:  # the other runs can go on
                self._fail(sink, error, [row])
                continue
            sink.write(Event(row.id, run.step, "prepared", workbench.facts()))
            runs.append(run)
        return Lockstep(
            runs,
            feed=workbench.feed,
            task=workbench.task,
            samples=workbench.samples,
            sink=sink,
            controls=self._controls,
            plan=workbench.plan(self.experiment.id),
            numerics=workbench.numerics,
            stop=self.stop,
            on_step=on_step,
        )

    def _continue(self, run: TrainingRun, row: RunRow) -> None:
        """Go on from the last checkpoint of an earlier attempt, or from the start if it never came to one."""
        if row.state is RunState.QUEUED:
            return
        if any(artifact.kind == "checkpoint_last" for artifact in self.store.artifacts(row.id)):
            run.restore()
        run.begin_attempt(self.store.begin_attempt(row.id, run.step, self.owner))

    def _fail(self, sink: StoreSink, error: Exception, rows: Sequence[RunRow]) -> None:
        if not isinstance(error, DMFError):
            logger.error("Experiment %s could not start", self.experiment.id, exc_info=error)
        reason = str(error) if isinstance(error, DMFError) else f"{type(error).__name__}: {error}"
        for row in rows:
            sink.write(StateChange(row.id, max(0, row.summary["step"] + 1), RunState.FAILED, reason))
