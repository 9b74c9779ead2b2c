"""What every loss of ours is: a module from the shared statistics of one step to a scalar."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from dmf.config import DEFAULT_TASK, FusionConfig
from dmf.errors import ConfigError
from dmf.losses.prediction import Prediction


class Loss(nn.Module, ABC):
    """A loss computed from a :class:`Prediction`.

    Shape:
        - returns: (), float32 or float64.

    Attributes:
        task: The task it belongs to: a loss of a plug-in joins those of this one.
        uses_counts: Whether the value comes from per-class counts; it then has no gradient with ``counts="hard"``.
    """

    task: ClassVar[str] = DEFAULT_TASK
    uses_counts: ClassVar[bool] = False

    @abstractmethod
    def forward(self, prediction: Prediction) -> Tensor:
        """The loss of one step."""

    @classmethod
    def from_config(cls, config: FusionConfig, class_ratios: Sequence[float] | None = None) -> Self:
        """Build the loss with the options it takes from ``config``.

        Args:
            config: Where its options stand.
            class_ratios: Share of each class in the pixels of the training set, for losses that use it.
        """
        return cls()


def class_weights_of(weights: Sequence[float] | None) -> Tensor | None:
    """(C,) float64 weights of classes; None where there are none.

    Raises:
        ConfigError: If one is below 0 or not finite, or all are 0.
    """
    if weights is None:
        return None
    found = torch.as_tensor(weights, dtype=torch.float64).detach().clone()
    if found.ndim != 1 or not (found >= 0).all() or not found.isfinite().all() or not found.any():
        raise ConfigError(f"`class_weights` must be one number of at least 0 per class, not all 0, got {weights}.")
    return found


def require_non_negative(**options: float) -> None:
    """Refuse an option that is negative or not finite.

    Raises:
        ConfigError: Naming the option and its value.
    """
    for name, value in options.items():
        if not 0 <= value < float("inf"):
            raise ConfigError(f"`{name}` must be a number of at least 0, got {value}.")
