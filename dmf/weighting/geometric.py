"""Geometric loss strategy: a product of the losses instead of a sum."""

import math
from collections.abc import Sequence
from operator import mul
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from dmf.facts import Paper
from dmf.weighting import arithmetic, functional, papers
from dmf.weighting.base import StepState
from dmf.weighting.plain import HostState, HostStep
from dmf.weighting.running import ScalarizingWeighting
from dmf.weighting.stages import Derivation, stage


class GeometricWeighting(ScalarizingWeighting):
    r"""Minimises the geometric mean of the losses, whose scales thereby cancel.

    .. math:: \text{total} = S \prod_k L_k^{p_k}, \qquad
        \frac{\partial\,\text{total}}{\partial L_k} = \frac{p_k\,\text{total}}{L_k}

    with p = 1/K, or the shares of ``weights``, and S = 1, or K with ``sum_to="K"``. The derivatives are the effective
    weights: they sum to more than S unless the losses are equal, and the smallest loss gets most.

    Args:
        weights: Exponents, of which only the proportions matter; equal when not given.

    Note:
        Made for losses above 0. One below 1e-12 counts as that; it gets weight 0 and takes nearly all from the others.
        A mean beyond 1e34 (float32) or 1e303 (float64), and an effective weight beyond what
        :func:`functional.bounded` lets through, count as that.

    Shape:
        - losses: (K,); returns (K,), non-negative.

    Reference:
        Chennupati et al., CVPR Workshops 2019, arXiv 1904.08492.
    """

    title: ClassVar[str] = "Geometric"
    looks_at: ClassVar[str] = "each loss's own value: the higher, the less weight"
    paper: ClassVar[Paper] = papers.arxiv(
        "MultiNet++: Multi-Stream Feature Aggregation and Geometric Loss Strategy for Multi-Task Learning",
        "CVPR Workshops 2019",
        "1904.08492",
    )
    takes_absent: ClassVar[bool] = True

    def advance(self, losses: Tensor, steps: Sequence[int], present: Tensor | None = None) -> Tensor:
        slopes = self.share_of(present) * self._mean(losses, present)[..., None] / self._positive(losses)
        return torch.where(losses < functional.TINY, 0, functional.bounded(slopes))

    def objective(self, terms: Tensor, present: Tensor | None = None) -> Tensor:
        return self._mean(terms, present)

    def on_host(self, state: HostState) -> HostStep | None:
        """As :meth:`forward`, in plain numbers."""
        # In float64 autograd's slopes, whose last digit is another one, are kept.
        if state.terms.dtype != torch.float32 or not functional.TINY <= min(state.values) <= max(state.values) <= 1e6:
            return None
        share = self.held("share")
        logarithm = sum(map(mul, share.tolist(), map(math.log, state.values)))
        mean = math.exp(logarithm) * self.total
        slopes = [each * mean / loss for each, loss in zip(share.tolist(), state.values, strict=True)]
        total = self.single.dot(share, state.terms.log()).exp()
        weights = torch.from_numpy(np.array(slopes))
        return HostStep(weights, total if self.total == 1 else total * self.total)

    def _mean(self, losses: Tensor, present: Tensor | None) -> Tensor:
        logarithm = (self.share_of(present) * torch.log(self._positive(losses))).sum(-1)
        most = math.log(torch.finfo(losses.dtype).max) - 10  # whose exponential is finite also K times
        return torch.exp(logarithm.clamp(max=most)) * self.total

    def _positive(self, losses: Tensor) -> Tensor:
        return losses.clamp(functional.TINY, torch.finfo(losses.dtype).max)

    def explain(self, state: StepState) -> Derivation:
        losses = state.terms.detach().to(self.weights)
        total, share = self._mean(losses, state.present), self.share_of(state.present)
        positive = self._positive(losses)
        here = arithmetic.of_present(positive, state.present)
        proposal = self.advance(losses[None], (state.step,), state.present)[0]
        stages = (
            stage(
                "logarithm",
                "Logarithm",
                "x = log L",
                r"x_k = \log L_k",
                "Losses are multiplied, so their logarithms are added; one below 1e-12 counts as that.",
                torch.log(positive),
                numbers={"exponent p": share},
                worked=arithmetic.lines("log({L})", L=here),
            ),
            stage(
                "total",
                "Geometric mean",
                "total = exp(Σ p · x)" + ("" if self.total == 1 else f" · {self.total:g}"),
                r"\text{total} = " + ("" if self.total == 1 else f"{self.total:g}\\,") + r"\exp \sum_k p_k x_k",
                "What the step minimises: the product of the losses, each to its exponent.",
                total.expand(self.count),
                worked=(_sum_of(arithmetic.lines("{p} · {x}", p=share, x=torch.log(here)), self.total),) * self.count,
            ),
            stage(
                "slope",
                "Effective weight",
                "w = p · total / L",
                r"w_k = \frac{\partial\,\text{total}}{\partial L_k} = \frac{p_k\,\text{total}}{L_k}",
                "How much the total changes with each loss: the smallest loss gets most.",
                proposal,
                worked=arithmetic.lines("{p} · {total} / {L}", p=share, total=total.expand(self.count), L=here),
            ),
        )
        return Derivation(stages, proposal)


def _sum_of(parts: Sequence[str], total: float) -> str:
    """The geometric mean of losses whose logarithms, times their exponents, are these."""
    exponential = f"exp({' + '.join(part for part in parts if part)})"
    return exponential if total == 1 else f"{exponential} · {total:g}"
