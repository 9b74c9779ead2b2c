"""A step on the CPU in plain numbers: the arithmetic of the rules, with the bits that tensors give, in less time.

K losses and a window of them are so few numbers that calling an operation of torch costs more than its arithmetic.
What rounds differently from library to library (roots, logarithms, exponentials, the order of a sum) is left to torch.
"""

import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dmf.weighting.functional import MOST_RATIO, TINY
from dmf.weighting.history import LossHistory

Numbers = NDArray[np.float64]
Exact = Callable[..., Tensor]

MOST = 1e100  # a loss beyond which rules may have to bound what they compute


class HostState(NamedTuple):
    """What a rule may know at one step whose losses are all there and finite, in one call of one process, on the CPU.

    Attributes:
        step: Training step, counted from 0.
        terms: (K,) current losses, with gradient.
        values: The same as plain numbers.
        history: What came before.
    """

    step: int
    terms: Tensor
    values: list[float]
    history: LossHistory


class HostStep(NamedTuple):
    """What came of it.

    Attributes:
        weights: (K,) the weights of this step; None where they stay as they are.
        total: () what to minimise, where that is no weighted sum of the losses.
    """

    weights: Tensor | None
    total: Tensor | None = None


STAYS = HostStep(None)


class _KnownSlopes(torch.autograd.Function):
    """A total whose value and slopes the host has computed; second derivatives are those of ``exact``."""

    @staticmethod
    def forward(ctx: Any, value: float, slopes: tuple[Tensor, ...], exact: Exact, *inputs: Tensor) -> Tensor:
        ctx.slopes, ctx.exact = slopes, exact
        ctx.save_for_backward(*inputs)
        return inputs[0].new_full((), value)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        slopes = ctx.slopes
        if torch.is_grad_enabled():
            inputs = [each if each.requires_grad else each.detach().requires_grad_() for each in ctx.saved_tensors]
            slopes = torch.autograd.grad(ctx.exact(*inputs), inputs, create_graph=True)
        return None, None, None, *(gradients[0] * each for each in slopes)


def with_slopes(value: float, slopes: Sequence[Sequence[float]], exact: Exact, *inputs: Tensor) -> Tensor:
    """A total () in the type of the first input, from its value and its slopes, which are known.

    Args:
        value: Of the total.
        slopes: Of the total by each of the inputs.
        exact: Computes the same from the inputs, differentiably.
        inputs: (K,) the losses, and what is learned beside them.
    """
    known = tuple(torch.tensor(each, dtype=one.dtype) for each, one in zip(slopes, inputs, strict=True))
    return cast("Tensor", _KnownSlopes.apply(value, known, exact, *inputs))


# Numbers up to which torch adds one after another; torch.dot, of more, in an order that depends on where they lie.
IN_ORDER = 4


class Single:
    """A sum weighted by numbers that are float64, in the type of what is weighted; the cast is made once for each."""

    def __init__(self) -> None:
        self._of: Tensor | None = None
        self._version, self._made = -1, torch.empty(0)

    def dot(self, weights: Tensor, terms: Tensor) -> Tensor:
        """The sum () of (K,) weights times (K,) terms, in the type of the terms."""
        if terms.dtype != weights.dtype:
            if weights is not self._of or weights._version != self._version:
                self._of, self._version = weights, weights._version
                self._made = torch.from_numpy(weights.numpy().astype(np.float32))
            weights = self._made
        return torch.dot(weights, terms) if len(terms) <= IN_ORDER else (weights * terms).sum()


def within_reach(values: list[float]) -> bool:
    """Whether no loss is so large that a rule would have to bound it."""
    return max(values) <= MOST and min(values) >= -MOST


def added(values: Numbers) -> float:
    """The sum of (K,), in the order in which torch adds."""
    return sum(values.tolist()) if len(values) <= IN_ORDER else float(torch.from_numpy(values).sum())


class Kept:
    """The last values of each loss, of what was made of them once; a step adds one of each.

    Args:
        history: Whose values.
        make: What is made of values (..., n), each by itself; None where it cannot be.
    """

    def __init__(self, history: LossHistory, make: Callable[[Numbers], Numbers | None]) -> None:
        self._make, self._size = make, history.size
        filled = int(history.filled.tolist()[0])
        before = make(history.values.numpy()[:, self._size - filled :])
        self.is_whole = before is not None
        self._begin(np.zeros((len(history.filled), 0)) if before is None else before)
        self._era, self._remembered = history.era, history.remembered

    def _begin(self, before: Numbers) -> None:
        """Take what was remembered before, (K, n)."""

    def follows(self, history: LossHistory) -> bool:
        """Whether it holds what ``history`` does."""
        return self._era is history.era and self._remembered == history.remembered


