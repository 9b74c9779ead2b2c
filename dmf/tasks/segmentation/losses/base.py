"""What every loss of segmentation is, and what several of them need."""

from collections.abc import Sequence

import torch
from torch import Tensor

from dmf.errors import ConfigError
from dmf.tasks.segmentation.losses.joint import Summary
from dmf.tasks.segmentation.losses.prediction import Prediction
from dmf.terms.base import Loss as GeneralLoss
from dmf.terms.base import require_non_negative

__all__ = ["Loss", "class_weights_of", "require_non_negative", "summary_of"]


class Loss(GeneralLoss[Prediction]):
    """A loss computed from a :class:`Prediction`.

    Shape:
        - returns: (), float32 or float64.

    Attributes:
        uses_counts: Whether the value comes from per-class counts; it then has no gradient with ``counts="hard"``.
    """

    def require_classes(self, count: int) -> None:
        """Refuse targets of so many classes, where it can tell before a step; most take any number.

        Raises:
            ConfigError: With the way out.
        """

    def summary(self) -> Summary | None:
        """The summary of the pixels that it is with these options, which is then computed with those of other losses.

        Asked of the very class of a loss; None where it has to be called.
        """
        return None


def summary_of(loss: Loss) -> Summary | None:
    """What the loss is of the pixels, if that is all that it is.

    Its very class says it, so that what a class of someone's own changes is never passed over.
    """
    if loss._forward_hooks or loss._forward_pre_hooks:
        return None
    summary = type(loss).__dict__.get("summary")
    return None if summary is None else summary(loss)


def class_weights_of(weights: Sequence[float] | None) -> Tensor | None:
    """(C,) float64 weights of classes; None where there are none.

    Raises:
        ConfigError: If one is below 0 or not finite, or all are 0.
    """
    if weights is None:
        return None
    class_weights = torch.as_tensor(weights, dtype=torch.float64).detach().clone()
    if (
        class_weights.ndim != 1
        or not (class_weights >= 0).all()
        or not class_weights.isfinite().all()
        or not class_weights.any()
    ):
        raise ConfigError(f"`class_weights` must be one number of at least 0 per class, not all 0, got {weights}.")
    return class_weights
