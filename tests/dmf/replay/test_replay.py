from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from dmf.config import FusionConfig
from dmf.errors import ConfigError, DataError, UnknownNameError
from dmf.fusion import Fusion
from dmf.records import SettingChange
from dmf.replay import read_losses, replay
from dmf.schedule import AuxiliarySchedule
from dmf.tasks.segmentation.losses import Parts
from dmf.weighting import WEIGHTINGS, Combined, StepState, Weighting, build_weighting

NOTEBOOK = Path(__file__).parents[2] / "data" / "notebook"
RULES = ("variance", "mad", "bayesian")
SMALLEST_FLOAT32 = 1.1754944e-38  # smaller ones are flushed to 0 by the notebook's framework


def recorded(name: str) -> NDArray[np.float64]:
    return read_losses(NOTEBOOK / f"{name}.csv")[1]


def parity(weighting: str, history_max: int) -> FusionConfig:
    names, _ = read_losses(NOTEBOOK / "losses.csv")
    return FusionConfig(
        terms=names,
        weighting=weighting,
        history_min=50,
        history_max=history_max,
        floor=0,
        eps=1e-7,
        median="notebook",
        prior="compound",
    )


@pytest.mark.parametrize("weighting", RULES)
@pytest.mark.parametrize(("history_max", "suffix"), [(150, ""), (100, "_100")])
def test_replay_reproduces_the_authors_notebook(weighting: str, history_max: int, suffix: str) -> None:
    theirs = recorded(f"weights_{weighting}{suffix}")
    ours = replay(recorded("losses"), parity(weighting, history_max))
    assert theirs.shape == ours.shape == (400, 3)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize("weighting", RULES)
def test_a_live_fusion_reproduces_the_authors_notebook(weighting: str) -> None:
    config = parity(weighting, 150)
    fusion = Fusion(build_weighting(config), history_max=config.history_max)
    losses = torch.from_numpy(recorded("losses")).float()  # as they come from a network
    weights = np.stack([fusion(row).weights.numpy() for row in losses])
    np.testing.assert_allclose(weights, recorded(f"weights_{weighting}"), rtol=0, atol=1e-5)


def test_a_live_fusion_reproduces_the_notebooks_total_with_an_auxiliary_loss() -> None:
    config = parity("variance", 150)
    fusion = Fusion(
        build_weighting(config),
        history_max=config.history_max,
        schedule=AuxiliarySchedule(gamma=5, rate=0.05, every=100),
        detach_weights=False,
    )
    losses = torch.from_numpy(recorded("losses"))
    totals = np.array([fusion(Parts(row, row[1])).total.item() for row in losses])
    np.testing.assert_allclose(totals, recorded("total_variance")[:, 0], rtol=2e-6, atol=0)


@pytest.mark.parametrize(("history_max", "suffix"), [(150, ""), (100, "_100")])
def test_the_compound_prior_agrees_in_every_digit_until_float32_runs_out(history_max: int, suffix: str) -> None:
    # 1e-5 alone would say nothing about weights of 1e-20, so compare logarithms down to where theirs become 0 for good.
    theirs = recorded(f"weights_bayesian{suffix}")
    ours = replay(recorded("losses"), parity("bayesian", history_max))
    kept = theirs > 0
    np.testing.assert_allclose(np.log(ours[kept]), np.log(theirs[kept]), rtol=0, atol=1e-3)
    gone = ~kept[:, 0]
    assert kept[:, 1:].all()
    assert gone.sum() > 100
    assert gone[np.argmax(gone) :].all()
    assert (ours[gone, 0] < SMALLEST_FLOAT32).all()
    assert (ours[~gone, 0] > SMALLEST_FLOAT32).all()
    assert (ours[gone, 0] > 0).all()  # ours could still come back; in this sequence it does not


def test_the_true_median_is_measurably_not_the_notebooks() -> None:
    losses, config = recorded("losses"), parity("mad", 150)
    other = replay(losses, config.replace(median="true"))
    assert np.abs(other - recorded("weights_mad")).max() > 0.01


@pytest.mark.parametrize("weighting", [name for name in WEIGHTINGS if WEIGHTINGS[name].replayable])
def test_one_row_of_weights_per_row_of_losses(weighting: str) -> None:
    losses = np.random.default_rng(0).random((30, 3))
    before = losses.copy()
    weights = replay(losses, FusionConfig(weighting=weighting))
    assert weights.shape == (30, 3)
    assert weights.dtype == np.float64
    if WEIGHTINGS[weighting].simplex or weighting == "fixed":
        assert np.allclose(weights.sum(1), 1)
    assert np.array_equal(losses, before)


