"""What every loss of image synthesis is: a module from the shared statistics of one step to a scalar."""

from typing import ClassVar

from dmf.errors import ConfigError
from dmf.tasks.synthesis.prediction import SynthesisPrediction
from dmf.terms import Loss


class SynthesisLoss(Loss[SynthesisPrediction]):
    """A loss computed from a :class:`SynthesisPrediction`.

    Shape:
        - returns: (), float32 or float64.
    """

    task: ClassVar[str] = "synthesis"


def require_positive(**options: float) -> None:
    """Refuse an option that is not a finite number above 0.

    Raises:
        ConfigError: Naming the option and its value.
    """
    for name, value in options.items():
        if not 0 < value < float("inf"):
            raise ConfigError(f"`{name}` must be a number above 0, got {value}.", name)
