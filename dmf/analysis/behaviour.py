"""How the weights of a run behaved, in numbers: which loss dominated, how restless they were, what they followed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dmf.runs import Telemetry

Floats = NDArray[np.float64]

WINDOWS = 500  # of the entropy curve
TAKEN_ALL = 0.9  # share from which a loss has taken all
TOGETHER = 0.99  # rank correlation from which two losses say the same


@dataclass(frozen=True)
class Redundant:
    """Two losses that move together.

    Attributes:
        correlation: Spearman's, of their values over the steps.
        reason: Why that is to be expected, a sentence; empty where no reason is known.
    """

    terms: tuple[str, str]
    correlation: float
    reason: str


@dataclass(frozen=True)
class Behaviour:
    r"""What the K weights of one run did over its n steps.

    Weights are taken as shares, :math:`s_k = w_k / \sum_j w_j`, so that runs whose weights sum to 1 and to K can be
    compared. Steps that changed nothing because a loss was not finite are left out, and so are steps whose weights
    have no shares (a sum that is not above 0). A number without a step to rest on is NaN.

    Attributes:
        steps: How many steps are counted.
        mean_shares: (K,) mean share of each loss.
        dominant: The loss with the largest mean share; None without a step.
        dominance: That share, 1/K..1.
        entropy_step: (windows,) the middle of each of up to 500 equal stretches of steps.
        entropy: (windows,) mean over the stretch of :math:`-\sum_k s_k \log s_k / \log K`: 1 for equal weights, 0
            where one has all. NaN for a single loss.
        mean_entropy: The same over all steps.
        restlessness: Mean over neighbouring steps of the total variation :math:`\frac12 \sum_k |\Delta s_k|`: the part
            of the weight that changes hands per step, 0..1.
        first_taken: First step at which one share is above 0.9; None if there is none.
        taken_by: The loss that has it.
        loss_correlation: (K,) Spearman's rank correlation of each weight with its own loss; NaN where either is
            constant.
        redundant: Pairs of losses whose rank correlation is above 0.99, in the order of the terms.
    """

    terms: tuple[str, ...]
    steps: int
    mean_shares: Floats
    dominant: str | None
    dominance: float
    entropy_step: Floats
    entropy: Floats
    mean_entropy: float
    restlessness: float
    first_taken: int | None
    taken_by: str | None
    loss_correlation: Floats
    redundant: tuple[Redundant, ...]


def weight_behaviour(
    telemetry: Telemetry, terms: Sequence[str], known: Mapping[frozenset[str], str] | None = None
) -> Behaviour:
    """Numbers of :class:`Behaviour` for a run.

    Args:
        telemetry: With the columns ``loss_<term>`` and ``weight_<term>`` of every term, and ``finite``.
        terms: The K losses that are weighted.
        known: Two losses to why they rise and fall together, see :attr:`dmf.tasks.Task.related`.

    Raises:
        ValueError: If the telemetry has steps but misses one of these columns.
    """
    steps, losses, weights = _columns(telemetry, tuple(terms))
    shares = weights / weights.sum(0)  # (K, n)
    count = len(terms)
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        entropy = np.abs((shares * logs).sum(0)) / np.log(count)  # 0 / 0 for a single loss
    edges = np.unique(np.linspace(0, len(steps), min(WINDOWS, len(steps)) + 1).astype(np.int64))
    sizes = np.diff(edges)
    change = np.abs(np.diff(shares, axis=1)).sum(0) / 2
    highest = shares.max(0, initial=0)
    taken = int(np.argmax(highest > TAKEN_ALL)) if (highest > TAKEN_ALL).any() else None
    means = _mean(shares)
    dominant = int(means.argmax()) if len(steps) else None
    loss_ranks = [_ranks(values) for values in losses]
    return Behaviour(
        terms=tuple(terms),
        steps=len(steps),
        mean_shares=means,
        dominant=None if dominant is None else terms[dominant],
        dominance=np.nan if dominant is None else float(means[dominant]),
        entropy_step=np.add.reduceat(steps, edges[:-1]) / sizes if len(steps) else np.empty(0),
        entropy=np.add.reduceat(entropy, edges[:-1]) / sizes if len(steps) else np.empty(0),
        mean_entropy=float(_mean(entropy)),
        restlessness=float(_mean(change)),
        first_taken=None if taken is None else int(steps[taken]),
        taken_by=None if taken is None else terms[int(shares[:, taken].argmax())],
        loss_correlation=np.array(
            [_correlation(_ranks(values), ranks) for values, ranks in zip(weights, loss_ranks, strict=True)]
        ),
        redundant=_redundant(tuple(terms), loss_ranks, known or {}),
    )


def mean_behaviour(behaviours: Sequence[Behaviour]) -> Behaviour:
    """How the weights of several runs that weigh the same losses behaved: the mean of each number over the runs.

    Steps are counted over all of them, the first step at which a loss has taken all is the earliest, and losses are
    redundant that are so in every run, with the lowest of their correlations. The entropy is that of a single run, and
    has no windows over several, whose steps need not be the same. Numbers of a run without a step are left out.

    Raises:
        ValueError: If there is no run, or they weigh different losses.
    """
    if len({behaviour.terms for behaviour in behaviours}) != 1:
        raise ValueError("`behaviours` must be of at least one run, and of the same losses.")
    first = behaviours[0]
    if len(behaviours) == 1:
        return first
    shares = _over_runs([behaviour.mean_shares for behaviour in behaviours])
    dominant = int(shares.argmax()) if np.isfinite(shares).all() else None
    taken = [behaviour for behaviour in behaviours if behaviour.first_taken is not None]
    earliest = min(taken, key=lambda behaviour: behaviour.first_taken or 0, default=None)
    pairs = [{pair.terms: pair for pair in behaviour.redundant} for behaviour in behaviours]
    return Behaviour(
        terms=first.terms,
        steps=sum(behaviour.steps for behaviour in behaviours),
        mean_shares=shares,
        dominant=None if dominant is None else first.terms[dominant],
        dominance=np.nan if dominant is None else float(shares[dominant]),
        entropy_step=np.empty(0),
        entropy=np.empty(0),
        mean_entropy=float(_over_runs([np.array(behaviour.mean_entropy) for behaviour in behaviours])),
        restlessness=float(_over_runs([np.array(behaviour.restlessness) for behaviour in behaviours])),
        first_taken=earliest.first_taken if earliest else None,
        taken_by=earliest.taken_by if earliest else None,
        loss_correlation=_over_runs([behaviour.loss_correlation for behaviour in behaviours]),
        redundant=tuple(
            min((of_run[terms] for of_run in pairs), key=lambda pair: pair.correlation)
            for terms in pairs[0]
            if all(terms in of_run for of_run in pairs)
        ),
    )


def _over_runs(values: Sequence[Floats]) -> Floats:
    """Mean over the runs that have a number; NaN where none has."""
    stacked = np.stack(values)
    present = np.isfinite(stacked)
    total = np.where(present, stacked, 0).sum(0)
    return np.asarray(np.where(present.any(0), total / np.maximum(present.sum(0), 1), np.nan), np.float64)


def _columns(telemetry: Telemetry, terms: tuple[str, ...]) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Steps (n,), losses (K, n) and weights (K, n) of the steps that count."""
    if not len(telemetry.steps):
        return telemetry.steps, np.empty((len(terms), 0)), np.empty((len(terms), 0))
    names = [f"{kind}_{term}" for kind in ("loss", "weight") for term in terms]
    missing = [name for name in (*names, "finite") if name not in telemetry.columns]
    if missing:
        raise ValueError(
            f"`telemetry` has no column {missing[0]!r}; read the run with all its columns. It has: "
            f"{', '.join(telemetry.columns)}."
        )
    # One copy, column by column: everything below reads along the steps.
    table = np.ascontiguousarray(telemetry.values[:, [telemetry.columns.index(name) for name in names]].T, np.float64)
    weights = table[len(terms) :]
    counted = (telemetry.values[:, telemetry.columns.index("finite")] == 1) & np.isfinite(table).all(0)
    counted &= (weights.sum(0) > 0) & (weights.min(0) >= 0)
    if counted.all():
        return telemetry.steps, table[: len(terms)], weights
    return telemetry.steps[counted], table[: len(terms), counted], weights[:, counted]


