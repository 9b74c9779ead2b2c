"""State that stays exact when a network around it is cast to half precision."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    Base = nn.Module
else:
    Base = object

LEAST = torch.float32.itemsize  # bytes of a number, below which running statistics stop moving


class KeepsPrecision(Base):
    """A module whose floating-point state keeps its type where a cast would make it less exact than float32.

    ``network.half()`` or ``bf16-true`` cast every module inside; a running mean in bfloat16 stops moving when its steps
    get small. Moves to another device, and casts to float32 or float64, act as ever.
    """

    def _apply(self, fn: Callable[[Tensor], Tensor], *rest: Any, **named: Any) -> Any:
        def careful(tensor: Tensor) -> Tensor:
            applied = fn(tensor)
            is_cast = applied.dtype != tensor.dtype and applied.is_floating_point()
            return tensor.to(applied.device) if is_cast and applied.dtype.itemsize < LEAST else applied

        return super()._apply(careful, *rest, **named)  # type: ignore[no-untyped-call]
