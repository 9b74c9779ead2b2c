"""Random loss weighting: weights drawn anew at every step."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from dmf.facts import Paper
from dmf.options import slider
from dmf.seeding import derive
from dmf.weighting import arithmetic, papers
from dmf.weighting.base import StepState
from dmf.weighting.options import StartOptions, WeightingOptions
from dmf.weighting.plain import HostState, HostStep
from dmf.weighting.running import RunningWeighting
from dmf.weighting.stages import Derivation, normalisation_stage, stage


class RandomOptions(WeightingOptions):
    """Options of random weights."""

    weight_seed: int = Field(
        0,
        ge=0,
        le=2**31 - 1,
        title="Seed of the weights",
        description="Decides the weights; the same number draws the same at every step.",
        json_schema_extra=slider(0, 100, 1),
    )


class RandomWeighting(RunningWeighting):
    r"""Weights drawn anew at every step, whatever the losses are: the baseline that adaptive rules have to beat.

    .. math:: w = \operatorname{softmax}(z), \qquad z \sim \mathcal{N}(0, I_K)

    On average the weights are equal. The draw of a step follows from ``weight_seed`` and the step alone, so a resumed
    run and a replay draw the same.

    Args:
        weight_seed: Decides the draws.

    Shape:
        - losses: (K,); returns (K,), positive, sums to ``sum_to``.

    Reference:
        Lin, Ye, Zhang & Tsang, TMLR 2022, arXiv 2111.10603.
    """

    title: ClassVar[str] = "Random"
    looks_at: ClassVar[str] = "nothing: weights are drawn anew at every step"
    paper: ClassVar[Paper] = papers.arxiv(
        "Reasonable Effectiveness of Random Weighting: A Litmus Test for Multi-Task Learning", "TMLR 2022", "2111.10603"
    )
    declares: ClassVar[type[StartOptions]] = RandomOptions
    takes_absent: ClassVar[bool] = True

    def __init__(self, count: int, *, weight_seed: int = 0, **options: Any) -> None:
        super().__init__(count, **options)
        self.weight_seed = weight_seed

    def advance(self, losses: Tensor, steps: Sequence[int], present: Tensor | None = None) -> Tensor:
        drawn = torch.stack([self._draw(step) for step in steps])
        # Without waiting for the device, which a copy of so few numbers would otherwise do.
        return drawn.to(self.weights.dtype).to(losses.device, non_blocking=True).softmax(-1) * self.total

    def on_host(self, state: HostState) -> HostStep:
        """As :meth:`forward`, in plain numbers."""
        weights = self._draw(state.step).softmax(-1)
        return HostStep(weights if self.total == 1 else weights * self.total)

    def _draw(self, step: int) -> Tensor:
        """Standard normal numbers (K,), on the CPU, so that they are the same for every device."""
        generator = torch.Generator().manual_seed(derive(self.weight_seed, "weights", step))
        return torch.randn(self.count, generator=generator, dtype=torch.float64)

    def explain(self, state: StepState) -> Derivation:
        proposal = self.advance(state.terms.detach().to(self.weights)[None], (state.step,))[0]
        stages = (
            stage(
                "draw",
                "Draw",
                "z ~ N(0, 1)",
                r"z_k \sim \mathcal{N}(0, 1)",
                f"Drawn anew at every step, from the seed {self.weight_seed} and the step alone.",
                self._draw(state.step),
            ),
            normalisation_stage(
                "w = exp(z) / Σ exp(z)",
                r"w_k = \frac{e^{z_k}}{\sum_j e^{z_j}}",
                "A softmax. The losses play no part.",
                proposal,
                self.total,
                parts=arithmetic.lines("exp({z})", z=self._draw(state.step)),
            ),
        )
        return Derivation(stages, proposal)
