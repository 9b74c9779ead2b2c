"""One step of one run, and what a checkpoint of it holds."""

import math
from dataclasses import replace
from operator import gt

import pytest
import torch
from torch import nn

from dmf import build
from dmf.errors import CheckpointError, ConfigError
from dmf.records import SettingChange
from dmf.weighting import WEIGHTINGS, BayesianWeighting, FixedWeighting


def take_steps(workbench, run, first, last):
    for step in range(first, last):
        run.take_step(workbench.feed.training_batch(step))


def test_a_step_lowers_the_loss_of_its_own_batch(workbench, make_run):
    run, batch = make_run(), workbench.feed.training_batch(0)
    totals = [run.take_step(batch).total.item() for _ in range(20)]
    assert totals[-1] < totals[0]
    assert run.step == 20


def test_telemetry_holds_what_the_step_returned(workbench, make_run):
    run = make_run()
    fused = [run.take_step(workbench.feed.training_batch(step)) for step in range(5)]
    block = run.drain()
    assert block.columns == (
        *("loss_ce", "loss_iou", "loss_dice", "weight_ce", "weight_iou", "weight_dice"),
        *("auxiliary", "gamma", "total", "lr", "finite"),
    )
    for row, step in zip(torch.from_numpy(block.values), fused, strict=True):
        assert torch.equal(row[:3], step.terms)
        assert torch.equal(row[3:6], step.weights.float())
        gamma_and_more = torch.stack((torch.tensor(step.gamma), step.total.detach().float(), torch.tensor(1e-3)))
        assert torch.equal(row[6], step.auxiliary)
        assert torch.equal(row[7:10], gamma_and_more.float())
        assert row[10] == 1
    assert run.drain() is None


@pytest.mark.parametrize(("term", "value"), [("iou", math.nan), ("ce", math.inf), ("auxiliary", math.nan)])
def test_a_step_that_is_not_finite_changes_nothing_that_is_learned(  # noqa: PLR0917
    workbench, make_run, snapshot, spoil, assert_same_bits, term, value
):
    run = make_run()
    take_steps(workbench, run, 0, 4)
    before, progress = snapshot(run), run.progress
    spoil(run, term, value, {0})
    take_steps(workbench, run, 4, 5)
    after = snapshot(run)
    # The counters say that a step was taken, and that it was skipped; nothing else may differ.
    counters = {"fusion/skipped", "fusion/skipped_in_row", "fusion/_extra_state"}
    assert_same_bits(
        {name: tensor for name, tensor in before.items() if name not in counters},
        {name: tensor for name, tensor in after.items() if name not in counters},
    )
    assert [after[name].item() for name in sorted(counters)] == [5, 1, 1]
    block = run.drain()
    assert list(block.values[:, -1]) == [1, 1, 1, 1, 0]
    assert (run.progress.step, run.progress.bad_in_row) == (progress.step + 1, 1)


def test_a_run_whose_first_step_is_not_finite_keeps_its_initial_network(workbench, make_run, snapshot, spoil):
    run, fresh = make_run("spoilt"), snapshot(make_run("fresh"))
    spoil(run, "ce", math.nan, {0})
    take_steps(workbench, run, 0, 1)
    after = snapshot(run)
    for name, tensor in fresh.items():
        if name.startswith("model/"):
            assert torch.equal(tensor, after[name]), name
    assert all(after[name].eq(0).all() for name in after if name.startswith("optimizer/"))


def test_steps_in_a_row_that_are_not_finite_are_counted_over_drains(workbench, make_run, spoil):
    run = make_run()
    spoil(run, "ce", math.nan, {1, 2, 3, 5})
    counts = []
    for step in range(7):
        take_steps(workbench, run, step, step + 1)
        run.drain()
        counts.append(run.progress.bad_in_row)
    assert counts == [0, 1, 2, 3, 0, 1, 0]


