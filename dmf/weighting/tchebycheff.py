"""Smooth Tchebycheff scalarisation: a smooth maximum of the losses."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from dmf.errors import ConfigError
from dmf.facts import Paper
from dmf.options import Finite, Positive, slider
from dmf.weighting import arithmetic, functional, papers, plain
from dmf.weighting.base import StepState
from dmf.weighting.options import StartOptions, WeightingOptions
from dmf.weighting.plain import HostState, HostStep
from dmf.weighting.running import ScalarizingWeighting
from dmf.weighting.stages import Derivation, stage


class TchebycheffOptions(WeightingOptions):
    """Options of the smooth Tchebycheff total."""

    mu: Positive = Field(
        0.1,
        title="μ",
        description="Smoothness of the maximum; smaller gives the worst loss all the weight.",
        json_schema_extra=slider(1e-3, 10),
    )
    ideal: tuple[Finite, ...] | None = Field(
        None,
        title="Best losses",
        description="The best value each loss could reach; 0 when not given.",
        json_schema_extra=slider(-1, 1, 0.01, each=0.0),
    )


class TchebycheffWeighting(ScalarizingWeighting):
    r"""Minimises a smooth maximum of the losses: the one that is worst now gets nearly all the weight.

    .. math:: \text{total} = S K \mu \log \sum_k e^{p_k (L_k - z_k) / \mu}, \qquad
        \frac{\partial\,\text{total}}{\partial L_k} = S K p_k \operatorname{softmax}_k\!\big(p_k (L_k - z_k) / \mu\big)

    with p = 1/K, or the shares of ``weights``, and S = 1, or K with ``sum_to="K"``. The derivatives are the effective
    weights; with equal p they sum to S, which the factor K is there for.

    Args:
        weights: How much each loss matters, of which only the proportions matter; equal when not given.
        mu: Smoothness, above 0, in the unit of the losses: towards 0 the plain maximum, large ones weigh equally.
        ideal: (K,) the best value z each loss could reach; 0 when not given.

    Shape:
        - losses: (K,); returns (K,), non-negative.

    Reference:
        Lin et al., ICML 2024, arXiv 2402.19078.
    """

    title: ClassVar[str] = "Tchebycheff"
    looks_at: ClassVar[str] = "which loss is the worst"
    paper: ClassVar[Paper] = papers.arxiv(
        "Smooth Tchebycheff Scalarization for Multi-Objective Optimization", "ICML 2024", "2402.19078"
    )
    declares: ClassVar[type[StartOptions]] = TchebycheffOptions
    takes_absent: ClassVar[bool] = True

    ideal: Tensor

    def __init__(self, count: int, *, mu: float = 0.1, ideal: Sequence[float] | None = None, **options: Any) -> None:
        super().__init__(count, **options)
        if not 0 < mu < float("inf"):
            raise ConfigError(f"`mu` must be finite and above 0, got {mu}.", "mu")
        values = torch.zeros(count) if ideal is None else torch.tensor(ideal, dtype=self.weights.dtype)
        if values.shape != (count,) or not bool(torch.isfinite(values).all()):
            raise ConfigError(f"`ideal` must have {count} finite numbers, one per loss, got {ideal}.", "ideal")
        self.mu = mu
        self.register_buffer("ideal", values.to(self.weights), persistent=False)

    def advance(self, losses: Tensor, steps: Sequence[int], present: Tensor | None = None) -> Tensor:
        slopes = functional.softmax(self._distance(losses, present), self.mu)
        return self.total * self._count(present) * self.share_of(present) * slopes

    def objective(self, terms: Tensor, present: Tensor | None = None) -> Tensor:
        most = functional.smooth_maximum(self._distance(terms, present), self.mu)
        return self.total * self._count(present) * most

    def on_host(self, state: HostState) -> HostStep | None:
        """As :meth:`forward`, in plain numbers."""
        # In float64 autograd's slopes, whose last digit is another one, are kept.
        if state.terms.dtype != torch.float32:
            return None
        share, ideal = self.held("share").tolist(), self.held("ideal").tolist()
        distance = [each * (loss - best) for each, loss, best in zip(share, state.values, ideal, strict=True)]
        most = max(distance)
        powers = [math.exp((each - most) / self.mu) for each in distance]
        whole, scale = sum(powers), self.total * self.count
        slopes = [scale * each * power / whole for each, power in zip(share, powers, strict=True)]
        value = scale * (most + self.mu * math.log(whole))
        return HostStep(
            torch.from_numpy(np.array(slopes)), plain.with_slopes(value, (slopes,), self._exact, state.terms)
        )

    def _count(self, present: Tensor | None) -> int | Tensor:
        return self.count if present is None else present.sum()

    def _distance(self, losses: Tensor, present: Tensor | None) -> Tensor:
        most = torch.finfo(losses.dtype).max  # the distance of two huge numbers may be none any more
        distance = self.share_of(present) * (losses - self.ideal).clamp(-most, most)
        return distance if present is None else torch.where(present, distance, -torch.inf)

    def explain(self, state: StepState) -> Derivation:
        losses = state.terms.detach().to(self.weights)
        distance, share = self._distance(losses, state.present), self.share_of(state.present)
        here = arithmetic.of_present(losses, state.present)
        nearness = functional.softmax(distance, self.mu)
        proposal = self.advance(losses[None], (state.step,), state.present)[0]
        stages = (
            stage(
                "distance",
                "Distance from the best",
                "d = p · (L − z)",
                r"d_k = p_k\,(L_k - z_k)",
                "How far each loss is from the best it could be, times how much it matters.",
                distance,
                numbers={"p": self.share, "z": self.ideal},
                worked=arithmetic.lines("{p} · ({L} − {z})", p=share, L=here, z=self.ideal),
            ),
            stage(
                "softmax",
                "Share of the maximum",
                f"q = exp(d / μ) / Σ exp(d / μ), μ = {self.mu:g}",
                rf"q_k = \frac{{e^{{d_k / \mu}}}}{{\sum_j e^{{d_j / \mu}}}},\quad \mu = {self.mu:g}",
                "A smooth way to say which distance is largest: a softmax.",
                nearness,
                worked=arithmetic.shares(arithmetic.lines("exp({d} / {mu})", d=distance, mu=self.mu)),
            ),
            stage(
                "slope",
                "Effective weight",
                f"w = {self.total * self.count:g} · p · q",
                rf"w_k = {self.total * self.count:g}\, p_k\, q_k",
                "How much the smooth maximum changes with each loss: the worst gets nearly all.",
                proposal,
                worked=arithmetic.lines("{n} · {p} · {q}", n=self.total * self.count, p=share, q=nearness),
            ),
        )
        return Derivation(stages, proposal)
