import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from dmf.errors import ConfigError
from dmf.weighting import BayesianWeighting, MADWeighting

# Deviations 1/4 and 1/8 (worked in test_mad.py), so likelihoods 4 and 8.
WINDOW = [[0.0, 1.0, 2.0, 3.0, 4.0], [8.0, 0.0, 1.0, 0.0, 8.0]]
TIGHT = {"history_min": 3, "eps": 1e-12, "symlog": False}


def expect(weights: Tensor, *values: float) -> None:
    torch.testing.assert_close(weights, torch.tensor(values, dtype=torch.float64), rtol=1e-8, atol=1e-8)


@pytest.fixture
def random_losses() -> Tensor:
    return torch.rand(120, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def after(step_on: Callable[..., Tensor], weighting: BayesianWeighting, steps: int) -> Tensor:
    """Weights after some steps with the same evidence."""
    for _ in range(steps - 1):
        step_on(weighting, WINDOW)
    return step_on(weighting, WINDOW)


def test_a_fixed_uniform_prior_is_exactly_the_mad_rule(random_losses: Tensor) -> None:
    options = {"history_min": 5, "median": "notebook"}
    bayesian = BayesianWeighting(3, prior="fixed", **options).replay(random_losses, 40)
    mad = MADWeighting(3, **options).replay(random_losses, 40)
    torch.testing.assert_close(bayesian, mad, rtol=1e-12, atol=0)


def test_a_fixed_prior_multiplies_the_likelihood_and_never_moves(step_on: Any) -> None:
    # 4 * 3/4 : 8 * 1/4 = 3 : 2
    weighting = BayesianWeighting(2, prior="fixed", prior_weights=(3, 1), **TIGHT)
    for steps in (1, 2, 5):
        expect(after(step_on, weighting, steps), 0.6, 0.4)


def test_a_compound_prior_multiplies_the_evidence_of_every_step(step_on: Any) -> None:
    # 4 : 8 = 1 : 2, then 1*4 : 2*8 = 1 : 4, then 1 : 8
    for steps, weight in ((1, 1 / 3), (2, 1 / 5), (3, 1 / 9)):
        expect(after(step_on, BayesianWeighting(2, prior="compound", **TIGHT), steps), weight, 1 - weight)


def test_a_compound_prior_ends_with_one_weight_taking_all_but_none_is_lost_for_good(step_on: Any) -> None:
    weighting = BayesianWeighting(2, prior="compound", **TIGHT)
    weights = after(step_on, weighting, 1100)  # 2**-1100 is no double, but its logarithm is
    assert weights.tolist() == [0, 1]
    assert (weighting.log_prior[1] - weighting.log_prior[0]).item() == pytest.approx(1100 * math.log(2))
    swapped = [WINDOW[1], WINDOW[0]]
    for _ in range(1100):
        weights = step_on(weighting, swapped)
    expect(weights, 0.5, 0.5)


def test_a_tempered_prior_forgets_by_a_geometric_mean(step_on: Any) -> None:
    # rho 1/2: 1 : 2; the prior becomes 1 : 2**0.5; 1*4 : 2**0.5 * 8 = 1 : 2**1.5
    weighting = BayesianWeighting(2, prior="tempered", rho=0.5, **TIGHT)
    expect(step_on(weighting, WINDOW), 1 / 3, 2 / 3)
    expect(step_on(weighting, WINDOW), 1 / (1 + 2**1.5), 2**1.5 / (1 + 2**1.5))


@pytest.mark.parametrize(
    ("rho", "prior", "expected"),
    [
        (0.0, (1, 1), 2 / 3),  # 1 : 2, the fixed prior
        (0.5, (1, 1), 4 / 5),  # 1 : 2**2
        (0.75, (1, 1), 16 / 17),  # 1 : 2**4
        (0.5, (3, 1), 4 / 7),  # 3 : 1 * 2**2
    ],
)
def test_a_tempered_prior_tends_to_the_prior_times_a_power_of_the_likelihood(
    step_on: Any, rho: float, prior: tuple[float, ...], expected: float
) -> None:
    weighting = BayesianWeighting(2, prior="tempered", rho=rho, prior_weights=prior, **TIGHT)
    expect(after(step_on, weighting, 200), 1 - expected, expected)


def test_rho_zero_is_the_fixed_prior(random_losses: Tensor) -> None:
    tempered = BayesianWeighting(3, rho=0.0, prior_weights=(1, 2, 3)).replay(random_losses, 40)
    fixed = BayesianWeighting(3, prior="fixed", prior_weights=(1, 2, 3)).replay(random_losses, 40)
    torch.testing.assert_close(tempered, fixed, rtol=1e-12, atol=0)


def test_rho_towards_one_is_the_compound_prior(random_losses: Tensor) -> None:
    tempered = BayesianWeighting(3, rho=1 - 1e-9).replay(random_losses, 40)
    compound = BayesianWeighting(3, prior="compound").replay(random_losses, 40)
    torch.testing.assert_close(tempered, compound, rtol=0, atol=1e-5)


def test_the_prior_does_not_move_before_the_weights_do_nor_at_a_step_that_is_not_finite(live: Any) -> None:
    losses = torch.tensor(WINDOW, dtype=torch.float64).T
    weighting = BayesianWeighting(2, prior="compound", **TIGHT)
    live(weighting, losses[:2], 5)
    assert torch.equal(weighting.log_prior, weighting.log_initial)
    weighting = BayesianWeighting(2, prior="compound", **TIGHT)
    live(weighting, losses, 5)
    moved = weighting.log_prior.clone()
    live(weighting, torch.full((3, 2), torch.nan), 5)
    assert torch.equal(weighting.log_prior, moved)
    assert not torch.equal(moved, weighting.log_initial)


def test_one_flat_loss_and_all_flat(step_on: Any) -> None:
    # a flat loss counts with 1 / 0.001: 4 * 1 : 1000 * 1 under a fixed prior; all flat leave the prior as it is
    weighting = BayesianWeighting(2, prior="fixed", **TIGHT)
    expect(step_on(weighting, [WINDOW[0], [0.7] * 5]), 4 / 1004, 1000 / 1004)
    weighting = BayesianWeighting(2, prior="fixed", prior_weights=(1, 3), **TIGHT)
    expect(step_on(weighting, [[0.2] * 5, [0.7] * 5]), 0.25, 0.75)


@pytest.mark.parametrize(
    ("options", "message", "field"),
    [
        ({"prior": "temperd"}, "Unknown prior 'temperd'. Choose one of: tempered, fixed, compound. Did you", "prior"),
        ({"rho": 1.0}, "`rho` must be at least 0 and below 1, got 1.0", "rho"),
        ({"rho": -0.5}, "`rho` must be at least 0 and below 1, got -0.5", "rho"),
        ({"prior_weights": (1.0, 0.0)}, r"`prior_weights` must all be above 0, got \[1.0, 0.0\]", "prior_weights"),
        ({"prior_weights": (1.0,)}, "`prior_weights` must have 2 numbers, one per loss, got 1", "prior_weights"),
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any], message: str, field: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        BayesianWeighting(2, **options)
    assert caught.value.field == field
