import math
from typing import Any

import pytest
import torch

from dmf.errors import ConfigError
from dmf.weighting import DWAWeighting

# Blocks of two steps with means (3, 1), (1.5, 2), (1.5, 2), and the first step of a fourth.
LOSSES = torch.tensor(
    [[4.0, 1.0], [2.0, 1.0], [1.0, 2.0], [2.0, 2.0], [3.0, 3.0], [0.0, 1.0], [9.0, 9.0]], dtype=torch.float64
)


def test_weights_are_the_softmax_of_the_ratio_of_means_and_constant_within_a_block(live: Any) -> None:
    # block 2: 1.5/3 = 1/2 and 2/1 = 2, over T = 1/2: e^1 : e^4. Block 3: 1 and 1.
    weights = live(DWAWeighting(2, temperature=0.5, block_steps=2), LOSSES, 2)
    assert weights[:4].tolist() == [[0.5, 0.5]] * 4
    high = 1 / (1 + math.exp(-3))
    expected = torch.tensor([1 - high, high], dtype=torch.float64)
    torch.testing.assert_close(weights[4:6], expected.expand(2, 2))
    torch.testing.assert_close(weights[6], torch.tensor([0.5, 0.5], dtype=torch.float64))


def test_weights_sum_to_the_number_of_losses_as_in_the_paper_on_request(live: Any) -> None:
    weights = live(DWAWeighting(2, block_steps=2, sum_to="K"), LOSSES, 2)
    # T = 2: e^0.25 : e^1
    high = 2 / (1 + math.exp(-0.75))
    torch.testing.assert_close(weights[4], torch.tensor([2 - high, high], dtype=torch.float64))
    assert weights[0].tolist() == [1, 1]


def test_the_paper_epoch_by_epoch() -> None:
    # The rule of the paper on a table of means, weights repeated over the steps of their epoch.
    losses = torch.rand(50, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    means = losses.reshape(5, 10, 3).mean(1)
    expected = torch.full((5, 3), 1 / 3, dtype=torch.float64)
    expected[2:] = (means[1:-1] / means[:-2] / 2).softmax(-1)
    replayed = DWAWeighting(3, block_steps=10).replay(losses, 2)
    torch.testing.assert_close(replayed, expected.repeat_interleave(10, 0), rtol=0, atol=1e-12)


def test_steps_that_are_not_finite_are_not_counted(live: Any) -> None:
    broken = torch.cat((LOSSES[:3], torch.tensor([[torch.nan, 1.0]], dtype=torch.float64), LOSSES[3:]))
    weights = live(DWAWeighting(2, block_steps=2), broken, 2)
    assert torch.equal(weights[torch.tensor([0, 1, 2, 4, 5, 6, 7])], live(DWAWeighting(2, block_steps=2), LOSSES, 2))
    assert torch.equal(weights[3], weights[2])


def test_a_mean_of_zero_has_the_ratio_one(live: Any) -> None:
    losses = torch.tensor([[0.0, 1.0], [5.0, 1.0], [1.0, 1.0]], dtype=torch.float64)
    assert live(DWAWeighting(2, block_steps=1), losses, 2)[2].tolist() == [0.5, 0.5]


def test_a_spike_brings_weight_in_the_next_block_and_takes_it_in_the_one_after() -> None:
    losses = torch.ones(50, 2, dtype=torch.float64)
    losses[23, 0] = 11  # mean of its block of ten: 2, so ratios 2 and then 1/2
    weights = DWAWeighting(2, temperature=1.0, block_steps=10).replay(losses, 2)[:, 0]
    # e^2 : e and e^0.5 : e
    assert weights[29].item() == pytest.approx(1 / 2)
    assert weights[30].item() == pytest.approx(1 / (1 + math.exp(-1)))
    assert weights[40].item() == pytest.approx(1 / (1 + math.exp(0.5)))


@pytest.mark.parametrize(
    ("options", "message", "field"),
    [
        ({"temperature": 0.0}, "`temperature` must be finite and above 0, got 0.0", "temperature"),
        ({"temperature": math.nan}, "`temperature` must be finite and above 0, got nan", "temperature"),
        ({"temperature": math.inf}, "`temperature` must be finite and above 0, got inf", "temperature"),
        ({"block_steps": 0}, "`block_steps` must be at least 1 step, got 0", "block_steps"),
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any], message: str, field: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        DWAWeighting(2, **options)
    assert caught.value.field == field
