"""What every loss of ours is: a module from what a step's losses share to a scalar."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Generic, Self, TypeVar

from torch import Tensor, nn

from dmf.config import DEFAULT_TASK
from dmf.errors import ConfigError
from dmf.options import Options
from dmf.terms.prediction import Prediction

P = TypeVar("P", bound=Prediction)


class Loss(nn.Module, ABC, Generic[P]):
    """A loss computed from the :class:`Prediction` of its task.

    Shape:
        - returns: (), float32 or float64.

    Attributes:
        title: How it is written for people; its name where it says none.
        measures: What it measures, in a sentence.
        declares: Its options. The constructor takes each as a keyword: its alias where it has one, else its name.
        task: The task it belongs to: a loss of a plug-in joins those of this one.
        uses_counts: Whether the value comes from per-class counts; it then has no gradient with ``counts="hard"``.
    """

    title: ClassVar[str] = ""
    measures: ClassVar[str] = ""
    declares: ClassVar[type[Options]] = Options
    task: ClassVar[str] = DEFAULT_TASK
    uses_counts: bool = False

    @abstractmethod
    def forward(self, prediction: P) -> Tensor:
        """The loss of one step."""

    def require_size(self, height: int, width: int) -> None:  # most losses take any
        """Refuse images that are too small to be compared, so that it is said before training.

        Raises:
            ConfigError: With the way out.
        """

    @classmethod
    def from_options(cls, options: Options, class_ratios: Sequence[float] | None = None) -> Self:
        """Build the loss.

        Args:
            options: Its options, of the type that it ``declares``.
            class_ratios: Share of each class in the pixels of the training set, for losses that use it.
        """
        return cls(**options.by_word)


def require_non_negative(**options: float) -> None:
    """Refuse an option that is negative or not finite.

    Raises:
        ConfigError: Naming the option and its value.
    """
    for name, value in options.items():
        if not 0 <= value < float("inf"):
            raise ConfigError(f"`{name}` must be a number of at least 0, got {value}.")
