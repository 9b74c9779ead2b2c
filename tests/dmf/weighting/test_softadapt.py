import math
from typing import Any

import pytest
import torch
from torch import Tensor

from dmf.errors import ConfigError
from dmf.weighting import SoftAdaptWeighting

# Straight lines have the same slope whichever way it is taken: -1 and -3 per step. Means 8 and 5.
LINES = [[10.0, 9.0, 8.0, 7.0, 6.0], [11.0, 8.0, 5.0, 2.0, -1.0]]
EVERY_SLOPE = pytest.mark.parametrize("slope", ["backward", "least-squares"])


def expect(weights: Tensor, *parts: float) -> None:
    shares = torch.tensor(parts, dtype=torch.float64) / sum(parts)
    torch.testing.assert_close(weights, shares, rtol=1e-7, atol=1e-12)


@EVERY_SLOPE
def test_the_original_form_is_the_softmax_of_the_slopes(step_on: Any, slope: str) -> None:
    weighting = SoftAdaptWeighting(2, softadapt_variant="original", slope=slope, beta=0.5)
    expect(step_on(weighting, LINES), math.exp(-0.5), math.exp(-1.5))


@EVERY_SLOPE
def test_the_loss_weighted_form_multiplies_by_the_mean(step_on: Any, slope: str) -> None:
    weighting = SoftAdaptWeighting(2, softadapt_variant="loss-weighted", slope=slope, beta=0.5)
    expect(step_on(weighting, LINES), 8 * math.exp(-0.5), 5 * math.exp(-1.5))


@EVERY_SLOPE
def test_the_normalized_form_divides_by_the_sum_of_sizes(step_on: Any, slope: str) -> None:
    # -1 and -3 over 1 + 3: -0.25 and -0.75
    weighting = SoftAdaptWeighting(2, slope=slope, beta=2.0)
    expect(step_on(weighting, LINES), math.exp(-0.5), math.exp(-1.5))
    both = SoftAdaptWeighting(2, softadapt_variant="both", slope=slope, beta=2.0)
    expect(step_on(both, LINES), 8 * math.exp(-0.5), 5 * math.exp(-1.5))


def test_the_reference_divides_by_the_signed_sum_which_turns_the_preference_round(step_on: Any) -> None:
    # -1 and -3 over -4: 0.25 and 0.75, so the loss that falls fastest gets most
    expect(step_on(SoftAdaptWeighting(2, slope="reference", beta=2.0), LINES), math.exp(0.5), math.exp(1.5))


def test_a_curve_has_another_slope_at_its_oldest_and_its_newest_value_and_on_average(step_on: Any) -> None:
    # x^2 over 0..4 against a flat loss: 2x is 8 at the newest and 0 at the oldest; the line through all rises by 4
    window = [[0.0, 1.0, 4.0, 9.0, 16.0], [7.0] * 5]
    for slope, rise in (("backward", 8), ("reference", 0), ("least-squares", 4)):
        weighting = SoftAdaptWeighting(2, softadapt_variant="original", slope=slope, beta=0.25)
        expect(step_on(weighting, window), math.exp(0.25 * rise), 1)


def test_with_the_default_beta_weights_are_near_uniform(step_on: Any) -> None:
    # at most e^0.1 against e^-0.1 for opposite slopes of one size: 0.05 each way
    weights = step_on(SoftAdaptWeighting(2), [[0.0, 1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0, 0.0]])
    expect(weights, math.exp(0.05), math.exp(-0.05))


def test_only_the_newest_values_count(step_on: Any) -> None:
    longer = [[100.0, -50.0, *LINES[0]], [0.0, 77.0, *LINES[1]]]
    weighting = SoftAdaptWeighting(2)
    assert torch.equal(step_on(weighting, longer), step_on(weighting, LINES))


def test_flat_losses_weigh_the_same_or_by_their_mean(step_on: Any) -> None:
    flat = [[1.0] * 5, [3.0] * 5]
    expect(step_on(SoftAdaptWeighting(2), flat), 1, 1)
    expect(step_on(SoftAdaptWeighting(2, softadapt_variant="loss-weighted"), flat), 1, 3)
    expect(step_on(SoftAdaptWeighting(2, slope="reference"), [[0.0] * 5, [0.0] * 5]), 1, 1)


def test_a_negative_mean_counts_as_zero_and_none_above_zero_as_equal(step_on: Any) -> None:
    assert step_on(SoftAdaptWeighting(2, softadapt_variant="both"), [[-1.0] * 5, [3.0] * 5]).tolist() == [0, 1]
    expect(step_on(SoftAdaptWeighting(2, softadapt_variant="both"), [[-1.0] * 5, [0.0] * 5]), 1, 1)


def test_a_spike_brings_weight_while_it_is_the_newest_value_and_takes_it_just_after(live: Any) -> None:
    losses = torch.ones(12, 2, dtype=torch.float64)
    losses[6, 0] = 5
    weights = live(SoftAdaptWeighting(2), losses, 12)[:, 0]
    assert weights[5] == 0.5
    assert weights[6] > 0.5
    assert weights[7] < 0.5
    assert weights[11] == 0.5


@pytest.mark.parametrize(
    ("options", "message", "field"),
    [
        ({"softadapt_variant": "norm"}, "Unknown softadapt_variant 'norm'. Choose one of", "softadapt_variant"),
        ({"slope": "forward"}, "Unknown slope 'forward'. Choose one of: backward, least-squares, reference", "slope"),
        ({"window": 1}, "`window` must be at least 2 steps, got 1", "window"),
        ({"window": 10}, "`window` must be at most 9 steps for a backward slope, got 10; take least-squares", "window"),
        ({"beta": math.inf}, "`beta` must be finite, got inf", "beta"),
        ({"beta": math.nan}, "`beta` must be finite, got nan", "beta"),
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any], message: str, field: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        SoftAdaptWeighting(2, **options)
    assert caught.value.field == field


def test_a_long_window_is_taken_by_least_squares() -> None:
    assert SoftAdaptWeighting(2, window=50, slope="least-squares").warmup_steps == 49
