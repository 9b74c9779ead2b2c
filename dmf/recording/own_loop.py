"""A run whose loop is someone's own: its steps, scores and pictures go to the store, its commands come from there."""

import math
import re
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, get_args

import torch.distributed as dist
from torch import Tensor
from torch.optim import Optimizer

from dmf.config import DEFAULT_TASK
from dmf.errors import ConfigError, DMFError, RunFinishedError, StoreError
from dmf.fusion import Fused, Fusion
from dmf.recording.describing import experiment_config, metrics_config, refuse_other_settings, run_config
from dmf.records import Command, EpochMetrics, Event, RunState, Sample, Split, StateChange
from dmf.runs import RunRow, RunStore, StoreCommands, StoreSink, new_owner
from dmf.runs.managing import EXPERIMENT_ID, checked_name, checked_tags
from dmf.tasks import Task, find_task
from dmf.terms import Parts
from dmf.training.environment import environment
from dmf.training.gradients import GradientProbe, measured_columns
from dmf.training.lockstep import DRAIN_EVERY, IDLE
from dmf.training.run_control import RunControl
from dmf.training.telemetry import TelemetryBuffer
from dmf.training.watch import Watch

WINDOW = 100  # steps after which a loss that stays at one value is told as flat, where no fusion says how many
REFUSED = "This run is trained by its own program; change its settings there."


class RunStoppedError(Exception):
    """Somebody pressed Stop. The context of the run takes it, so that a loop inside it simply ends."""

    def __init__(self, run: str) -> None:
        super().__init__(f"Run {run!r} was stopped.")
        self.run = run


def record(
    name: str,
    *,
    fusion: Fusion | None = None,
    optimizer: Optimizer | None = None,
    terms: Sequence[str] | None = None,
    config: Mapping[str, Any] | None = None,
    experiment: str | None = None,
    steps_per_epoch: int | None = None,
    steps_total: int | None = None,
    class_names: Sequence[str] | None = None,
    metrics: Mapping[str, Any] | None = None,
    task: str = DEFAULT_TASK,
    probe: GradientProbe | None = None,
    tags: Sequence[str] = (),
    notes: str = "",
    store: RunStore | str | Path | None = None,
    resume: str | None = None,
    step: int | None = None,
) -> "Recording":
    """Record a training loop, so that it appears live on the pages and obeys Pause, Step and Stop.

    ::

        with record("my run", fusion=fusion, optimizer=optimizer) as run:
            for images, masks in loader:
                fused = fusion(bank(model(images), masks))
                optimizer.zero_grad()
                fused.total.backward()
                optimizer.step()
                run.write(fused)

    The run appears with its first step. A step costs what it costs in ``dmf train``: nothing waits for the device or
    the disk. Leaving the context finishes the run; an exception fails it with its text, Ctrl-C stops it. On **Stop**
    ``write`` raises :class:`RunStoppedError`, which the context takes: the program goes on behind it, where
    ``run.state`` tells what happened. While paused ``write`` does not return.

    Of several processes that train together (``torch.distributed``) the first records; on the others everything here
    does nothing. On **Stop** the first leaves its loop, and with it the exchange that the others wait for.

    Args:
        name: Of the run.
        fusion: What makes ``fused``: the pages then know its method, its history and its auxiliary weight.
        optimizer: Whose learning rate is recorded (that of its first group).
        terms: Names of the losses, e.g. ``bank.names``; default those of the fusion, else L1..LK.
        config: What else is to be known of it: names to numbers, texts or lists. Names of ``dmf.config`` (``dataset``,
            ``image_size``, ``epochs``, ``batch_size``, ``lr``, ``seed``, ...) are shown where pages look for them.
        experiment: Name of its experiment, default that of the run; or the id of a recorded one, as
            :attr:`Recording.experiment` gives it, to stand beside its other runs on one page.
        steps_per_epoch: For the epoch axis.
        steps_total: For the progress bar.
        class_names: Of the classes in sample pictures, the first is the background; default two.
        metrics: What is to be known of metrics of your own: name to "higher" or "lower", whichever values are better,
            or to that with the range, None where there is no bound: ``{"mae": "lower", "psnr": ("higher", 0, None)}``.
            The first decides on the validation split, in place of the task's headline, which epoch and run is the best.
        task: What the network learns, as in ``dmf train --task``: whose metrics and sample pictures these are.
        probe: Measures the gradients of the losses at every n-th step; see :meth:`Recording.measure`. Runs of one
            experiment are measured alike.
        tags: Words to find the run by.
        notes: What to remember of it.
        store: Where it is kept; default the environment's ``DMF_STORE``, else ``data/runs.sqlite``.
        resume: Id of a recorded run to go on with, as a new attempt: stopped, failed, finished, or of a program that
            was killed. Its name, its experiment and what was told of it stay.
        step: Of ``resume``: the first step that is written, as the checkpoint of the loop has it; what the run had
            recorded from there on is removed. Default: the one after the last that was recorded.

    Raises:
        ConfigError: If a name or a setting cannot be; from the first ``write``, if something does not fit the losses or
            the other runs of the experiment. Nothing is stored then.
    """
    measured = {} if probe is None else {"gradients": probe.at, "gradients_every": probe.every}
    facts = {"steps_per_epoch": steps_per_epoch, "steps_total": steps_total, "class_names": class_names}
    for field in ("steps_per_epoch", "steps_total"):
        value = facts[field]
        if value is not None and not (isinstance(value, int) and value >= 1):
            raise ConfigError(f"`{field}` must be a whole number of at least 1, got {value!r}.", field)
    if step is not None and (resume is None or not isinstance(step, int) or step < 0):
        raise ConfigError(f"`step` is the first step of a run that is resumed, 0 or later, got {step!r}.", "step")
    return Recording(
        checked_name(name),
        fusion=fusion,
        optimizer=optimizer,
        terms=terms,
        settings=measured | dict(config or {}),
        metrics=metrics_config(metrics or {}, find_task(task)),
        task=find_task(task),
        experiment=checked_name(experiment or name),
        facts={key: list(value) if isinstance(value, Sequence) else value for key, value in facts.items() if value},
        probe=probe,
        tags=checked_tags(tags),
        notes=notes,
        store=store,
        resume=resume,
        first_step=step,
    )


