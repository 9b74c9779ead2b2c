"""What optimizers and schedules of the learning rate promise."""

import copy
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from dmf.lr_schedules import LR_SCHEDULES
from dmf.methods.checks import require
from dmf.optimizers import OPTIMIZERS, skip_where

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer

LR = 0.1
PASSED = tuple(step / 50 for step in range(51))


def _weights() -> "Tensor":
    import torch

    return torch.nn.Parameter(torch.linspace(-1, 1, 6).reshape(2, 3))


def _step(optimizer: "Optimizer", weights: "Tensor", *, bad: bool = False) -> None:
    """One step down the squared distance from 2, or one whose losses are not finite."""
    import torch

    weights.grad = torch.full_like(weights, torch.nan) if bad else 2 * (weights.detach() - 2)
    skip_where(optimizer, torch.tensor(bad))
    optimizer.step()


def step_goes_down(name: str) -> None:
    """Twenty steps of a convex loss bring the weights nearer to its minimum, all of them finite."""
    weights = _weights()
    before = float((weights.detach() - 2).square().sum())
    optimizer = OPTIMIZERS.build(name).of([weights], LR)
    for _ in range(20):
        _step(optimizer, weights)
    after = float((weights.detach() - 2).square().sum())
    require(math.isfinite(after) and after < before, f"a loss of {before:g} is {after:g} after 20 steps")


def bad_step_changes_nothing(name: str) -> None:
    """A step that ``found_inf`` says to skip changes nothing, also if it is the first."""
    import torch

    with_bad, without = _weights(), _weights()
    one, other = (OPTIMIZERS.build(name).of([weights], LR) for weights in (with_bad, without))
    for number in range(4):
        if number in (0, 2):
            before = with_bad.detach().clone()
            _step(one, with_bad, bad=True)
            require(torch.equal(with_bad, before), f"a step to be skipped, before step {number}, moved the weights")
        _step(one, with_bad)
        _step(other, without)
    require(torch.equal(with_bad, without), "steps that were skipped change those after them")


def state_comes_back(name: str) -> None:
    """What it remembers survives a checkpoint: the steps after it are the same."""
    import torch

    weights, again = _weights(), _weights()
    optimizer = OPTIMIZERS.build(name).of([weights], LR)
    for _ in range(3):
        _step(optimizer, weights)
    resumed = OPTIMIZERS.build(name).of([again], LR)
    with torch.no_grad():
        again.copy_(weights)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))  # else both would write to the same tensors
    for _ in range(3):
        _step(optimizer, weights)
        _step(resumed, again)
    require(torch.equal(weights, again), "after its state was stored and loaded, steps are others")


def factor_is_sound(name: str) -> None:
    """The factor is a finite number of at least 0, wherever the training stands."""
    schedule = LR_SCHEDULES.build(name)
    for falls in range(4):
        for passed in PASSED:
            factor = schedule.factor(passed, falls)
            holds = isinstance(factor, (int, float)) and math.isfinite(factor) and factor >= 0
            where = f"after {passed:.0%} and {falls} falls"
            require(holds, f"a factor must be a finite number of at least 0; {where} it is {factor!r}")


def factor_follows_from_where_it_stands(name: str) -> None:
    """The factor is the same whatever was asked before: a resumed run goes on where it was."""
    forth, back = LR_SCHEDULES.build(name), LR_SCHEDULES.build(name)
    asked = {passed: forth.factor(passed, 1) for passed in PASSED}
    for passed in reversed(PASSED):
        again = back.factor(passed, 1)
        require(again == asked[passed], f"after {passed:.0%} the factor is once {asked[passed]!r} and once {again!r}")


OPTIMIZER_CHECKS: dict[str, Callable[[str], None]] = {
    "a loss falls": step_goes_down,
    "a step that is skipped changes nothing": bad_step_changes_nothing,
    "its state survives a checkpoint": state_comes_back,
}

LR_SCHEDULE_CHECKS: dict[str, Callable[[str], None]] = {
    "the factor is a finite number of at least 0": factor_is_sound,
    "the factor follows from where the training stands alone": factor_follows_from_where_it_stands,
}
