"""How much a step of a fusion does, in operations and calls, which no busy machine changes."""

import sys
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from dmf.config import FusionConfig
from dmf.fusion import Fusion
from dmf.weighting import build_weighting


class Operations(TorchDispatchMode):
    """Counts operations of torch, forward and backward."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        self.count += 1
        return func(*args, **(kwargs or {}))


def operations(action: Callable[[], object]) -> int:
    with Operations() as counted:
        action()
    return counted.count


def calls(action: Callable[[], object]) -> int:
    """Calls of functions, those written in C too."""
    count = 0

    def seen(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        action()
    finally:
        sys.setprofile(before)
    return count


def step_of(name: str) -> Callable[[], None]:
    """A step, forward and backward, of a fusion whose window is full."""
    config = FusionConfig(terms=("a", "b", "c"), weighting=name, history_max=20, block_steps=3, auxiliary="none")
    fusion = Fusion(build_weighting(config), history_max=20)
    row = torch.tensor([0.5, 0.4, 0.7], requires_grad=True)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1)), *fusion.parameters()], lr=0.01)

    def step() -> None:
        total: Tensor = fusion(row).total
        total.backward()

    for _ in range(25):
        step()
        optimizer.step()
    return step


# Operations and calls: what a step takes now and a third, so that twice the work fails.
MOST = {
    "fixed": (8, 122),
    "variance": (24, 166),
    "mad": (20, 169),
    "bayesian": (27, 174),
    "cov": (21, 215),
    "dwa": (19, 205),
    "random": (13, 148),
    "geometric": (20, 170),
    "tchebycheff": (11, 157),
    "uncertainty": (17, 173),
    "imtl-l": (17, 173),
}


@pytest.mark.parametrize("name", MOST)
def test_a_step_does_no_more_than_it_did(name: str) -> None:
    step = step_of(name)
    most_operations, most_calls = MOST[name]
    assert operations(step) <= most_operations
    assert calls(step) <= most_calls
