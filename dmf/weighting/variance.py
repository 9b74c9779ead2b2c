"""DMF's variance rule."""

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from dmf.facts import Paper
from dmf.weighting import arithmetic, functional, papers, plain
from dmf.weighting.host import Count
from dmf.weighting.plain import STAYS, HostState, HostStep
from dmf.weighting.stages import Normalisation, Stage, floor_stage, stage
from dmf.weighting.window import WindowWeighting


class VarianceWeighting(WindowWeighting):
    r"""Weights each loss by the variance of its recent, scaled values: more spread, more weight.

    .. math:: w_k = \frac{v_k}{\sum_j v_j}, \qquad v_k = \max(\operatorname{var}(h_k), \text{floor})

    where :math:`h_k` is row k of the window after symmetric-log and min-max scaling. Because every row is stretched to
    0..1, the *shape* of a window counts, not its size: a straight descent has v = 1/12 whatever its slope, and one
    outlier squeezes the rest together, so that a spiky loss gets *less* weight.

    Args:
        floor: Least variance, default 1e-6; 0 is the authors' notebook, where a flat loss gets weight exactly 0.

    Note:
        The notebook divides 0 by 0 when all losses are flat; here the weights are then equal.

    Shape:
        - window: (K, T); returns (K,), non-negative, sums to ``sum_to``.

    Reference:
        Golnari & Diba, arXiv 2410.19745, eq. (3)-(4).
    """

    title: ClassVar[str] = "Variance"
    looks_at: ClassVar[str] = "variance of each loss's last values, scaled"
    paper: ClassVar[Paper] = papers.DMF
    default_floor: ClassVar[float] = 1e-6
    normalisation: ClassVar[Normalisation] = (
        "w = v / Σ v",
        r"w_k = \frac{v_k}{\sum_j v_j}",
        "More spread, more weight.",
    )

    def statistic(self, scaled: Tensor, filled: Count) -> Tensor:
        return functional.variance(scaled, filled).clamp(min=self.floor)

    def propose(self, statistic: Tensor) -> Tensor:
        return functional.proportional(statistic)

    def on_host(self, state: HostState) -> HostStep | None:
        """As :meth:`forward`, in plain numbers."""
        scaled = self.scaled_on_host(state)
        if scaled is None:
            return None
        if scaled.shape[1] < self.history_min:
            return STAYS
        spread = np.maximum(plain.variance(scaled, state.history.size), self.floor)
        return HostStep(torch.from_numpy(plain.proportional(spread) * self.total))

    def statistic_stages(self, scaled: Tensor, filled: Count, statistic: Tensor) -> tuple[Stage, ...]:
        mean, variance = functional.mean(scaled, filled), functional.variance(scaled, filled)
        spread = stage(
            "variance",
            "Variance",
            "v = mean of (h − mean h)²",
            r"v = \frac{1}{n} \sum_t (h_t - \bar h)^2",
            "How widely the values of a window are spread around their mean.",
            variance,
            levels={"mean h": mean},
            worked=arithmetic.lines("mean of {n} squares (h − {mean})²", n=filled, mean=mean),
        )
        return (spread, floor_stage("v", variance, statistic, self.floor)) if self.floor else (spread,)
