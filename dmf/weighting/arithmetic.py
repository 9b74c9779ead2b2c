"""A formula with the numbers of one step in it, a line for each loss: what stands between a symbol and its value."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from dmf.weighting import functional

Lines = tuple[str, ...]
"""(K,) one for each loss; empty where there is nothing to be said of it, e.g. because it was absent."""


def number(value: float) -> str:
    """Four digits, with a true minus sign."""
    return f"{value:.4g}".replace("-", "−")


def lines(template: str, **values: Tensor | float) -> Lines:
    """``template`` with the numbers of each loss in place of their names.

    A negative number stands in brackets where an operator stands before it. A loss of which a number is not finite has
    an empty line.

    Args:
        template: As for ``str.format``, e.g. ``"{p} · {q}"``.
        values: (K,) tensors, at least one, or a number for all losses.
    """
    rows = {name: value.detach().double().tolist() for name, value in values.items() if isinstance(value, Tensor)}
    given = {name: float(value) for name, value in values.items() if not isinstance(value, Tensor)}
    written = []
    for each in zip(*rows.values(), strict=True):
        row = given | dict(zip(rows, each, strict=True))
        is_finite = all(map(math.isfinite, row.values()))
        written.append(_filled(template, row) if is_finite else "")
    return tuple(written)


def shares(parts: Sequence[str], total: float = 1.0) -> Lines:
    """Each part over the sum of all, times ``total``; an empty one has no part in it."""
    summed = " + ".join(part for part in parts if part)
    times = "" if total == 1 else f" · {number(total)}"
    return tuple(f"{part} / ({summed}){times}" if part else "" for part in parts)


def of_present(values: Tensor, present: Tensor | None) -> Tensor:
    """Values (K,) of the losses that are ``present`` (K,), NaN of the others, of which nothing is then written."""
    return values if present is None else torch.where(present, values, torch.nan)


def parts_of(values: Tensor, present: Tensor | None = None) -> Lines:
    """Values (K,) as they are, of those losses that are ``present`` (K,); none where their sum is not above 0."""
    here = of_present(values, present)
    return lines("{v}", v=here) if here.nansum() > 0 else ("",) * len(here)


def ratio(now: Tensor, before: Tensor) -> Lines:
    """``now / before`` (K,), where ``before`` is no 0 that :func:`dmf.weighting.functional.ratio` makes a 1 of."""
    return lines("{now} / {before}", now=now, before=torch.where(before.abs() < functional.TINY, torch.nan, before))


def limited(before: Tensor, after: Tensor, low: float, high: float, total: float | None) -> Lines:
    """Which limit each weight (K,) is pinned to, and how the free ones share what is left of ``total``.

    Args:
        before: What the limits act on.
        after: What came of it.
        low: Floor.
        high: Ceiling.
        total: What the weights sum to; None where each is clamped by itself.
    """
    is_low, is_high = after <= low, after >= high
    is_free = ~is_low & ~is_high
    names = [
        "floor" if lowest else "ceiling" if highest else "" for lowest, highest in zip(is_low, is_high, strict=True)
    ]
    free = torch.where(is_free, before, torch.nan)
    parts = lines("{w}", w=free)
    scaled = parts if total is None else shares(parts, float(after[is_free].sum()))
    return tuple(name or line for name, line in zip(names, scaled, strict=True))


def _filled(template: str, row: dict[str, float]) -> str:
    parts = {name: number(value) for name, value in row.items()}
    bracketed = {
        name: f"({part})" if part.startswith("−") and _follows_operator(template, name) else part
        for name, part in parts.items()
    }
    return template.format_map(bracketed)


def _follows_operator(template: str, name: str) -> bool:
    before = template.partition(f"{{{name}}}")[0].rstrip()
    return before.endswith(("−", "+", "·", "/"))
