"""Runs whose weighting learns: its parameters in the optimizer, its second look, its checkpoint."""

import math

import pytest
import torch
from torch import nn

from dmf.records import RunState, SettingChange
from dmf.weighting import FAMOWeighting, LearnedWeighting

LEARNED = ("uncertainty", "imtl-l")
ALL = pytest.mark.parametrize("weighting", ["famo", *LEARNED])
SIX = ("ce", "iou", "dice", "focal", "tversky", "cb-dice")


@pytest.fixture
def make(workbench, tmp_path):
    """A fresh run with a weighting and settings of its own."""

    def go(weighting, name="run", **settings):
        chosen = workbench.config.runs[0]
        fusion = chosen.fusion.replace(weighting=weighting, **settings)
        return workbench.run(name, chosen.model_copy(update={"fusion": fusion}), tmp_path / name)

    return go


@pytest.fixture
def take_steps(workbench):
    def go(run, first, last):
        for step in range(first, last):
            run.take_step(workbench.feed.training_batch(step))

    return go


def rates(run):
    return [group["lr"] for group in run.optimizer.param_groups]


@ALL
@pytest.mark.parametrize("terms", [("ce",), ("ce", "iou", "dice"), SIX])
def test_a_restored_run_goes_on_bit_for_bit(make, take_steps, snapshot, assert_same_bits, weighting, terms):  # noqa: PLR0917
    run = make(weighting, terms=terms)
    take_steps(run, 0, 5)
    run.drain()
    run.save_last(1)
    again = make(weighting, terms=terms)
    again.restore()
    for one in (run, again):
        take_steps(one, 5, 9)
    assert run.drain().values.tobytes() == again.drain().values.tobytes()
    assert_same_bits(snapshot(run), snapshot(again))


@pytest.mark.parametrize("weighting", LEARNED)
def test_what_is_learned_moves_and_is_the_optimizers_second_group(make, take_steps, snapshot, weighting):
    run = make(weighting)
    network, learned = run.optimizer.param_groups
    assert len(network["params"]) == len(list(run.model.parameters()))
    assert learned["weight_decay"] == 0
    take_steps(run, 0, 3)
    s = run.fusion.weighting.s
    assert (s != 0).all()
    tensors = snapshot(run)
    # Moments are numbered over the groups, so those of the network keep the numbers that they have without the rule.
    moments = tensors[f"optimizer/{len(network['params'])}/exp_avg"]
    assert torch.equal(moments, run.optimizer.state[s]["exp_avg"])
    assert torch.equal(tensors["fusion/weighting.s"], s)


def test_a_rule_that_learns_nothing_leaves_the_checkpoint_as_it_always_was(make, take_steps, snapshot):
    run = make("mad")
    take_steps(run, 0, 2)
    numbers = {int(name.split("/")[1]) for name in snapshot(run) if name.startswith("optimizer/")}
    assert numbers == set(range(len(list(run.model.parameters()))))


def test_the_learning_rate_knob_turns_theirs_only_where_they_have_none_of_their_own(make):
    shared, own = make("uncertainty", "shared"), make("uncertainty", "own", weights_lr=0.5)
    assert (rates(shared), rates(own)) == ([1e-3, 1e-3], [1e-3, 0.5])
    for run in (shared, own):
        run.change(SettingChange(0, "lr", 0.01))
    assert (rates(shared), rates(own)) == ([0.01, 0.01], [0.01, 0.5])
    assert own.lr == 0.01


@ALL
@pytest.mark.parametrize(("term", "value"), [("iou", math.nan), ("auxiliary", math.inf)])
def test_a_step_that_is_not_finite_changes_nothing_that_is_learned(  # noqa: PLR0917
    make, take_steps, snapshot, spoil, assert_same_bits, weighting, term, value
):
    run = make(weighting)
    take_steps(run, 0, 4)
    before = snapshot(run)
    spoil(run, term, value, {0})
    take_steps(run, 4, 5)
    after = snapshot(run)
    counters = {"fusion/skipped", "fusion/skipped_in_row", "fusion/_extra_state"}
    assert_same_bits(*({key: value for key, value in one.items() if key not in counters} for one in (before, after)))


