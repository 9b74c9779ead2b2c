"""How the weight of the auxiliary loss falls over training: gamma(t), eq. (2) of the DMF paper, and three others."""

import math
from dataclasses import dataclass
from typing import Literal

from dmf.errors import ConfigError
from dmf.registry import unknown

ScheduleKind = Literal["exponential", "linear", "cosine", "constant"]
_KINDS = {"exponential": 0, "linear": 0, "cosine": 0, "constant": 0}


@dataclass(frozen=True)
class AuxiliarySchedule:
    r"""Weight of the auxiliary loss at a training step.

    With :math:`s = \lfloor t / \text{every} \rfloor` periods passed and decay rate :math:`\tau`:

    .. math::
        \text{exponential}\quad & \gamma_0 e^{-\tau s} \\
        \text{linear}\quad & \gamma_0 \max(0, 1 - \tau s) \\
        \text{cosine}\quad & \gamma_0 \tfrac12 (1 + \cos(\pi \min(1, \tau s))) \\
        \text{constant}\quad & \gamma_0

    The weight is outside the sum-to-one constraint of W1..WK.

    Args:
        gamma: Weight at step 0, at least 0.
        rate: Decay per period, at least 0. Linear and cosine reach 0 after ``1 / rate`` periods.
        every: Steps per period, at least 1: 1 is the paper, 100 the authors' notebook.
        kind: The shape.

    Raises:
        ConfigError: If a value is out of range.

    Reference:
        Golnari & Diba, arXiv 2410.19745, eq. (2).
    """

    gamma: float = 1.0
    rate: float = 0.05
    every: int = 1
    kind: ScheduleKind = "exponential"

    def __post_init__(self) -> None:
        for name, field in (("gamma", "gamma"), ("rate", "decay_rate")):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ConfigError(f"`{name}` must be a finite number of at least 0, got {value}.", field)
        if self.every < 1:
            raise ConfigError(f"`every` must be at least 1 step, got {self.every}.", "decay_every")
        if self.kind not in _KINDS:
            raise ConfigError(unknown("schedule", self.kind, _KINDS), "schedule")

    def __call__(self, step: int) -> float:
        """Weight at ``step``, counted from 0."""
        passed = self.rate * (step // self.every)
        match self.kind:
            case "exponential":
                return self.gamma * math.exp(-passed)
            case "linear":
                return self.gamma * max(0.0, 1.0 - passed)
            case "cosine":
                return self.gamma * 0.5 * (1.0 + math.cos(math.pi * min(1.0, passed)))
            case _:
                return self.gamma

    @property
    def half_life(self) -> float:
        """Steps until the weight has halved; infinite if it never does."""
        if self.rate == 0 or self.kind == "constant":
            return math.inf
        periods = math.log(2) if self.kind == "exponential" else 0.5
        return self.every * periods / self.rate
