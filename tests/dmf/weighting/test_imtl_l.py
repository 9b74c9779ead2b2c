import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dmf.fusion import Fusion
from dmf.weighting import IMTLLWeighting


def test_a_step_worked_by_hand() -> None:
    weighting = IMTLLWeighting(2)
    with torch.no_grad():
        weighting.s.copy_(torch.tensor([math.log(2), -math.log(4)], dtype=torch.float64))
    terms = torch.tensor([3.0, 0.5], dtype=torch.float64, requires_grad=True)
    fused = Fusion(weighting)(terms)
    fused.total.backward()
    # Weights 2 and 1/4. Total 6 + 1/8 - log 2 + log 4 = 6.125 + log 2. Slope of s: w L - 1 = 5 and -7/8.
    torch.testing.assert_close(fused.weights, torch.tensor([2.0, 0.25], dtype=torch.float64))
    assert fused.total.item() == pytest.approx(6.125 + math.log(2), rel=1e-12)
    torch.testing.assert_close(terms.grad, fused.weights)
    torch.testing.assert_close(weighting.s.grad, torch.tensor([5.0, -0.875], dtype=torch.float64))


def test_its_weights_start_at_one() -> None:
    assert IMTLLWeighting(3).weights.tolist() == [1.0, 1.0, 1.0]


@settings(max_examples=5, deadline=None)
@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=6))
def test_constant_losses_lead_its_weights_to_their_inverses(losses: list[float]) -> None:
    weighting = IMTLLWeighting(len(losses))
    fusion = Fusion(weighting)
    optimizer = torch.optim.SGD(fusion.parameters(), lr=0.25)
    values = torch.tensor(losses, dtype=torch.float64)
    with torch.no_grad():
        weighting.s.copy_(-values.log() - 0.8)  # from the side where the slope is gentle
    for _ in range(200):
        optimizer.zero_grad()
        fusion(values).total.backward()
        optimizer.step()
    torch.testing.assert_close(fusion(values).weights, 1 / values, rtol=1e-9, atol=0)
