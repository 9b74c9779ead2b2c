"""What every schedule is: from the number of steps taken to the share of the first weight that is left."""

import math
from abc import ABC, abstractmethod
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from dmf.options import NonNegative, Options, slider

LATEST = 2**40  # steps; a weight that has not halved by then never does


class Schedule(ABC):
    """The share of the first weight that is left at a step; pure, so that a resumed run goes on where it was.

    Attributes:
        title: How it is written for people; its name where it says none.
        about: How the weight falls, in a sentence.
        declares: Its options. The constructor takes each as a keyword: its alias where it has one, else its name. One
            that may be ``"epoch"`` comes as the number of steps that an epoch has.
    """

    title: ClassVar[str] = ""
    about: ClassVar[str] = ""
    declares: ClassVar[type[Options]] = Options

    @abstractmethod
    def share(self, step: int) -> float:
        """What is left at ``step``, counted from 0; at least 0."""

    @property
    def half_life(self) -> float:
        """Steps until no more than half is left; infinite if that never comes.

        Searched for where a schedule does not say it, which takes a share that never rises.
        """
        late = 1
        while self.share(late) > 0.5:
            late *= 2
            if late > LATEST:
                return math.inf
        early = late // 2
        while late - early > 1:
            middle = (early + late) // 2
            early, late = (middle, late) if self.share(middle) > 0.5 else (early, middle)
        return float(late)


class PeriodOptions(Options):
    """Options of every schedule that falls: its period."""

    every: Literal["epoch"] | Annotated[int, Field(ge=1)] = Field(
        "epoch",
        alias="decay_every",
        title="Decay period",
        description="Length of one decay period: epoch, or a number of steps.",
    )

    @field_validator("every", mode="before")
    @classmethod
    def _number_in_words(cls, value: Any) -> Any:
        if isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value)
        if value != "epoch" and not (isinstance(value, int) and value >= 1):
            raise ValueError(f"expected epoch, or a number of steps of at least 1, got {value!r}")
        return value


class FallingOptions(PeriodOptions):
    """Options of schedules that fall at a rate."""

    rate: NonNegative = Field(
        0.05,
        alias="decay_rate",
        title="Decay rate",
        description="How fast the auxiliary weight falls, per decay period.",
        json_schema_extra=slider(1e-4, 1.0),
    )


class Falling(Schedule):
    """A share that follows from how much has passed: the decay rate times the periods so far.

    Args:
        decay_rate: Per period, at least 0.
        decay_every: Steps per period, at least 1.
    """

    declares: ClassVar[type[Options]] = FallingOptions
    halved_after: ClassVar[float] = 0.5
    """How much must have passed until half is left."""

    def __init__(self, decay_rate: float = 0.05, decay_every: int = 1) -> None:
        self.rate, self.every = decay_rate, decay_every

    @abstractmethod
    def left(self, passed: float) -> float:
        """What is left after ``passed``, which is 0 at the start."""

    def share(self, step: int) -> float:
        return self.left(self.rate * (step // self.every))

    @property
    def half_life(self) -> float:
        return math.inf if self.rate == 0 else self.every * self.halved_after / self.rate
