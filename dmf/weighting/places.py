"""Tensors per loss, when a loss joins, leaves or moves to another place."""

from collections.abc import Sequence

import torch
from torch import Tensor


def rearranged(values: Tensor, dim: int, places: Sequence[int | None], *, like_others: bool = False) -> Tensor:
    """The entries of ``places`` along ``dim``, in this order.

    Args:
        values: One entry per loss along ``dim``.
        dim: Which dimension that is.
        places: Where each entry was; None for one of a new loss.
        like_others: A new loss gets the mean of those that stay, else 0.
    """
    kept = [place for place in places if place is not None]
    chosen = values.index_select(dim, torch.tensor(kept, device=values.device))
    new = chosen.mean(dim, keepdim=True) if like_others else torch.zeros_like(chosen.narrow(dim, 0, 1))
    pieces = iter(chosen.split(1, dim))
    return torch.cat([new if place is None else next(pieces) for place in places], dim)
