"""One optimizer step seen by several processes, or in several micro-batches, as if it were one large batch."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor

from dmf.weighting.host import Flag, both, can_read

_EXACT = 2.0**53  # whole numbers below it are exact in float64

Rows = list[tuple[Tensor, ...]]


class Seen(NamedTuple):
    """What a step has seen of its losses, in all processes and micro-batches so far.

    Attributes:
        values: (K,) means of the losses; 0 for one that was nowhere present.
        finite: Whether all of them were finite everywhere.
        present: (K,) bool, which were present anywhere; None if all were everywhere.
        batch: (K,) means over the processes of this call alone.
        scale: (K,) what a process multiplies its own losses by, so that gradients averaged over all processes are means
            over those that had the loss; None where all had all.
        pool: Brings gradients together in the same way.
    """

    values: Tensor
    finite: Flag
    present: Tensor | None
    batch: Tensor
    scale: Tensor | None
    pool: "Pool"


class Message:
    """The one all-reduce of a step, under way: K sums of losses, and one number that holds K + 1 counts of processes.

    The counts are digits to the base of (processes + 1): how many had a loss that was not finite, and how many had each
    loss at all. NaN is never sent, because what MAX and MIN make of it depends on the backend; a flag is.
    """

    def __init__(self, terms: Tensor, finite: Flag, present: Tensor | None, group: Any) -> None:
        self._base = dist.get_world_size(group) + 1
        count = len(terms)
        values = terms.detach().to(torch.float64)
        has = torch.ones_like(values) if present is None else present.to(values)
        clean = torch.where(torch.isfinite(values), values, 0) * has
        bad = clean.new_full((1,), float(not finite)) if isinstance(finite, bool) else (~finite).to(clean)[None]
        digits = torch.cat((bad, has))
        if self._base ** (count + 1) < _EXACT:
            places = torch.tensor([float(self._base**place) for place in range(count + 1)], dtype=torch.float64)
            digits = (digits * places.to(digits.device, non_blocking=True)).sum()[None]
        self._message = torch.cat((clean, digits))
        self._dtype = torch.promote_types(terms.dtype, torch.float32)
        self._count = count
        self._work = dist.all_reduce(self._message, group=group, async_op=True)

    def wait(self) -> tuple[Tensor, Flag, Tensor]:
        """Means (K,) over the processes that had a loss, whether all were finite, and how many had it (K,)."""
        if self._work is not None:
            self._work.wait()
        sums, digits = self._message[: self._count], self._message[self._count :]
        if len(digits) == 1:
            whole = digits[0].round().to(torch.int64)
            powers = [self._base**place for place in range(self._count + 1)]
            digits = torch.stack([whole // power % self._base for power in powers])
        finite = digits[0] == 0
        had = digits[1:].to(sums.dtype)
        means = (sums / had.clamp(min=1)).to(self._dtype)
        return means, bool(finite) if can_read(finite) else finite, had


class Pool:
    """Brings one step together: over the processes of ``group``, and over its micro-batches.

    Args:
        group: Process group, or None for this process alone.
    """

    def __init__(self, group: Any = None) -> None:
        self.group = group
        self.restart()

    def restart(self) -> None:
        """Begin a step."""
        self.calls = 0
        self._sums: Tensor | None = None
        self._had: Tensor | None = None
        self._finite: Flag = True
        self._rows: Rows | None = None
        self._products: Tensor | None = None

    @property
    def processes(self) -> int:
        """How many there are."""
        return 1 if self.group is None else dist.get_world_size(self.group)

    def send(self, terms: Tensor, finite: Flag, present: Tensor | None) -> Message | None:
        """Start the exchange of a call's losses (K,); None where there is nobody to exchange them with."""
        return None if self.group is None else Message(terms, finite, present, self.group)

    def take(self, message: Message | None, terms: Tensor, finite: Flag, present: Tensor | None) -> Seen:
        """Wait for the exchange, and add this call to its step."""
        self.calls += 1
        batch, here, scale = terms.detach(), present, None
        if message is not None:
            batch, finite, had = message.wait()
            is_whole = can_read(had) and had.eq(self.processes).all()
            here = None if is_whole else had > 0
            scale = None if is_whole else self.processes / had.clamp(min=1)
        has = torch.ones_like(batch) if here is None else here.to(batch)
        value = torch.where(has > 0, batch, 0)
        self._finite = both(self._finite, finite)
        self._sums = value if self._sums is None else self._sums + value
        self._had = has if self._had is None else self._had + has
        values = self._sums / self._had.clamp(min=1)
        present = None if here is None and self._is_whole() else self._had > 0
        return Seen(values, self._finite, present, batch, scale, self)

    def _is_whole(self) -> bool:
        return self._had is not None and can_read(self._had) and bool(self._had.eq(self.calls).all())

    def rows(self, rows: Rows) -> Rows:
        """Gradients of K losses, the same on all processes: means over these and over the micro-batches so far."""
        if self.group is not None:
            rows = [self._averaged(row) for row in rows]
        if self._rows is not None:
            rows = [tuple(map(torch.add, row, sums)) for row, sums in zip(rows, self._rows, strict=True)]
        self._rows = rows
        if self.calls == 1:
            return rows
        return [tuple(part / had for part in row) for row, had in zip(rows, self._counts().unbind(), strict=True)]

    def products(self, products: Tensor) -> Tensor:
        """Inner products (K, K) of gradients at outputs, each process and micro-batch having outputs of its own."""
        if self.group is not None:
            products = products.clone()
            dist.all_reduce(products, group=self.group)
            products = products / self.processes**2
        if self._products is not None:
            products = self._products + products
        self._products = products
        had = self._counts().to(products)
        return products if self.calls == 1 else products / (had[:, None] * had)

    def _counts(self) -> Tensor:
        assert self._had is not None
        return self._had.clamp(min=1)

    def _averaged(self, row: Sequence[Tensor]) -> tuple[Tensor, ...]:
        flat = torch.cat([part.reshape(-1).float() if part.dtype.itemsize < 4 else part.reshape(-1) for part in row])
        dist.all_reduce(flat, group=self.group)
        flat = flat / self.processes
        pieces = flat.split([part.numel() for part in row])
        return tuple(piece.view_as(part) for piece, part in zip(pieces, row, strict=True))
