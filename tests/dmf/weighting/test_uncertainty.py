import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dmf.errors import ConfigError
from dmf.fusion import Fusion
from dmf.weighting import UncertaintyWeighting


def test_a_step_worked_by_hand() -> None:
    weighting = UncertaintyWeighting(2)
    with torch.no_grad():
        weighting.s.copy_(torch.tensor([math.log(2), -math.log(4)], dtype=torch.float64))
    terms = torch.tensor([3.0, 0.5], dtype=torch.float64, requires_grad=True)
    fused = Fusion(weighting)(terms)
    fused.total.backward()
    # exp(-s) = 1/2 and 4, so weights are 1/4 and 2. Total 3/4 + 1 + (log 2 - log 4) / 2 = 1.75 - log(2) / 2.
    # Slope of s: 1/2 - w L = 1/2 - 3/4 and 1/2 - 1.
    torch.testing.assert_close(fused.weights, torch.tensor([0.25, 2.0], dtype=torch.float64))
    assert fused.total.item() == pytest.approx(1.75 - math.log(2) / 2, rel=1e-12)
    torch.testing.assert_close(terms.grad, fused.weights)
    torch.testing.assert_close(weighting.s.grad, torch.tensor([-0.25, -0.5], dtype=torch.float64))


def test_the_form_for_classification_by_hand() -> None:
    weighting = UncertaintyWeighting(2, uncertainty_form="classification", uncertainty_start=math.log(2))
    torch.testing.assert_close(weighting.weights, torch.tensor([0.5, 0.5], dtype=torch.float64))
    terms = torch.tensor([3.0, 0.5], dtype=torch.float64, requires_grad=True)
    fused = Fusion(weighting)(terms)
    fused.total.backward()
    # exp(-s) = 1/2: total 3/2 + 1/4 + log 2. Slope of s: 1/2 - w L = 1/2 - 3/2 and 1/2 - 1/4.
    assert fused.total.item() == pytest.approx(1.75 + math.log(2), rel=1e-12)
    torch.testing.assert_close(weighting.s.grad, torch.tensor([-1.0, 0.25], dtype=torch.float64))
    shares = UncertaintyWeighting(2, weights=(3, 1), uncertainty_start=-1.0)
    torch.testing.assert_close(shares.weights, torch.tensor([1.5, 0.5], dtype=torch.float64) * math.e / 2)


@pytest.mark.parametrize(("option", "value"), [("uncertainty_form", "ranking"), ("uncertainty_start", 10.5)])
def test_what_its_options_cannot_be_is_refused(option: str, value: object) -> None:
    with pytest.raises(ConfigError, match=option) as refused:
        UncertaintyWeighting(2, **{option: value})
    assert refused.value.field == option


def test_its_weights_start_at_one_half_and_sum_to_k_doubles_those_of_two() -> None:
    assert UncertaintyWeighting(2).weights.tolist() == [0.5, 0.5]
    assert UncertaintyWeighting(2, sum_to="K").weights.tolist() == [1.0, 1.0]


def test_small_losses_lead_to_a_negative_total() -> None:
    weighting = UncertaintyWeighting(2)
    with torch.no_grad():
        weighting.s.fill_(math.log(0.01))
    total = Fusion(weighting)(torch.full((2,), 0.01, dtype=torch.float64)).total
    assert total.item() == pytest.approx(1 + math.log(0.01))  # 2 (1 + log L) / 2


@settings(max_examples=5, deadline=None)
@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=6))
def test_constant_losses_lead_its_parameters_to_their_logarithms(losses: list[float]) -> None:
    weighting = UncertaintyWeighting(len(losses))
    fusion = Fusion(weighting)
    optimizer = torch.optim.SGD(fusion.parameters(), lr=0.5)
    fusion.join(optimizer)
    values = torch.tensor(losses, dtype=torch.float64)
    with torch.no_grad():
        weighting.s.copy_(values.log() + 0.8)  # from the side where the slope is gentle
    for _ in range(200):
        optimizer.zero_grad()
        fusion(values).total.backward()
        optimizer.step()
    torch.testing.assert_close(weighting.s.detach(), values.log(), rtol=0, atol=1e-9)
    torch.testing.assert_close(fusion(values).weights * values, torch.full_like(values, 0.5))


def test_it_is_half_of_imtl_l_with_the_sign_turned() -> None:
    from dmf.weighting import IMTLLWeighting

    torch.manual_seed(0)
    ours, other = UncertaintyWeighting(3), IMTLLWeighting(3)
    with torch.no_grad():
        ours.s.copy_(torch.randn(3))
        other.s.copy_(-ours.s)
    terms = torch.rand(3, dtype=torch.float64)
    one, two = Fusion(ours)(terms), Fusion(other)(terms)
    torch.testing.assert_close(2 * one.total, two.total)
    torch.testing.assert_close(2 * one.weights, two.weights)
