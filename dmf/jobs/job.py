"""One experiment of the store, trained: claimed, prepared or continued, kept, released."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from operator import attrgetter
from typing import Any

from dmf import build
from dmf.config import ExperimentConfig, PluginConfig
from dmf.config_text import build as build_plain
from dmf.errors import CheckpointError, ConfigError, DMFError, NotOwnerError, RunFinishedError, StoreError, reason
from dmf.former import former_fingerprint
from dmf.live_settings import Settings, changes_of, plugins_of_changes
from dmf.options import Choice
from dmf.plugins import plugins_of, plugins_with, require
from dmf.records import Event, RunState, SettingChange, StateChange
from dmf.runs import SILENT_SECONDS, ExperimentRow, RunRow, RunStore, StoreCommands, StoreSink
from dmf.training import Lockstep, TrainingRun
from dmf.training.checkpoint import sweep

logger = logging.getLogger(__name__)

OnStep = Callable[[Sequence[TrainingRun]], None]


def check_experiment(config: ExperimentConfig, later_weightings: Sequence[str] = ()) -> ExperimentConfig:
    """``config`` as it is stored: with the plug-ins that it uses, and a folder that is found from anywhere here.

    Args:
        config: The experiment.
        later_weightings: Those that its runs turn to while they train.

    Raises:
        ConfigError: If something cannot work, or a plug-in is not loaded or has changed.
    """
    require(config.plugins)
    build.validate(config)
    build.numerics(config)
    plugins = plugins_of(config, later_weightings)
    return config.model_copy(update={"plugins": plugins, "data": config.data.absolute()})


def create_experiment(
    store: RunStore, config: ExperimentConfig, changes: Mapping[str, Sequence[SettingChange]] | None = None
) -> ExperimentRow:
    """Check ``config`` and put its runs into the store, queued, with the plug-ins that they use.

    Args:
        store: Where they are kept.
        config: The experiment; a folder of its dataset that is not absolute is stored as seen from here.
        changes: Changes of settings that are known beforehand, by the label of their run; each acts at its step.

    Raises:
        ConfigError: If something cannot work, or a plug-in is not loaded or has changed; nothing is stored then.
        StoreError: If the store refuses.
    """
    if config.training.seeds:
        raise ConfigError(
            "An experiment is trained with one of its seeds: say which with seed, or make one of each configuration of "
            "in_seeds().",
            "seeds",
        )
    if len(config.in_folds()) > 1:
        raise ConfigError(
            f"An experiment tests one of its {config.data.folds} folds: say which with fold, or make one of each "
            "configuration of in_folds().",
            "fold",
        )
    later_weightings = [
        Choice.named(change.value)
        for changes_made in (changes or {}).values()
        for change in changes_made
        if change.field == "weighting"
    ]
    config = check_experiment(config, later_weightings)
    rows_of = {label: _rows_of(config, label, changes_made) for label, changes_made in (changes or {}).items()}
    experiment = store.create_experiment(
        config.model_dump(mode="json"),
        name=config.name or f"{config.data.dataset}: {', '.join(run.label for run in config.runs)}",
        labels=[run.label for run in config.runs],
        run_configs=[run.fusion.recorded() for run in config.runs],
        environment=build.environment(config),
        task=config.task,
    )
    ids = {run.label: run.id for run in experiment.runs}
    store.write([Event(ids[label], step, "knob", data) for label, rows in rows_of.items() for step, data in rows], None)
    return experiment


def _rows_of(
    config: ExperimentConfig, label: str, changes: Sequence[SettingChange]
) -> list[tuple[int, dict[str, Any]]]:
    """Step and data of the events that store ``changes`` of one run, in the order they act.

    Raises:
        ConfigError: If there is no such run, or a change cannot work.
    """
    runs = {run.label: run for run in config.runs}
    if label not in runs:
        raise ConfigError(f"No run of this race is called {label!r}; there are: {', '.join(runs)}.", "events")
    settings, rows = Settings(config.training.lr, runs[label].fusion), []
    for change in sorted(changes, key=attrgetter("step")):
        try:
            changed = settings.changed(change.field, change.value)
            build.build_fusion(changed.fusion)
        except ConfigError as error:
            raise ConfigError(f"Run {label!r}, step {change.step}: {error}", "events") from error
        before, value = settings.value(change.field), changed.stored(change.field, change.value)
        rows.append((change.step, {"field": change.field, "value": value, "before": before}))
        settings = changed
    return rows


def _sources(change: SettingChange) -> dict[str, Any]:
    """The plug-in of a method that a run turns to, stored with the change.

    Raises:
        ConfigError: If its file is gone or has changed since it was loaded.
    """
    plugins = plugins_with({"WEIGHTINGS": {Choice.named(change.value)}}) if change.field == "weighting" else ()
    return {"plugins": [plugin.model_dump(mode="json") for plugin in plugins]} if plugins else {}


class _StoppedEarlyError(Exception):
    """Everything is to stop while the data are still being prepared."""


class Job:
    """One claimed experiment. Until it trains, whoever made it keeps its lease; then it keeps the lease itself.

    Args:
        store: Where it is kept.
        experiment: Its runs that are queued or can be resumed are claimed; those that are finished stay as they are.
        owner: Who trains it.

    Raises:
        RunFinishedError: If there is nothing left to train, or only a program of someone's own can train it.
        ConfigError: If a plug-in that it uses is not loaded.
        NotOwnerError: If another process owns a run.
        StoreError: If the files of a run cannot be reached from here; nothing has changed then.
    """

    def __init__(self, store: RunStore, experiment: ExperimentRow, owner: str) -> None:
        self.store, self.owner = store, owner
        self.experiment = experiment
        if experiment.is_imported:
            raise RunFinishedError(
                f"Experiment {experiment.id!r} was imported: its predictions were made elsewhere, and there is nothing "
                "here to train."
            )
        if experiment.is_recorded:
            raise RunFinishedError(
                f"Experiment {experiment.id!r} was recorded by its own program. Only that program can train "
                "it: start it again there."
            )
        require(build_plain(PluginConfig, plugin) for plugin in experiment.config.get("plugins") or ())
        self.config = ExperimentConfig.model_validate(experiment.config)
        self.stop = threading.Event()
        self.steps_total: int | None = None  # known once the data are prepared
        self.runs = [run for run in experiment.runs if run.state is RunState.QUEUED or run.state.is_resumable]
        self._sink: StoreSink | None = None
        if not self.runs:
            states = ", ".join(sorted({run.state.value for run in experiment.runs}))
            way_out = (
                f" If who trained them was killed, they are free once it was silent for {SILENT_SECONDS:.0f} s."
                if any(run.state.is_active for run in experiment.runs)
                else ""
            )
            raise RunFinishedError(f"Nothing to train in experiment {experiment.id!r}: its runs are {states}.{way_out}")
        store.check_reach([run.id for run in self.runs if store.artifacts(run.id)])
        require((*self.config.plugins, *plugins_of_changes(store.events([run.id for run in self.runs]))))
        self._resumed = frozenset(store.claim([run.id for run in self.runs], owner))

    @property
    def trouble(self) -> str | None:
        """What keeps the store from keeping up while it trains (a locked database), None if nothing does."""
        sink = self._sink
        return None if sink is None else sink.trouble

    def train(self, on_step: OnStep | None = None, on_progress: Callable[[int, int], None] | None = None) -> None:
        """Train until every run has ended. What goes wrong with the data or a run is stored as its state.

        Runs that were cancelled while they waited are left as they are.

        Raises:
            StoreError: If what happens can no longer be kept, or another process took the runs over.
        """
        ids = [run.id for run in self.runs]
        sink = self._sink = StoreSink(self.store, self.owner)
        commands = StoreCommands(self.store, ids, self.owner)
        try:
            try:
                lockstep = self._prepare(sink, commands, on_step, on_progress)
            except StoreError:
                raise
            except _StoppedEarlyError:
                for row in self._owned():
                    sink.write(StateChange(row.id, max(0, row.summary["step"] + 1), RunState.STOPPED))
            except Exception as error:
                self._fail(sink, error, self._owned())
            else:
                if lockstep is not None:
                    lockstep.train()
        except NotOwnerError:
            if not self._was_cancelled():
                raise
        finally:
            with suppress(StoreError):  # the first error is the one to tell; this one would hide it
                sink.close()
            self._sink = None
            commands.close()
            with suppress(StoreError):
                self.store.release(ids, self.owner)

    def abandon(self) -> None:
        """Give the runs up without training them; they count as interrupted."""
        self.store.release([run.id for run in self.runs], self.owner)

    def _was_cancelled(self) -> bool:
        """Whether all runs were cancelled: their last moment in the queue is the one before they train."""
        rows = [self.store.run(run.id) for run in self.runs]
        return all(row.state is RunState.STOPPED and row.owner is None for row in rows)

    def _owned(self) -> list[RunRow]:
        """The runs that were not cancelled, or lost to another process, since they were claimed."""
        return [row for row in self.runs if self.store.run(row.id).owner == self.owner]

    def _prepare(
        self,
        sink: StoreSink,
        commands: StoreCommands,
        on_step: OnStep | None,
        on_progress: Callable[[int, int], None] | None,
    ) -> Lockstep | None:
        """The loop over the runs that can be trained; None if there is none left."""

        def hear(done: int, total: int) -> None:
            if self.stop.is_set() or commands.lost.issuperset(run.id for run in self.runs):
                raise _StoppedEarlyError
            if on_progress is not None:
                on_progress(done, total)

        if not self._owned():
            return None
        workbench = build.build_workbench(self.config, hear)
        self.steps_total = workbench.facts()["steps_total"]
        runs, scheduled = [], {}
        for row in self._owned():
            config = self.config.runs[row.position]
            former = former_fingerprint(self.experiment.config, row.position)
            run = workbench.run(row.id, config, self.store.artifact_folder(row.id), former)
            try:
                scheduled[row.id] = self._continue(run, row, workbench.feed.steps_per_epoch)
            except (CheckpointError, ConfigError) as error:  # the other runs can go on
                self._fail(sink, error, [row])
                continue
            sink.write(Event(row.id, run.step, "prepared", workbench.facts()))
            runs.append(run)
        if not runs:
            return None
        return Lockstep(
            runs,
            feed=workbench.feed,
            task=workbench.task,
            samples=workbench.samples,
            sink=sink,
            commands=commands,
            plan=workbench.plan(self.experiment.id),
            numerics=workbench.numerics,
            scheduled=scheduled,
            stop=self.stop,
            on_step=on_step,
            describe_change=_sources,
        )

    def _continue(self, run: TrainingRun, row: RunRow, steps_per_epoch: int) -> tuple[SettingChange, ...]:
        """Go on from the last checkpoint of an earlier attempt, or from the start if it never came to one.

        Returns:
            Changes of settings that are stored and still to come: made after the checkpoint, or known beforehand.
        """
        stored = changes_of(self.store.events([row.id]))
        if row.id not in self._resumed:
            return stored
        files = {file.kind: file for file in self.store.artifacts(row.id)}
        last = files.get("checkpoint_last")
        if last is not None:
            run.restore(last)
        # A checkpoint is written after the changes that it holds are stored, so they come first in that order.
        applied, coming = run.progress.changes, stored[len(run.progress.changes) :]
        if applied != stored[: len(applied)] or any(change.step < run.step for change in coming):
            raise CheckpointError(
                f"The checkpoint of run {row.id!r} and the store disagree about its changes of settings, so one of "
                "them is not of this run as it was last. Put the right file back, or start a new run."
            )
        kept = () if last is None else run.kept(steps_per_epoch)
        run.begin_attempt(self.store.begin_attempt(row.id, run.step, self.owner, kept))
        sweep(run.folder, {file.path for file in self.store.artifacts(row.id)})
        return coming

    def _fail(self, sink: StoreSink, error: Exception, rows: Sequence[RunRow]) -> None:
        if not isinstance(error, DMFError):
            logger.error("Experiment %s could not start", self.experiment.id, exc_info=error)
        for row in rows:
            sink.write(StateChange(row.id, max(0, row.summary["step"] + 1), RunState.FAILED, reason(error)))
