import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dmf.analysis.near_uniform import NearUniform, Spread, near_uniform, spread
from dmf.config import FusionConfig
from dmf.replay import replay


def of(**options: Any) -> NearUniform | None:
    return near_uniform({"terms": ("a", "b", "c"), **options})


def test_a_spread_is_where_weights_were_and_how_far_shares_were_from_equal() -> None:
    # shares 1/2 and 1/2, then 1/4 and 3/4: 1/4 away from 1/2
    found = spread(np.array([[1.0, 1.0], [0.5, 1.5], [np.nan, 1.0], [0.0, 0.0]]))
    assert found == Spread(0.5, 1.5, 0.25)
    assert found | Spread(0.1, 0.9, 0.3) == Spread(0.1, 1.5, 0.3)
    assert spread(np.empty((0, 3))) is None
    assert spread(np.full((2, 2), np.inf)) is None


def test_softadapt_as_it_is_set_at_first_keeps_a_third_between_031_and_036() -> None:
    # e^0.1 = 1.10517: 1 / (1 + 2 * 1.10517) = 0.31149 and 1.10517 / 3.10517 = 0.3559
    found = of(weighting="softadapt")
    assert found is not None
    assert (found.equal, found.low, found.high) == pytest.approx((1 / 3, 0.31149, 0.35591), abs=1e-5)
    assert "within a factor 1.11 of each other whatever the losses do" in found.reason


def test_weights_that_sum_to_their_number_are_near_one() -> None:
    found = of(weighting="softadapt", sum_to="K")
    assert found is not None
    assert (found.equal, found.low, found.high) == pytest.approx((1, 0.93448, 1.06774), abs=1e-5)


def test_dynamic_weight_average_is_near_uniform_while_losses_change_little() -> None:
    # e^(0.4 / 2) = 1.2214: 1 / (1 + 2 * 1.2214) = 0.2905 and 1.2214 / 3.2214 = 0.3792
    found = of(weighting="dwa")
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0.29046, 0.37915), abs=1e-5)
    assert "while no loss changes by more than a fifth from one block of steps to the next" in found.reason


def test_plain_slopes_count_as_far_as_a_loss_may_move_by_one() -> None:
    found = of(weighting="softadapt", softadapt_variant="original")
    assert found is not None
    assert found.high == pytest.approx(math.exp(0.2) / (math.exp(0.2) + 2))
    assert "while no loss rises or falls by more than 1 per step" in found.reason


@pytest.mark.parametrize(
    "options",
    [
        {"weighting": "variance"},
        {"weighting": "softadapt", "beta": 0.5},
        {"weighting": "softadapt", "beta": -1e9},
        {"weighting": "softadapt", "slope": "reference"},
        {"weighting": "softadapt", "softadapt_variant": "loss-weighted"},
        {"weighting": "softadapt", "softadapt_variant": "both"},
        {"weighting": "dwa", "temperature": 0.5},
        {"weighting": "dwa", "temperature": 1e-300},
        {"weighting": "dwa", "base_weights": (1, 2, 3)},
        {"weighting": "dwa", "weights": (1, 2, 3), "smoothing": 0.5},
        {"weighting": "dwa", "weights": (1, 2, 3), "max_change": 0.1},
        {"weighting": "dwa", "terms": ("a",)},
    ],
    ids=str,
)
def test_other_methods_and_settings_are_not_near_uniform_by_construction(options: dict[str, Any]) -> None:
    assert of(**options) is None


def test_weights_it_starts_from_leave_no_trace_unless_it_follows_them() -> None:
    assert of(weighting="dwa", weights=(1, 2, 3)) is not None
    assert of(weighting="dwa", weights=(1, 1, 1), smoothing=0.5) is not None


@settings(deadline=None)
@given(
    arrays(np.float64, (12, 3), elements=st.floats(-1e3, 1e3)), st.sampled_from([{}, {"beta": -0.3}, {"sum_to": "K"}])
)
def test_softadapt_never_leaves_what_it_is_said_to_keep_to(losses: np.ndarray, options: dict[str, Any]) -> None:
    config = FusionConfig(weighting="softadapt", **options)
    bounds, seen = near_uniform(config.flat()), spread(replay(losses, config))
    assert bounds is not None
    assert seen is not None
    assert bounds.low - 1e-9 <= seen.low <= bounds.equal + 1e-9
    assert bounds.equal - 1e-9 <= seen.high <= bounds.high + 1e-9


def test_dwa_keeps_to_it_when_blocks_differ_by_a_fifth() -> None:
    blocks = np.array([[1, 1, 1], [1.2, 0.8, 0.8], [1.44, 0.64, 0.64], [1.152, 0.768, 0.768]], dtype=np.float64)
    config = FusionConfig(weighting="dwa", block_steps=2)
    bounds, seen = near_uniform(config.flat()), spread(replay(np.repeat(blocks, 2, axis=0), config))
    assert bounds is not None
    assert seen is not None
    assert seen.high == pytest.approx(bounds.high)  # 1.2 against 0.8 and 0.8
    assert seen.low >= bounds.low
