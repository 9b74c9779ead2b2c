"""With the Hugging Face Trainer, in an environment of its own: `make test-integrations`."""

import pytest
import torch

from dmf.fusion import Fusion
from dmf.records import RunState
from dmf.weighting import MADWeighting

transformers = pytest.importorskip("transformers", reason="not installed; `make test-integrations` has it")
pytest.importorskip("accelerate", reason="not installed; `make test-integrations` has it")
RecordCallback = pytest.importorskip("dmf.integrations.transformers").RecordCallback


def train(store, folder, steps, checkpoint=None, fails_at=None, **about):
    recorder, fusion = RecordCallback("mine", store=store, **about), Fusion(MADWeighting(2))

    class Trainer(transformers.Trainer):
        def training_step(self, *arguments, **options):
            if self.state.global_step == fails_at:
                raise ZeroDivisionError("why")
            return super().training_step(*arguments, **options)

        def compute_loss(self, model, inputs, **_):
            return recorder.keep(fusion(model(inputs["x"]).square().mean(0))).total

    settings = transformers.TrainingArguments(
        str(folder), max_steps=steps, save_steps=4, per_device_train_batch_size=2, use_cpu=True, report_to=[],
        disable_tqdm=True, remove_unused_columns=False,
    )  # fmt: skip
    network, data = torch.nn.Linear(2, 2), [{"x": row} for row in torch.randn(16, 2)]
    collate = lambda rows: {"x": torch.stack([row["x"] for row in rows])}  # noqa: E731
    trainer = Trainer(network, settings, collate, train_dataset=data, callbacks=[recorder])
    with recorder:
        trainer.train(resume_from_checkpoint=checkpoint)


def test_a_training_is_recorded_and_goes_on_from_its_checkpoint(store, tmp_path):
    train(store, tmp_path, 6)
    (run,) = store.runs()
    assert (run.state, run.summary["step"]) == (RunState.FINISHED, 5)

    train(store, tmp_path, 9, str(tmp_path / "checkpoint-4"), resume=run.id)
    (run,) = store.runs()
    assert (run.state, run.attempt) == (RunState.FINISHED, 2)
    assert store.telemetry(run.id).steps.tolist() == list(range(9))


def test_a_training_that_fails_is_a_run_that_failed_and_goes_on_from_its_checkpoint(store, tmp_path):
    with pytest.raises(ZeroDivisionError, match="why"):
        train(store, tmp_path, 9, fails_at=6)
    (run,) = store.runs()
    assert (run.state, run.reason, run.owner) == (RunState.FAILED, "ZeroDivisionError: why", None)
    assert run.summary["step"] == 5

    train(store, tmp_path, 9, str(tmp_path / "checkpoint-4"), resume=run.id)
    (run,) = store.runs()
    assert (run.state, run.attempt) == (RunState.FINISHED, 2)
    assert store.telemetry(run.id).steps.tolist() == list(range(9))
