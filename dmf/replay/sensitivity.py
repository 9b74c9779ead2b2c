"""What one parameter of a weighting does: the weights of a history over a range of its values."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dmf.config import FusionConfig
from dmf.config_text import build
from dmf.replay.replay import replay

COLUMNS = 600  # of the result, at most about


@dataclass(frozen=True)
class Sensitivity:
    """Weights over steps and values of one parameter.

    Attributes:
        parameter: Field of :class:`FusionConfig` that was varied.
        values: (V,) its values.
        steps: (C,) the first step of each column.
        per_column: Steps that each column is the mean of.
        weights: (V, C, K).
    """

    parameter: str
    values: tuple[float, ...]
    steps: NDArray[np.int64]
    per_column: int
    weights: NDArray[np.float64]


def sweep(
    losses: NDArray[np.float64],
    config: FusionConfig,
    parameter: str,
    values: Sequence[float],
    *,
    columns: int = COLUMNS,
) -> Sensitivity:
    """Replay a history once for each value of a parameter.

    Args:
        losses: (S, K) one row per step.
        config: The weighting, with everything else as it stays.
        parameter: Field of ``config`` that is varied.
        values: What it is set to.
        columns: At most so many columns come back: each is the mean over steps in a row, the last one maybe of fewer.

    Raises:
        ConfigError: If a value cannot work; says which.
        DataError: If ``losses`` has not one column per term.
    """
    per_column = max(1, -(-len(losses) // columns))
    starts = np.arange(0, len(losses), per_column)
    counts = np.diff(np.append(starts, len(losses)))[:, None]
    replays = []
    for value in values:
        weights = replay(losses, build(FusionConfig, config.flat(changed=True) | {parameter: value}))
        replays.append(np.add.reduceat(weights, starts, axis=0) / counts)
    return Sensitivity(parameter, tuple(values), starts, per_column, np.stack(replays))
