"""Templates of the rules that keep running statistics of their own, or need nothing but the losses of a step."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from dmf.weighting import functional, plain
from dmf.weighting.base import Combined, StepState, Weighting
from dmf.weighting.host import choose, enough


class RunningWeighting(Weighting):
    """Template of the rules whose state moves from step to step: CoV, DWA, random and the two that are no sums.

    A subclass says how its state moves over steps in a row (:meth:`advance`); live that is one step, in a replay all of
    them. Its state lives in buffers and restarts when the rule takes over in mid-training. One with
    ``warmup_steps`` counts the finite steps of each loss in a buffer ``seen`` (K,).

    One that ``takes_absent`` keeps its state in buffers (..., K), and its ``advance`` has a third argument ``present``.
    What it does there to the state of an absent loss is undone; the weights of the others begin to move once each of
    them has been seen often enough.
    """

    seen: Tensor

    @abstractmethod
    def advance(self, losses: Tensor, steps: Sequence[int]) -> Tensor:
        """Move the state over finite losses (S, K) of S >= 1 steps; return the weights (S, K) it proposes for each.

        Those of steps within its ``warmup_steps`` do not count.
        """

    def forward(self, state: StepState) -> Combined:
        present = state.present
        if state.finite is False:
            return self.stay(state)
        before = dict(self.named_buffers())
        adapts = enough(self.seen, self.warmup_steps, present) if self.warmup_steps else True
        proposal = self._proposal(state)
        weights = self.settle(state, proposal, adapts)
        for name, old in before.items():
            new = getattr(self, name)
            if new is not old:
                if present is not None and name != "weights":
                    new = torch.where(present, new, old)
                setattr(self, name, choose(state.finite, new, old))
        if present is None:
            return self._combine(state.terms, self.weights)
        return self._combine(state.terms, choose(state.finite, weights, self.among(present)))

    def _proposal(self, state: StepState) -> Tensor:
        losses = state.values.to(self.weights)[None]
        if state.present is None:
            return self.advance(losses, (state.step,))[0]
        # The signature of a rule that takes absent losses.
        proposal: Tensor = self.advance(losses, (state.step,), present=state.present)[0]  # type: ignore[call-arg]
        return functional.shares_among(proposal, state.present) * self.total if self.keeps_sum else proposal

    @torch.no_grad()
    def replay(self, losses: Tensor, history_max: int, first: int = 0) -> Tensor:
        losses = losses[first:].to(self.weights)
        finite = torch.isfinite(losses).all(-1)
        rows = self.weights[None]
        if finite.any():
            steps = [first + row for row in finite.nonzero()[:, 0].tolist()]
            waits = min(max(self.warmup_steps - min(self.seen.tolist()), 0), len(steps)) if self.warmup_steps else 0
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
    proportions: ClassVar[Mapping[str, str]] = {**RunningWeighting.proportions, "share": "1"}

    share: Tensor

    def __init__(self, count: int, **options: Any) -> None:
        super().__init__(count, **options)
        self.single = plain.Single()
        self.register_buffer("share", self.weights / self.total, persistent=False)

    @abstractmethod
    def objective(self, terms: Tensor) -> Tensor:
        """The total () of the losses (K,), differentiable; both in the dtype of the weights.

        That of a rule that ``takes_absent`` has a second argument ``present``.
        """

    def forward(self, state: StepState) -> Combined:
        linear = super().forward(state)
        # Of several processes or micro-batches no one knows the others' gradients: the slopes at the mean losses do.
        if state.finite is False or self.is_adjusted or state.seen is not None:
            return linear
        terms = state.terms.to(self.weights)
        if state.present is None:
            total = self.objective(terms)
        else:
            total = self.objective(terms, present=state.present)  # type: ignore[call-arg]
        return Combined(choose(state.finite, total.to(state.terms.dtype), linear.total), linear.weights)

    def _exact(self, terms: Tensor) -> Tensor:
        """The total () of losses (K,), in their type."""
        return self.objective(terms.to(self.weights)).to(terms.dtype)

    def share_of(self, present: Tensor | None) -> Tensor:
        """How much each loss that is present matters, (K,); 0 for the others."""
        return self.share if present is None else functional.shares_among(self.share, present)
