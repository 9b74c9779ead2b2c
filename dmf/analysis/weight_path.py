"""Where the weights of a run went, as few points as a plot can show."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dmf.runs import Telemetry


def weight_path(telemetry: Telemetry, terms: Sequence[str], points: int = 300) -> NDArray[np.float64]:
    """Where the recorded weights of a run went, see :func:`path_of`.

    Args:
        telemetry: With the column ``weight_<term>`` of every term.
        terms: The K losses that are weighted.
        points: Most stretches.

    Raises:
        ValueError: If ``points`` is below 1.
    """
    if not len(telemetry.steps):
        return path_of(np.empty((0, len(terms))), points)
    return path_of(telemetry.values[:, [telemetry.columns.index(f"weight_{term}") for term in terms]], points)


def path_of(weights: NDArray[np.floating], points: int = 300) -> NDArray[np.float64]:
    """Shares of the weights of K terms, averaged over equal stretches of steps.

    Args:
        weights: (S, K) one row per step.
        points: Most stretches.

    Returns:
        (n, K), each row summing to 1; steps whose weights have no shares (not finite, or a sum not above 0) are left
        out, so n is 0 without a step.

    Raises:
        ValueError: If ``points`` is below 1.
    """
    if points < 1:
        raise ValueError(f"`points` must be at least 1, got {points}.")
    values = np.asarray(weights, np.float64)
    sums = values.sum(1)
    kept = np.isfinite(sums) & (sums > 0)
    shares = values[kept] / sums[kept, None]
    if not len(shares):
        return np.empty((0, values.shape[1]))
    edges = np.unique(np.linspace(0, len(shares), min(points, len(shares)) + 1).astype(np.int64))
    return np.asarray(np.add.reduceat(shares, edges[:-1], axis=0) / np.diff(edges)[:, None], np.float64)
