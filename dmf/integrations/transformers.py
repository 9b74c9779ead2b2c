"""A callback of the Hugging Face Trainer that records a run; ``pip install transformers``."""

from typing import Any

from transformers import TrainerCallback

from dmf.fusion import Fused
from dmf.recording import Recording, RunStoppedError, record


class RecordCallback(TrainerCallback):
    """Records every optimizer step of a ``Trainer`` whose ``compute_loss`` shows it what became of its losses::

        return recorder.keep(fusion(losses(model(**inputs)))).total

    Pause holds the training, Stop ends it. A Trainer tells no callback that it failed: train inside ``with recorder:``,
    which records it. To go on from a checkpoint of the Trainer, give the id of the run as ``resume``. Only the world's
    process zero records. ``settings`` are what else :func:`dmf.recording.record` takes.
    """

    def __init__(self, name: str, **settings: Any) -> None:
        self.run: Recording | None = None
        self._name, self._settings = name, settings

    def keep(self, fused: Fused) -> Fused:
        """Remember what the next step is taken by, with accumulated batches the last of them; returns it."""
        self._fused = fused
        return fused

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            where = {"step": state.global_step} if self._settings.get("resume") else {}
            about = {"optimizer": kwargs.get("optimizer"), **where, **self._settings}
            self.run = record(self._name, **about).__enter__()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        try:
            if self.run is not None:
                self.run.write(self._fused)
        except RunStoppedError:
            control.should_training_stop = True

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.run is not None and self.run.step:
            numbers = {name.removeprefix("eval_"): value for name, value in kwargs["metrics"].items()}
            self.run.metrics(round(state.epoch or 0), "validation", numbers)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.__exit__(None, None, None)

    def __enter__(self) -> "RecordCallback":
        return self

    def __exit__(self, *error: Any) -> None:
        run, self.run = self.run, None
        if run is not None:
            run.__exit__(*error)