def _redundant(
    terms: tuple[str, ...], ranks: Sequence[Floats], known: Mapping[frozenset[str], str]
) -> tuple[Redundant, ...]:
    redundant = []
    for one in range(len(terms)):
        for other in range(one + 1, len(terms)):
            correlation = _correlation(ranks[one], ranks[other])
            if correlation > TOGETHER:
                both = (terms[one], terms[other])
                redundant.append(Redundant(both, correlation, known.get(frozenset(both), "")))
    return tuple(redundant)


def _ranks(values: Floats) -> Floats:
    """(n,) ranks less their mean; equal values share the mean of theirs."""
    order = np.argsort(values.astype(np.float32))  # as recorded; several times as fast as float64
    ordered = values[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(values) else order
    sizes = np.diff(np.append(starts, len(values)))
    ranks = np.empty(len(values))
    ranks[order] = np.repeat(starts + (sizes - 1) / 2, sizes)
    return ranks - (len(values) - 1) / 2


def _correlation(one: Floats, other: Floats) -> float:
    """Of two rows of ranks that have mean 0; NaN if one of them is constant."""
    scale = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / scale if scale > 0 else np.nan


def _mean(values: Floats) -> Floats:
    """Over the last axis; NaN over nothing."""
    return values.mean(-1) if values.shape[-1] else np.full(values.shape[:-1], np.nan)
