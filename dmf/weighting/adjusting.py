"""What becomes of the weights that a rule proposes: base weights, smoothing, limits, a limit on the change per step.

Pure functions, used live, in replay and in explanations alike.
"""

import math

import torch
from torch import Tensor

from dmf.weighting.functional import STEPS_AT_ONCE, shares_among


def adjust(
    proposal: Tensor,
    last: Tensor,
    *,
    base: Tensor | None = None,
    smoothing: float = 0.0,
    low: float = 0.0,
    high: float = math.inf,
    max_change: float | None = None,
    total: float | None = None,
    present: Tensor | None = None,
) -> Tensor:
    """Weights (..., K) from what a rule proposes, in this order; what is left out costs nothing and changes no bit.

    1. Base weights multiply the proposal, which is then brought back to its sum.
    2. An exponential moving average keeps ``smoothing`` of the last weights.
    3. Floor and ceiling: :func:`limit`.
    4. The way from the last weights is shortened as a whole until no weight moves further than ``max_change``. So the
       sum stays, and weights that were within the limits stay there.

    Args:
        proposal: (..., K), summing to ``total`` where there is one.
        last: (..., K) weights of the step before.
        base: (K,) above 0; their mean is 1.
        smoothing: 0 <= smoothing < 1.
        low: Least weight.
        high: Largest weight.
        max_change: Furthest a weight moves, above 0, in the unit of the weights.
        total: What the weights sum to. None for weights that sum to anything: nothing is brought back to a sum, and
            the limits clamp each weight by itself.
        present: (K,) bool, the losses that are weighed; the others stay at 0. All where it is None.
    """
    weights = proposal
    if base is not None:
        weights = weights * base if total is None else shares_among(weights * base, present) * total
    if smoothing > 0:
        weights = smoothing * last + (1 - smoothing) * weights
    if low > 0 or high < math.inf:
        weights = weights.clamp(low, high) if total is None else limit(weights, low, high, total, present)
        if present is not None:
            weights = torch.where(present, weights, 0)
    if max_change is None:
        return weights
    way = weights - last
    longest = way.abs().amax(-1, keepdim=True)
    return torch.where(longest <= max_change, weights, last + way * (max_change / longest.clamp(min=max_change)))


def adjust_all(
    proposals: Tensor,
    start: Tensor,
    *,
    base: Tensor | None = None,
    smoothing: float = 0.0,
    low: float = 0.0,
    high: float = math.inf,
    max_change: float | None = None,
    total: float | None = None,
) -> Tensor:
    """:func:`adjust` for proposals (S, K) of steps in a row, each from the weights of the one before.

    Args:
        proposals: (S, K), one row per step.
        start: (K,) weights before the first step.
        base: As in :func:`adjust`, and so are the others.
        smoothing: Share of the last weights that is kept.
        low: Least weight.
        high: Largest weight.
        max_change: Furthest a weight moves.
        total: What the weights sum to, or None.

    Returns:
        (S, K) weights, those of :func:`adjust` to rounding.
    """
    if smoothing == 0 and max_change is None:  # no step depends on another
        return adjust(proposals, start, base=base, low=low, high=high, total=total)
    goals = adjust(proposals, start, base=base, total=total)
    last, count, parts = start.tolist(), len(start), []
    for part in goals.split(STEPS_AT_ONCE):
        values, adjusted = part.flatten().tolist(), []
        for at in range(0, len(values), count):
            goal = values[at : at + count]
            now = [smoothing * old + (1 - smoothing) * new for old, new in zip(last, goal, strict=True)]
            if min(now) < low or max(now) > high:
                now = [min(max(new, low), high) for new in now] if total is None else _limited(now, low, high, total)
            way = [new - old for old, new in zip(last, now, strict=True)]
            longest = max(map(abs, way))
            if max_change is not None and longest > max_change:
                now = [old + step * (max_change / longest) for old, step in zip(last, way, strict=True)]
            adjusted += now
            last = now
        parts.append(torch.tensor(adjusted, dtype=proposals.dtype, device=proposals.device).view(part.shape))
    return torch.cat(parts)


def limit(weights: Tensor, low: float, high: float, total: float, present: Tensor | None = None) -> Tensor:
    """Keep every weight within ``[low, high]`` while the sum over the last dimension stays ``total``.

    Weights that leave the range are pinned to it, the side with the larger violation first, and the free ones are
    scaled to fill the rest; at most K rounds are needed. Feasible only if ``K low <= total <= K high``. Where losses
    are absent, those that are ``present`` (K,) may be too few for a low ``high``: it gives way to an equal share.
    """
    pinned = torch.zeros_like(weights, dtype=torch.bool)
    bounds = torch.zeros_like(weights)
    lows, highs = torch.full_like(weights, low), torch.full_like(weights, high)
    if present is not None:
        equal = total / present.sum().clamp(min=1).to(highs.dtype)
        highs, lows = torch.where(present, highs.maximum(equal), 0), torch.where(present, lows, 0)
        pinned = pinned | ~present
    result = weights
    for _ in range(weights.shape[-1]):
        below, above = (lows - result).clamp(min=0), (result - highs).clamp(min=0)
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


def _limited(weights: list[float], low: float, high: float, total: float) -> list[float]:
    """:func:`limit` for the weights of one step, some of which are out of range, as plain numbers."""
    pinned: dict[int, float] = {}
    result = weights
    for _ in weights:
        below, above = sum(max(low - each, 0) for each in result), sum(max(each - high, 0) for each in result)
        if below >= above:
            newly = {place: low for place, each in enumerate(result) if each < low and place not in pinned}
        else:
            newly = {place: high for place, each in enumerate(result) if each > high and place not in pinned}
        if not newly:
            break
        pinned |= newly
        rest = total - sum(pinned.values())
        free = sum(each for place, each in enumerate(weights) if place not in pinned)
        shares = [each / free if free else 1 / max(len(weights) - len(pinned), 1) for each in weights]
        result = [pinned.get(place, share * rest) for place, share in enumerate(shares)]
    return result
