"""What a run did at every step, kept on the device and copied to the host a few times a second."""

import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from dmf.fusion import Fused
from dmf.records import TelemetryBlock

CAPACITY = 4096  # steps between two copies at most


class TelemetryBuffer:
    """Rows of one run, written without waiting for the device.

    What the device computes (losses, weights, auxiliary, total, finite) is written there; what the host decides (gamma,
    learning rate) stays on the host. Both meet in :meth:`drain`.

    Args:
        run: Id of the run.
        terms: Names of the K loss terms.
        device: Where the losses are.
        measured: Names of further columns, which have values at some steps and NaN at all others.
    """

    def __init__(self, run: str, terms: Sequence[str], device: torch.device, measured: Sequence[str] = ()) -> None:
        self.run, self.attempt = run, 1
        self.columns = (
            *(f"loss_{term}" for term in terms),
            *(f"weight_{term}" for term in terms),
            *("auxiliary", "gamma", "total", "lr", *measured, "finite"),
        )
        self._measured = torch.full((CAPACITY, len(measured)), torch.nan, device=device)
        self._rows = torch.empty(CAPACITY, 2 * len(terms) + 3, device=device)
        # The same memory where the host shares it: writing a list there takes a fraction of what tensors take.
        self._shared = self._rows.numpy() if device.type == "cpu" else None
        self._host = np.empty((CAPACITY, 2), dtype=np.float32)
        self._zero = torch.zeros((), device=device)
        self._first = self._count = 0
        self._started = self._ended = 0.0

    @property
    def is_full(self) -> bool:
        """Whether the buffer must be drained before the next write."""
        return self._count == CAPACITY

    def write(self, step: int, fused: Fused, lr: float, measured: Tensor | None = None) -> None:
        """Keep one step. Steps must be consecutive between two drains.

        Args:
            step: Its number, from 0.
            fused: What came out of it.
            lr: Learning rate of it.
            measured: Values of the further columns, float32, where there are any at this step.
        """
        if self._count == 0:
            self._first, self._started = step, time.time()
        auxiliary = self._zero if fused.auxiliary is None else fused.auxiliary
        tail = [auxiliary, fused.total.detach(), fused.finite]
        if self._shared is not None:
            self._shared[self._count] = [*fused.terms.tolist(), *fused.weights.tolist(), *map(Tensor.item, tail)]
        else:
            values = (fused.terms.float(), fused.weights.float(), torch.stack([value.float() for value in tail]))
            self._rows[self._count] = torch.cat(values)
        if measured is not None:
            self._measured[self._count] = measured
        self._host[self._count] = fused.gamma, lr
        self._ended = time.time()
        self._count += 1

    def drain(self) -> TelemetryBlock | None:
        """Everything written since the last drain, in one copy; None if there was nothing."""
        if self._count == 0:
            return None
        rows = self._rows[: self._count].to("cpu", copy=True).numpy()
        auxiliary, total, finite = rows[:, -3], rows[:, -2], rows[:, -1]
        gamma, lr = self._host[: self._count].T
        measured = self._measured[: self._count].to("cpu", copy=True).numpy()
        self._measured[: self._count] = torch.nan
        values = np.column_stack((rows[:, :-3], auxiliary, gamma, total, lr, measured, finite))
        self._count = 0
        return TelemetryBlock(self.run, self.attempt, self._first, self.columns, values, self._started, self._ended)
