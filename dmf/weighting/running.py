"""Templates of the rules that keep running statistics of their own, or need nothing but the losses of a step."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from dmf.weighting.base import Combined, StepState, Weighting
from dmf.weighting.host import choose


class RunningWeighting(Weighting):
    """Template of the rules whose state moves from step to step: CoV, DWA, random and the two that are no sums.

    A subclass says how its state moves over steps in a row (:meth:`advance`); live that is one step, in a replay all of
    them. Its state lives in buffers and restarts when the rule takes over in mid-training. One with ``patience`` counts
    its finite steps in a buffer ``seen`` ().
    """

    seen: Tensor

    @abstractmethod
    def advance(self, losses: Tensor, steps: Sequence[int]) -> Tensor:
        """Move the state over finite losses (S, K) of S >= 1 steps; return the weights (S, K) it proposes for each.

        Those of steps within its ``patience`` do not count.
        """

    def forward(self, state: StepState) -> Combined:
        if state.finite is False:
            return self.current(state.terms)
        before = dict(self.named_buffers())
        adapts = self.seen >= self.patience if self.patience else True
        proposal = self.advance(state.terms.detach().to(self.weights)[None], (state.step,))[0]
        self.weights = choose(adapts, self.finish(proposal, self.weights), self.weights)
        for name, old in before.items():
            new = getattr(self, name)
            if new is not old:
                setattr(self, name, choose(state.finite, new, old))
        return self._combine(state.terms, self.weights)

    @torch.no_grad()
    def replay(self, losses: Tensor, history_max: int, first: int = 0) -> Tensor:
        losses = losses[first:].to(self.weights)
        finite = torch.isfinite(losses).all(-1)
        rows = self.weights[None]
        if finite.any():
            steps = [first + row for row in finite.nonzero()[:, 0].tolist()]
            waits = min(max(self.patience - int(self.seen), 0), len(steps)) if self.patience else 0
            proposals = self.advance(losses[finite], steps)[waits:]
            rows = torch.cat((rows, self.finish_all(proposals, waits)))
        return rows[finite.cumsum(0)]


class ScalarizingWeighting(RunningWeighting):
    """Template of the rules whose total is no weighted sum. What they report are *effective* weights, the derivative of
    the total by each loss. In evaluation mode those of the last step make a weighted sum, as for every rule; so they do
    at every step if the weights are adjusted.

    Args:
        weights: How much each loss matters; only the shares count, in the buffer ``share``. Equal when not given.
    """

    simplex: ClassVar[bool] = False

    share: Tensor

    def __init__(self, count: int, **options: Any) -> None:
        super().__init__(count, **options)
        self.register_buffer("share", self.weights / self.total, persistent=False)

    @abstractmethod
    def objective(self, terms: Tensor) -> Tensor:
        """The total () of the losses (K,), differentiable; both in the dtype of the weights."""

    def forward(self, state: StepState) -> Combined:
        linear = super().forward(state)
        if state.finite is False or self.is_adjusted:
            return linear
        total = self.objective(state.terms.to(self.weights)).to(state.terms.dtype)
        return Combined(choose(state.finite, total, linear.total), linear.weights)
