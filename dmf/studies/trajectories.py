"""Weights over the steps of a study, averaged over its repeats. Opens without torch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dmf.runs import RunRow, RunStore
from dmf.studies.plan import StudyPlan, places

POINTS = 150  # stretches that the steps are averaged over
_NEAR = 1e-3  # weights of float32 sum to 1 as closely as this


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Where the weights of one configuration on one dataset went.

    Attributes:
        configuration: Its name.
        terms: The K losses.
        repeats: Runs behind it.
        steps: (n,) the middle of each stretch of steps.
        mean: (n, K) over the repeats.
        low, high: (n, K) one standard deviation (n - 1) below and above the mean, within 0..1 where the weights are
            shares; NaN with one repeat.
        is_share: Whether the weights are shares: none below 0, and they sum to 1 at each step.
    """

    configuration: str
    terms: tuple[str, ...]
    repeats: int
    steps: NDArray[np.float64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    is_share: bool


def weight_trajectories(
    store: RunStore, study: str, dataset: str, configurations: Sequence[str], points: int = POINTS
) -> list[Trajectory]:
    """The recorded weights of some configurations on a dataset, in the order of the plan.

    Steps are cut to those that all repeats of a configuration have taken; one without any is left out.

    Args:
        store: Where the study is kept.
        study: Its name.
        dataset: As the table calls it, e.g. ``busi, duplicates=group``.
        configurations: Their names.
        points: Most stretches.

    Raises:
        RunNotFoundError: If no study is called so.
    """
    plan = StudyPlan.model_validate(store.study(study).plan)
    where = places(plan)
    members: dict[str, list[RunRow]] = {}
    for cell in store.study_cells(study):
        if cell.experiment is not None and where.get(cell.key, ("", 0))[0] == dataset:
            for run in cell.experiment.runs:
                members.setdefault(cell.config["runs"][run.position]["label"], []).append(run)
    trajectories = (
        _averaged(store, name, members[name], points)
        for name, _ in plan.named()
        if name in configurations and name in members
    )
    return [one for one in trajectories if one is not None]


def _averaged(store: RunStore, name: str, runs: Sequence[RunRow], points: int) -> Trajectory | None:
    terms = tuple(runs[0].config["terms"])
    columns = [f"weight_{term}" for term in terms]
    recorded = [
        store.telemetry(run.id, columns=columns).values.astype(np.float64) for run in runs if run.summary["step"] >= 0
    ]
    length = min((len(values) for values in recorded), default=0)
    if not length:
        return None
    return averaged(name, terms, np.stack([values[:length] for values in recorded]), points)


def averaged(name: str, terms: tuple[str, ...], weights: NDArray[np.float64], points: int = POINTS) -> Trajectory:
    """The trajectory of repeats.

    Args:
        name: Of the configuration.
        terms: The K losses.
        weights: (R, S, K) of R >= 1 repeats, S >= 1 steps.
        points: Most stretches.
    """
    repeats, length, _ = weights.shape
    edges = np.unique(np.linspace(0, length, min(points, length) + 1).astype(np.int64))
    each = np.add.reduceat(weights, edges[:-1], axis=1) / np.diff(edges)[:, None]  # (R, n, K)
    mean = each.mean(0)
    half = each.std(0, ddof=1) if repeats > 1 else np.full_like(mean, np.nan)
    is_share = bool((weights >= 0).all() and (np.abs(weights.sum(2) - 1) < _NEAR).all())
    low, high = mean - half, mean + half
    if is_share:
        low, high = low.clip(0, 1), high.clip(0, 1)
    return Trajectory(name, terms, repeats, (edges[:-1] + edges[1:] - 1) / 2, mean, low, high, is_share)