def test_the_worst_streak_is_the_same_however_often_telemetry_is_drained(workbench, make_run, spoil):
    often, once = make_run("often"), make_run("once")
    for run in (often, once):
        spoil(run, "ce", math.nan, {1, 2, 3, 5})
    for step in range(7):
        take_steps(workbench, often, step, step + 1)
        often.drain()
    take_steps(workbench, once, 0, 7)
    once.drain()
    assert often.worst_streak == once.worst_streak == (3, 4)  # steps 1, 2 and 3, over after 4 steps
    assert once.progress.bad_in_row == 0


def test_a_restored_run_goes_on_bit_for_bit(workbench, make_run, snapshot, assert_same_bits):
    run = make_run("same")
    take_steps(workbench, run, 0, 5)
    run.drain()
    run.save_last(1)
    again = make_run("same")
    again.restore()
    assert (again.progress, again.lr) == (run.progress, run.lr)
    for one in (run, again):
        take_steps(workbench, one, 5, 9)
    assert run.drain().values.tobytes() == again.drain().values.tobytes()
    assert_same_bits(snapshot(run), snapshot(again))


CHANGES = [
    SettingChange(0, "lr", 0.01),
    SettingChange(0, "weighting", "bayesian"),
    SettingChange(0, "gamma", 2.0),
    SettingChange(0, "decay_rate", 0.5),
]


def test_a_change_turns_its_setting_and_is_remembered_in_order(make_run):
    run = make_run()
    for change in CHANGES:
        run.change(change)
    assert run.progress.changes == tuple(CHANGES)
    assert (run.lr, run.settings.lr) == (0.01, 0.01)
    assert isinstance(run.fusion.weighting, BayesianWeighting)
    assert (run.fusion.schedule.gamma, run.fusion.schedule.rate, run.fusion.schedule.every) == (2.0, 0.5, 4)
    assert run.settings.fusion.weighting.name == "bayesian"


@pytest.mark.parametrize(
    "change", [SettingChange(0, "lr", -1), SettingChange(0, "weighting", "madd"), SettingChange(0, "seed", 3)]
)
def test_a_change_that_cannot_work_is_refused_and_nothing_has_changed(make_run, change):
    run = make_run()
    weighting, settings = run.fusion.weighting, run.settings
    with pytest.raises(ConfigError):
        run.change(change)
    assert (run.fusion.weighting, run.settings, run.progress.changes) == (weighting, settings, ())
    assert run.lr == 1e-3


def test_a_new_weighting_takes_over_the_history_and_brings_weights_of_its_own(workbench, make_run):
    run = make_run()
    take_steps(workbench, run, 0, 4)
    history = run.fusion.history.values.clone()
    run.change(SettingChange(4, "weighting", "variance"))
    assert torch.equal(run.fusion.history.values, history)
    assert torch.equal(run.fusion.weighting.weights, torch.full((3,), 1 / 3, dtype=torch.float64))
    assert run.fusion.weighting.training
    assert run.fusion.step == 4


def test_what_a_weighting_learns_leaves_the_optimizer_with_it(workbench, make_run, monkeypatch, snapshot):
    class Learned(FixedWeighting):
        def __init__(self, *given, **options):
            super().__init__(*given, **options)
            self.logits = nn.Parameter(torch.zeros(self.count))

        def forward(self, state):
            return self._combine(state.terms, self.logits.softmax(0))

    monkeypatch.setitem(WEIGHTINGS._members, "learned", Learned)
    run = make_run()
    run.change(SettingChange(0, "weighting", "learned"))
    learned = run.fusion.weighting.logits
    network, its_own = run.optimizer.param_groups
    assert [id(parameter) for parameter in its_own["params"]] == [id(learned)]
    assert len(network["params"]) == len(list(run.model.parameters()))
    take_steps(workbench, run, 0, 2)
    assert learned.abs().sum() > 0
    run.save_last(0)
    again = make_run()
    again.restore()
    assert torch.equal(again.fusion.weighting.logits, learned)
    run.change(SettingChange(2, "weighting", "mad"))
    assert len(run.optimizer.param_groups) == 1
    assert learned not in run.optimizer.state


