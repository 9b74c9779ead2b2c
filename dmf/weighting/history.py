"""The paper's memory: a fixed number of recent loss values on the loss's device."""

import torch
from torch import Tensor, nn

from dmf.errors import ConfigError
from dmf.weighting.host import Count, Flag, can_read, choose


class LossHistory(nn.Module):
    """Recent values of K losses, oldest first, with the newest in the last column.

    Args:
        count: Number of losses K, at least 1.
        size: Values remembered per loss T, at least 2.
        dtype: float64 by default, so that statistics are exact; float32 on devices without float64 (mps).

    Shape:
        - values: (K, T), the last ``filled`` columns of which hold values.
        - filled: () int64, on the device: a step that was not finite is not stored, which the host need not know.

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
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))

    @property
    def size(self) -> int:
        """Values remembered per loss."""
        return self.values.shape[1]

    @property
    def count(self) -> Count:
        """``filled``, as an integer where the host can read it without waiting."""
        return int(self.filled) if can_read(self.filled) else self.filled

    def push(self, terms: Tensor, finite: Flag) -> Tensor:
        """Append the K current values and drop the oldest; leave everything as it is where ``finite`` is false.

        A finite value too large for the memory's type counts as the largest that it holds.

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
        window = choose(finite, pushed, self.values)
        self.values = window.detach()
        count = self.count
        if not (isinstance(count, int) and count == self.size):  # a full window stays full
            self.filled = choose(finite, (self.filled + 1).clamp(max=self.size), self.filled)
        return window
