"""The loop: several runs race on the same batches, each steered, recorded, evaluated and checkpointed on its own."""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import torch

from dmf.config import TrainingConfig
from dmf.errors import ConfigError, DeviceMemoryError, DMFError, NonFiniteLossError, StoreError, reason
from dmf.records import (
    CaseScores,
    Command,
    CommandSource,
    EpochMetrics,
    Event,
    RunState,
    Sample,
    SettingChange,
    Sink,
    Split,
    StateChange,
)
from dmf.training.numerics import Numerics
from dmf.training.run import TrainingRun
from dmf.training.run_control import RunControl
from dmf.training.save_probabilities import keep_probabilities
from dmf.training.watch import Watch

if TYPE_CHECKING:  # the task needs OpenCV, the loop does not
    from dmf.tasks import Attended, Evaluation, SampleCase, Task
    from dmf.tasks.feed import Batch, Feed

logger = logging.getLogger(__name__)

DRAIN_EVERY = 0.25  # s, how often telemetry is copied to the host
CHECKPOINT_EVERY = 60.0  # s
IDLE = 0.02  # s, how often a paused experiment looks for commands
MAX_BAD_STEPS = 10  # non-finite losses in a row that fail a run


@dataclass
class Lane:
    """A run with what the loop keeps about it.

    Attributes:
        scheduled: Changes of settings that are known and still to come, in their order.
        waiting_changes: Those that were asked for and act from the next turn on.
    """

    run: TrainingRun
    watch: Watch
    scheduled: deque[SettingChange] = field(default_factory=deque)
    waiting_changes: deque[Command] = field(default_factory=deque)
    control: RunControl = field(default_factory=RunControl)
    saved_at: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class Judgement:
    """A network on the validation split: its scores, and the pictures of each sample with what they score."""

    evaluation: "Evaluation"
    pictures: "list[Shown]"


@dataclass(frozen=True)
class Shown:
    """What a network makes of a sample: the prediction with its score, and what its attention lets pass there."""

    png: bytes
    score: float | None
    attended: "Sequence[Attended]"


@dataclass(frozen=True)
class Plan:
    """How far and how to judge.

    Attributes:
        experiment: Id of the experiment.
        training: How long, what is tested and kept.
        image_size: Side of the images in pixels, for messages.
        watch: The validation metric that patience and the learning rate watch.
    """

    experiment: str
    training: TrainingConfig
    image_size: int
    watch: str


