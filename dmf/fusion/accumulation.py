"""Optimizer steps made of several calls of a fusion, and of several processes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch.distributed as dist
from torch import Tensor, nn

from dmf.errors import ConfigError
from dmf.weighting.pooling import Pool

if TYPE_CHECKING:
    from dmf.weighting import LossHistory


def _never() -> bool:
    return False


_is_initialized = dist.is_initialized if dist.is_available() else _never  # asked at every step


class Calls:
    """Tells which calls belong to one optimizer step, and lets a later one take the step of the earlier ones anew.

    After each call the state is as if it had been the step's last. The next call of the same step begins where the
    step began, with all that the step has seen so far. So nothing has to be known in advance.

    Args:
        accumulate: Calls per step.
        group: Process group; None for the default one once it is initialised, False for this process alone.
    """

    def __init__(self, accumulate: int, group: Any) -> None:
        if not (isinstance(accumulate, int) and accumulate >= 1):
            raise ConfigError(f"`accumulate` must be a whole number of at least 1, got {accumulate!r}.", "accumulate")
        self.accumulate, self._group = accumulate, group
        self._pool: Pool | None = None
        self._taken = 0  # calls of the step under way
        self._in_block = False
        self._begin: list[tuple[nn.Module, str, Tensor]] = []
        self._step, self._even = 0, True

    def __deepcopy__(self, _: Any) -> "Calls":
        return Calls(self.accumulate, self._group)  # a process group cannot be copied; a step under way ends here

    def __reduce__(self) -> tuple[type["Calls"], tuple[int, Any]]:
        return Calls, (self.accumulate, False if self._group is False else None)

    @property
    def group(self) -> Any:
        """The process group that there is now; None for this process alone."""
        if self._group is False or not _is_initialized():
            return None
        group = dist.group.WORLD if self._group is None else self._group
        return group if dist.get_world_size(group) > 1 else None

    @property
    def accumulates(self) -> bool:
        """Whether a step may have several calls."""
        return self.accumulate > 1 or self._in_block

    @property
    def are_steps(self) -> bool:
        """Whether each call is a step, and no other processes are known."""
        return self.accumulate == 1 and not self._in_block and not _is_initialized()

    def pool(self) -> Pool | None:
        """What brings the step together; None where one call of one process is a step."""
        if self.are_steps:
            return None
        group = self.group
        if group is None and not self.accumulates:
            return None
        if self._pool is None or self._pool.group is not group:
            self._pool = Pool(group)
        return self._pool

    def begin(self, module: nn.Module, history: "LossHistory", step: int) -> int:
        """Begin a call: the state as the step found it, and its number."""
        assert self._pool is not None
        if self._taken:
            for owner, name, tensor in self._begin:
                setattr(owner, name, tensor)
            history.is_even, step = self._even, self._step
        else:
            self._pool.restart()
            self._step, self._even = step, history.is_even
            if self.accumulates:
                self._begin = [
                    (owner, name, tensor)
                    for owner in module.modules()
                    for name, tensor in owner.named_buffers(recurse=False)
                ]
        return step

    def end(self) -> None:
        """End a call, and the step if it has all its calls."""
        self._taken += 1
        if not self.accumulates or (not self._in_block and self._taken >= self.accumulate):
            self.close()

    def close(self) -> None:
        """End the step: the next call begins another."""
        self._taken, self._begin = 0, []

    @contextmanager
    def block(self) -> Iterator[None]:
        """All calls in here are one step."""
        if self._in_block:
            raise ConfigError("A block of `fusion.accumulating()` cannot lie in another: it is one step.", "accumulate")
        self.close()
        self._in_block = True
        try:
            yield
        finally:
            self._in_block = False
            self.close()