def test_fixed_weights_are_repeated() -> None:
    weights = replay(np.ones((4, 3)), FusionConfig(weighting="fixed", weights=(1, 0, 2)))
    assert weights.tolist() == [[1, 0, 2]] * 4


def test_single_precision_and_read_only_losses_are_taken() -> None:
    losses = np.random.default_rng(0).random((20, 3)).astype(np.float32)
    losses.setflags(write=False)
    config = FusionConfig(weighting="mad")
    assert np.array_equal(replay(losses, config), replay(losses.astype(np.float64), config))


def test_a_row_that_is_not_finite_keeps_the_last_weights() -> None:
    losses = np.random.default_rng(0).random((20, 3))
    clean = replay(losses, FusionConfig(weighting="mad"))
    weights = replay(np.insert(losses, 15, [1, np.nan, 1], axis=0), FusionConfig(weighting="mad"))
    assert np.array_equal(weights[15], clean[14])
    assert np.array_equal(np.delete(weights, 15, axis=0), clean)


def test_a_rule_that_takes_over_knows_the_history_and_has_a_memory_of_its_own() -> None:
    losses = np.random.default_rng(0).random((40, 3))
    weights = replay(losses, FusionConfig(weighting="bayesian"), [SettingChange(20, "weighting", "mad")])
    assert np.array_equal(weights[:20], replay(losses, FusionConfig(weighting="bayesian"))[:20])
    assert np.array_equal(weights[20:], replay(losses, FusionConfig(weighting="mad"))[20:])


def test_of_several_changes_at_a_step_the_last_one_counts() -> None:
    losses = np.random.default_rng(0).random((40, 3))
    weights = replay(
        losses, FusionConfig(), [SettingChange(0, "weighting", "mad"), SettingChange(0, "weighting", "fixed")]
    )
    assert np.allclose(weights, 1 / 3)


def test_changes_of_other_settings_or_after_the_last_step_do_nothing() -> None:
    losses = np.random.default_rng(0).random((40, 3))
    changes = [SettingChange(3, "lr", 0.5), SettingChange(4, "gamma", 2.0), SettingChange(40, "weighting", "fixed")]
    assert np.array_equal(replay(losses, FusionConfig(), changes), replay(losses, FusionConfig()))


def test_a_change_to_an_unknown_weighting_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="Unknown weighting 'mda'"):
        replay(np.ones((5, 3)), FusionConfig(), [SettingChange(2, "weighting", "mda")])


def test_no_steps_give_no_weights() -> None:
    assert replay(np.empty((0, 3)), FusionConfig(weighting="bayesian")).shape == (0, 3)


@pytest.mark.parametrize("shape", [(5, 2), (3,), (2, 3, 3)])
def test_losses_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(
        DataError, match=r"`losses` must have shape \(steps, 3\), got \(.*one\s+column for each of ce, iou, dice"
    ):
        replay(np.ones(shape), FusionConfig())


def test_an_unknown_weighting_is_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown weighting 'mda'\. .*Did you mean 'mad'") as caught:
        replay(np.ones((5, 3)), FusionConfig(weighting="mda"))
    assert caught.value.field == "weighting"
    assert "famo" not in str(caught.value)  # which could not be replayed either


def test_a_method_that_needs_more_is_refused_by_its_name_with_those_that_do_not() -> None:
    with pytest.raises(ConfigError, match=r"^Weighting 'famo' needs more .* `--weighting`\): fixed, variance, mad,"):
        replay(np.ones((5, 3)), FusionConfig(weighting="famo"))
    with pytest.raises(ConfigError, match="Weighting 'famo' needs more"):
        replay(np.ones((5, 3)), FusionConfig(), [SettingChange(2, "weighting", "famo")])


def test_a_weighting_that_needs_more_than_losses_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class NeedsGradients(Weighting):  # says nothing of it, but not how to replay it either
        def forward(self, state: StepState) -> Combined:
            return self._combine(state.terms, self.weights)

    monkeypatch.setitem(WEIGHTINGS._members, "gradients", NeedsGradients)
    with pytest.raises(ConfigError, match="Weighting 'gradients' needs more than loss values"):
        replay(np.ones((5, 3)), FusionConfig(weighting="gradients"))
