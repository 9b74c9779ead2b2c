"""The weight of the auxiliary loss at a step: where it starts, and the schedule by which it falls."""

import math
from dataclasses import dataclass, field
from typing import Any

from dmf import declared
from dmf.errors import ConfigError, UnknownNameError
from dmf.registry import unknown
from dmf.schedule.base import Schedule


@dataclass(frozen=True)
class AuxiliarySchedule:
    r"""Weight of the auxiliary loss at a training step.

    With :math:`s = \lfloor t / \text{every} \rfloor` periods passed and decay rate :math:`\tau`:

    .. math::
        \text{exponential}\quad & \gamma_0 e^{-\tau s} \\
        \text{linear}\quad & \gamma_0 \max(0, 1 - \tau s) \\
        \text{cosine}\quad & \gamma_0 \tfrac12 (1 + \cos(\pi \min(1, \tau s))) \\
        \text{step}\quad & \gamma_0 f^{\lfloor s / n \rfloor} \\
        \text{constant}\quad & \gamma_0

    The weight is outside the sum-to-one constraint of W1..WK.

    Args:
        gamma: Weight at step 0, at least 0.
        rate: Decay per period, at least 0. Linear and cosine reach 0 after ``1 / rate`` periods.
        every: Steps per period, at least 1: 1 is the paper, 100 the authors' notebook.
        kind: The shape, a name of ``SCHEDULES``.
        options: What else the kind has of options, as pairs of word and value: ``(("drop_factor", 0.1),)``.

    Raises:
        UnknownNameError: If there is no such kind.
        ConfigError: If a value is out of range, or the kind has no such option.

    Reference:
        Golnari & Diba, arXiv 2410.19745, eq. (2).
    """

    gamma: float = 1.0
    rate: float = 0.05
    every: int = 1
    kind: str = "exponential"
    options: tuple[tuple[str, Any], ...] = ()
    _shape: Schedule = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, blamed in (("gamma", "gamma"), ("rate", "decay_rate")):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ConfigError(f"`{name}` must be a finite number of at least 0, got {value}.", blamed)
        if self.every < 1:
            raise ConfigError(f"`every` must be at least 1 step, got {self.every}.", "decay_every")
        model = declared.options_model("schedule", self.kind)
        if model is None:
            raise UnknownNameError(unknown("schedule", self.kind, declared.registry("schedule")), "schedule")
        taken = {word: name for name, word in model.words().items()}
        both = {"decay_rate": self.rate, "decay_every": self.every}
        more = {taken.get(word, word): value for word, value in self.options}
        given = model.settled(
            {taken[word]: value for word, value in both.items() if word in taken} | more,
            f"schedule {self.kind!r}",
            "schedule",
        )
        kind = declared.registry("schedule")[self.kind]
        words = {word: given[name] for word, name in taken.items()}
        object.__setattr__(self, "_shape", kind(**words))

    def __call__(self, step: int) -> float:
        """Weight at ``step``, counted from 0."""
        return self.gamma * self._shape.share(step)

    @property
    def half_life(self) -> float:
        """Steps until the weight has halved; infinite if it never does."""
        return self._shape.half_life

    @property
    def words(self) -> dict[str, Any]:
        """The kind with its options, by the words of a configuration."""
        return {"schedule": self.kind, "decay_rate": self.rate, "decay_every": self.every, **dict(self.options)}