class Lockstep:
    """Trains the runs of one experiment together.

    At every turn the runs that are furthest behind take one step on the same batch, so that a paused or resumed run
    catches up and the race stays fair. A run that fails stops alone.

    Args:
        runs: The runs, fresh or restored.
        feed: Batches of every split.
        task: Scores and pictures.
        samples: Cases whose predictions are shown.
        sink: Where everything is written.
        commands: Where commands come from.
        plan: How far.
        numerics: How it computes.
        scheduled: Run to changes of its settings that are known, and stored, before their step comes, in their order.
        stop: Once set, from any thread, every run stops before its next step.
        on_step: Called after every turn with the runs, for a progress bar.
        describe_change: What else is stored with a change of settings; a ConfigError refuses the change.
    """

    def __init__(
        self,
        runs: Sequence[TrainingRun],
        *,
        feed: "Feed",
        task: "Task",
        samples: "Sequence[SampleCase]",
        sink: Sink,
        commands: CommandSource,
        plan: Plan,
        numerics: Numerics,
        scheduled: Mapping[str, Sequence[SettingChange]] | None = None,
        stop: threading.Event | None = None,
        on_step: Callable[[Sequence[TrainingRun]], None] | None = None,
        describe_change: Callable[[SettingChange], Mapping[str, Any]] | None = None,
    ) -> None:
        self._lanes = [
            Lane(run, Watch(run.id, run.terms, run.fusion.history.size), deque((scheduled or {}).get(run.id, ())))
            for run in runs
        ]
        self._feed, self._task, self._samples = feed, task, samples
        self._sink, self._commands, self._plan, self._numerics = sink, commands, plan, numerics
        self._on_step, self._describe_change = on_step, describe_change
        self._stop = stop or threading.Event()
        self._drained_at = time.monotonic()
        self._halted: deque[Lane] = deque()  # paused or stopped, and not saved yet
        self._untrained: Judgement | None = None

    @property
    def steps_total(self) -> int:
        """Steps every run is to take."""
        return self._plan.training.epochs * self._feed.steps_per_epoch

    def train(self) -> dict[str, RunState]:
        """Train until every run has ended; returns how each ended.

        Raises:
            StoreError: If what happens can no longer be kept, or another process took the runs over.
        """
        with self._numerics.applied():
            for sample in self._samples:
                self._sink.write(self._shared_picture(sample, "image", self._task.input_png(sample)))
                self._sink.write(self._shared_picture(sample, "truth", self._task.target_png(sample)))
            for lane in self._lanes:  # all before the first is judged, which takes a while: no run waits any more
                self._change(lane, RunState.RUNNING)
            for lane in self._lanes:
                self._guarded(lane, self._begin)
            while turn := self._next_turn():
                batch = self._feed.training_batch(turn[0].run.step)
                for lane in turn:  # no command is heard between them: one of all runs acts on all at the same step
                    self._guarded(lane, self._step, batch)
                self._housekeeping()
                if self._on_step:
                    self._on_step([lane.run for lane in self._lanes])
        self._sink.flush()
        return {lane.run.id: lane.control.state for lane in self._lanes}

    def _shared_picture(self, sample: "SampleCase", kind: Literal["image", "truth"], png: bytes) -> Sample:
        return Sample(self._plan.experiment, None, sample.case, 0, 0, kind, png)

    def _next_turn(self) -> list[Lane]:
        """The runs whose turn it is; waits while all are paused; empty when all have ended."""
        while open_lanes := [lane for lane in self._lanes if not lane.control.is_over]:
            # Until nothing new is heard, so that what was asked of all runs at once acts on all at the same step.
            while sum(self._obey(lane) for lane in open_lanes):
                pass
            while self._halted:  # after all of them: whoever clicked waits for their states, and for no checkpoint
                self._guarded(self._halted.popleft(), self._save)
            for lane in open_lanes:
                while lane.waiting_changes and not lane.control.is_over:
                    self._guarded(lane, self._set, lane.waiting_changes.popleft())
            ready = [lane for lane in open_lanes if lane.control.may_step]
            if ready:
                behind = min(lane.run.step for lane in ready)
                return [lane for lane in ready if lane.run.step == behind]
            if all(lane.control.is_over for lane in open_lanes):
                continue
            self._housekeeping()
            time.sleep(IDLE)
        return []

    def _begin(self, lane: Lane) -> None:
        if lane.run.step >= self.steps_total:
            self._finish(lane)
        elif self._is_out_of_patience(lane.run):
            self._end_early(lane)
        elif lane.run.step == 0:
            self._end_epoch(lane)  # epoch 0: the untrained network, and samples of its guesses

    def _step(self, lane: Lane, batch: "Batch") -> None:
        run = lane.run
        if resized := self._feed.size_change(run.step):
            self._sink.write(Event(run.id, run.step, "size", dict(zip(("before", "value"), resized, strict=True))))
        run.take_step(batch)
        lane.control.stepped()
        if run.needs_drain:
            self._drain(lane)
        if run.step % self._feed.steps_per_epoch == 0:
            self._drain(lane)
            self._end_epoch(lane)
        if run.step == self.steps_total:
            self._finish(lane)
        elif self._is_out_of_patience(run):
            self._end_early(lane)

    def _is_out_of_patience(self, run: TrainingRun) -> bool:
        """Whether a run ends here, at the end of an epoch, because its watched score has stood still for too long."""
        epoch, within = divmod(run.step, self._feed.steps_per_epoch)
        patience = self._plan.training.patience
        return patience is not None and not within and run.epochs_without_better(epoch) >= patience

    def _end_early(self, lane: Lane) -> None:
        run = lane.run
        data = self._watched(run) | {"patience": self._plan.training.patience}
        self._sink.write(Event(run.id, run.step, "stopped_early", data))
        self._finish(lane)

    def _watched(self, run: TrainingRun) -> dict[str, Any]:
        """What is told of the watched score: what it is called, and after which epoch it was best."""
        title = self._task.metric_info(self._plan.watch).title
        return {"metric": title, "epoch": run.progress.watched_epoch}

    def _obey(self, lane: Lane) -> bool:
        """Follow commands, but for changes of settings, which wait for the next turn; whether there were any."""
        if lane.control.is_over:
            return False
        if self._stop.is_set():
            self._guarded(lane, self._halt, RunState.STOPPED)
            return True
        # What is known beforehand comes first, so that changes act again in the order in which they are stored.
        while lane.scheduled and lane.scheduled[0].step <= lane.run.step and not lane.control.is_over:
            self._guarded(lane, self._turn, lane.scheduled.popleft())
        commands = self._commands.take(lane.run.id)
        for command in commands:
            if lane.control.is_over:
                break
            if command.name == "set":
                lane.waiting_changes.append(command)
                continue
            changed = lane.control.obey(command)
            if changed in (RunState.PAUSED, RunState.STOPPED):
                self._guarded(lane, self._halt, changed)
            elif changed is RunState.RUNNING:
                self._change(lane, RunState.RUNNING)
        return bool(commands)

    def _turn(self, lane: Lane, change: SettingChange) -> None:
        lane.run.change(change)

    def _set(self, lane: Lane, command: Command) -> None:
        """Change a setting before the next step and store the change, or store why not; no change, nothing stored."""
        run, name = lane.run, str(command.field)
        try:
            settings = run.settings.changed(name, command.value)
            if settings == run.settings:
                return
            change = SettingChange(run.step, name, settings.stored(name, command.value))
            data = {"field": name, "value": change.value, "before": run.settings.value(name)}
            data |= self._describe_change(change) if self._describe_change else {}
            run.change(change)
        except ConfigError as error:
            refusal = {"field": command.field, "value": command.value, "reason": str(error)}
            self._sink.write(Event(run.id, run.step, "refused", refusal))
        else:
            self._sink.write(Event(run.id, run.step, "knob", data))

    def _halt(self, lane: Lane, state: RunState) -> None:
        """Pause or stop; the checkpoint follows once all runs have heard what was asked."""
        self._drain(lane)
        self._change(lane, state)
        self._halted.append(lane)

    def _housekeeping(self) -> None:
        now = time.monotonic()
        if now - self._drained_at >= DRAIN_EVERY:
            self._drained_at = now
            for lane in self._lanes:
                if not lane.control.is_over:
                    self._guarded(lane, self._drain)
        for lane in self._lanes:
            if now - lane.saved_at >= CHECKPOINT_EVERY and lane.control.state is RunState.RUNNING:
                self._guarded(lane, self._save)

    def _drain(self, lane: Lane) -> None:
        self._keep_telemetry(lane)
        if lane.run.worst_streak[0] >= MAX_BAD_STEPS:  # also one that is over: when it is copied must not matter
            raise NonFiniteLossError(lane.watch.explain(*lane.run.worst_streak))

    def _keep_telemetry(self, lane: Lane) -> None:
        lane.watch.keep(lane.run.drain(), self._sink)

    def _end_epoch(self, lane: Lane) -> None:
        """Evaluate, keep pictures and checkpoints."""
        run, epoch = lane.run, lane.run.step // self._feed.steps_per_epoch
        if epoch > 0:
            judged = self._judge(run)
        else:
            # All runs start from the same network, so it is judged once. It is shown but never chosen.
            judged = self._untrained = self._untrained or self._judge(run)
        self._write_scores(run, epoch, "validation", judged.evaluation)
        for sample, shown in zip(self._samples, judged.pictures, strict=True):
            of = (self._plan.experiment, run.id, sample.case, epoch, run.step)
            self._sink.write(Sample(*of, "prediction", shown.png, shown.score))
            for seen in shown.attended:
                self._sink.write(Sample(*of, "attention", seen.png, seen.score, seen.part))
        metric = self._task.metric_info(self._task.headline)
        if epoch > 0 and run.score(epoch, judged.evaluation.metrics[self._task.headline], metric.is_better):
            self._sink.write(run.save_best(epoch))
        if epoch > 0:
            self._watch(run, epoch, judged.evaluation.metrics)
        self._save(lane)

    def _watch(self, run: TrainingRun, epoch: int, metrics: Mapping[str, float]) -> None:
        """Take note of the watched score, by which the learning rate may fall."""
        name, before = self._plan.watch, run.progress
        run.watch_score(epoch, metrics.get(name, math.nan), self._task.metric_info(name).is_better)
        if run.progress.lr_falls > before.lr_falls:
            # Of the last step of the epoch: what is of the next is forgotten when a run goes on from this checkpoint.
            self._sink.write(Event(run.id, run.step - 1, "lr_fell", self._watched(run) | {"value": run.lr}))

    def _judge(self, run: TrainingRun) -> Judgement:
        evaluation = self._task.evaluate(run.predict, self._feed.evaluation("validation"))
        return Judgement(evaluation, [self._show(run, sample) for sample in self._samples])

    def _show(self, run: TrainingRun, sample: "SampleCase") -> Shown:
        with run.attention() as maps:
            png, score = self._task.predict_png(run.predict, sample)
        return Shown(png, score, self._task.attended(maps, sample))

    def _finish(self, lane: Lane) -> None:
        """Test once, at the epoch the plan names."""
        run = lane.run
        epoch = run.step // self._feed.steps_per_epoch
        for record in keep_probabilities(
            run,
            epoch,
            task=self._task,
            feed=self._feed,
            wanted=self._plan.training.keep_probabilities,
            most=round(self._plan.training.probabilities_mb * 1e6),
        ):
            self._sink.write(record)
        if self._plan.training.test_at == "best" and run.progress.best_epoch not in (-1, epoch):
            epoch = run.progress.best_epoch
            run.load_best()
        for split in ("train", "test"):
            self._write_scores(run, epoch, split, self._task.evaluate(run.predict, self._feed.evaluation(split)))
        self._change(lane, RunState.FINISHED)

    def _write_scores(self, run: TrainingRun, epoch: int, split: Split, evaluation: "Evaluation") -> None:
        images = len(evaluation.index)
        self._sink.write(EpochMetrics(run.id, epoch, run.step, split, images, evaluation.metrics))
        if split != "train":
            cases = tuple(self._feed.case_id(position) for position in evaluation.index)
            sizes = self._feed.original_sizes(evaluation.index)
            self._sink.write(CaseScores(run.id, epoch, split, cases, evaluation.counts, sizes, evaluation.scores))

    def _save(self, lane: Lane) -> None:
        lane.saved_at = time.monotonic()
        self._keep_telemetry(lane)
        # A checkpoint must never be ahead of the telemetry that is stored, or resuming from it would leave a gap.
        self._sink.flush()
        self._sink.write(lane.run.save_last(lane.run.step // self._feed.steps_per_epoch))

    def _change(self, lane: Lane, state: RunState, reason: str = "") -> None:
        lane.control.state = state
        self._sink.write(StateChange(lane.run.id, lane.run.step, state, reason))

    def _guarded(self, lane: Lane, action: Callable[..., None], *args: object) -> None:
        """Run ``action``; if it fails, fail this run alone. A store that fails ends the experiment."""
        try:
            action(lane, *args)
        except StoreError:
            raise
        except Exception as error:
            self._fail(lane, error)

    def _fail(self, lane: Lane, error: Exception) -> None:
        run = lane.run
        if _is_out_of_memory(error):
            size = self._plan.image_size
            error = DeviceMemoryError(
                f"Out of memory on {self._numerics.device}: batches of {self._feed.batch_size} images of {size}x{size} "
                f"pixels, {len(self._lanes)} runs. Use a smaller batch or image size, fewer filters or fewer runs."
            )
            run.release()
        if not isinstance(error, DMFError):
            logger.error("Run %s failed at step %d", run.id, run.step, exc_info=error)
        self._keep_telemetry(lane)
        self._change(lane, RunState.FAILED, reason(error))


def _is_out_of_memory(error: Exception) -> bool:
    is_allocator = isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    return isinstance(error, torch.OutOfMemoryError) or is_allocator
