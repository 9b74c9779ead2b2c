r"""The arithmetic of weighting from loss values: pure, batched functions, used live, in replay and in explanations.

A *window* is the recent values of every loss, shape ``(..., K, T)``, oldest first. Only the last ``count`` columns are
filled, where ``count`` has shape ``(...)``; so a window that is still filling needs no copy to the host. No function
here waits for the device.

Reference:
    Golnari & Diba, arXiv 2410.19745, eq. (3)-(10).
"""

import torch
from torch import Tensor


def valid_columns(window: Tensor, count: Tensor) -> Tensor:
    """Which columns are filled: bool ``(..., 1, T)``."""
    columns = torch.arange(window.shape[-1], device=window.device)
    return (columns >= window.shape[-1] - count[..., None])[..., None, :]


def symlog(x: Tensor) -> Tensor:
    """Symmetric logarithm ``sign(x) log(1 + |x|)``, eq. (10); its gradient is finite everywhere."""
    return torch.sign(x) * torch.log1p(torch.abs(x))


def minmax(window: Tensor, count: Tensor, eps: float = 1e-7) -> Tensor:
    """Stretch the filled part of each row to [0, 1), eq. (9): ``(x - min) / (max - min + eps)``."""
    valid = valid_columns(window, count)
    low = window.masked_fill(~valid, torch.inf).amin(-1, keepdim=True)
    high = window.masked_fill(~valid, -torch.inf).amax(-1, keepdim=True)
    return (window - low) / (high - low + eps)


def scale(
    window: Tensor, count: Tensor, *, symlog_on: bool = True, minmax_on: bool = True, eps: float = 1e-7
) -> Tensor:
    """Symmetric log, then min-max, each of which can be left out; always in this order. Shape ``(..., K, T)``."""
    scaled = symlog(window) if symlog_on else window
    return minmax(scaled, count, eps) if minmax_on else scaled


def variance(window: Tensor, count: Tensor) -> Tensor:
    """Population variance of the filled part of each row, eq. (3). Shape ``(..., K)``."""
    valid = valid_columns(window, count)
    size = count[..., None].to(window.dtype)
    mean = torch.where(valid, window, 0).sum(-1) / size
    return torch.where(valid, (window - mean[..., None]).square(), 0).sum(-1) / size


def median(window: Tensor, count: Tensor, kind: str = "true") -> Tensor:
    """Median of the filled part of each row. Shape ``(..., K)``.

    ``true`` takes the middle value for an odd count and the mean of the two middle ones for an even count. ``notebook``
    is the authors' code, which swaps the two: 1, 2, 30 gives 1.5 and 1, 2, 30, 40 gives 30.
    """
    return _mean_of(window, valid_columns(window, count), _middle(count, kind))


def mad(window: Tensor, count: Tensor, kind: str = "true") -> Tensor:
    """Median absolute deviation of the filled part of each row, eq. (5). Shape ``(..., K)``."""
    valid, middle = valid_columns(window, count), _middle(count, kind)
    centre = _mean_of(window, valid, middle)
    return _mean_of((window - centre[..., None]).abs(), valid, middle)


def _middle(count: Tensor, kind: str) -> Tensor:
    """Ranks (..., 1, 2) of the values a median is the mean of; an empty window (first step not finite) has ranks 0."""
    upper = count // 2
    if kind == "notebook":
        lower = torch.where(count % 2 == 1, (upper - 1).clamp(min=0), upper)
    else:
        lower = ((count - 1) // 2).clamp(min=0)
    return torch.stack((lower, upper), -1)[..., None, :]


def _mean_of(window: Tensor, valid: Tensor, ranks: Tensor) -> Tensor:
    ordered = window.masked_fill(~valid, torch.inf).sort(-1).values
    return ordered.gather(-1, ranks.expand(*window.shape[:-1], 2)).mean(-1)


def proportional(values: Tensor) -> Tensor:
    """Each value's share of the sum over the last dimension, eq. (4); uniform where all values are 0."""
    total = values.sum(-1, keepdim=True)
    empty = total == 0
    return torch.where(empty, 1 / values.shape[-1], values / torch.where(empty, 1, total))


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


def limit(weights: Tensor, low: float, high: float, total: float) -> Tensor:
    """Keep every weight within ``[low, high]`` while the sum over the last dimension stays ``total``.

    Weights that leave the range are pinned to it, the side with the larger violation first, and the free ones are
    scaled to fill the rest; at most K rounds are needed. Feasible only if ``K low <= total <= K high``.
    """
    pinned = torch.zeros_like(weights, dtype=torch.bool)
    bounds = torch.zeros_like(weights)
    lows, highs = torch.full_like(weights, low), torch.full_like(weights, high)
    result = weights
    for _ in range(weights.shape[-1]):
        below, above = (low - result).clamp(min=0), (result - high).clamp(min=0)
        pin_low = below.sum(-1, keepdim=True) >= above.sum(-1, keepdim=True)
        newly = ~pinned & torch.where(pin_low, below > 0, above > 0)
        bounds = torch.where(newly, torch.where(pin_low, lows, highs), bounds)
        pinned = pinned | newly
        rest = total - bounds.sum(-1, keepdim=True)
        free = torch.where(pinned, 0, weights)
        none_free = free.sum(-1, keepdim=True) == 0
        free = torch.where(none_free & ~pinned, 1, free)
        total_free = free.sum(-1, keepdim=True)
        # Shares before the product: free weights may be as small as a compound prior makes them.
        result = torch.where(pinned, bounds, free / torch.where(total_free == 0, 1, total_free) * rest)
    return result
