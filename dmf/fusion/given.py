"""The losses of a step, in whatever form they are given, and which of them there are."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor

from dmf.errors import ConfigError
from dmf.registry import unknown
from dmf.terms import Parts
from dmf.weighting.host import can_read

Several = Sequence[Tensor | None] | Mapping[str, Tensor | None]
Losses = Parts | Tensor | Several
"""``Parts`` from a ``LossBank``, a tensor (K,), K scalar tensors, or those by name; None for one that is absent."""

Presence = Tensor | Sequence[bool] | Mapping[str, bool]
"""Which of the losses there are: (K,) bool on any device, or K truth values, or those by name."""


_EXACT_ENOUGH = (torch.float32, torch.float64)


class Given(NamedTuple):
    """Losses as tensors.

    Attributes:
        terms: (K,), of a floating-point type of at least 32 bits; 0 without gradient for one that is absent.
        auxiliary: () or None.
        output: What they were computed from, or None.
        present: (K,) bool on their device; None if all are there.
        is_empty: Whether the host knows that none is there.
    """

    terms: Tensor
    auxiliary: Tensor | None = None
    output: Tensor | None = None
    present: Tensor | None = None
    is_empty: bool = False


def read(losses: Losses, present: Presence | None, names: tuple[str, ...] | None, count: int) -> Given:
    """Take the losses of a step.

    Args:
        losses: In any of their forms.
        present: Which there are; all but those that are None where it is not given.
        names: Of the K losses, in their order, where they have any.
        count: K.

    Raises:
        ConfigError: If they are not K scalar tensors, a name is not known, or ``present`` does not fit.
    """
    given = taken(losses, count)
    if given is None:
        return _read_several(cast("Several", losses), present, names, count)
    mask = [True] if present is None else _mask(present, names, count)
    if isinstance(mask, list) and all(mask):
        return given
    here = _as_tensor(mask, given.terms.device)
    is_empty = isinstance(mask, list) and not any(mask)
    return given._replace(terms=torch.where(here, given.terms, 0), present=here, is_empty=is_empty)


def taken(losses: Losses, count: int) -> Given | None:
    """Losses that are one tensor, all of them there; None where they come one by one.

    Raises:
        ConfigError: If they are not K scalars.
    """
    if isinstance(losses, Parts):
        return Given(_checked(losses.terms, count), losses.auxiliary, losses.output)
    return Given(_checked(losses, count)) if isinstance(losses, Tensor) else None


def _read_several(
    losses: Several,
    present: Presence | None,
    names: tuple[str, ...] | None,
    count: int,
) -> Given:
    if isinstance(losses, Mapping):
        row = _in_order(losses, names or tuple(losses))
    else:
        row = _in_a_row(losses)
    mask = None if present is None else _mask(present, names, count)
    host = mask if isinstance(mask, list) else [True] * len(row)
    if len(host) != len(row):
        raise _wrong_count(f"({len(row)},)", count)
    row = [loss if is_here else None for loss, is_here in zip(row, host, strict=True)]
    there = [loss for loss in row if loss is not None]
    if not there and row:
        return Given(torch.zeros(count), present=torch.zeros(count, dtype=torch.bool), is_empty=True)
    shapes = {tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__ for loss in there}
    if len(shapes) != 1 or not isinstance(there[0], Tensor):
        got = ", ".join(map(str, sorted(shapes, key=str))) or "none"
        raise ConfigError(f"`losses` must be scalar tensors of one shape (), got {got}. Pass them undetached.", "terms")
    if len(there) == len(row):
        terms = _checked(torch.stack(cast("list[Tensor]", row)), count)
        return Given(terms) if mask is None or isinstance(mask, list) else _masked(terms, mask)
    zero = there[0].new_zeros(there[0].shape)  # so that no gradient reaches what an absent loss was computed from
    terms = _checked(torch.stack([zero if loss is None else loss for loss in row]), count)
    here = _as_tensor([loss is not None for loss in row], terms.device)
    if isinstance(mask, Tensor):
        here = here & _as_tensor(mask, terms.device)
    return _masked(terms, here)


def _in_a_row(losses: Iterable[Tensor | None]) -> list[Tensor | None]:
    try:
        return list(losses)
    except TypeError:
        raise ConfigError(
            f"`losses` must be a tensor (K,), scalar tensors in a list or by name, or Parts; got {losses!r}.", "terms"
        ) from None


def _masked(terms: Tensor, here: Tensor) -> Given:
    return Given(torch.where(here, terms, 0), present=here)


def _checked(terms: Tensor, count: int) -> Tensor:
    if terms.shape != (count,):
        raise _wrong_count(str(tuple(terms.shape)), count)
    dtype = terms.dtype
    if dtype in _EXACT_ENOUGH:
        return terms
    if dtype.is_floating_point:
        return terms.float()
    if dtype.is_complex:
        raise ConfigError(f"`losses` must be real numbers, got {dtype}.", "terms")
    return terms.to(torch.get_default_dtype())  # a whole number, whose type cannot hold its weight


def _wrong_count(shape: str, count: int) -> ConfigError:
    return ConfigError(
        f"`losses` must be {count} scalar losses, got shape {shape}. "
        "Build the weighting for as many losses as you pass.",
        "terms",
    )


def _in_order(losses: Mapping[str, Tensor | None], names: tuple[str, ...]) -> list[Tensor | None]:
    for name in losses:
        if name not in names:
            raise ConfigError(unknown("loss", name, dict.fromkeys(names)), "terms")
    return [losses.get(name) for name in names]


def _mask(present: Presence, names: tuple[str, ...] | None, count: int) -> Tensor | list[bool]:
    """Truth values where the host can know them, else a tensor (K,)."""
    if isinstance(present, Mapping):
        if names is None:
            raise ConfigError("`present` by name needs names: build `Fusion(..., names=[...])`.", "terms")
        for name in present:
            if name not in names:
                raise ConfigError(unknown("loss", name, dict.fromkeys(names)), "terms")
        return [bool(present.get(name, True)) for name in names]
    if isinstance(present, Tensor):
        if present.shape != (count,):
            raise ConfigError(f"`present` must be {count} truth values, got shape {tuple(present.shape)}.", "terms")
        return [bool(value) for value in present.tolist()] if can_read(present) else present
    if len(present) != count:
        raise ConfigError(f"`present` must be {count} truth values, got {len(present)}.", "terms")
    return [bool(value) for value in present]


def _as_tensor(mask: Tensor | list[bool], device: torch.device) -> Tensor:
    # Without waiting for the device, which a copy of so few numbers would otherwise do.
    tensor = mask if isinstance(mask, Tensor) else torch.tensor(mask)
    return tensor.to(device=device, dtype=torch.bool, non_blocking=True)
