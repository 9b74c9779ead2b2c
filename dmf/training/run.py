"""One run of an experiment: a network, its fusion and its optimizer, and where they stand."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from dmf.config import FusionConfig, TrainingConfig
from dmf.fusion import Fused, Fusion
from dmf.live_settings import Settings
from dmf.lr_schedules import Constant, LRSchedule
from dmf.optimizers import Adam, OptimizerKind, skip_where
from dmf.records import Artifact, SettingChange, TelemetryBlock
from dmf.training import checkpoint
from dmf.training.checkpoint import Progress
from dmf.training.evaluation import predictor
from dmf.training.gradients import GradientProbe
from dmf.training.numerics import BufferGuard, Numerics, RandomState
from dmf.training.telemetry import TelemetryBuffer

if TYPE_CHECKING:  # the task needs OpenCV, the loop does not
    from dmf.tasks.feed import Batch

LAST = "last.safetensors"


class TrainingRun:
    """Everything one run owns. It never looks at another run, so racing changes nothing about its result.

    Args:
        id: Id of the run in the store.
        label: Name people see.
        training: What all runs of its experiment share; what decides its steps and what is measured at them.
        settings: What its changes stand at before the first step: the learning rate, and the fusion.
        model: The network, on the device and in its memory format.
        bank: The losses.
        build_fusion: Makes what weighs them from its configuration, fresh and on the device.
        numerics: How it computes.
        optimizer: Makes what trains the network; Adam unless given.
        lr_schedule: How the learning rate goes over the training; constant unless given.
        steps_total: Steps of the whole training, for the schedule.
        seed: Of the run's own random state.
        folder: Where its checkpoints go.
        fingerprint: Identifies the configuration; a checkpoint of another one is refused.
        former: What checkpoints of an earlier version may say in its place.
        attention: Gives what each attention of the network lets pass, (B, 1, h, w) by its name, of every prediction
            made within the context; nothing unless given.
    """

    def __init__(
        self,
        *,
        id: str,
        label: str,
        training: TrainingConfig,
        settings: Settings,
        model: nn.Module,
        bank: nn.Module,
        build_fusion: Callable[[FusionConfig], Fusion],
        numerics: Numerics,
        optimizer: OptimizerKind | None = None,
        lr_schedule: LRSchedule | None = None,
        steps_total: int = 1,
        seed: int,
        folder: Path,
        fingerprint: str,
        former: str = "",
        attention: Callable[[nn.Module], AbstractContextManager[Mapping[str, Tensor]]] | None = None,
    ) -> None:
        self.id, self.label, self.terms = id, label, settings.fusion.term_names
        self.training, self.settings = training, settings
        self.fusion = fusion = build_fusion(settings.fusion).watch(model.parameters()).train()
        self.model, self.bank = model.train(), bank.train()
        self.optimizer = (optimizer or Adam()).of(model.parameters(), settings.lr)
        fusion.join(self.optimizer)
        self._lr_schedule, self._steps_total = lr_schedule or Constant(), steps_total
        self.predict: Callable[[Tensor], Tensor] = predictor(model, numerics.autocast)
        self.progress = Progress()
        self.worst_streak = (0, 0)  # most non-finite steps in a row that were drained, and the steps taken by their end
        self.folder, self.fingerprint = folder, fingerprint
        self._accepted = {fingerprint, former or fingerprint}
        self._numerics, self._build_fusion = numerics, build_fusion
        self._random = RandomState(numerics.device, seed)
        self._buffers = BufferGuard(model)
        self._probe = probe = _probe(training, settings.fusion, model)
        self._attention = attention
        self._telemetry = TelemetryBuffer(id, self.terms, numerics.device, () if probe is None else probe.columns)

    @property
    def step(self) -> int:
        """Steps taken so far."""
        return self.progress.step

    @property
    def lr(self) -> float:
        """Learning rate of the next step."""
        passed = min(self.step / self._steps_total, 1.0)
        return self.settings.lr * self._lr_schedule.factor(passed, self.progress.lr_falls)

    @property
    def needs_drain(self) -> bool:
        """Whether telemetry must be drained before the next step."""
        return self._telemetry.is_full

    def take_step(self, batch: "Batch") -> Fused:
        """One optimizer step, without waiting for the device. A step with a non-finite loss changes nothing."""
        with self._random.active():
            restore_where = self._buffers.save()
            with self._numerics.autocast():
                output = self.model(batch.input)  # (B, O, H, W)
            parts = self.bank(output, batch.target)
            fused: Fused = self.fusion(parts)
            measured = None if self._probe is None else self._probe(self.step, parts, fused)
            self.optimizer.zero_grad()
            fused.total.backward()
            self._set_lr()
            bad = ~fused.finite
            skip_where(self.optimizer, bad)
            self.optimizer.step()
            restore_where(bad)
        if self.fusion.weighting.looks_twice:
            self._second_forward(batch)
        self._telemetry.write(self.step, fused, self.lr, measured)
        self.progress = replace(self.progress, step=self.step + 1)
        return fused

    @torch.no_grad()
    def _second_forward(self, batch: "Batch") -> None:
        """Show the weighting its batch once more, with the network as the step left it; nothing else changes."""
        restore_where = self._buffers.save()
        with self._random.repeated():  # the same units drop out, so that only the step makes a difference
            with self._numerics.autocast():
                output = self.model(batch.input)
            self.fusion.after_step(self.bank(output, batch.target))
        restore_where(torch.ones((), dtype=torch.bool, device=self._numerics.device))

    def attention(self) -> AbstractContextManager[Mapping[str, Tensor]]:
        """What each attention of the network lets pass of what is predicted within the context."""
        return nullcontext({}) if self._attention is None else self._attention(self.model)

    def change(self, change: SettingChange) -> None:
        """Change a setting from the next step on. The history of losses stays; a new weighting starts afresh on it.

        Raises:
            ConfigError: If the change cannot work; nothing has changed then.
        """
        self._adopt(self.settings.changed(change.field, change.value))
        self.progress = replace(self.progress, changes=(*self.progress.changes, change))

    def drain(self) -> TelemetryBlock | None:
        """Telemetry since the last drain; also counts the non-finite steps in a row up to now."""
        block = self._telemetry.drain()
        if block is not None and (self.progress.bad_in_row or not block.values[:, -1].all()):
            in_row = self.progress.bad_in_row
            for step, finite in enumerate(block.values[:, -1], start=block.first_step + 1):
                in_row = 0 if finite else in_row + 1
                self.worst_streak = max(self.worst_streak, (in_row, step))
            self.progress = replace(self.progress, bad_in_row=in_row)
        return block

    def score(self, epoch: int, value: float, is_better: Callable[[float, float], bool]) -> bool:
        """Take note of a validation score; returns whether it is the best so far, by ``is_better(value, best)``."""
        best = self.progress.best_score
        is_best = not math.isnan(value) and (best is None or is_better(value, best))
        if is_best:
            self.progress = replace(self.progress, best_epoch=epoch, best_score=value)
        return is_best

    def watch_score(self, epoch: int, value: float, is_better: Callable[[float, float], bool]) -> None:
        """Take note of the watched validation score: the learning rate may fall if it has stood still for too long."""
        before, patience = self.progress, self._lr_schedule.patience
        if not math.isnan(value) and (before.watched_score is None or is_better(value, before.watched_score)):
            self.progress = replace(before, watched_epoch=epoch, watched_score=value)
        elif patience is not None and epoch - max(before.watched_epoch, before.lr_fell_at, 0) >= patience:
            self.progress = replace(before, lr_falls=before.lr_falls + 1, lr_fell_at=epoch)

    def epochs_without_better(self, epoch: int) -> int:
        """Epochs since the watched score was best, or since the start."""
        return epoch - max(self.progress.watched_epoch, 0)

    def save_last(self, epoch: int) -> Artifact:
        """Write everything needed to continue bit for bit."""
        tensors = {
            **self._model_tensors(),
            **checkpoint.with_prefix("fusion", self.fusion.state_dict()),
            **checkpoint.with_prefix("optimizer", checkpoint.optimizer_tensors(self.optimizer)),
            **checkpoint.with_prefix("random", self._random.state_dict()),
        }
        artifact = self._artifact("checkpoint_last", LAST, epoch, tensors)
        for file in self.folder.glob("best-*.safetensors"):
            if file.name != self._best:  # no checkpoint to resume from names it any more
                file.unlink(missing_ok=True)
        return artifact

    def save_best(self, epoch: int) -> Artifact:
        """Write the network as it is now, as the best one."""
        return self._artifact("checkpoint_best", self._best, epoch, self._model_tensors())

    def begin_attempt(self, attempt: int) -> None:
        """Label what follows as another attempt at this run."""
        self._telemetry.attempt = attempt

    def kept(self, steps_per_epoch: int) -> list[Artifact]:
        """The checkpoints of a restored run as they lie there: one may be newer than what is recorded of it.

        Raises:
            CheckpointError: If one is damaged.
        """
        files = [checkpoint.read(self.folder / LAST, "checkpoint_last", self.id, steps_per_epoch)]
        if (best := self.folder / self._best).is_file():
            files.append(checkpoint.read(best, "checkpoint_best", self.id, steps_per_epoch))
        return files

    def restore(self, known: Artifact | None = None) -> None:
        """Continue from the last checkpoint, with the settings of its step.

        Args:
            known: What is recorded of it.

        Raises:
            CheckpointError: If it is missing, damaged, of another configuration, or not what is recorded.
            ConfigError: If a change of settings that it names cannot work in this program.
        """
        tensors, progress = checkpoint.load(self.folder / LAST, self._accepted, known)
        self._adopt(self.settings.after(progress.changes))
        self.progress = progress
        self.model.load_state_dict(checkpoint.under_prefix("model", tensors))
        self.fusion.load_state_dict(checkpoint.under_prefix("fusion", tensors))
        checkpoint.restore_optimizer(self.optimizer, checkpoint.under_prefix("optimizer", tensors))
        self._random.load_state_dict(checkpoint.under_prefix("random", tensors))

    def load_best(self) -> None:
        """Go back to the network with the best validation score; training cannot continue from here.

        Raises:
            CheckpointError: If its checkpoint is missing, damaged or of another configuration.
        """
        tensors, _ = checkpoint.load(self.folder / self._best, self._accepted)
        self.model.load_state_dict(checkpoint.under_prefix("model", tensors))

    @contextmanager
    def at_best(self) -> Iterator[None]:
        """Have the network with the best validation score for a while.

        Raises:
            CheckpointError: If its checkpoint is missing, damaged or of another configuration.
        """
        present = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        try:
            self.load_best()
            yield
        finally:
            self.model.load_state_dict(present)

    def release(self) -> None:
        """Give the memory of the network and the optimizer to the other runs; the run cannot go on."""
        self.optimizer.state.clear()
        self.optimizer.zero_grad()
        self.model.to("meta")

    def _adopt(self, settings: Settings) -> None:
        fresh = self._build_fusion(settings.fusion)  # first, because it may refuse
        self.fusion.schedule = fresh.schedule
        if settings.fusion.weighting != self.settings.fusion.weighting:
            for parameter in self.fusion.parameters():
                self.optimizer.state.pop(parameter, None)
            self.fusion.weighting = fresh.weighting
            del self.optimizer.param_groups[1:]
            self.fusion.join(self.optimizer)
        self.settings = settings
        self._set_lr()

    def _set_lr(self) -> None:
        """The learning rate of the next step; what a weighting learns goes with the network unless it says its own."""
        network, *learned = self.optimizer.param_groups
        network["lr"] = lr = self.lr
        for group in learned:
            group["lr"] = getattr(self.fusion.weighting, "weights_lr", None) or lr

    @property
    def _best(self) -> str:
        return f"best-{self.progress.best_epoch}.safetensors"

    def _model_tensors(self) -> dict[str, Tensor]:
        return checkpoint.with_prefix("model", self.model.state_dict())

    def _artifact(self, kind: str, name: str, epoch: int, tensors: dict[str, Tensor]) -> Artifact:
        saved = checkpoint.save(self.folder / name, tensors, self.progress, self.fingerprint)
        return Artifact(self.id, kind, epoch, self.step, name, saved.bytes, saved.sha256)  # type: ignore[arg-type]


def _probe(training: TrainingConfig, fusion: FusionConfig, model: nn.Module) -> GradientProbe | None:
    """What measures the gradients of the losses; None where they are not to be measured."""
    if training.gradients == "off":
        return None
    return GradientProbe(
        fusion.term_names,
        auxiliary=fusion.auxiliary.name != "none",
        at=training.gradients,
        every=training.gradients_every,
        parameters=model.parameters(),
    )
