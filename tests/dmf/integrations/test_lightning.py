"""With Lightning, in an environment of its own: `make test-integrations`."""

import pytest
import torch

from dmf.fusion import Fusion
from dmf.records import RunState
from dmf.weighting import MADWeighting

pl = pytest.importorskip("lightning.pytorch", reason="Lightning is not installed; `make test-integrations` has it")
RecordCallback = pytest.importorskip("dmf.integrations.lightning").RecordCallback


class Two(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 2)
        self.fusion = Fusion(MADWeighting(2))

    def training_step(self, batch, index):
        fused = self.fusion(self.layer(batch).square().mean(0))
        return {"loss": fused.total, "fused": fused}

    def validation_step(self, batch, index):
        self.log("cb_dice", self.layer(batch).mean())

    def configure_optimizers(self):
        return torch.optim.SGD(self.layer.parameters(), lr=0.01)


class Fails(Two):
    def training_step(self, batch, index):
        if index == 5:
            raise ZeroDivisionError("why")
        return super().training_step(batch, index)


def fit(folder, callbacks, epochs, *, rows=16, accumulate=1, checkpoint=None, module=Two):
    data = torch.utils.data.DataLoader(torch.randn(rows, 2), batch_size=2)
    trainer = pl.Trainer(
        max_epochs=epochs, accumulate_grad_batches=accumulate, callbacks=callbacks, default_root_dir=folder,
        accelerator="cpu", enable_progress_bar=False, enable_model_summary=False, logger=False,
    )  # fmt: skip
    trainer.fit(module(), data, data, ckpt_path=checkpoint)


def test_a_fit_is_recorded_and_goes_on_from_its_checkpoint(store, tmp_path):
    fit(tmp_path, [RecordCallback("mine", store=store)], 1, accumulate=2)
    (run,) = store.runs()
    assert (run.state, run.summary["step"]) == (RunState.FINISHED, 3)  # 8 batches, two to a step
    assert store.epoch_metrics([run.id]).query("metric == 'cb_dice'").epoch.tolist() == [1]

    (checkpoint,) = (tmp_path / "checkpoints").glob("*.ckpt")
    fit(tmp_path, [RecordCallback("mine", store=store)], 3, accumulate=2, checkpoint=checkpoint)
    (run,) = store.runs()
    assert (run.state, run.attempt) == (RunState.FINISHED, 2)
    assert store.telemetry(run.id).steps.tolist() == list(range(12))


def test_stop_ends_the_fit(store, tmp_path):
    recorder = RecordCallback("mine", store=store)

    class Presses(pl.Callback):
        def on_train_batch_end(self, trainer, *_):
            if trainer.global_step == 2:
                store.add_control(recorder.run.id, "stop")

    fit(tmp_path, [recorder, Presses()], 1, rows=40_000)
    (run,) = store.runs()
    assert run.state is RunState.STOPPED


def test_a_fit_that_fails_is_a_run_that_failed(store, tmp_path):
    with pytest.raises(ZeroDivisionError, match="why"):
        fit(tmp_path, [RecordCallback("mine", store=store)], 1, module=Fails)
    (run,) = store.runs()
    assert (run.state, run.reason, run.owner) == (RunState.FAILED, "ZeroDivisionError: why", None)
    assert run.summary["step"] == 4