def test_a_second_look_that_is_not_finite_moves_no_weight(make, take_steps, spoil):
    run = make("famo")
    take_steps(run, 0, 3)
    xi = run.fusion.weighting.xi
    spoil(run, "ce", math.nan, {1})  # the second look of the next step
    take_steps(run, 3, 4)
    assert torch.equal(run.fusion.weighting.xi, xi)
    take_steps(run, 4, 5)
    assert not torch.equal(run.fusion.weighting.xi, xi)


@ALL
def test_weights_change_hands_in_mid_training_and_a_restored_run_follows(
    make, take_steps, snapshot, assert_same_bits, weighting
):
    changes = (
        SettingChange(3, "weighting", weighting),
        SettingChange(7, "weighting", "mad"),
        SettingChange(9, "weighting", weighting),
    )

    def train(run, first, last):
        for step in range(first, last):
            for change in changes:
                if change.step == step:
                    run.change(change)
            take_steps(run, step, step + 1)

    whole = make("mad", "whole")
    train(whole, 0, 12)
    for death in (3, 5, 8, 10):
        run = make("mad", f"killed at {death}")
        train(run, 0, death)
        run.save_last(1)
        again = make("mad", f"killed at {death}")
        again.restore()
        train(again, death, 12)
        assert_same_bits(snapshot(whole), snapshot(again))
    assert len(whole.optimizer.param_groups) == (2 if weighting in LEARNED else 1)
    whole.change(SettingChange(12, "weighting", "fixed"))
    assert len(whole.optimizer.param_groups) == 1
    assert len(whole.optimizer.state) == len(list(whole.model.parameters()))


def test_the_second_look_changes_neither_network_nor_chance(make, workbench, snapshot, assert_same_bits, monkeypatch):
    class Falling(nn.Module):
        """A network in which units drop out."""

        def __init__(self, inner):
            super().__init__()
            self.inner, self.seen = inner, []

        def forward(self, images):
            self.seen.append(torch.rand(3))
            return nn.functional.dropout(self.inner(images), 0.3)

    looking, blind = make("famo", "looking"), make("famo", "blind")
    monkeypatch.setattr(blind, "_second_forward", lambda batch: None)
    for run in (looking, blind):
        run.model = Falling(run.model)
        run.take_step(workbench.feed.training_batch(0))
    first, second = looking.model.seen
    assert torch.equal(first, second)  # the same units fall in both looks
    kept, expected = (
        {name: tensor for name, tensor in snapshot(run).items() if "fusion" not in name} for run in (looking, blind)
    )
    assert any("running_mean" in name for name in kept)
    assert "random/cpu" in kept
    assert_same_bits(kept, expected)
    assert not torch.equal(looking.fusion.weighting.xi, blind.fusion.weighting.xi)


def test_the_second_look_sees_the_network_that_the_step_made(make, workbench):
    run, seen = make("famo"), []
    own = run.fusion.after_step
    run.fusion.after_step = lambda parts: (seen.append(parts), own(parts))
    batch = workbench.feed.training_batch(0)
    fused = run.take_step(batch)
    (parts,) = seen
    assert not parts.terms.requires_grad
    assert not torch.equal(parts.terms, fused.terms)
    again = run.take_step(batch)  # the next step begins where the second look was taken
    assert torch.equal(parts.terms, again.terms)


@ALL
def test_a_race_of_them_ends_and_evaluation_reads_only(race, tiny, weighting):
    done = race(tiny(weighting, f"{weighting},smoothing=0.5,max_change=0.05", epochs="3"))
    assert set(done.states.values()) == {RunState.FINISHED}
    run = done.runs[weighting]
    rule = run.fusion.weighting
    assert isinstance(rule, FAMOWeighting | LearnedWeighting)
    telemetry = done.telemetry(weighting)
    assert torch.isfinite(torch.from_numpy(telemetry)).all()
    weights = torch.from_numpy(telemetry[:, 3:6])
    assert torch.equal(weights[-1], rule.weights.float())  # nothing has moved since the last step
    assert (weights.diff(dim=0) != 0).any(0).all()


def test_losses_shrink_their_uncertainty(race, tiny):
    done = race(tiny("uncertainty,weights_lr=0.1", epochs="5"))
    (run,) = done.runs.values()
    telemetry = torch.from_numpy(done.telemetry(run.id))
    weights, total = telemetry[:, 3:6], telemetry[:, 8]
    assert (weights[-1] > 0.5).all()  # losses are below 1, so weights rise from one half
    assert total[-1] < total[0]
