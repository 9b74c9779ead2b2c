from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from dmf.weighting import GradientWeighting, LossHistory, StepState, Weighting

Live = Callable[[Weighting, Tensor, int], Tensor]


@pytest.fixture
def live() -> Live:
    """Weights (S, K) of a weighting fed one row of losses (S, K) after another, as training does."""

    def run(weighting: Weighting, losses: Tensor, history_max: int) -> Tensor:
        history = LossHistory(weighting.count, history_max, weighting.weights.dtype)
        rows = []
        for step, terms in enumerate(losses):
            finite = torch.isfinite(terms).all()
            window = history.push(terms, finite)
            logits = torch.zeros(3, dtype=terms.dtype, requires_grad=True)  # each loss pulls at them in its own way
            slopes = torch.stack((torch.cos(8 * terms), torch.sin(8 * terms), terms.tanh()), -1)
            slopes = slopes * (terms.tanh() ** 2 + 0.1)[:, None]
            pulling = terms + (slopes * logits).sum(-1) if isinstance(weighting, GradientWeighting) else terms
            state = StepState(step, pulling, window, history.filled, finite, logits)
            rows.append(weighting(state).weights)
        return torch.stack(rows)

    return run


@pytest.fixture
def step_on() -> Callable[[Weighting, list[list[float]]], Tensor]:
    """Weights after one step on a full window (K, T), whose last column is the current loss."""

    def run(weighting: Weighting, window: list[list[float]]) -> Tensor:
        values = torch.tensor(window, dtype=torch.float64)
        state = StepState(
            step=0,
            terms=values[:, -1],
            window=values,
            filled=torch.tensor(values.shape[1]),
            finite=torch.tensor(True),
        )
        return weighting(state).weights

    return run
