"""Stairs."""

from typing import ClassVar

from pydantic import Field

from dmf.options import Fraction, Options, slider
from dmf.schedule.base import PeriodOptions, Schedule


class StepOptions(PeriodOptions):
    """Options of stairs."""

    factor: Fraction = Field(
        0.5,
        alias="drop_factor",
        title="Share kept at a drop",
        description="What each drop leaves of the auxiliary weight; 0 ends it at the first.",
        json_schema_extra=slider(0, 0.99, 0.01),
    )
    periods: int = Field(
        5,
        ge=1,
        alias="drop_periods",
        title="Periods between drops",
        description="Decay periods from one drop to the next.",
        json_schema_extra=slider(1, 100, integer=True),
    )


class Step(Schedule):
    r"""In drops, and level between them.

    .. math:: f^{\lfloor s / n \rfloor}

    with factor :math:`f`, :math:`n` periods between drops, and :math:`s` periods passed.

    Args:
        drop_factor: What a drop leaves, at least 0 and below 1.
        drop_periods: Periods from one drop to the next, at least 1.
        decay_every: Steps per period, at least 1.
    """

    title: ClassVar[str] = "Step"
    about: ClassVar[str] = "Falls by a factor every few periods, and stays level between."
    declares: ClassVar[type[Options]] = StepOptions

    def __init__(self, drop_factor: float = 0.5, drop_periods: int = 5, decay_every: int = 1) -> None:
        self.factor, self.length = drop_factor, drop_periods * decay_every

    def share(self, step: int) -> float:
        return float(self.factor ** (step // self.length))