class Recording:
    """One recorded run; made by :func:`record`. For one thread.

    Attributes:
        step: Steps written.
    """

    def __init__(
        self,
        name: str,
        *,
        fusion: Fusion | None,
        optimizer: Optimizer | None,
        terms: Sequence[str] | None,
        settings: Mapping[str, Any],
        metrics: Mapping[str, Any],
        task: type[Task],
        experiment: str,
        facts: Mapping[str, Any],
        probe: GradientProbe | None,
        tags: Sequence[str],
        notes: str,
        store: RunStore | str | Path | None,
        resume: str | None,
        first_step: int | None,
    ) -> None:
        self.step = first_step or 0
        self._resumed, self._first_step = resume, first_step
        self._name, self._fusion, self._optimizer, self._terms = name, fusion, optimizer, terms
        self._settings, self._experiment, self._facts = settings, experiment, facts
        self._task = task
        self._shared = experiment_config(experiment, settings) | ({"metrics": metrics} if metrics else {})
        self._shared |= {"task": task.name} if task.name != DEFAULT_TASK else {}
        self._tags, self._notes = tags, notes
        self._where = store.url.render_as_string(hide_password=False) if isinstance(store, RunStore) else store
        self._probe = probe
        self._measured: tuple[Fused, Tensor | None] | None = None
        self._control = RunControl()
        self._entered = False
        self._live: _Live | None = None
        self._drained_at = -math.inf  # the first step is shown at once
        self._epoch = 0
        self._shown: set[str] = set()

    @property
    def id(self) -> str:
        """Id of the run; it has one from its first step on."""
        return self._begun.run.id

    @property
    def experiment(self) -> str:
        """Id of its experiment; it has one from its first step on."""
        return self._begun.run.experiment

    @property
    def state(self) -> RunState:
        """Running or paused, then how it ended."""
        return self._control.state

    def __enter__(self) -> Self:
        self._entered = True
        return self

    def measure(self, parts: Parts, fused: Fused) -> None:
        """Measure the gradients of this step's losses, if it is one of those that the probe measures.

        Call it at every step before ``fused.total.backward()``; ``write`` keeps what was measured::

            parts = bank(model(images), masks)
            fused = fusion(parts)
            run.measure(parts, fused)

        Args:
            parts: The losses, and the network's output they come from.
            fused: What became of them.

        Raises:
            ConfigError: If there is no probe, ``parts`` is none, or there is nothing that it could measure at.
        """
        if _is_another_rank():
            return
        if self._probe is None:
            raise ConfigError("There is nothing to measure with: give `record` a probe.", "probe")
        if not isinstance(parts, Parts):
            raise ConfigError(
                f"`parts` must be what the bank gave, `Parts(terms, auxiliary, logits)`, got {type(parts).__name__}.",
                "probe",
            )
        self._measured = fused, self._probe(self.step, parts, fused)

    def write(self, fused: Fused) -> None:
        """Keep one step, then do what was asked: wait while paused, raise if stopped.

        Raises:
            RunStoppedError: If somebody pressed Stop, now and whenever it is called again.
            RunFinishedError: If the context was left.
            ConfigError: At the first step, if something does not fit, see :func:`record`; if the step was to be
                measured and was not.
            StoreError: If what happens can no longer be kept.
        """
        if _is_another_rank():
            return
        of, measured = self._measured or (None, None)
        is_due = self._probe is not None and self.step % self._probe.every == 0
        if is_due and (measured is None or of is not fused):
            raise ConfigError(
                f"Step {self.step} was to be measured: call `run.measure(parts, fused)` before "
                "`fused.total.backward()`, at every step and with the `fused` that is written.",
                "probe",
            )
        live = self._live or self._begin(fused)
        if self._control.is_over:
            raise self._over()
        lr = math.nan if self._optimizer is None else float(self._optimizer.param_groups[0]["lr"])
        live.telemetry.write(self.step, fused, lr, measured)
        self._measured = None
        self.step += 1
        self._control.stepped()
        if live.telemetry.is_full or time.monotonic() - self._drained_at >= DRAIN_EVERY:
            self._drain(live)
        self._obey(live)

    def metrics(self, epoch: int, split: Split, values: Mapping[str, Any], *, images: int = 0) -> None:
        """Keep scores after ``epoch`` epochs.

        Args:
            epoch: 0 is the untrained network.
            split: train, validation or test.
            values: Name to number. Those named as the task's (``dmf.tasks.find_task(task).metrics``) are explained and
                compared with those of other runs; its headline on the validation split tells the best epoch. Of others
                :func:`record` is told which values are better; else their name may say it (``mae``, ``val_loss``).
            images: Over how many; 0 where nobody knows.

        Raises:
            ConfigError: If there is no such split.
            StoreError: If what happens can no longer be kept, or no step was written yet.
        """
        if _is_another_rank():
            return
        if split not in get_args(Split):
            raise ConfigError(f"`split` must be one of {', '.join(get_args(Split))}, got {split!r}.", "split")
        live = self._begun
        self._drain(live)
        self._epoch = epoch
        numbers = {name: float(value) for name, value in values.items()}
        live.sink.write(EpochMetrics(self.id, epoch, self.step, split, images, numbers))

    def sample(
        self,
        case: str,
        image: Any,
        truth: Any,
        prediction: Any,
        *,
        epoch: int | None = None,
        score: float | None = None,
        **named: float,
    ) -> None:
        """Keep a picture of what the network makes of an image, as an array or tensor of any device.

        Args:
            case: Name of the image; the same cases at every epoch show how the prediction grows.
            image: (H, W), (1, H, W) or (3, H, W) red, green, blue; 0..1 in floating point, else 0..255.
            truth: What is right, as the task has it: (H, W) class numbers, 0 the background; else as ``image``.
            prediction: The same of what the network makes.
            epoch: Default the epoch of the latest metrics.
            score: Shown below it; default that which the task gives to a case.
            **named: The same by the name which the task has for it, in lower case.

        Raises:
            ValueError: If an array is not as above, or truth and prediction differ in shape.
            TypeError: If the score is called otherwise, or given twice.
            StoreError: If what happens can no longer be kept, or no step was written yet.
        """
        if _is_another_rank():
            return
        live = self._begun
        scores = {"score": score, **named} if score is not None else named
        called = self._task.case_title.lower()
        if len(scores) > 1 or not scores.keys() <= {"score", called}:
            raise TypeError(f"sample() takes one `score`, or `{called}`, got {', '.join(scores)}")
        from dmf.tasks.pictures import image_png  # only who shows pictures needs OpenCV

        picture = image_png(image) if case not in self._shown else b""
        true, predicted, own = self._task.drawn(truth, prediction)
        self._drain(live)
        experiment, epoch = self.experiment, self._epoch if epoch is None else epoch
        if case not in self._shown:
            live.sink.write(Sample(experiment, None, case, 0, 0, "image", picture))
            live.sink.write(Sample(experiment, None, case, 0, 0, "truth", true))
            self._shown.add(case)
        shown = next(map(float, scores.values()), own)
        live.sink.write(Sample(experiment, self.id, case, epoch, self.step, "prediction", predicted, shown))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        live = self._live
        if live is None:
            return False
        try:
            if not self._control.is_over:
                self._drain(live)
                self._change(live, *_ending(error))
            live.sink.close()
        except StoreError:
            if error is None:  # else the error of the loop is the one to tell
                raise
        finally:
            live.close()
        return isinstance(error, RunStoppedError) and error.run == live.run.id

    @property
    def _begun(self) -> "_Live":
        if self._live is None:
            raise StoreError(f"Recording {self._name!r} begins with its first step; call `write` first.")
        return self._live

    def _begin(self, fused: Fused) -> "_Live":
        if not self._entered:
            raise RuntimeError("Write inside its context: `with record(...) as run: ... run.write(fused)`.")
        config = run_config(fused, self._fusion, self._terms, self._settings)
        device = fused.terms.device
        measured = () if self._probe is None else _measured_columns(self._probe, config["terms"], fused)
        store = RunStore(self._where)
        try:
            owner = new_owner(Path(sys.argv[0]).name or "python")
            if self._resumed is None:
                run = self._create(store, config, environment(device))
                store.claim([run.id], owner)
                store.update_run(run.id, tags=self._tags, notes=self._notes)
            else:
                run = self._resume(store, self._resumed, config, owner)
            # At once, not by the sink: a Stop would take a run that waits out of a queue which it is not in.
            self._control.state = RunState.RUNNING
            prepared = Event(run.id, self.step, "prepared", {"device": str(device), **self._facts})
            store.write([prepared, StateChange(run.id, self.step, RunState.RUNNING)], owner)
        except BaseException:
            store.close()
            raise
        self._live = _Live(
            run=run,
            owner=owner,
            store=store,
            sink=StoreSink(store, owner),
            commands=StoreCommands(store, [run.id], owner),
            telemetry=TelemetryBuffer(run.id, config["terms"], device, measured),
            watch=Watch(run.id, config["terms"], WINDOW if self._fusion is None else self._fusion.history.size),
        )
        self._live.telemetry.attempt = run.attempt
        return self._live

    def _resume(self, store: RunStore, id: str, config: dict[str, Any], owner: str) -> RunRow:
        """Claim a recorded run and trim what came later than the step that it goes on from."""
        run = store.run(id)
        experiment = store.experiment(run.experiment)
        stored: dict[str, Any] = {"metrics": {}} | self._shared
        known = {
            section: {key: value for key, value in experiment.config.get(section, {}).items() if key in given}
            for section, given in stored.items()
            if isinstance(given, Mapping)
        }
        refuse_other_settings(experiment.id, experiment.config | known, self._shared)
        if list(run.config["terms"]) != list(config["terms"]):
            raise ConfigError(
                f"Run {id!r} has the losses {', '.join(run.config['terms'])}, got {', '.join(config['terms'])}. "
                "Resume it with its own, or record a new run.",
                "terms",
            )
        following = store.latest_step(id) + 1
        self.step = following if self._first_step is None else self._first_step
        if self.step > following:
            raise ConfigError(
                f"Run {id!r} has recorded {following} steps, so it cannot go on from step {self.step}: steps would be "
                f"missing. Give `step` as {following} or earlier.",
                "step",
            )
        store.await_owners([id])  # of a program that was killed it is not known yet
        store.claim([id], owner, reopen=True)
        store.begin_attempt(id, self.step, owner)
        if self._tags or self._notes:
            store.update_run(id, tags=self._tags or None, notes=self._notes or None)
        self._epoch = store.run(id).summary["epoch"]
        return store.run(id)

    def _create(self, store: RunStore, config: dict[str, Any], environment: dict[str, Any]) -> RunRow:
        if re.fullmatch(EXPERIMENT_ID, self._experiment):
            experiment = store.experiment(self._experiment)
            refuse_other_settings(experiment.id, experiment.config, self._shared)
            return store.add_run(experiment.id, label=self._name, config=config)
        return store.create_experiment(
            self._shared,
            task=self._task.name,
            name=self._experiment,
            labels=[self._name],
            run_configs=[config],
            environment=environment,
        ).runs[0]

    def _over(self) -> Exception:
        if self.state is RunState.STOPPED:
            return RunStoppedError(self.id)
        return RunFinishedError(f"Run {self.id!r} is {self.state.value}; record a new one to write more steps.")

    def _obey(self, live: "_Live") -> None:
        """Follow commands; returns once the next step may be taken.

        Raises:
            RunStoppedError: If none may be.
        """
        while True:
            for command in live.commands.take(live.run.id):
                self._follow(live, command)
                if self._control.is_over:
                    raise RunStoppedError(live.run.id)
            if self._control.may_step:
                return
            self._drain(live)  # the one step that was asked for is to be seen
            time.sleep(IDLE)

    def _follow(self, live: "_Live", command: Command) -> None:
        if command.name == "set":
            refusal = {"field": command.field, "value": command.value, "reason": REFUSED}
            live.sink.write(Event(live.run.id, self.step, "refused", refusal))
            return
        changed = self._control.obey(command)
        if changed is not None:
            self._drain(live)
            self._change(live, changed)

    def _drain(self, live: "_Live") -> None:
        self._drained_at = time.monotonic()
        live.watch.keep(live.telemetry.drain(), live.sink)

    def _change(self, live: "_Live", state: RunState, reason: str = "") -> None:
        self._control.state = state
        live.sink.write(StateChange(live.run.id, self.step, state, reason))


