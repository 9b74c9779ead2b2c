"""Changes made to a recorded loss history, to see what every weighting would have done about them."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dmf.errors import DataError
from dmf.options import Finite, FrozenConfig

KINDS = {
    "spike": "Adds so many times the loss's typical value (the median of its sizes) to the steps.",
    "scale": "Multiplies the loss by a factor.",
    "cut": "Sets the loss to one value.",
    "noise": "Adds random numbers to the loss; their standard deviation is this share of its value.",
    "drop": "Takes the values away: the loss is not a number (NaN) there.",
}
"""Kind of change to what it does, in a sentence."""


class Perturbation(FrozenConfig):
    """One change of one loss."""

    kind: Literal["spike", "scale", "cut", "noise", "drop"] = Field("spike", description="What is done to the loss.")
    loss: int = Field(0, ge=0, le=5, description="Which loss, counted from 0.")
    step: int = Field(0, ge=0, description="First step that is changed.")
    length: int | None = Field(1, ge=1, description="Steps that are changed; none for all up to the end.")
    size: Finite = Field(10.0, description="How much; what it means depends on the kind.")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Decides the noise.")


def perturb(losses: NDArray[np.float64], perturbations: Sequence[Perturbation]) -> NDArray[np.float64]:
    """A history with some changes, made in the order given; the one passed in stays as it is.

    Args:
        losses: (S, K) one row per step.
        perturbations: What to change; what lies beyond the last step is left out.

    Returns:
        (S, K)

    Raises:
        DataError: If there is no such loss, or the loss has no finite value that a spike could be measured by.
    """
    changed = losses.copy()
    for each in perturbations:
        if each.loss >= losses.shape[1]:
            raise DataError(
                f"There is no loss number {each.loss + 1} to change: the history has {losses.shape[1]}. Take this "
                "change out, or choose another loss."
            )
        rows = slice(each.step, None if each.length is None else each.step + each.length)
        part = changed[rows, each.loss]  # a view
        match each.kind:
            case "spike":
                part += each.size * _typical(losses[:, each.loss])
            case "scale":
                part *= each.size
            case "cut":
                part[:] = each.size
            case "noise":
                drawn = np.random.default_rng((each.seed, each.loss, each.step)).standard_normal(len(part))
                part *= 1 + each.size * drawn
            case "drop":
                part[:] = np.nan
    return changed


def _typical(values: NDArray[np.float64]) -> float:
    finite = np.abs(values[np.isfinite(values)])
    if not finite.size:
        raise DataError("The loss has no finite value, so there is nothing to measure a spike by.")
    return float(np.median(finite))
