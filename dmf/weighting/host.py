"""What the host may know without waiting: on the CPU every number, on another device none.

A flag or a count is a tensor () on the device, or a Python number where reading it is free. Both lead to the same bits;
knowing a number only saves the operations that would carry it along.
"""

import math

import torch
from torch import Tensor

Flag = Tensor | bool
Count = Tensor | int

HOST = "cpu"
KNOWN = {flag: torch.tensor(flag) for flag in (True, False)}  # as tensors, for those who ask for one


def can_read(tensor: Tensor) -> bool:
    """Whether the host can read ``tensor`` without waiting for a device or leaving a graph that is being compiled."""
    return tensor.is_cpu and HOST == "cpu" and not torch.compiler.is_compiling()


def statistics_dtype(device: torch.device) -> torch.dtype:
    """The most exact type in which ``device`` can keep histories and weights: float64, on mps float32."""
    return torch.float32 if device.type == "mps" else torch.float64


def both(one: Flag, other: Flag) -> Flag:
    """Logical and; a flag that is known to be false decides."""
    if isinstance(one, bool):
        return one and other
    if isinstance(other, bool):
        return other and one
    return one & other


def all_finite(values: Tensor) -> Flag:
    """Whether no value is NaN or infinite."""
    if can_read(values):
        return all(map(math.isfinite, values.tolist()))
    return (values.detach() * 0 == 0).all()  # NaN for NaN and infinities; fewer operations than torch.isfinite


def enough(counts: Count, least: int, present: Tensor | None = None) -> Flag:
    """Whether every loss that is ``present`` has at least ``least`` values; all are where that is None.

    Args:
        counts: One of all losses, or (K,) one of each.
        least: How many are needed.
        present: (K,) bool.
    """
    if isinstance(counts, Tensor) and counts.ndim:
        return lowest(counts, present) >= least
    return counts >= least


def lowest(counts: Tensor, present: Tensor | None = None) -> Count:
    """The least of counts (K,) of the losses that are ``present``; an integer where the host can read it."""
    if present is not None:
        counts = torch.where(present, counts, torch.iinfo(counts.dtype).max)
    return int(min(counts.tolist())) if can_read(counts) else counts.amin()


def choose(flag: Flag, new: Tensor, old: Tensor) -> Tensor:
    """``new`` where ``flag`` holds, else ``old``; a flag (K,) chooses per loss."""
    if isinstance(flag, bool):
        return new if flag else old
    return torch.where(flag, new, old)
