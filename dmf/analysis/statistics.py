"""Paired tests and intervals for comparing trained models. Arrays in, numbers out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtr, stdtrit

Floats = NDArray[np.float64]

LEVEL = 0.95  # of every interval
DRAWS = 10_000
DECIMALS = 12  # differences closer than this are ties: they differ by rounding only
_CELLS = 4_000_000  # of a table of resampled images, 32 MB


@dataclass(frozen=True)
class SignedRank:
    """Outcome of a Wilcoxon signed-rank test.

    Attributes:
        n: Pairs.
        zeros: Pairs without a difference.
        p: Two-sided.
        effect: Matched-pairs rank-biserial correlation, -1..1: the rank sum of positive differences minus that of
            negative ones, over both together. 0 without any difference.
        median: Of the differences, zeros included.
        low, high: Interval that holds the median of all such differences with at least 95 %; NaN for fewer than 6
            pairs, which allow none.
    """

    n: int
    zeros: int
    p: float
    effect: float
    median: float
    low: float
    high: float


@dataclass(frozen=True)
class PairedT:
    """Outcome of a paired t-test: mean difference, its 95 % interval and the two-sided p."""

    n: int
    mean: float
    low: float
    high: float
    p: float


def signed_rank(differences: ArrayLike) -> SignedRank:
    """Wilcoxon's signed-rank test with Pratt's treatment of zeros.

    Zeros are ranked with the rest and then left out of both sums, so that many images without a difference count
    against there being one. The null distribution is exact for up to 50 pairs without ties and zeros and for up to
    13 with them, else normal, as ``scipy.stats.wilcoxon`` has it. The interval is that of the sign test, from order
    statistics: it assumes no symmetry and no distribution.

    Args:
        differences: (n,) one per pair, n >= 1, all finite.

    Raises:
        ValueError: If there is no pair, or a difference is not finite.

    Reference:
        Pratt, Remarks on zeros and ties in the Wilcoxon signed rank procedures, JASA 54 (1959), 655-667. Kerby, The
        simple difference formula, Comprehensive Psychology 3 (2014).
    """
    from scipy import stats  # slow to import

    given = np.round(_finite(differences, least=1), DECIMALS)
    n, zeros = len(given), int((given == 0).sum())
    median = float(np.median(given))
    low, high = _sign_interval(given)
    if zeros == n:
        return SignedRank(n, zeros, 1.0, 0.0, median, low, high)
    p = float(stats.wilcoxon(given, zero_method="pratt").pvalue)
    ranks = stats.rankdata(np.abs(given))
    positive, negative = ranks[given > 0].sum(), ranks[given < 0].sum()
    return SignedRank(n, zeros, p, float((positive - negative) / (positive + negative)), median, low, high)


def paired_t(differences: ArrayLike) -> PairedT:
    """Student's t-test of a mean difference of 0.

    Args:
        differences: (n,) one per pair, n >= 2, all finite. Where all are equal the interval has no width, and p is 1
            if they are 0, else 0.

    Raises:
        ValueError: If there are fewer than two pairs, or a difference is not finite.
    """
    given = np.round(_finite(differences, least=2), DECIMALS)
    n, mean = len(given), float(given.mean())
    error = 0.0 if (given == given[0]).all() else float(given.std(ddof=1)) / np.sqrt(n)
    half = float(stdtrit(n - 1, (1 + LEVEL) / 2)) * error
    if error > 0:
        p = float(2 * stdtr(n - 1, -abs(mean) / error))
    else:
        p = 1.0 if mean == 0 else 0.0
    return PairedT(n, mean, mean - half, mean + half, p)


def holm(p_values: ArrayLike) -> Floats:
    """P-values corrected for their number by Holm's step-down method, in the order given, at most 1.

    Raises:
        ValueError: If they are not (m,) numbers in [0, 1].
    """
    given = np.asarray(p_values, np.float64)
    if given.ndim != 1 or not ((given >= 0) & (given <= 1)).all():
        raise ValueError(f"`p_values` must be (m,) numbers in [0, 1], got {given.tolist()}.")
    order = np.argsort(given, kind="stable")
    stepped = np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1))
    corrected = np.empty_like(given)
    corrected[order] = np.minimum(stepped, 1)
    return corrected


def hierarchical_bootstrap(scores: Sequence[Floats], seed: int = 0, draws: int = DRAWS) -> Floats:
    r"""Resampled mean scores of several models, drawing seeds first and then the images of each drawn seed.

    All models share the draws, so the difference of two columns is a paired resample of their difference, and its 2.5 %
    and 97.5 % quantiles are a 95 % interval.

    A few seeds spread less than all seeds would: of 3, plain resampling gives intervals that hold the truth in two
    cases of three. So the deviation that comes from drawing seeds is widened by

    .. math:: k = \sqrt{S / (S - 1)} \; t_{S-1, 0.975} / z_{0.975}

    after which the interval of a difference that varies by seed alone is as wide as Student's. Drawing images as well
    makes it wider still where images matter: it holds the truth in 95 % or more.

    Args:
        scores: For each of S >= 2 seeds, (models, images) with at least one image; seeds may have different images.
        seed: Same seed, same draws.
        draws: How many resamples.

    Returns:
        (draws, models).

    Raises:
        ValueError: If there are fewer than two seeds, no images, different numbers of models, or scores that are not
            finite.

    Reference:
        Saravanan, Berman & Sober, Application of the hierarchical bootstrap to multi-level data in neuroscience,
        Neurons, Behavior, Data Analysis and Theory 3 (2020). Rao & Wu, Resampling inference with complex survey data,
        JASA 83 (1988), 231-241 (rescaling). Hesterberg, What teachers should know about the bootstrap, The American
        Statistician 69 (2015), 371-386 (widening).
    """
    if len(scores) < 2:
        raise ValueError(f"Resampling seeds needs at least 2 of them, got {len(scores)}. Compare over images instead.")
    shapes = [table.shape for table in scores]
    if any(len(shape) != 2 or shape[0] != shapes[0][0] or shape[1] < 1 for shape in shapes):
        raise ValueError(f"`scores` must hold (models, images) per seed with the same models, got shapes {shapes}.")
    if not all(np.isfinite(table).all() for table in scores):
        raise ValueError("`scores` must be finite; leave out the images that some model has no score for.")
    generator = np.random.default_rng(seed)
    count = len(scores)
    drawn = generator.integers(count, size=(draws, count))
    means = np.array([table.mean(1) for table in scores])  # (seeds, models)
    between = means[drawn].mean(1) - means.mean(0)
    within = np.zeros((draws, means.shape[1]))
    for number, table in enumerate(scores):
        rows = np.flatnonzero(drawn == number) // count  # a draw that took this seed twice appears twice
        np.add.at(within, rows, _resampled(table, len(rows), generator) - means[number])
    widening = np.sqrt(count / (count - 1)) * stdtrit(count - 1, (1 + LEVEL) / 2) / ndtri((1 + LEVEL) / 2)
    return np.asarray(means.mean(0) + widening * between + within / count, np.float64)


def percentile_interval(draws: Floats) -> tuple[float, float]:
    """The middle 95 % of resamples, (draws,)."""
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def bootstrap_p(draws: Floats) -> float:
    """Two-sided p of a difference of 0: the level at which the percentile interval of (draws,) begins to hold 0.

    Never below 2 / (draws + 1), for more than that no number of resamples can tell.
    """
    smaller = min(int((draws <= 0).sum()), int((draws >= 0).sum()))
    return min(1.0, 2 * (smaller + 1) / (len(draws) + 1))


def _resampled(table: Floats, rows: int, generator: np.random.Generator) -> Floats:
    """Mean scores (rows, models) over as many images as there are, drawn with replacement for each row."""
    images = table.shape[1]
    step = max(1, _CELLS // images)
    parts = []
    for start in range(0, rows, step):
        size = min(step, rows - start)
        chosen = generator.integers(images, size=(size, images)) + images * np.arange(size)[:, None]
        times = np.bincount(chosen.ravel(), minlength=size * images).reshape(size, images)
        parts.append(times @ table.T / images)
    return np.concatenate(parts) if parts else np.empty((0, len(table)))


def _sign_interval(given: Floats) -> tuple[float, float]:
    """Order statistics between which the median lies with at least 95 %, whatever the distribution."""
    from scipy import stats

    rank = int(stats.binom.ppf((1 - LEVEL) / 2, len(given), 0.5))
    if rank == 0:
        return np.nan, np.nan
    ordered = np.sort(given)
    return float(ordered[rank - 1]), float(ordered[-rank])


def _finite(differences: ArrayLike, least: int) -> Floats:
    given = np.asarray(differences, np.float64)
    if given.ndim != 1 or len(given) < least or not np.isfinite(given).all():
        raise ValueError(
            f"`differences` must be (n,) finite numbers with n >= {least}, got shape {given.shape} with "
            f"{int((~np.isfinite(given)).sum())} not finite. Leave out pairs that miss a score."
        )
    return given
