from typing import Any

import pytest
import torch

from dmf.fusion import Fusion
from dmf.weighting import GeometricWeighting, host


def one_step(weighting: GeometricWeighting, *losses: float) -> tuple[float, list[float], list[float]]:
    """Total, weights and gradient of one step."""
    terms = torch.tensor(losses, dtype=torch.float64, requires_grad=True)
    fused = Fusion(weighting)(terms)
    fused.total.backward()
    assert terms.grad is not None
    return fused.total.item(), fused.weights.tolist(), terms.grad.tolist()


def test_the_total_is_the_geometric_mean_and_the_weights_are_its_slopes() -> None:
    # sqrt(2 * 8) = 4; 4 / (2 * 2) = 1 and 4 / (2 * 8) = 1/4
    total, weights, gradient = one_step(GeometricWeighting(2), 2.0, 8.0)
    assert total == pytest.approx(4)
    assert weights == pytest.approx([1, 0.25])
    assert gradient == pytest.approx([1, 0.25])


def test_given_weights_are_the_exponents() -> None:
    # 2^(3/4) * 8^(1/4) = 2^1.5; slopes 0.75 * 2^1.5 / 2 and 0.25 * 2^1.5 / 8
    total, weights, _ = one_step(GeometricWeighting(2, weights=(3, 1)), 2.0, 8.0)
    assert total == pytest.approx(2**1.5)
    assert weights == pytest.approx([0.375 * 2**1.5, 2**1.5 / 32])


def test_the_total_is_that_many_times_larger_on_request() -> None:
    total, weights, gradient = one_step(GeometricWeighting(2, sum_to="K"), 2.0, 8.0)
    assert total == pytest.approx(8)
    assert weights == gradient == pytest.approx([2, 0.5])


def test_a_loss_that_is_not_above_zero_gets_no_weight_and_takes_it_from_the_others() -> None:
    # sqrt(1e-12 * 4) = 2e-6; 2e-6 / (2 * 4)
    for none in (0.0, -3.0, 1e-13):
        total, weights, gradient = one_step(GeometricWeighting(2), none, 4.0)
        assert total == pytest.approx(2e-6)
        assert weights == pytest.approx([0, 2.5e-7], abs=1e-20)
        assert gradient == pytest.approx(weights)


def test_the_scale_of_a_loss_does_not_change_how_it_shares_the_total() -> None:
    # w L is the same for all: p times the total
    total, weights, _ = one_step(GeometricWeighting(3), 0.01, 5.0, 300.0)
    parts = [weight * loss for weight, loss in zip(weights, (0.01, 5.0, 300.0), strict=True)]
    assert parts == pytest.approx([total / 3] * 3)


def test_evaluation_adds_up_with_the_slopes_of_the_last_step() -> None:
    # slopes 1 and 1/4: 3 + 1
    fusion = Fusion(GeometricWeighting(2))
    fusion(torch.tensor([2.0, 8.0]))
    assert fusion.eval()(torch.tensor([3.0, 4.0])).total.item() == pytest.approx(4)


@pytest.mark.parametrize("device", ["cpu", "no device"])
@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_the_total_of_a_step_that_is_not_finite_is_not_finite(
    bad: float, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "HOST", device)
    fusion = Fusion(GeometricWeighting(2))
    assert not torch.isfinite(fusion(torch.tensor([bad, 2.0])).total)
    last: Any = fusion(torch.tensor([2.0, 8.0])).weights
    fused = fusion(torch.tensor([bad, 2.0]))
    assert not torch.isfinite(fused.total)
    assert torch.equal(fused.weights, last)


def test_adjusted_weights_make_a_weighted_sum_whose_gradient_they_are() -> None:
    # mean 2 of 1 and 4: slopes 2 / (2 * 1) = 1 and 2 / (2 * 4) = 1/4, times 3/2 and 1/2, at most 1.2
    weighting = GeometricWeighting(2, base_weights=(3, 1), weight_max=1.2)
    terms = torch.tensor([1.0, 4.0], dtype=torch.float64, requires_grad=True)
    fused = Fusion(weighting)(terms)
    fused.total.backward()
    expected = torch.tensor([1.2, 0.125], dtype=torch.float64)
    torch.testing.assert_close(fused.weights, expected)
    torch.testing.assert_close(terms.grad, expected)
    assert fused.total.item() == pytest.approx(1.2 + 0.5)
