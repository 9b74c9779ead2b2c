"""Dynamic Weight Average: by how much each loss fell from one block of steps to the next."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from dmf.errors import ConfigError
from dmf.facts import LossesNeeded, Paper
from dmf.options import Positive, slider
from dmf.weighting import arithmetic, functional, papers, plain
from dmf.weighting.base import StepState
from dmf.weighting.host import lowest
from dmf.weighting.options import StartOptions, WeightingOptions
from dmf.weighting.plain import STAYS, HostState, HostStep
from dmf.weighting.running import RunningWeighting
from dmf.weighting.stages import Derivation, normalisation_stage, stage, warming_up


class DWAOptions(WeightingOptions):
    """Options of DWA."""

    temperature: Positive = Field(
        2.0, description="Smaller temperatures part the weights more.", json_schema_extra=slider(0.01, 20)
    )
    block_steps: int = Field(
        20,
        ge=1,
        le=100_000,
        title="Steps of a block",
        description="Steps of a block, over which losses are averaged; e.g. an epoch's.",
        json_schema_extra=slider(1, 1000, integer=True),
    )


class DWAWeighting(RunningWeighting):
    r"""Weights each loss by the ratio of its means over the last two blocks of steps: what fell least gets most.

    .. math:: w_k = \frac{e^{\rho_k / T}}{\sum_j e^{\rho_j / T}}, \qquad \rho_k = \frac{a_k(e-1)}{a_k(e-2)}

    where :math:`a_k(e)` is the mean of loss k over block e. Weights are constant within a block, and stay as they start
    in the first two.

    Args:
        temperature: T, above 0; smaller ones part the weights more.
        block_steps: Finite steps of a block, at least 1; the paper takes an epoch. Counted from where the rule starts.

    Note:
        The ratio of a loss whose mean is 0 is 1; ratios beyond +-1e12, and losses beyond what
        :func:`functional.bounded` lets through, count as those. The paper's weights sum to K: ``sum_to="K"``.

    Shape:
        - losses: (K,); returns (K,), non-negative, sums to ``sum_to``.

    Reference:
        Liu, Johns & Davison, CVPR 2019, arXiv 1803.10704.
    """

    title: ClassVar[str] = "DWA"
    looks_at: ClassVar[str] = "each loss's mean over the last block of steps, beside the block before"
    paper: ClassVar[Paper] = papers.arxiv("End-to-End Multi-Task Learning with Attention", "CVPR 2019", "1803.10704")
    losses_needed: ClassVar[LossesNeeded | None] = LossesNeeded(1, "block_steps", 2)
    declares: ClassVar[type[StartOptions]] = DWAOptions
    takes_absent: ClassVar[bool] = True

    seen: Tensor
    sums: Tensor

    def __init__(self, count: int, *, temperature: float = 2.0, block_steps: int = 20, **options: Any) -> None:
        super().__init__(count, **options)
        if not 0 < temperature < float("inf"):
            raise ConfigError(f"`temperature` must be finite and above 0, got {temperature}.", "temperature")
        if block_steps < 1:
            raise ConfigError(f"`block_steps` must be at least 1 step, got {block_steps}.", "block_steps")
        self.temperature, self.block_steps = temperature, block_steps
        # The block that set these weights in plain numbers, to tell whether they are still its own.
        self._set_in: tuple[int, Tensor | None, int] = (-1, None, 0)
        self.register_buffer("seen", torch.zeros(count, dtype=torch.int64))
        # Of the block before the last, the last, and the one under way; sums, because their ratio is that of the means.
        self.register_buffer("sums", torch.zeros(3, count, dtype=self.weights.dtype))

    def advance(self, losses: Tensor, steps: Sequence[int], present: Tensor | None = None) -> Tensor:
        size, count, losses = self.block_steps, len(losses), functional.bounded(losses)
        first = self.seen // size
        row = (
            self.seen + torch.arange(count, device=losses.device)[:, None]
        ) // size - first  # of the block two before the step's own, in the table below
        begun = losses.new_zeros((count + size - 1) // size, self.count)  # as many blocks as can begin
        table = torch.cat((self.sums, begun)).scatter_add(0, row + 2, losses)
        ratios = functional.ratio(table.gather(0, row + 1), table.gather(0, row))
        self.seen = self.seen + count
        self.sums = table.gather(0, self.seen // size - first + torch.arange(3, device=losses.device)[:, None])
        return functional.softmax(_among(ratios, present), self.temperature) * self.total

    def on_host(self, state: HostState) -> HostStep | None:
        """As :meth:`forward`, in plain numbers."""
        size, counts, sums = self.block_steps, self.held("seen").tolist(), self.held("sums").numpy()
        seen = counts[0]
        if counts.count(seen) != len(counts) or not plain.within_reach(state.values):
            return None
        step, last = STAYS, self.held("weights")
        block, weights, version = self._set_in
        is_current = block == seen // size and weights is last and version == last._version
        if seen >= 2 * size and not is_current:  # once a block, and whenever something else has set weights
            ratios = np.array([plain.ratio(*pair) for pair in zip(sums[1].tolist(), sums[0].tolist(), strict=True)])
            last = torch.from_numpy((ratios - ratios.max()) / self.temperature).softmax(-1) * self.total
            step, self._set_in = HostStep(last), (seen // size, last, last._version)
        first = (seen + 1) // size - seen // size  # 1 where this step ends its block
        moved = np.zeros_like(sums)
        moved[: 3 - first] = sums[first:]
        moved[2 - first] += state.values
        self._buffers["sums"] = torch.from_numpy(moved)
        self._buffers["seen"] = torch.from_numpy(np.full(len(counts), seen + 1))
        return step

    def explain(self, state: StepState) -> Derivation:
        size, seen = self.block_steps, int(lowest(self.seen, state.present))
        block = seen // size
        means = self.sums / size
        names = {"of the block before": means[0]} if block > 1 else {}
        stages = [
            stage(
                "block mean",
                "Mean of the last full block",
                f"a = mean of L over {size} steps",
                r"a(e) = \operatorname{mean}_{t \in e} L(t)",
                f"Step {seen % size + 1} of {size} in block {block + 1}, whose own mean counts from the next block on.",
                means[1],
                numbers=names,
            )
        ] * (block > 0)
        if block < 2:
            return Derivation(tuple(stages), None, warming_up(seen, 2 * size, "steps, two full blocks,"))
        ratios = functional.ratio(self.sums[1], self.sums[0])
        proposal = functional.softmax(_among(ratios, state.present), self.temperature) * self.total
        stages += [
            stage(
                "ratio",
                "Ratio of the blocks",
                "ρ = a(last) / a(before)",
                r"\rho = \frac{a(e-1)}{a(e-2)}",
                "Below 1 the loss fell; the less it fell, the more weight.",
                ratios,
                worked=arithmetic.ratio(means[1], means[0]),
            ),
            normalisation_stage(
                f"w = exp(ρ / T) / Σ exp(ρ / T), T = {self.temperature:g}",
                rf"w_k = \frac{{e^{{\rho_k / T}}}}{{\sum_j e^{{\rho_j / T}}}},\quad T = {self.temperature:g}",
                "A softmax; a smaller temperature T parts the weights more.",
                proposal,
                self.total,
                parts=arithmetic.lines("exp({r} / {T})", r=_among(ratios, state.present), T=self.temperature),
            ),
        ]
        return Derivation(tuple(stages), proposal, f"The same weights hold for all {size} steps of a block.")


def _among(ratios: Tensor, present: Tensor | None) -> Tensor:
    """Ratios of which a softmax gives absent losses nothing."""
    return ratios if present is None else torch.where(present, ratios, -torch.inf)
