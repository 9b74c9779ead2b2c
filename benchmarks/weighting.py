"""A step of `Fusion`, forward and backward, beside what one would otherwise write or install."""

import warnings
from collections import deque
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchjd import scalarization

from benchmarks.harness import Row, alternate, one_thread
from dmf.config import FusionConfig
from dmf.fusion import Fusion
from dmf.weighting import build_weighting

LOSSES, WINDOW, BLOCK = 3, 100, 20
AS_TORCHJD, AS_ITS_AUTHORS, AS_BY_HAND = 1.0, 0.8, 0.5  # targets

Total = Callable[[Tensor], Tensor]


def rows(quick: bool) -> list[Row]:
    steps, rounds = (20, 2) if quick else (200, 25)
    generator = torch.Generator().manual_seed(0)
    losses = list(0.2 + torch.rand(steps, LOSSES, generator=generator))
    with one_thread():
        return [
            *(_row(name, (make(), "torchjd 0.18", AS_TORCHJD), losses, rounds) for name, make in SCALARIZERS.items()),
            _row("cov", (CoV(), "its authors' way", AS_ITS_AUTHORS), losses, rounds),
            *(_row(name, (ByHand(name), "deque, NumPy", AS_BY_HAND), losses, rounds) for name in ByHand.NAMES),
        ]


def ours(name: str) -> Total:
    config = FusionConfig(terms=tuple("abc"), weighting=name, auxiliary="none", history_max=WINDOW, block_steps=BLOCK)
    fusion = Fusion(build_weighting(config), history_max=WINDOW)
    if fusion.weighting.joins:  # as in any loop that trains the weights: they have moved
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1e-3)
        fusion.join(optimizer)
        for _ in range(2):
            fusion(torch.ones(LOSSES, requires_grad=True)).total.backward()
            optimizer.step()
    return lambda losses: fusion(losses).total


def _row(name: str, peer: tuple[Total, str, float], losses: list[Tensor], rounds: int) -> Row:
    beside, who, target = peer
    pair = alternate(_loop(ours(name), losses), _loop(beside, losses), rounds=rounds, warm_up=2)
    mine, other = (side / len(losses) * 1e6 for side in pair.seconds)
    return Row(
        f"Fusion, {name}, K={LOSSES}: forward + backward of a step, one thread",
        f"{mine:.0f} µs",
        f"{who} {other:.0f} µs",
        f"{pair.ratio:.2f}",
        f"<= {target}",
        pair.ratio <= target,
    )


def _loop(total: Total, losses: list[Tensor]) -> Callable[[], None]:
    rows = [row.clone().requires_grad_() for row in losses]

    def steps() -> None:
        for row in rows:
            row.grad = None
            total(row).backward()

    return steps


class DWA:
    """torchjd's, with an epoch of ``BLOCK`` steps."""

    def __init__(self) -> None:
        self._scalarizer, self._steps = scalarization.DWA(), 0

    def __call__(self, losses: Tensor) -> Tensor:
        total = self._scalarizer(losses)
        self._steps += 1
        if self._steps % BLOCK == 0:
            self._scalarizer.step()
        return total


SCALARIZERS: dict[str, Callable[[], Total]] = {
    "dwa": DWA,
    "uncertainty": lambda: scalarization.UW(LOSSES),
    "imtl-l": lambda: scalarization.IMTLL(LOSSES),
    "random": scalarization.Random,
    "geometric": scalarization.GeometricMean,
    "tchebycheff": lambda: scalarization.STCH(0.1),
    "fixed": lambda: scalarization.Constant(torch.full((LOSSES,), 1 / LOSSES)),
}


class CoV:
    """CoV-weighting with the operations of its authors' code (github.com/rickgroen/cov-weighting), full mean."""

    def __init__(self) -> None:
        self._step = -1
        self._mean, self._ratio_mean, self._squares = (torch.zeros(LOSSES) for _ in range(3))
        self._spread = torch.zeros(LOSSES)

    def __call__(self, losses: Tensor) -> Tensor:
        terms = list(losses)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they make a tensor of scalars that have gradient
            values = torch.tensor(terms)
        self._step += 1
        ratios = values / (values.clone() if self._step == 0 else self._mean)
        if self._step <= 1:
            weights = torch.ones(LOSSES) / LOSSES
        else:
            variation = self._spread / self._ratio_mean
            weights = variation / torch.sum(variation)
        keep = 0.0 if self._step == 0 else 1 - 1 / (self._step + 1)
        ratios = ratios.clone().detach()
        mean = keep * self._ratio_mean + (1 - keep) * ratios
        self._squares += (ratios - self._ratio_mean) * (ratios - mean)
        self._ratio_mean = mean
        self._spread = torch.sqrt(self._squares / (self._step + 1) + 1e-8)
        self._mean = keep * self._mean + (1 - keep) * values.clone().detach()
        total: Tensor = sum((weights[k] * terms[k] for k in range(LOSSES)), torch.zeros(()))
        return total


class ByHand:
    """The rules of the paper as one writes them for oneself: a deque per loss, and NumPy."""

    NAMES = ("variance", "mad", "bayesian")

    def __init__(self, rule: str) -> None:
        self._rule = rule
        self._window: list[deque[float]] = [deque(maxlen=WINDOW) for _ in range(LOSSES)]
        self._prior = self._initial = np.log(np.full(LOSSES, 1 / LOSSES))

    def __call__(self, losses: Tensor) -> Tensor:
        for window, value in zip(self._window, losses.detach().tolist(), strict=True):
            window.append(value)
        weights = torch.tensor(self._weights(), dtype=losses.dtype)
        return (weights * losses).sum()

    def _weights(self) -> NDArray[np.float64]:
        if len(self._window[0]) < 10:
            return np.full(LOSSES, 1 / LOSSES)
        values = np.array(self._window)
        values = np.sign(values) * np.log1p(np.abs(values))
        low, high = values.min(1, keepdims=True), values.max(1, keepdims=True)
        values = (values - low) / (high - low + 1e-7)
        if self._rule == "variance":
            spread = np.maximum(values.var(1), 1e-6)
            return np.asarray(spread / spread.sum())
        deviation = np.median(np.abs(values - np.median(values, 1, keepdims=True)), 1)
        likelihood = 1 / (np.maximum(deviation, 1e-3) + 1e-7)
        if self._rule == "mad":
            return np.asarray(likelihood / likelihood.sum())
        evidence = np.log(likelihood) + self._prior
        weights = np.exp(evidence - evidence.max())
        weights /= weights.sum()
        self._prior = 0.9 * np.log(weights) + 0.1 * self._initial
        return np.asarray(weights)
