"""What repeats allow to be concluded about differences between configurations. Arrays in, numbers out; no torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit

from dmf.analysis.statistics import DECIMALS, LEVEL, holm

LEAST_REPEATS = 5
"""Below so many repeats nothing is said of significance."""


@dataclass(frozen=True)
class Difference:
    """A configuration against the reference, over repeats that both have.

    Attributes:
        n: Repeats.
        mean: Of the differences; above 0 the configuration scores higher.
        low, high: 95 % interval of the mean; NaN below ``LEAST_REPEATS``.
        t, p: Of the corrected t-test, two-sided; NaN below ``LEAST_REPEATS``.
        p_holm: ``p`` corrected for all planned differences of the table; NaN where p is.
    """

    n: int
    mean: float
    low: float
    high: float
    t: float
    p: float
    p_holm: float


def corrected_t(differences: ArrayLike, test_share: float) -> Difference:
    r"""The t-test of a mean difference of 0 for repeats that draw their splits from the same cases.

    Such repeats are not independent: their training sets overlap, so the plain t-test finds differences that are none.
    The variance of the mean is taken as

    .. math:: \left(\frac{1}{n} + \frac{n_{test}}{n_{train}}\right) s^2

    Args:
        differences: (n,) one per repeat, n >= 2, all finite.
        test_share: :math:`n_{test} / n_{train}`, the sizes of the split.

    Returns:
        Its ``p_holm`` is ``p``. Where all differences are equal, p is 1 if they are 0, else 0.

    Raises:
        ValueError: If there are fewer than two, one is not finite, or the share is not above 0.

    Reference:
        Nadeau & Bengio, Inference for the generalization error, Machine Learning 52 (2003), 239-281.
    """
    given = np.round(np.asarray(differences, np.float64), DECIMALS)
    if given.ndim != 1 or len(given) < 2 or not np.isfinite(given).all():
        raise ValueError(f"`differences` must be (n,) finite numbers with n >= 2, got {given.tolist()}.")
    if not test_share > 0:
        raise ValueError(f"`test_share` must be above 0, got {test_share}.")
    n, mean = len(given), float(given.mean())
    error = float(np.sqrt((1 / n + test_share) * given.var(ddof=1))) if (given != given[0]).any() else 0.0
    half = float(stdtrit(n - 1, (1 + LEVEL) / 2)) * error
    if error > 0:
        t = mean / error
        p = float(2 * stdtr(n - 1, -abs(t)))
    else:
        t, p = (0.0, 1.0) if mean == 0 else (float(np.copysign(np.inf, mean)), 0.0)
    return Difference(n, mean, mean - half, mean + half, t, p, p)


def planned_differences(
    scores: Mapping[str, Mapping[int, float]], reference: str, test_share: float
) -> dict[str, Difference]:
    """Each configuration against the reference, corrected for their number by Holm's method.

    Args:
        scores: Configuration to seed to score; a repeat counts where both have a finite one.
        reference: The configuration that the others are compared with.
        test_share: See :func:`corrected_t`.

    Returns:
        By configuration, those with at least one repeat in common. Those with fewer than ``LEAST_REPEATS`` have a mean
        and no more, and do not count for Holm.
    """
    corrected: dict[str, Difference] = {}
    for name, own in scores.items():
        if name == reference:
            continue
        pairs = [(own[seed], scores[reference][seed]) for seed in sorted(own) if seed in scores[reference]]
        differences = [mine - its for mine, its in pairs if np.isfinite(mine) and np.isfinite(its)]
        if len(differences) >= LEAST_REPEATS:
            corrected[name] = corrected_t(differences, test_share)
        elif differences:
            nothing = float("nan")
            corrected[name] = Difference(len(differences), float(np.mean(differences)), *[nothing] * 5)
    tested = [name for name, one in corrected.items() if np.isfinite(one.p)]
    for name, p in zip(tested, holm([corrected[name].p for name in tested]), strict=True):
        corrected[name] = Difference(**{**vars(corrected[name]), "p_holm": float(p)})
    return corrected


@dataclass(frozen=True)
class Ranks:
    """Configurations ranked within each block, best first; a description, because blocks share their cases.

    Attributes:
        mean: Mean rank by configuration, 1 is the best; ties share the mean of their ranks.
        blocks: What was ranked within, e.g. ``busi, seed 0``.
        friedman, p: The statistic of the Friedman test and its p as if blocks were independent; NaN for fewer than
            three configurations or two blocks.
    """

    mean: dict[str, float]
    blocks: tuple[str, ...]
    friedman: float
    p: float


def ranks(names: Sequence[str], blocks: Sequence[str], table: NDArray[np.float64], *, lower: bool = False) -> Ranks:
    """Ranks of configurations within blocks; a block with a score that is not finite is left out.

    Args:
        names: (k,) configurations.
        blocks: (n,) names of the blocks.
        table: (n, k) scores.
        lower: Whether lower scores are better.
    """
    from scipy import stats  # slow to import

    whole = np.asarray(np.isfinite(table).all(1))
    kept = np.round(table[whole], DECIMALS)
    named = tuple(block for block, is_whole in zip(blocks, whole.tolist(), strict=True) if is_whole)
    if not len(kept):
        return Ranks({}, (), float("nan"), float("nan"))
    ranked = stats.rankdata(kept if lower else -kept, axis=1)
    statistic = p = float("nan")
    if len(names) >= 3 and len(kept) >= 2 and (kept != kept[:, :1]).any():
        result = stats.friedmanchisquare(*ranked.T)
        statistic, p = float(result.statistic), float(result.pvalue)
    return Ranks(dict(zip(names, map(float, ranked.mean(0)), strict=True)), named, statistic, p)
