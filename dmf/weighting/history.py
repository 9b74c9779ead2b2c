"""The paper's memory: a fixed number of recent loss values on the loss's device."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from dmf.errors import ConfigError
from dmf.weighting.host import Count, Flag, can_read, choose
from dmf.weighting.precision import KeepsPrecision


class LossHistory(KeepsPrecision, nn.Module):
    """Recent values of K losses, oldest first, with the newest in the last column.

    Each row holds the newest values of its own loss: a step in which a loss was absent leaves its row as it is.

    Args:
        count: Number of losses K, at least 1.
        size: Values remembered per loss T, at least 2.
        dtype: float64 by default, so that statistics are exact; float32 on devices without float64 (mps).

    Shape:
        - values: (K, T), the last ``filled`` columns of which hold values.
        - filled: (K,) int64, on the device: a step that was not finite is not stored, which the host need not know.

    Raises:
        ConfigError: If ``count`` or ``size`` is too small.
    """

    values: Tensor
    filled: Tensor

    def __init__(self, count: int, size: int, dtype: torch.dtype = torch.float64) -> None:
        super().__init__()
        if count < 1:
            raise ConfigError(f"`count` must be at least 1 loss, got {count}.", "terms")
        if size < 2:
            raise ConfigError(f"`size` must be at least 2 steps, got {size}.", "history_max")
        self.era = object()  # another one whenever the memory has changed by anything but `remember`
        self.remembered = 0  # calls of `remember`
        self._seen: Tensor | None = None  # the values of this era
        self._version, self._is_readable = -1, False
        self._pending: list[list[float]] = []  # values that are not in the buffers yet
        self._most_pending = size
        self.register_buffer("values", torch.zeros(count, size, dtype=dtype))
        self.register_buffer("filled", torch.zeros(count, dtype=torch.int64))
        self.is_even = True  # no loss was ever absent, so all rows are filled alike

    @property
    def size(self) -> int:
        """Values remembered per loss."""
        held = self._buffers["values"]
        assert held is not None
        return held.shape[1]

    @property
    def count(self) -> Count:
        """How many values each row holds: one number while all hold as many, an integer where reading it is free.

        (K,) where losses were absent.
        """
        if can_read(self.filled):
            counts = self.filled.tolist()
            if counts.count(counts[0]) == len(counts):
                return int(counts[0])
        return self.filled[0] if self.is_even else self.filled

    @property
    def is_on_host(self) -> bool:
        """Whether the host can read the memory, in float64, and no loss was ever absent."""
        held = self._buffers["values"]
        if held is None:
            return False
        if held is not self._seen or held._version != self._version:
            self._is_readable = can_read(held) and held.dtype == torch.float64
            self._seen, self._version, self.era = held, held._version, object()
        return self._is_readable and self.is_even

    def remember(self, values: list[float]) -> None:
        """Append K values as :meth:`push` does; they are written down when the memory is next looked at.

        Only where :attr:`is_on_host`.
        """
        self._pending.append(values)
        self.remembered += 1
        if len(self._pending) >= self._most_pending:
            self._settle()

    def _settle(self) -> None:
        """Write down what is pending, in new tensors, as every step does."""
        pending = self._pending
        if not pending:
            return
        self._pending = []
        values, filled = self.values, self.filled
        size, newest = values.shape[1], torch.tensor(pending, dtype=values.dtype, device=values.device).T
        written = torch.cat((values, newest), 1)[:, -size:].contiguous()
        if values is self._seen and values._version == self._version:  # the same era goes on
            self._seen, self._version = written, written._version
        self._buffers["values"] = written
        self._buffers["filled"] = (filled + len(pending)).clamp(max=size)

    def __getattr__(self, name: str) -> Any:
        if name in ("values", "filled"):
            self._settle()
        return super().__getattr__(name)

    def __getstate__(self) -> dict[str, Any]:
        self._settle()
        return self.__dict__.copy()

    def _apply(self, fn: Callable[[Tensor], Tensor], *rest: Any, **named: Any) -> Any:
        self._settle()
        return super()._apply(fn, *rest, **named)

    def _save_to_state_dict(self, *rest: Any) -> None:
        self._settle()
        super()._save_to_state_dict(*rest)

    def push(self, terms: Tensor, finite: Flag, present: Tensor | None = None) -> Tensor:
        """Append the K current values and drop the oldest; leave everything as it is where ``finite`` is false.

        A finite value too large for the memory's type counts as the largest that it holds.

        Args:
            terms: (K,) current values.
            finite: Whether they are to be stored.
            present: (K,) bool, the losses that have a value; the rows of the others stay. All where it is None.

        Returns:
            The new window (K, T). It is differentiable with respect to ``terms`` if they require gradient; what is
            stored never is.
        """
        if finite is False:
            return self.values
        dtype = self.values.dtype
        if terms.dtype.itemsize > dtype.itemsize:  # what is finite there may not be so here
            terms = terms.clamp(torch.finfo(dtype).min, torch.finfo(dtype).max)
        pushed = torch.cat((self.values[:, 1:], terms.to(dtype)[:, None]), dim=1)
        if present is not None:
            return self._push_some(pushed, present & finite)
        window = choose(finite, pushed, self.values)
        self.values = window.detach()
        count = self.count
        if not (isinstance(count, int) and count == self.size):  # a full window stays full
            self.filled = choose(finite, (self.filled + 1).clamp(max=self.size), self.filled)
        return window

    def _push_some(self, pushed: Tensor, stored: Tensor) -> Tensor:
        self.is_even = False
        window = torch.where(stored[:, None], pushed, self.values)
        self.values = window.detach()
        self.filled = torch.where(stored, (self.filled + 1).clamp(max=self.size), self.filled)
        return window

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        self._settle()
        super()._load_from_state_dict(state_dict, prefix, *rest)
        filled = self.filled.tolist() if self.filled.device.type != "meta" else []
        self.is_even = filled.count(filled[0]) == len(filled) if filled else True
