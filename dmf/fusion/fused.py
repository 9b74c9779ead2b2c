"""What a fusion makes of the losses of one step."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Fused:
    """What came out of one step.

    Attributes:
        total: () the value to minimise, with gradient.
        terms: (K,) the losses L1..LK, detached; NaN for one that was absent. Over several processes and micro-batches
            the means that were learned from.
        weights: (K,) the weights W1..WK used, detached; 0 for a loss that was absent.
        auxiliary: () the auxiliary loss before its weight, detached, or None without one.
        gamma: Weight of the auxiliary loss at this step.
        finite: () bool on the device: all losses that were present were finite, in all processes. If not, nothing was
            learned and ``total`` is not finite either, so that a gradient scaler skips the step.
    """

    total: Tensor
    terms: Tensor
    weights: Tensor
    auxiliary: Tensor | None
    gamma: float
    finite: Tensor
