from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from dmf.weighting import RunningWeighting


class Largest(RunningWeighting):
    """Shares of the largest loss so far."""

    def __init__(self, count: int, **options: Any) -> None:
        super().__init__(count, **options)
        self.register_buffer("largest", torch.zeros(count, dtype=torch.float64))

    def advance(self, losses: Tensor, steps: Sequence[int]) -> Tensor:
        assert len(losses) == len(steps)
        largest = torch.cat((self.largest[None], losses)).cummax(0).values[1:]
        self.largest = largest[-1]
        return largest / largest.sum(-1, keepdim=True)


LOSSES = torch.tensor([[1.0, 3.0], [2.0, 1.0], [torch.nan, 9.0], [4.0, 4.0]], dtype=torch.float64)


def test_a_step_moves_the_state_and_one_that_is_not_finite_leaves_it(live: Any) -> None:
    # largest so far: 1 3, 2 3, unchanged, 4 4
    assert live(Largest(2), LOSSES, 2).tolist() == [[0.25, 0.75], [0.4, 0.6], [0.4, 0.6], [0.5, 0.5]]


@pytest.mark.parametrize("first", [0, 1, 3])
def test_a_replay_begins_where_the_rule_takes_over(first: int, live: Any) -> None:
    assert torch.equal(Largest(2).replay(LOSSES, 2, first), live(Largest(2), LOSSES[first:], 2))


def test_a_replay_leaves_the_rule_where_training_would(live: Any) -> None:
    replayed, stepped = Largest(2), Largest(2)
    replayed.replay(LOSSES, 2)
    live(stepped, LOSSES, 2)
    assert torch.equal(replayed.largest, stepped.largest)
    assert torch.equal(replayed.weights, stepped.weights)


def test_a_replay_of_nothing_and_of_nothing_finite() -> None:
    assert Largest(2).replay(torch.zeros(0, 2), 2).shape == (0, 2)
    assert Largest(2).replay(torch.full((3, 2), torch.nan), 2).tolist() == [[0.5, 0.5]] * 3


def test_what_it_proposes_is_adjusted_step_by_step(live: Any) -> None:
    # the first weight goes a quarter of the way from 1/2 to 0.25, then to 0.4, nowhere, and to 0.5
    first = 0.75 * 0.5 + 0.25 * 0.25
    second = 0.75 * first + 0.25 * 0.4
    last = 0.75 * second + 0.25 * 0.5
    expected = torch.tensor([[value, 1 - value] for value in (first, second, second, last)], dtype=torch.float64)
    torch.testing.assert_close(live(Largest(2, smoothing=0.75), LOSSES, 2), expected)
    torch.testing.assert_close(Largest(2, smoothing=0.75).replay(LOSSES, 2), expected)