def _is_another_rank() -> bool:
    """Whether this is one of several processes of a training, and not the first: that one records for all."""
    return dist.is_available() and dist.is_initialized() and dist.get_rank() != 0


def _measured_columns(probe: GradientProbe, terms: Sequence[str], fused: Fused) -> tuple[str, ...]:
    """Columns of what is measured.

    Raises:
        ConfigError: If the probe is made for other losses than are written.
    """
    if probe.columns != measured_columns(terms, auxiliary=fused.auxiliary is not None):
        auxiliary = "with" if fused.auxiliary is not None else "without"
        raise ConfigError(
            f"`probe` must be made for the losses that are written: {', '.join(terms)}, {auxiliary} an auxiliary loss.",
            "probe",
        )
    return probe.columns


def _ending(error: BaseException | None) -> tuple[RunState, str]:
    """How a run ends when its context is left with ``error``, and why."""
    if error is None:
        return RunState.FINISHED, ""
    if isinstance(error, RunStoppedError):
        return RunState.STOPPED, f"its loop ended: {error}"
    if isinstance(error, Exception):
        text = str(error) if isinstance(error, DMFError) else f"{type(error).__name__}: {error}"
        return RunState.FAILED, text
    return RunState.STOPPED, f"its program was interrupted ({type(error).__name__})"


@dataclass(frozen=True)
class _Live:
    """What a recording has from its first step on."""

    run: RunRow
    owner: str
    store: RunStore
    sink: StoreSink
    commands: StoreCommands
    telemetry: TelemetryBuffer
    watch: Watch

    def close(self) -> None:
        self.commands.close()
        with suppress(StoreError):  # the lease then runs out
            self.store.release([self.run.id], self.owner)
        self.store.close()
