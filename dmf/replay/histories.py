"""Loss histories of runs in the store."""

import numpy as np
from numpy.typing import NDArray

from dmf.errors import DataError
from dmf.runs import RunStore


def recorded_losses(store: RunStore, run_id: str) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Names of the loss terms of a run and their values (S, K), a step per row; a step that was skipped is NaN.

    Where losses were absent from steps that counted, the values are a masked array, which is NaN below its mask.

    Raises:
        RunNotFoundError: If there is no such run.
        DataError: If it has recorded no step yet.
    """
    terms, losses, _ = recorded_steps(store, run_id)
    return terms, losses


def recorded_steps(
    store: RunStore, run_id: str, *, after: int = -1
) -> tuple[tuple[str, ...], NDArray[np.float64], NDArray[np.float64]]:
    """Like :func:`recorded_losses`, with the weights (S, K) that the run had.

    Args:
        store: Where the run is.
        run_id: Which run.
        after: Only later steps.

    Raises:
        RunNotFoundError: If there is no such run.
        DataError: If it has recorded no step yet.
    """
    terms = tuple(store.run(run_id).config["terms"])
    columns = [f"{kind}_{term}" for kind in ("loss", "weight") for term in terms]
    telemetry = store.telemetry(run_id, after=after, columns=[*columns, "finite"])
    if not len(telemetry.steps):
        raise DataError(f"Run {run_id!r} has recorded no step yet. Replay it once it has trained.")
    values = telemetry.values.astype(np.float64)
    losses, weights = values[:, : len(terms)], values[:, len(terms) : -1]
    counts = values[:, -1] != 0
    losses[~counts] = np.nan  # also where only the auxiliary loss was not finite
    absent = np.isnan(losses) & counts[:, None]
    return terms, np.ma.masked_array(losses, absent) if absent.any() else losses, weights
