import pytest
import torch

from dmf.config import FusionConfig
from dmf.errors import ConfigError
from dmf.weighting import FixedWeighting, build_weighting


def test_given_weights_are_used_as_they_are() -> None:
    combined = FixedWeighting(3, weights=(1, 0, 2)).current(torch.tensor([5.0, 7.0, 0.5]))
    assert combined.weights.tolist() == [1, 0, 2]
    assert combined.total.item() == 6.0  # 5 + 0 + 1


def test_without_weights_they_are_equal() -> None:
    assert FixedWeighting(4).weights.tolist() == [0.25] * 4
    assert FixedWeighting(4, sum_to="K").weights.tolist() == [1.0] * 4


def test_sum_to_does_not_touch_given_weights() -> None:
    assert FixedWeighting(2, weights=(3, 1), sum_to="K").weights.tolist() == [3, 1]


def test_replay_repeats_the_weights_on_every_row_whatever_the_losses() -> None:
    losses = torch.tensor([[1.0, torch.nan], [2.0, 3.0]])
    assert FixedWeighting(2, weights=(3, 1)).replay(losses, 10).tolist() == [[3, 1], [3, 1]]


def test_weights_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match="`weights` must have 3 numbers, one per loss, got 2"):
        FixedWeighting(3, weights=(1, 2))
    with pytest.raises(ConfigError, match="not all 0"):
        FixedWeighting(2, weights=(0, 0))


def test_nothing_adjusts_weights_that_never_move() -> None:
    assert FixedWeighting.options == ("weights", "sum_to")
    config = FusionConfig(weighting="fixed", weights=(1, 1, 2), smoothing=0.5, base_weights=(1, 2, 3), weight_max=0.5)
    assert build_weighting(config).weights.tolist() == [1, 1, 2]
    with pytest.raises(TypeError, match="smoothing"):
        FixedWeighting(2, smoothing=0.5)
