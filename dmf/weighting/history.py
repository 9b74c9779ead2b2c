"""The paper's memory: a fixed number of recent loss values on the loss's device."""

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
        self.register_buffer("values", torch.zeros(count, size, dtype=dtype))
        self.register_buffer("filled", torch.zeros(count, dtype=torch.int64))
        self.is_even = True  # no loss was ever absent, so all rows are filled alike

    @property
    def size(self) -> int:
        """Values remembered per loss."""
        return self.values.shape[1]

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
        super()._load_from_state_dict(state_dict, prefix, *rest)
        filled = self.filled.tolist() if self.filled.device.type != "meta" else []
        self.is_even = filled.count(filled[0]) == len(filled) if filled else True
