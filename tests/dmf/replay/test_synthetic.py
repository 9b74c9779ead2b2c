"""Histories drawn by a few numbers: values worked by hand, and what chance does to them."""

import numpy as np
import pytest
from pydantic import ValidationError

from dmf.config import FusionConfig
from dmf.replay import SHAPES, Synthetic, SyntheticLoss, replay, synthetic_losses


def one(steps: int = 10, seed: int = 0, **shape: float | None) -> np.ndarray:
    return synthetic_losses(Synthetic(steps=steps, seed=seed, losses=(SyntheticLoss(**{"noise": 0.0, **shape}),)))[:, 0]


def test_a_loss_falls_from_its_start_towards_its_end() -> None:
    # 1 + (3 - 1) exp(-0.5 t): 3, 1 + 2 * 0.6065 = 2.2131, 1 + 2 * 0.3679 = 1.7358
    found = one(3, start=3.0, end=1.0, decay_rate=0.5)
    np.testing.assert_allclose(found, [3.0, 2.213061, 1.735759], rtol=1e-6)


def test_on_a_plateau_the_clock_stands_still() -> None:
    # falls at steps 0 1 2, stays for 3 steps, goes on: the clock reads 0 1 2 2 2 2 3
    plain = one(4, start=3.0, end=1.0, decay_rate=0.5)
    found = one(7, start=3.0, end=1.0, decay_rate=0.5, plateau_from=2, plateau_length=3)
    np.testing.assert_allclose(found, plain[[0, 1, 2, 2, 2, 2, 3]])


def test_a_change_of_scale_multiplies_from_its_step_on() -> None:
    found = one(4, start=2.0, end=2.0, change_at=2, change_factor=10.0)
    np.testing.assert_array_equal(found, [2, 2, 20, 20])


def test_spikes_are_as_many_and_as_high_as_asked() -> None:
    found = one(50, start=2.0, end=2.0, spikes=3, spike_height=5.0)
    assert sorted(found)[-4:] == [2, 10, 10, 10]


def test_a_loss_that_goes_flat_does_not_even_jitter() -> None:
    found = one(20, noise=0.5, flat_from=8)
    assert len(set(found[8:])) == 1
    assert len(set(found[:8])) == 8


def test_it_may_go_flat_only_after_the_end() -> None:
    assert len(set(one(20, noise=0.5, flat_from=99))) == 20


def test_gaps_are_not_numbers() -> None:
    found = one(1000, gaps=2, gap_length=5)
    assert 6 <= np.isnan(found).sum() <= 10  # two gaps may overlap, or reach beyond the end


def test_noise_is_a_share_of_the_value() -> None:
    found = one(100_000, start=100.0, end=100.0, noise=0.1)
    assert found.mean() == pytest.approx(100, abs=0.2)
    assert found.std() == pytest.approx(10, abs=0.2)


def test_the_same_settings_give_the_same_history_and_another_seed_another() -> None:
    config = Synthetic(steps=50)
    np.testing.assert_array_equal(synthetic_losses(config), synthetic_losses(config))
    assert (synthetic_losses(config) != synthetic_losses(Synthetic(steps=50, seed=1))).any()


def test_another_loss_leaves_the_first_as_they_are() -> None:
    two = synthetic_losses(Synthetic(steps=50, losses=(SyntheticLoss(), SyntheticLoss())))
    three = synthetic_losses(Synthetic(steps=50, losses=(SyntheticLoss(), SyntheticLoss(), SyntheticLoss())))
    np.testing.assert_array_equal(two, three[:, :2])
    assert (two[:, 0] != two[:, 1]).any()


def test_losses_are_named_by_their_place() -> None:
    assert Synthetic().names == ("L1", "L2", "L3")


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_can_be_replayed(name: str) -> None:
    config = SHAPES[name].config
    weights = replay(synthetic_losses(config), FusionConfig(terms=config.names))
    assert weights.shape == (config.steps, len(config.losses))
    assert np.isfinite(weights).all()


@pytest.mark.parametrize("settings", [{"steps": 1}, {"steps": 100_001}, {"losses": []}, {"losses": [{}] * 7}, {"x": 1}])
def test_what_cannot_be_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Synthetic.model_validate(settings)
