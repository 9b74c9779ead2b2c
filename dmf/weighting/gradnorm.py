"""GradNorm: learns weights with which the losses' gradients are equally long."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from dmf.errors import ConfigError
from dmf.facts import LossesNeeded, Paper
from dmf.options import Finite, Positive
from dmf.weighting import functional, papers
from dmf.weighting.base import Combined, StepState
from dmf.weighting.gradient import GradientOptions, GradientWeighting
from dmf.weighting.host import choose
from dmf.weighting.options import StartOptions

_BETAS = (0.9, 0.999)  # of Adam, with its usual guard
_GUARD = 1e-8


class GradNormOptions(GradientOptions):
    """Options of GradNorm."""

    alpha: Finite = Field(
        1.5,
        alias="gradnorm_alpha",
        title="α",
        description="How strongly losses that fall slowly are pushed; 0 only evens out the gradients.",
    )
    lr: Positive = Field(
        0.025,
        alias="gradnorm_lr",
        title="Learning rate",
        description="How fast its weights move, the step of their own Adam.",
    )


class GradNormWeighting(GradientWeighting):
    r"""Learns weights with which every loss's gradient has the same length, longer where a loss falls slowly.

    .. math:: G_k = w_k \lVert \nabla_W L_k \rVert_2, \qquad
        r_k = \frac{L_k / L_k(0)}{\operatorname{mean}_j L_j / L_j(0)}, \qquad
        \text{loss of } w = \sum_k \lvert G_k - \bar G r_k^\alpha \rvert

    with the mean length :math:`\bar G` and the target taken as constants, and :math:`L_k(0)` of the first finite step.
    After each step the weights themselves take one step of Adam on this loss and are brought back to their sum; they
    are used from the next step on.

    W is the last weight tensor of the network, which all losses share here: the published method's last shared layer.
    With ``gradient_of="logits"`` it is the network's output instead.

    A loss without gradient (``loss_counts="hard"``) is left out of the means and keeps its share of the weight.

    Args:
        weights: Weights to start from; equal when not given.
        gradnorm_alpha: How strongly losses that fall slowly are pushed.
        gradnorm_lr: Step of Adam, above 0, for weights that sum to K.

    Note:
        Made for losses above 0; the ratio of one that changes sign counts as 1e-12. Losses and lengths beyond what
        :func:`functional.bounded` lets through count as that.

    Shape:
        - losses: (K,); returns (K,), above 0, sums to ``sum_to``.

    Raises:
        ConfigError: If an option does not fit; at a step, if the network's parameters or output are not known.

    Reference:
        Chen et al., ICML 2018, arXiv 1711.02257.
    """

    title: ClassVar[str] = "GradNorm"
    looks_at: ClassVar[str] = "length of each loss's gradient, and how far the loss has fallen"
    paper: ClassVar[Paper] = papers.arxiv(
        "GradNorm: Gradient Normalization for Adaptive Loss Balancing in Deep Multitask Networks",
        "ICML 2018",
        "1711.02257",
    )
    losses_needed: ClassVar[LossesNeeded | None] = LossesNeeded(2)
    declares: ClassVar[type[StartOptions]] = GradNormOptions
    proportions: ClassVar[Mapping[str, str]] = {**GradientWeighting.proportions, "learned": "count"}

    learned: Tensor
    first: Tensor
    seen: Tensor
    mean: Tensor
    square: Tensor

    def __init__(self, count: int, *, gradnorm_alpha: float = 1.5, gradnorm_lr: float = 0.025, **options: Any) -> None:
        super().__init__(count, **options)
        if not math.isfinite(gradnorm_alpha):
            raise ConfigError(f"`gradnorm_alpha` must be a finite number, got {gradnorm_alpha}.", "gradnorm_alpha")
        if not 0 < gradnorm_lr < math.inf:
            raise ConfigError(f"`gradnorm_lr` must be a finite number above 0, got {gradnorm_lr}.", "gradnorm_lr")
        self.gradnorm_alpha, self.gradnorm_lr = gradnorm_alpha, gradnorm_lr
        self.register_buffer("learned", self.weights / self.total * count)  # of the next step, summing to K
        self.register_buffer("seen", torch.zeros(count, dtype=torch.int64))
        for name in ("first", "mean", "square"):
            self.register_buffer(name, torch.zeros_like(self.weights))

    def forward(self, state: StepState) -> Combined:
        if state.finite is False:
            return self.stay(state)
        present = state.present
        losses = functional.bounded(state.values.to(self.weights))
        lengths = self._lengths(state)
        moving = torch.isfinite(lengths).all() & state.finite
        is_first = self.seen == 0
        before = {name: getattr(self, name) for name in ("learned", "first", "seen", "mean", "square")}
        self.first = torch.where(is_first, losses, self.first)
        self.seen = self.seen + 1
        proposal = self.learned * (self.total / self.count)
        if present is None:
            begun = ~is_first.any()
        else:  # each loss that is present has been here before
            begun = (~is_first | ~present).all()
            proposal = functional.shares_among(proposal, present) * self.total
        self._step(losses, functional.bounded(lengths), present)
        weights = self.settle(state, proposal, begun & moving)
        learns = moving if present is None else moving & present
        for name, old in before.items():
            setattr(self, name, choose(learns, getattr(self, name), old))
        return self._combine(state.terms, weights)

    def _lengths(self, state: StepState) -> Tensor:
        """(K,) lengths of the losses' gradients at the last layer."""
        rows = self.rows(state, (self._last(self.inputs(state)),))
        lengths = torch.stack([row[0].to(self.weights).norm() for row in rows])
        if state.seen is not None and self.gradient_of == "logits":
            lengths = state.seen.pool.products(lengths.square().diag()).diagonal().sqrt()
        return lengths

    def _last(self, inputs: tuple[Tensor, ...]) -> Tensor:
        """The last tensor with more than one dimension: a layer's weights rather than its offsets."""
        return next((tensor for tensor in reversed(inputs) if tensor.ndim > 1), inputs[-1])

    def _step(self, losses: Tensor, lengths: Tensor, present: Tensor | None) -> None:
        """Move the learned weights by the lengths (K,) of the gradients of unweighted losses (K,)."""
        pulls = lengths > 0 if present is None else (lengths > 0) & present
        progress = functional.ratio(losses, self.first).clamp(min=functional.TINY)
        relative = progress / _mean(progress, pulls)
        pull = self.learned * lengths
        target = _mean(pull, pulls) * relative**self.gradnorm_alpha
        slope = torch.sign(pull - target) * lengths  # 0 where a loss has no gradient
        self.mean = self.mean + (1 - _BETAS[0]) * (slope - self.mean)
        self.square = self.square + (1 - _BETAS[1]) * (slope**2 - self.square)
        taken = self.seen.to(lengths.dtype)
        mean = self.mean / (1 - _BETAS[0] ** taken)
        square = self.square / (1 - _BETAS[1] ** taken)
        moved = self.learned - self.gradnorm_lr * mean / (square.sqrt() + _GUARD)
        moved = moved.clamp(min=functional.TINY)
        if present is None:
            self.learned = functional.proportional(moved) * self.count
        else:  # those that are present share what they had together
            self.learned = functional.shares_among(moved, present) * torch.where(present, self.learned, 0).sum()


def _mean(values: Tensor, chosen: Tensor) -> Tensor:
    """Mean of the chosen values; 1 where none is."""
    count = chosen.sum()
    return torch.where(count > 0, torch.where(chosen, values, 0).sum() / count.clamp(min=1), 1)
