"""Weights that never change."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from dmf.facts import LossesNeeded
from dmf.weighting.base import Combined, StepState, Weighting, per_loss
from dmf.weighting.options import StartOptions
from dmf.weighting.plain import STAYS, HostState, HostStep
from dmf.weighting.stages import Derivation, stage


class FixedWeighting(Weighting):
    """The weights of the user, as they are given; equal and summing to ``sum_to`` when none are given.

    Given weights are not rescaled, so 1:1:1 is the plain sum of three losses, and of two where one is absent. They may
    sum to anything, hence ``simplex`` is false. For the same reason nothing adjusts them: base weights, smoothing and
    limits are for rules whose weights move.

    Args:
        count: Number of losses K.
        weights: (K,), finite, at least 0 and not all 0.
        sum_to: Sum of the equal weights, ``"1"`` or ``"K"``; without effect on given ones.

    Raises:
        ConfigError: If the weights do not fit.
    """

    title: ClassVar[str] = "Fixed"
    looks_at: ClassVar[str] = "nothing"
    losses_needed: ClassVar[LossesNeeded | None] = None
    declares: ClassVar[type[StartOptions]] = StartOptions
    simplex: ClassVar[bool] = False
    takes_absent: ClassVar[bool] = True

    def __init__(
        self,
        count: int,
        *,
        weights: Sequence[float] | None = None,
        sum_to: str = "1",
        dtype: torch.dtype = torch.float64,
    ) -> None:
        super().__init__(count, weights=weights, sum_to=sum_to, dtype=dtype)
        self._is_given = weights is not None

    def _starting_weights(self, weights: Sequence[float] | None, dtype: torch.dtype) -> Tensor:
        if weights is None:
            return super()._starting_weights(None, dtype)
        return per_loss("weights", weights, self.count, dtype)

    @property
    def keeps_sum(self) -> bool:
        return not self._is_given

    def forward(self, state: StepState) -> Combined:
        return self.stay(state)

    def on_host(self, state: HostState) -> HostStep:
        """As :meth:`forward`, in plain numbers."""
        return STAYS

    def replay(self, losses: Tensor, history_max: int, first: int = 0) -> Tensor:
        return self.weights.expand(len(losses) - first, self.count).clone()

    def explain(self, state: StepState) -> Derivation:
        given = stage(
            "given",
            "Given weights",
            "w",
            "w_k",
            "As they were chosen; the losses play no part.",
            self.weights,
        )
        return Derivation((given,), self.among(state.present))
