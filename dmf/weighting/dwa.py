"""Dynamic Weight Average: by how much each loss fell from one block of steps to the next."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from dmf.errors import ConfigError
from dmf.weighting import functional
from dmf.weighting.running import RunningWeighting


class DWAWeighting(RunningWeighting):
    r"""Weights each loss by the ratio of its means over the last two blocks of steps: what fell least gets most.

    .. math:: w_k = \frac{e^{\rho_k / T}}{\sum_j e^{\rho_j / T}}, \qquad \rho_k = \frac{a_k(e-1)}{a_k(e-2)}

    where :math:`a_k(e)` is the mean of loss k over block e. Weights are constant within a block, and stay as they start
    in the first two.

    Args:
        temperature: T, above 0; smaller ones part the weights more.
        block_steps: Finite steps of a block, at least 1; the paper takes an epoch. Counted from where the rule starts.

    Note:
        The ratio of a loss whose mean is 0 is 1. The paper's weights sum to K: ``sum_to="K"``.

    Shape:
        - losses: (K,); returns (K,), non-negative, sums to ``sum_to``.

    Reference:
        Liu, Johns & Davison, CVPR 2019, arXiv 1803.10704.
    """

    options: ClassVar[tuple[str, ...]] = (*RunningWeighting.options, "temperature", "block_steps")

    seen: Tensor
    sums: Tensor

    def __init__(self, count: int, *, temperature: float = 2.0, block_steps: int = 20, **options: Any) -> None:
        super().__init__(count, **options)
        if not 0 < temperature < float("inf"):
            raise ConfigError(f"`temperature` must be finite and above 0, got {temperature}.", "temperature")
        if block_steps < 1:
            raise ConfigError(f"`block_steps` must be at least 1 step, got {block_steps}.", "block_steps")
        self.temperature, self.block_steps = temperature, block_steps
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))
        # Of the block before the last, the last, and the one under way; sums, because their ratio is that of the means.
        self.register_buffer("sums", torch.zeros(3, count, dtype=self.weights.dtype))

    @property
    def patience(self) -> int | None:
        return 2 * self.block_steps

    def advance(self, losses: Tensor, steps: Sequence[int]) -> Tensor:
        size, count = self.block_steps, len(losses)
        first = self.seen // size
        row = (
            self.seen + torch.arange(count, device=losses.device)
        ) // size - first  # of the block two before the step's own, in the table below
        begun = losses.new_zeros((count + size - 1) // size, self.count)  # as many blocks as can begin
        table = torch.cat((self.sums, begun)).index_add(0, row + 2, losses)
        ratios = functional.ratio(table[row + 1], table[row])
        self.seen = self.seen + count
        self.sums = table[self.seen // size - first + torch.arange(3, device=losses.device)]
        return functional.softmax(ratios, self.temperature) * self.total