class Ring(Kept):
    """The last values of each loss in the order of steps."""

    def _begin(self, before: Numbers) -> None:
        count, self._end = before.shape
        self._rows = np.zeros((count, 2 * self._size))
        self._rows[:, : self._end] = before

    def add(self, values: list[float]) -> Numbers | None:
        """The filled part (K, n) of the window with these values as the newest."""
        newest = self._make(np.array(values))
        if newest is None or not self.is_whole:
            return None
        size, end = self._size, self._end
        if end == 2 * size:
            self._rows[:, : size - 1] = self._rows[:, end - size + 1 :]
            end = size - 1
        self._rows[:, end] = newest
        self._end, self._remembered = end + 1, self._remembered + 1
        return self._rows[:, max(end + 1 - size, 0) : end + 1]


class Ordered(Kept):
    """The last values of each loss from the least to the largest, which a step does not sort anew."""

    def _begin(self, before: Numbers) -> None:
        self._recent = [deque(row) for row in before.tolist()]
        self._ordered = [sorted(row) for row in self._recent]

    def add(self, values: list[float]) -> list[list[float]] | None:
        """The window of each loss, with these values as the newest."""
        newest = self._make(np.array(values))
        if newest is None or not self.is_whole:
            return None
        for value, recent, ordered in zip(newest.tolist(), self._recent, self._ordered, strict=True):
            if len(recent) == self._size:
                del ordered[bisect_left(ordered, recent.popleft())]
            recent.append(value)
            insort(ordered, value)
        self._remembered += 1
        return self._ordered


def variance(part: Numbers, size: int) -> Numbers:
    """Population variance of each row of the filled part (K, n) of a window (K, size)."""
    count = part.shape[1]

    def means(values: Numbers) -> Numbers:
        if count < size:  # zeros and not a slice, as in functional.mean
            values = np.pad(values, ((0, 0), (size - count, 0)))
        result: Numbers = torch.from_numpy(values).sum(-1).numpy() / count
        return result

    away = part - means(part)[:, None]
    return means(away * away)


def mad(ordered: list[float], kind: str, eps: float | None) -> float:
    """Median absolute deviation of a window in order, stretched to 0..1 first unless ``eps`` is None.

    Stretching keeps the order, so only the few values that are looked at are stretched. The values nearest to the
    median follow each other, and halving finds where they begin.
    """
    low, span = (0.0, 1.0) if eps is None else (ordered[0], ordered[-1] - ordered[0] + eps)
    count = len(ordered)
    upper = count // 2
    lower = (max(upper - 1, 0) if count % 2 else upper) if kind == "notebook" else (count - 1) // 2
    median = (ordered[upper] - low) / span
    if lower != upper:
        median = ((ordered[lower] - low) / span + median) / 2
    first, last = 0, count - upper - 1
    while first < last:
        middle = (first + last) // 2
        if median - (ordered[middle] - low) / span > (ordered[middle + upper + 1] - low) / span - median:
            first = middle + 1
        else:
            last = middle
    last = first + upper  # the values nearest to the median are those from first to last
    before, after = abs((ordered[first] - low) / span - median), abs((ordered[last] - low) / span - median)
    if lower == upper:
        return max(before, after)
    if before > after:
        return (max(abs((ordered[first + 1] - low) / span - median), after) + before) / 2
    return (max(before, abs((ordered[last - 1] - low) / span - median)) + after) / 2


def symlog(window: Numbers) -> Numbers:
    """Symmetric logarithm of each number."""
    compressed: Numbers = torch.from_numpy(np.abs(window)).log1p_().numpy()
    result: Numbers = np.copysign(compressed, window)
    return result


def unbounded(values: Numbers) -> Numbers | None:
    """The values as they are; None where one is so large that a rule would bound it."""
    return values if np.abs(values).max(initial=0) <= MOST else None


def minmax(part: Numbers, eps: float) -> Numbers:
    """Each row of the filled part (K, n) of a window, stretched to 0..1."""
    low = np.minimum.reduce(part, 1)
    result: Numbers = (part - low[:, None]) / (np.maximum.reduce(part, 1) - low + eps)[:, None]
    return result


def proportional(values: Numbers) -> Numbers:
    """Each value's share of the sum of (K,); uniform where all are 0."""
    total = added(values)
    return values / total if total else np.full(len(values), 1 / len(values))


def ratio(now: float, before: float) -> float:
    """``now / before`` within +-1e12, and 1 where ``before`` is smaller than 1e-12."""
    return 1.0 if abs(before) < TINY else min(max(now / before, -MOST_RATIO), MOST_RATIO)


def are_finite(values: list[float]) -> bool:
    """Whether no value is NaN or infinite."""
    return all(map(math.isfinite, values))
