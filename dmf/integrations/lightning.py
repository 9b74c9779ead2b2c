"""A Lightning callback that records a run; ``pip install lightning``."""

from typing import Any

import lightning.pytorch as pl

from dmf.recording import Recording, RunStoppedError, record


class RecordCallback(pl.Callback):
    """Records every optimizer step of a module whose ``training_step`` also gives what became of its losses::

        fused = self.fusion(self.losses(batch))
        return {"loss": fused.total, "fused": fused}

    Pause holds the fit, Stop ends it. The id of the run is in Lightning's checkpoints, so that ``fit(ckpt_path=...)``
    goes on with the run, from the step of the checkpoint. Only rank 0 records.

    Args:
        name: Of the run.
        settings: What else :func:`dmf.recording.record` takes.
    """

    def __init__(self, name: str, **settings: Any) -> None:
        self.run: Recording | None = None
        self._name, self._settings = name, settings

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        if trainer.is_global_zero:
            self._taken = trainer.global_step
            self.run = record(self._name, **{"optimizer": trainer.optimizers[0], **self._settings}).__enter__()

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self.run is None or trainer.global_step == self._taken:
            return  # batches are accumulated, and the optimizer has not taken its step
        self._taken = trainer.global_step
        try:
            self.run.write(outputs["fused"])
        except RunStoppedError:
            trainer.should_stop = True

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        if self.run is not None and self.run.step and not trainer.sanity_checking:
            scores = {name: float(value) for name, value in trainer.callback_metrics.items()}
            self.run.metrics(trainer.current_epoch + 1, "validation", scores)

    def on_train_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        self.on_exception(trainer, pl_module, None)

    def on_exception(self, trainer: pl.Trainer, pl_module: Any, exception: BaseException | None) -> None:
        run, self.run = self.run, None
        if run is not None:
            run.__exit__(None if exception is None else type(exception), exception, None)

    def state_dict(self) -> dict[str, Any]:
        return {"resume": self.run.id, "step": self.run.step} if self.run is not None and self.run.step else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._settings |= state_dict
