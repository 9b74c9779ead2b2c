"""DMF's median-absolute-deviation rule."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from dmf.errors import ConfigError
from dmf.facts import Paper
from dmf.registry import unknown
from dmf.weighting import arithmetic, functional, papers, plain
from dmf.weighting.host import Count
from dmf.weighting.options import StartOptions
from dmf.weighting.plain import STAYS, HostState, HostStep
from dmf.weighting.stages import Normalisation, Stage, floor_stage, stage
from dmf.weighting.window import WindowOptions, WindowWeighting

_MEDIANS = {"true": 0, "notebook": 0}


class MADOptions(WindowOptions):
    """Options of the MAD rule."""

    median: Literal["true", "notebook"] = Field(
        "true",
        description="The true median, or the notebook's, which swaps the even and the odd case.",
        json_schema_extra={"folded": True},
    )


class MADWeighting(WindowWeighting):
    r"""Weights each loss by the inverse spread of its recent, scaled values: more spread, less weight.

    .. math:: w_k = \frac{l_k}{\sum_j l_j}, \qquad l_k = \frac{1}{\max(m_k, \text{floor}) + \epsilon}

    where :math:`m_k` is the median absolute deviation of row k of the window after symmetric-log and min-max scaling. A
    straight descent has m = 1/4; one outlier squeezes the rest together, so that a spiky loss gets *more* weight.

    Args:
        floor: Least deviation, default 1e-3; 0 is the authors' notebook, where a flat loss takes nearly all weight.
        median: ``"true"``, or ``"notebook"`` for the authors' median, which swaps the even and the odd case.

    Shape:
        - window: (K, T); returns (K,), positive, sums to ``sum_to``.

    Reference:
        Golnari & Diba, arXiv 2410.19745, eq. (5)-(6).
    """

    title: ClassVar[str] = "MAD"
    looks_at: ClassVar[str] = "median absolute deviation of each loss's last values, scaled"
    paper: ClassVar[Paper] = papers.DMF
    declares: ClassVar[type[StartOptions]] = MADOptions
    default_floor: ClassVar[float] = 1e-3
    absent: ClassVar[float] = -math.inf
    normalisation: ClassVar[Normalisation] = (
        "w = l / Σ l",
        r"w_k = \frac{l_k}{\sum_j l_j}",
        "More spread, less weight.",
    )

    def __init__(
        self, count: int, *, median: str = "true", weights: Sequence[float] | None = None, **options: Any
    ) -> None:
        super().__init__(count, weights=weights, **options)
        if median not in _MEDIANS:
            raise ConfigError(unknown("median", median, _MEDIANS), "median")
        self.median = median
        self._ordered: plain.Ordered | None = None  # of a step in plain numbers

    def statistic(self, scaled: Tensor, filled: Count) -> Tensor:
        """Logarithm of the likelihood, eq. (7)."""
        return self._likelihood(self._deviation(scaled, filled))

    def _deviation(self, scaled: Tensor, filled: Count) -> Tensor:
        return functional.mad(scaled, filled, self.median)

    def _likelihood(self, deviation: Tensor) -> Tensor:
        return functional.log_likelihood(deviation, self.floor, self.eps)

    def _statistics(self, losses: Tensor, history_max: int, first: int) -> Tensor:
        # One logarithm of all: for each of many short ones torch may wake all its threads.
        return self._likelihood(self._over_windows(self._deviation, losses, history_max, first))

    def propose(self, statistic: Tensor) -> Tensor:
        return statistic.softmax(-1)

    def on_host(self, state: HostState) -> HostStep | None:
        """As :meth:`forward`, in plain numbers."""
        likelihood = self._likelihood_on_host(state)
        if not isinstance(likelihood, Tensor):
            return likelihood
        return HostStep(self._summing(likelihood.softmax(-1)))

    def _likelihood_on_host(self, state: HostState) -> Tensor | HostStep | None:
        """The statistic (K,) of this step; what the step comes to where there is none."""
        kept = self._ordered
        if kept is None or not kept.follows(state.history):
            self._ordered = kept = plain.Ordered(state.history, self.compress_on_host)
        windows = kept.add(state.values)
        if windows is None:
            return None
        if len(windows[0]) < self.history_min:
            return STAYS
        eps = self.eps if self.minmax else None
        deviations = [max(plain.mad(window, self.median, eps), self.floor) + self.eps for window in windows]
        return torch.tensor(deviations, dtype=torch.float64).log_().neg_()

    def statistic_stages(self, scaled: Tensor, filled: Count, statistic: Tensor) -> tuple[Stage, ...]:
        deviation = functional.mad(scaled, filled, self.median)
        median = functional.median(scaled, filled, self.median)
        stages = [
            stage(
                "deviation",
                "Median absolute deviation",
                "m = median of |h − median h|",
                r"m = \operatorname{median}_t\,|h_t - \operatorname{median} h|",
                "How far the values of a window lie from their median, half of them nearer and half of them further.",
                deviation,
                levels={"median h": median},
                worked=arithmetic.lines("median of {n} distances |h − {median}|", n=filled, median=median),
            )
        ]
        if self.floor:
            stages.append(floor_stage("m", deviation, deviation.clamp(min=self.floor), self.floor))
        stages.append(
            stage(
                "likelihood",
                "Likelihood",
                "l = 1 / (m + ε)",
                r"l = \frac{1}{m + \varepsilon}",
                f"The steadier a loss, the larger (ε = {self.eps:g}).",
                statistic.exp(),
                worked=arithmetic.lines("1 / ({m} + {eps})", m=deviation.clamp(min=self.floor), eps=self.eps),
            )
        )
        return tuple(stages)
