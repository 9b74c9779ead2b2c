"""Names of the losses, and how they are kept in a checkpoint."""

import json
from collections.abc import Sequence

import torch
from torch import Tensor

from dmf.errors import ConfigError
from dmf.registry import unknown


def checked_names(names: Sequence[str], count: int) -> tuple[str, ...]:
    """The names of K losses.

    Raises:
        ConfigError: If there are not K different names, none of them empty.
    """
    checked = tuple(names)
    if isinstance(names, str) or not all(isinstance(name, str) and name for name in checked):
        raise ConfigError(f"`names` must be texts, one per loss, got {names!r}.", "terms")
    if len(checked) != count:
        raise ConfigError(
            f"`names` must be {count} names, one per loss, got {len(checked)}: {', '.join(checked)}.", "terms"
        )
    twice = [name for name in checked if checked.count(name) > 1]
    if twice:
        raise ConfigError(f"Every loss needs a name of its own, got {twice[0]!r} twice.", "terms")
    return checked


def place_of(name: str | int, names: tuple[str, ...] | None, count: int) -> int:
    """The place of a loss.

    Raises:
        ConfigError: If there is no such loss.
    """
    if isinstance(name, int):
        if 0 <= name < count:
            return name
        raise ConfigError(f"There is no loss at place {name}; they are at 0 to {count - 1}.", "terms")
    if names is None:
        raise ConfigError(f"The losses have no names, so there is no {name!r}. Give its place, from 0.", "terms")
    if name not in names:
        raise ConfigError(unknown("loss", name, dict.fromkeys(names)), "terms")
    return names.index(name)


def to_state(step: int, names: tuple[str, ...] | None) -> Tensor:
    """A step, () int64; with names (1 + bytes,), which are JSON in UTF-8: checkpoints hold tensors and no pickles."""
    if names is None:
        return torch.tensor(step)
    return torch.tensor([step, *json.dumps(names).encode()])


def from_state(state: Tensor) -> tuple[int, tuple[str, ...] | None]:
    """What :func:`to_state` made."""
    if state.ndim == 0:
        return int(state), None
    step, *code = state.tolist()
    return step, tuple(json.loads(bytes(code)))