def test_a_restored_run_has_the_settings_of_its_checkpoint(workbench, make_run, snapshot, assert_same_bits):
    run = make_run("same")
    take_steps(workbench, run, 0, 3)
    for change in CHANGES:
        run.change(replace(change, step=3))
    take_steps(workbench, run, 3, 5)
    run.drain()
    run.save_last(1)
    again = make_run("same")
    again.restore()
    assert (again.progress, again.settings, again.lr) == (run.progress, run.settings, 0.01)
    for one in (run, again):
        take_steps(workbench, one, 5, 9)
    assert run.drain().values.tobytes() == again.drain().values.tobytes()
    assert_same_bits(snapshot(run), snapshot(again))


def test_only_the_best_network_by_validation_score_is_kept(make_run):
    run = make_run()
    assert run.score(1, 0.5, gt)
    run.save_best(1)
    run.save_last(1)
    assert not run.score(2, math.nan, gt)
    assert not run.score(2, 0.5, gt)
    assert run.score(3, 0.6, gt)
    artifact = run.save_best(3)
    # Until a checkpoint to resume from names the new one, the old one may still be asked for.
    assert {file.name for file in run.folder.glob("best-*")} == {"best-1.safetensors", "best-3.safetensors"}
    run.save_last(3)
    assert {file.name for file in run.folder.glob("best-*")} == {"best-3.safetensors"}
    assert (artifact.kind, artifact.epoch, artifact.path) == ("checkpoint_best", 3, "best-3.safetensors")


def test_the_best_network_comes_back(workbench, make_run, assert_same_bits):
    run = make_run()
    run.score(1, 0.5, gt)
    run.save_best(1)
    before = {name: tensor.clone() for name, tensor in run.model.state_dict().items()}
    take_steps(workbench, run, 0, 2)
    run.load_best()
    assert_same_bits(run.model.state_dict(), before)


def test_a_best_network_that_is_gone_is_missed_with_a_clear_message(make_run):
    run = make_run()
    run.score(1, 0.5, gt)
    with pytest.raises(CheckpointError, match=r"No checkpoint at .*best-1\.safetensors; the run cannot be continued"):
        run.load_best()


def test_a_released_run_holds_no_memory_of_its_network(workbench, make_run):
    run = make_run()
    take_steps(workbench, run, 0, 1)
    run.release()
    assert all(parameter.is_meta and parameter.grad is None for parameter in run.model.parameters())
    assert not run.optimizer.state


def test_predicting_changes_neither_the_network_nor_its_mode(workbench, make_run, assert_same_bits):
    run = make_run()
    before = {name: tensor.clone() for name, tensor in run.model.state_dict().items()}
    logits = run.predict(workbench.feed.training_batch(0).input)
    assert not logits.requires_grad
    assert run.model.training
    assert_same_bits(run.model.state_dict(), before)


@pytest.mark.gpu
@pytest.mark.parametrize("weighting", ["fixed", "variance", "mad", "bayesian"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_step_on_a_gpu_never_makes_the_host_wait(tiny, tmp_path, weighting, precision):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device on this machine")
    config = tiny(weighting, device="cuda", precision=precision)
    workbench = build.build_workbench(config)
    run = workbench.run("gpu", config.runs[0], tmp_path)
    with workbench.numerics.applied():
        take_steps(workbench, run, 0, 4)  # lazy initialisation of kernels may wait
        torch.cuda.set_sync_debug_mode("error")
        try:
            for step in range(4, 8):
                run.take_step(workbench.feed.training_batch(step))
        finally:
            torch.cuda.set_sync_debug_mode("default")
    assert run.drain().values[:, -1].all()
