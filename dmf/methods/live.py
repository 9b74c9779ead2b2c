"""A tiny network whose losses are given: lets every weighting be stepped through a history, also one that trains.

Each loss has exactly the value of the history and pulls at the network in a direction of its own, the harder the higher
it is. All are at right angles, but the first two, which are in conflict.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dmf.fusion import Fused, Fusion
from dmf.terms import Parts

PIXELS = (1, 2, 3, 3)  # of the logits: one image of 3 x 3 pixels with two classes


class LiveHistory:
    """Feeds a fusion one row of losses after another, as a training does.

    Args:
        fusion: It watches and joins what is trained here.
        order: Which pull belongs to which loss; as they come unless given.
        optimizer: Of the network, ``sgd`` (keeps no state of its own) or ``adam``.
    """

    def __init__(self, fusion: Fusion, order: Sequence[int] | None = None, optimizer: str = "sgd") -> None:
        count, dtype, device = fusion.weighting.count, fusion.weighting.weights.dtype, fusion.weighting.weights.device
        pulls = _pulls(count).to(device, dtype)
        self.pulls = pulls if order is None else pulls[torch.as_tensor(order)]
        self.network = nn.Parameter(torch.zeros(PIXELS, dtype=dtype, device=device))
        self.fusion = fusion.watch([self.network])
        kind = torch.optim.SGD if optimizer == "sgd" else torch.optim.Adam
        self.optimizer = kind([self.network], lr=1e-3)
        fusion.join(self.optimizer)

    def losses(self, row: Tensor) -> Parts:
        """Losses (K,) of exactly these values, with gradient to the network."""
        logits = self.network * 1
        return Parts(row * self._growth(logits, logits.detach()), None, logits)

    def step(self, row: Tensor) -> Fused:
        """One training step on a row of losses (K,); one that is not finite changes nothing, as in training."""
        fused: Fused = self.fusion(self.losses(row))
        if not bool(fused.finite):
            return fused
        before = self.network.detach().clone()
        self.optimizer.zero_grad()
        fused.total.backward()
        self.optimizer.step()
        if self.fusion.weighting.looks_twice:
            # What the step has made of the same batch.
            self.fusion.after_step(row * self._growth(self.network.detach(), before))
        return fused

    def run(self, losses: Tensor) -> Tensor:
        """Weights (S, K) of every row of losses (S, K)."""
        return torch.stack([self.step(row).weights for row in losses])

    def _growth(self, logits: Tensor, before: Tensor) -> Tensor:
        """By which factor (K,) each loss grows when the network's output goes from ``before`` to ``logits``."""
        factors: Tensor = (self.pulls * (logits - before)).flatten(1).sum(1).exp()
        return factors


def _pulls(count: int) -> Tensor:
    """Unit vectors (K, 1, 2, 3, 3); the inner product of the first two is -1/2."""
    drawn = torch.randn(18, 18, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    pulls: Tensor = torch.linalg.qr(drawn).Q[:count].clone()
    if count > 1:
        pulls[1] = 0.75**0.5 * pulls[1] - 0.5 * pulls[0]
    return pulls.reshape(count, *PIXELS)
