"""Weights that are nearly equal: how far from it they have been, and methods that keep them so by construction."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

NEAR = 1.5  # two weights within this factor of each other are nearly equal
DWA_CHANGE = 0.2  # by how much a block's mean loss is taken to differ from that of the block before


@dataclass(frozen=True)
class Spread:
    """Where the weights of some steps were.

    Attributes:
        low: The lowest of them.
        high: The highest.
        distance: The furthest that a share (a weight over the sum of its step) was from 1/K, 0..1.
    """

    low: float
    high: float
    distance: float

    def __or__(self, other: "Spread") -> "Spread":
        """That of the steps of both."""
        return Spread(min(self.low, other.low), max(self.high, other.high), max(self.distance, other.distance))


@dataclass(frozen=True)
class NearUniform:
    """What a method keeps its weights between, whatever the losses do.

    Attributes:
        equal: The weight of each loss if all are equal.
        low: Least weight.
        high: Largest weight.
        reason: Why that is so, under which condition, and what parts the weights more; one sentence or two.
    """

    equal: float
    low: float
    high: float
    reason: str


def spread(weights: NDArray[np.floating]) -> Spread | None:
    """Where weights (n, K) of n steps were; None without a step.

    Steps whose weights are not finite, or do not sum to more than 0, are left out.
    """
    values = np.asarray(weights, np.float64)
    sums = values.sum(1)
    kept = np.isfinite(values).all(1) & (sums > 0)
    if not kept.any():
        return None
    values, shares = values[kept], values[kept] / sums[kept, None]
    return Spread(float(values.min()), float(values.max()), float(np.abs(shares - 1 / values.shape[1]).max()))


def near_uniform(config: Mapping[str, Any]) -> NearUniform | None:
    """Between what the method of a run keeps its weights, if that is nearly equal by construction.

    Nearly equal is what differs by a factor of at most 1.5. With the shares e^(v_k) / sum e^(v_j), two of which differ
    by at most a factor f, the largest share there can be is f / (f + K - 1) and the least 1 / (1 + (K - 1) f).

    - SoftAdapt with normalised slopes s: the sizes of all s sum to 1, so f = e^|beta|.
    - SoftAdapt with plain slopes: f = e^(2 |beta|) while no loss rises or falls by more than 1 per step.
    - DWA: f = e^(0.4 / T) while no loss changes by more than a fifth from one block of steps to the next.

    Args:
        config: A run's configuration; ``terms`` and ``weighting``, and the options of the method where they differ from
            their defaults.

    Returns:
        None for another method, for settings that part the weights more, and where base weights or the weights it
        starts from draw them elsewhere.
    """
    count = len(config["terms"])
    if count == 1 or config.get("base_weights") is not None or _keeps_its_start(config):
        return None
    match config.get("weighting"):
        case "softadapt":
            factor, reason = _softadapt(config)
        case "dwa":
            temperature = float(config.get("temperature", 2.0))
            factor = _exp(2 * DWA_CHANGE / temperature)
            reason = (
                f"DWA with temperature {temperature:g} keeps any two weights within a factor {factor:.3g} of each "
                "other while no loss changes by more than a fifth from one block of steps to the next. A smaller "
                "temperature parts them more."
            )
        case _:
            return None
    if factor > NEAR:
        return None
    total = 1 if config.get("sum_to", "1") == "1" else count
    return NearUniform(total / count, total / (1 + (count - 1) * factor), total * factor / (factor + count - 1), reason)


def _keeps_its_start(config: Mapping[str, Any]) -> bool:
    """Whether something of unequal starting weights remains in later ones."""
    start = config.get("weights")
    follows_last = bool(config.get("smoothing")) or config.get("max_change") is not None
    return start is not None and len(set(start)) > 1 and follows_last


def _softadapt(config: Mapping[str, Any]) -> tuple[float, str]:
    beta, variant = float(config.get("beta", 0.1)), config.get("softadapt_variant", "normalized")
    if variant == "normalized" and config.get("slope", "backward") != "reference":
        factor = _exp(abs(beta))
        condition = "whatever the losses do"
    elif variant == "original":
        factor = _exp(2 * abs(beta))
        condition = "while no loss rises or falls by more than 1 per step"
    else:  # weights follow how high the losses are, or slopes over a sum that may be nearly 0
        return math.inf, ""
    return factor, (
        f"SoftAdapt with beta {beta:g} keeps any two weights within a factor {factor:.3g} of each other {condition}. "
        "A larger beta parts them more."
    )


def _exp(value: float) -> float:
    return math.exp(min(value, 700))
