r"""The arithmetic of weighting from loss values: pure, batched functions, used live, in replay and in explanations.

A *window* is the recent values of every loss, shape ``(..., K, T)``, oldest first. Only the last ``count`` columns are
filled, where ``count`` has shape ``(...)``, or ``(..., K)`` where some losses were absent at times; so a window that is
still filling needs no copy to the host. No function here waits for the device. Where the host knows the count, one
Python integer for all windows takes fewer operations and gives the same bits.

Reference:
    Golnari & Diba, arXiv 2410.19745, eq. (3)-(10).
"""

import math
from collections.abc import Callable
from itertools import accumulate
from operator import add
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dmf.weighting.host import Count, can_read

STEPS_AT_ONCE = 100_000  # steps of a replay that plain numbers are made of at once
TINY = 1e-12  # a loss below this is nothing to divide by
MOST_RATIO = 1e12  # one whose square, and the sum of many, any type of float holds


def bounded(values: Tensor) -> Tensor:
    """``values``, those beyond +-2.6e15 (float32) or +-2.1e123 (float64) taken as that.

    So the squares of 100,000 huge finite losses can be added up, in the type that they have.
    """
    limit = float(torch.finfo(values.dtype).max) ** 0.4
    return values.clamp(-limit, limit)


def valid_columns(window: Tensor, count: Count) -> Tensor:
    """Which columns are filled: bool ``(..., 1, T)``, or ``(..., K, T)`` for counts per loss."""
    columns = torch.arange(window.shape[-1], device=window.device)
    if isinstance(count, int):
        return (columns >= window.shape[-1] - count)[None]
    return columns >= window.shape[-1] - _per_loss(window, count)[..., None]


def _per_loss(window: Tensor, count: Tensor) -> Tensor:
    """Counts ``(..., 1)`` or ``(..., K)``."""
    return count if count.ndim == window.ndim - 1 else count[..., None]


def symlog(x: Tensor) -> Tensor:
    """Symmetric logarithm ``sign(x) log(1 + |x|)``, eq. (10); its gradient is finite everywhere."""
    return torch.copysign(torch.log1p(torch.abs(x)), x)


def minmax(window: Tensor, count: Count, eps: float = 1e-7) -> Tensor:
    """Stretch the filled part of each row to [0, 1), eq. (9): ``(x - min) / (max - min + eps)``."""
    if isinstance(count, int):
        filled = _filled_part(window, count)
        low, high = filled.amin(-1, keepdim=True), filled.amax(-1, keepdim=True)
    else:
        empty = ~valid_columns(window, count)
        low = window.masked_fill(empty, torch.inf).amin(-1, keepdim=True)
        high = window.masked_fill(empty, -torch.inf).amax(-1, keepdim=True)
    return (window - low) / (high - low + eps)


def mean(window: Tensor, count: Count) -> Tensor:
    """Mean of the filled part of each row. Shape ``(..., K)``."""
    return _means(window, count)(window)


def variance(window: Tensor, count: Count) -> Tensor:
    """Population variance of the filled part of each row, eq. (3). Shape ``(..., K)``."""
    average = _means(window, count)
    return average((window - average(window)[..., None]).square())


def _means(like: Tensor, count: Count) -> Callable[[Tensor], Tensor]:
    """The mean of windows filled as ``like`` is; what they share is computed once."""
    if isinstance(count, int):
        size: Tensor | int = count
        keep = _all if count == like.shape[-1] else _where(valid_columns(like, count))
    else:
        size, keep = _per_loss(like, count).to(like.dtype), _where(valid_columns(like, count))
    return lambda window: keep(window).sum(-1) / size


def _all(values: Tensor) -> Tensor:
    return values


def _where(valid: Tensor) -> Callable[[Tensor], Tensor]:
    # Zeros and not a slice: the order in which a sum is taken decides its last bit.
    return lambda values: torch.where(valid, values, 0)


def median(window: Tensor, count: Count, kind: str = "true") -> Tensor:
    """Median of the filled part of each row. Shape ``(..., K)``.

    ``true`` takes the middle value for an odd count and the mean of the two middle ones for an even count. ``notebook``
    is the authors' code, which swaps the two: 1, 2, 30 gives 1.5 and 1, 2, 30, 40 gives 30.
    """
    return _medians(window, count, kind)(window)


def mad(window: Tensor, count: Count, kind: str = "true") -> Tensor:
    """Median absolute deviation of the filled part of each row, eq. (5). Shape ``(..., K)``."""
    middle = _medians(window, count, kind)
    return middle((window - middle(window)[..., None]).abs())


