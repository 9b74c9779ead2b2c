"""Loss histories of runs in the store."""

import numpy as np
from numpy.typing import NDArray

from dmf.errors import DataError
from dmf.runs import RunStore


def recorded_losses(store: RunStore, run_id: str) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Names of the loss terms of a run and their values (S, K), a step per row; a step that was skipped is NaN.

    Raises:
        RunNotFoundError: If there is no such run.
        DataError: If it has recorded no step yet.
    """
    terms = tuple(store.run(run_id).config["terms"])
    telemetry = store.telemetry(run_id, columns=[*(f"loss_{term}" for term in terms), "finite"])
    if not len(telemetry.steps):
        raise DataError(f"Run {run_id!r} has recorded no step yet. Replay it once it has trained.")
    losses = telemetry.values[:, :-1].astype(np.float64)
    losses[telemetry.values[:, -1] == 0] = np.nan  # also where only the auxiliary loss was not finite
    return terms, losses
