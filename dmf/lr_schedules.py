"""How the learning rate goes over a training: a factor for every step, of which the rate that is set is a multiple.

The factor follows from the step, and of ``plateau`` from how often a validation score has stood still, alone. So a
learning rate that is changed while a run trains is changed for the whole of what is left, and a resumed run goes on
where it was. Importing this needs no torch.
"""

import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from pydantic import Field

from dmf.options import Fraction, Options, Positive, slider
from dmf.registry import Registry


class LRSchedule(ABC):
    """A schedule of the learning rate.

    Attributes:
        title: How it is written for people.
        declares: Its options. The constructor takes each as a keyword, by its alias.
        patience: Epochs without a better validation score after which the factor falls; None where it does not.
    """

    title: ClassVar[str] = ""
    declares: ClassVar[type[Options]] = Options
    patience: int | None = None

    def __init__(self, **options: Any) -> None:
        for word, value in self.declares.of_words(options).by_word.items():
            setattr(self, word, value)

    @abstractmethod
    def factor(self, passed: float, falls: int) -> float:
        """What the learning rate is multiplied by.

        Args:
            passed: Share of the training that has passed before the step, from 0 up to 1.
            falls: How often the validation score has stood still for ``patience`` epochs.
        """


class Constant(LRSchedule):
    """Stays as it is set."""

    title: ClassVar[str] = "Constant"

    def factor(self, passed: float, falls: int) -> float:
        return 1.0


class FloorOptions(Options):
    """Options of schedules that fall from the first step to the last."""

    floor: Fraction = Field(
        0.0,
        alias="lr_floor",
        title="Least share of the learning rate",
        description="What is left of the learning rate at the end, as a share of it.",
        json_schema_extra=slider(0, 0.5, 0.01),
    )


class Cosine(LRSchedule):
    r"""Half a cosine, from the whole rate to its floor f.

    .. math:: f + (1 - f)\, \tfrac12 (1 + \cos \pi p)

    with p the share of the training that has passed.

    Reference:
        Loshchilov & Hutter, SGDR, arXiv 1608.03983, without restarts.
    """

    title: ClassVar[str] = "Cosine"
    declares: ClassVar[type[Options]] = FloorOptions
    lr_floor: float

    def factor(self, passed: float, falls: int) -> float:
        return self.lr_floor + (1 - self.lr_floor) * 0.5 * (1 + math.cos(math.pi * passed))


class PolynomialOptions(FloorOptions):
    """Options of the polynomial."""

    power: Positive = Field(
        0.9,
        alias="lr_power",
        title="Power of the learning rate",
        description="1 is a straight line; below 1 the learning rate falls late, above 1 early.",
        json_schema_extra=slider(0.1, 4),
    )


class Polynomial(LRSchedule):
    r"""A power of what is left of the training, from the whole rate to its floor f.

    .. math:: f + (1 - f) (1 - p)^a

    Reference:
        Chen et al., DeepLab, arXiv 1606.00915, section 4.1.2 ("poly", power 0.9).
    """

    title: ClassVar[str] = "Polynomial"
    declares: ClassVar[type[Options]] = PolynomialOptions
    lr_floor: float
    lr_power: float

    def factor(self, passed: float, falls: int) -> float:
        return float(self.lr_floor + (1 - self.lr_floor) * max(0.0, 1 - passed) ** self.lr_power)


class PlateauOptions(Options):
    """Options of the schedule that watches."""

    factor: Fraction = Field(
        0.1,
        alias="lr_factor",
        title="Share of the learning rate kept",
        description="What is left of the learning rate each time the validation score has stood still.",
        json_schema_extra=slider(0, 0.9, 0.05),
    )
    epochs: int = Field(
        10,
        ge=1,
        alias="lr_epochs",
        title="Epochs without a better score",
        description="After how many epochs without a better validation score the learning rate falls.",
        json_schema_extra=slider(1, 50, 1),
    )


class Plateau(LRSchedule):
    """Falls by a factor whenever the watched validation score has not become better for some epochs."""

    title: ClassVar[str] = "On plateau"
    declares: ClassVar[type[Options]] = PlateauOptions
    lr_factor: float
    lr_epochs: int

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.patience = self.lr_epochs

    def factor(self, passed: float, falls: int) -> float:
        return float(self.lr_factor**falls)


LR_SCHEDULES: Registry[LRSchedule] = Registry(
    "learning rate schedule",
    {"constant": Constant, "cosine": Cosine, "polynomial": Polynomial, "plateau": Plateau},
)