def _medians(like: Tensor, count: Count, kind: str) -> Callable[[Tensor], Tensor]:
    """The median of windows filled as ``like`` is; what they share is computed once."""
    if isinstance(count, int):
        lower, upper = _middle(count, kind)
        return lambda window: _sorted(_filled_part(window, count))[..., lower : upper + 1].mean(-1)
    empty = ~valid_columns(like, count)
    ranks = _middles(_per_loss(like, count), kind).expand(*like.shape[:-1], 2)
    return lambda window: _sorted(window.masked_fill(empty, torch.inf)).gather(-1, ranks).mean(-1)


def _sorted(window: Tensor) -> Tensor:
    if can_read(window) and not window.requires_grad:
        return torch.from_numpy(np.sort(window.numpy(), -1))  # the same numbers, many times as fast as torch.sort
    return window.sort(-1).values


def _middle(count: int, kind: str) -> tuple[int, int]:
    """Ranks of the first and last value a median is the mean of."""
    upper = count // 2
    if kind == "notebook":
        return (max(upper - 1, 0) if count % 2 else upper), upper
    return (count - 1) // 2, upper


def _middles(count: Tensor, kind: str) -> Tensor:
    """The same of many windows, counts (..., K) to (..., K, 2); an empty one (first step not finite) has ranks 0."""
    upper = count // 2
    if kind == "notebook":
        lower = torch.where(count % 2 == 1, (upper - 1).clamp(min=0), upper)
    else:
        lower = ((count - 1) // 2).clamp(min=0)
    return torch.stack((lower, upper), -1)


def _filled_part(window: Tensor, count: int) -> Tensor:
    return window if count == window.shape[-1] else window[..., window.shape[-1] - count :]


def proportional(values: Tensor) -> Tensor:
    """Each value's share of the sum over the last dimension, eq. (4); uniform where all values are 0."""
    total = values.sum(-1, keepdim=True)
    empty = total == 0
    return torch.where(empty, 1 / values.shape[-1], values / torch.where(empty, 1, total))


def shares_among(values: Tensor, present: Tensor | None) -> Tensor:
    """Shares (..., K) of the sum over the losses that are ``present`` (bool, (..., K)), 0 for the others.

    Equal shares where their sum is not above 0. All are present where ``present`` is None: :func:`proportional`.
    """
    if present is None:
        return proportional(values)
    kept = torch.where(present, values, 0)
    total = kept.sum(-1, keepdim=True)
    equal = present.to(values.dtype) / present.sum(-1, keepdim=True).clamp(min=1)
    return torch.where(total > 0, kept / torch.where(total > 0, total, 1), equal)


def ratio(now: Tensor, before: Tensor) -> Tensor:
    """``now / before`` within +-1e12, and 1 where ``before`` is smaller than 1e-12: nothing is known of a change."""
    empty = before.abs() < TINY
    return torch.where(empty, 1, (now / torch.where(empty, 1, before)).clamp(-MOST_RATIO, MOST_RATIO))


def running_mean(values: Tensor, shares: Tensor, start: Tensor) -> Tensor:
    """Means that move towards each value by its share, ``m_t = m_(t-1) + share_t (x_t - m_(t-1))``.

    Args:
        values: (S, K), one row per step.
        shares: (S,), or (S, K) per loss, within 0..1; 1/t gives the mean of all values so far, a constant one that
            decays.
        start: (K,) the mean before the first step.

    Returns:
        (S + 1, K), the start first.
    """
    if len(values) == 1:
        return torch.stack((start, _moved(start, (values[0], shares[0]))))
    # A replay: plain numbers of the host give the same bits as one small tensor after another, twenty times as fast.
    parts = (shares if shares.ndim == 2 else shares[:, None]).expand_as(values).T.tolist()
    columns = [
        list(accumulate(zip(column, part, strict=True), _moved, initial=first))
        for column, part, first in zip(values.T.tolist(), parts, start.tolist(), strict=True)
    ]
    # Row by row in memory, so that later sums over losses do not depend on how many steps there are.
    return torch.tensor(columns, dtype=values.dtype, device=values.device).T.contiguous()


def _moved(mean: Any, step: tuple[Any, Any]) -> Any:
    value, share = step
    return mean + share * (value - mean)


def coefficient_of_variation(variance: Tensor, mean: Tensor) -> Tensor:
    """``sqrt(variance + 1e-8) / |mean|``, as CoV-weighting has it. Shape as given, above 0."""
    return torch.sqrt(variance.clamp(min=0) + 1e-8) / mean.abs().clamp(min=TINY)


def backward_slope(count: int) -> list[float]:
    """Coefficients, oldest first, of the derivative at the newest of ``count`` equally spaced values.

    The difference of highest order: exact for polynomials up to degree ``count - 1``.
    """
    order = count - 1
    newest = sum(1 / k for k in range(1, count))
    return [*((-1) ** j * math.comb(order, j) / j for j in range(order, 0, -1)), newest]


def forward_slope(count: int) -> list[float]:
    """The same for the derivative at the oldest value."""
    return [-coefficient for coefficient in reversed(backward_slope(count))]


def least_squares_slope(count: int) -> list[float]:
    """Coefficients, oldest first, of the slope of the straight line through ``count`` equally spaced values."""
    offsets = [position - (count - 1) / 2 for position in range(count)]
    return [offset / sum(each**2 for each in offsets) for offset in offsets]


SLOPES: dict[str, Callable[[int], list[float]]] = {
    "backward": backward_slope,
    "least-squares": least_squares_slope,
    "reference": forward_slope,
}
"""Ways to take the slope of a window, from its length to coefficients, oldest first."""


def normalized_slopes(slopes: Tensor, *, signed: bool = False) -> Tensor:
    """Slopes (..., K) over the sum of their sizes plus 1e-8; over their plain sum where ``signed``."""
    if not signed:
        return slopes / (slopes.abs().sum(-1, keepdim=True) + 1e-8)
    total = slopes.sum(-1, keepdim=True)
    return slopes / torch.where(total.abs() < TINY, 1, total)  # flat losses have slopes of rounding noise


def log_share(values: Tensor) -> Tensor:
    """Logarithm of ``values`` (..., K), negative ones counting as 0; all 0 where none is above 0."""
    above = values > 0
    logarithm = torch.log(torch.where(above, values, 1)).masked_fill(~above, -torch.inf)
    return torch.where(above.any(-1, keepdim=True), logarithm, 0)


def softmax(values: Tensor, temperature: float) -> Tensor:
    """Softmax of ``values / temperature`` over the last dimension, however small the temperature."""
    return ((values - values.amax(-1, keepdim=True)) / temperature).softmax(-1)


def smooth_maximum(values: Tensor, temperature: float) -> Tensor:
    """``T log sum exp(values / T)`` over the last dimension, a little above the maximum. Shape ``(...)``."""
    most = values.detach().amax(-1, keepdim=True)
    return most[..., 0] + temperature * ((values - most) / temperature).logsumexp(-1)


def log_likelihood(deviation: Tensor, floor: float, eps: float) -> Tensor:
    """``log(1 / (max(m, floor) + eps))`` of a median absolute deviation m, eq. (7). Shape as given."""
    return -torch.log(deviation.clamp(min=floor) + eps)


def next_log_prior(log_posterior: Tensor, log_initial: Tensor, prior: str, rho: float) -> Tensor:
    """The prior of the next step, as logarithms ``(..., K)``.

    ``fixed`` stays at the initial prior (the paper), ``compound`` becomes the posterior (the notebook) and ``tempered``
    is the geometric mean of both, ``rho log w + (1 - rho) log q0``.
    """
    if prior == "fixed":
        return log_initial
    if prior == "compound":
        return log_posterior
    return rho * log_posterior + (1 - rho) * log_initial


def log_priors(evidence: Tensor, start: Tensor, log_initial: Tensor, prior: str, rho: float) -> Tensor:
    """The prior of every step of a history, as logarithms (S, K) up to a constant per step.

    Args:
        evidence: (S, K) log-likelihoods, one row per step.
        start: (K,) prior of the first step.
        log_initial: (K,) what a tempered prior is drawn back to.
        prior: ``"tempered"`` or ``"compound"``, as in :func:`next_log_prior`.
        rho: Memory of the tempered prior.
    """
    keep, count = 1.0 if prior == "compound" else rho, evidence.shape[-1]
    pull = [(1 - keep) * value for value in log_initial.tolist()]
    now, parts = start.tolist(), []
    for part in evidence.split(STEPS_AT_ONCE):
        values, priors = part.flatten().tolist(), []  # flat: thousands of small lists would set off the collector
        for at in range(0, len(values), count):
            priors += now
            posterior = list(map(add, values[at : at + count], now))
            most = max(posterior)  # a constant, which a softmax forgets; without it a compound prior grows for ever
            now = [keep * (value - most) + other for value, other in zip(posterior, pull, strict=True)]
        parts.append(torch.tensor(priors, dtype=evidence.dtype, device=evidence.device).view(part.shape))
    return torch.cat(parts)
