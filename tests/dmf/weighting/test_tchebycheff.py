import math
from typing import Any

import pytest
import torch

from dmf.errors import ConfigError
from dmf.fusion import Fusion
from dmf.weighting import TchebycheffWeighting


def one_step(weighting: TchebycheffWeighting, *losses: float) -> tuple[float, list[float], list[float]]:
    """Total, weights and gradient of one step."""
    terms = torch.tensor(losses, dtype=torch.float64, requires_grad=True)
    fused = Fusion(weighting)(terms)
    fused.total.backward()
    assert terms.grad is not None
    return fused.total.item(), fused.weights.tolist(), terms.grad.tolist()


def test_the_total_is_a_smooth_maximum_and_the_weights_are_its_slopes() -> None:
    # p L = 0.5 and 1, which differ by mu log 3: shares 1/4 and 3/4; total 2 (1 + mu log(1 + 1/3))
    mu = 0.5 / math.log(3)
    total, weights, gradient = one_step(TchebycheffWeighting(2, mu=mu), 1.0, 2.0)
    assert total == pytest.approx(2 + 2 * mu * math.log(4 / 3))
    assert weights == pytest.approx([0.25, 0.75])
    assert gradient == pytest.approx([0.25, 0.75])


def test_it_is_the_formula_of_the_paper_times_the_number_of_losses() -> None:
    losses, mu = (0.3, 0.8, 0.1), 0.05
    paper = mu * math.log(sum(math.exp(loss / 3 / mu) for loss in losses))
    assert one_step(TchebycheffWeighting(3, mu=mu), *losses)[0] == pytest.approx(3 * paper)


def test_given_weights_say_how_much_a_loss_matters() -> None:
    # 3/4 * 1 = 1/4 * 3: both are worst; slopes 2 * 3/4 * 1/2 and 2 * 1/4 * 1/2
    _, weights, gradient = one_step(TchebycheffWeighting(2, weights=(3, 1)), 1.0, 3.0)
    assert weights == gradient == pytest.approx([0.75, 0.25])


def test_losses_count_from_their_ideal() -> None:
    assert one_step(TchebycheffWeighting(2, ideal=(0.0, 1.0)), 1.0, 2.0)[1] == pytest.approx([0.5, 0.5])


def test_the_total_is_that_many_times_larger_on_request() -> None:
    once, twice = (one_step(TchebycheffWeighting(2, sum_to=sum_to), 1.0, 2.0) for sum_to in ("1", "K"))
    assert twice[0] == pytest.approx(2 * once[0])
    assert twice[1] == pytest.approx([2 * weight for weight in once[1]])


@pytest.mark.parametrize("mu", [1e-300, 1e-9])
def test_towards_zero_the_worst_loss_takes_all(mu: float) -> None:
    total, weights, gradient = one_step(TchebycheffWeighting(2, mu=mu), 1.0, 2.0)
    assert total == pytest.approx(2)
    assert weights == gradient == [0, 1]


def test_a_large_mu_weighs_equally() -> None:
    assert one_step(TchebycheffWeighting(2, mu=1e9), 1.0, 2.0)[1] == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize(
    ("options", "message", "field"),
    [
        ({"mu": 0.0}, "`mu` must be finite and above 0, got 0.0", "mu"),
        ({"mu": math.nan}, "`mu` must be finite and above 0, got nan", "mu"),
        ({"ideal": (1.0,)}, "`ideal` must have 2 finite numbers, one per loss, got", "ideal"),
        ({"ideal": (1.0, math.inf)}, "`ideal` must have 2 finite numbers, one per loss, got", "ideal"),
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any], message: str, field: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        TchebycheffWeighting(2, **options)
    assert caught.value.field == field


def test_distances_too_large_for_their_type_do_no_harm(live: Any) -> None:
    most = torch.finfo(torch.float64).max
    losses = torch.tensor([[most, 1.0], [1.0, most], [most, most]], dtype=torch.float64)
    weights = live(TchebycheffWeighting(2, ideal=(-most, -most)), losses, 2)
    torch.testing.assert_close(weights, torch.tensor([[0.5, 0.5]] * 3, dtype=torch.float64))  # all as far as can be
