"""How a run computes: threads, precision, determinism, memory format, random state. All of it is part of a result."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Numerics:
    """Choices that decide the bits of a result.

    Attributes:
        device: Where the networks are.
        precision: ``float32``, ``tf32`` (matrix products of a cuda device) or ``bfloat16`` (autocast).
        threads: CPU threads of one operation.
        channels_last: Memory format of image tensors.
        deterministic: Only bit-reproducible kernels on cuda.
    """

    device: torch.device
    precision: str = "float32"
    threads: int = 2
    channels_last: bool = True
    deterministic: bool = False

    @property
    def is_bit_reproducible(self) -> bool:
        """Whether the same seed gives the same bits on the same kind of device."""
        return self.device.type == "cpu" or (self.device.type == "cuda" and self.deterministic)

    @property
    def memory_format(self) -> torch.memory_format:
        """Memory format of image tensors."""
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def autocast(self) -> torch.autocast:
        """Context in which a network runs."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16")

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Set what torch keeps per thread or per process; what is per process is put back afterwards."""
        torch.set_num_threads(self.threads)  # per thread with OpenMP, hence inside the training thread
        before = (
            torch.backends.cuda.matmul.allow_tf32,
            torch.backends.cudnn.allow_tf32,
            torch.get_deterministic_debug_mode(),
        )
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = self.precision == "tf32"
        # Not by `use_deterministic_algorithms`, which loads torch's compiler to tell it as well.
        torch.set_deterministic_debug_mode("error" if self.deterministic and self.device.type == "cuda" else "default")
        try:
            yield
        finally:
            torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before[:2]
            torch.set_deterministic_debug_mode(before[2])


class RandomState:
    """The random state one run owns, swapped in before its step and out after: runs never disturb each other."""

    def __init__(self, device: torch.device, seed: int) -> None:
        self._device = device
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(seed)
            self._cpu, self._cuda = self._read()
        self._begun = self._cpu, self._cuda

    def _read(self) -> tuple[Tensor, Tensor | None]:
        cuda = torch.cuda.get_rng_state(self._device) if self._device.type == "cuda" else None
        return torch.get_rng_state(), cuda

    def _write(self, cpu: Tensor, cuda: Tensor | None) -> None:
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state(cuda, self._device)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Draw from this run's stream."""
        self._begun, outside = (self._cpu, self._cuda), self._read()
        self._write(self._cpu, self._cuda)
        try:
            yield
        finally:
            self._cpu, self._cuda = self._read()
            self._write(*outside)

    @contextmanager
    def repeated(self) -> Iterator[None]:
        """Draw again what was drawn while it was last active; the stream goes on as if nothing had been drawn."""
        outside = self._read()
        self._write(*self._begun)
        try:
            yield
        finally:
            self._write(*outside)

    def state_dict(self) -> dict[str, Tensor]:
        """The state as byte tensors on the CPU."""
        return {"cpu": self._cpu} if self._cuda is None else {"cpu": self._cpu, "cuda": self._cuda}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Restore a state; a run that changes device keeps the stream of its new device."""
        self._cpu = state["cpu"]
        if self._cuda is not None and "cuda" in state:
            self._cuda = state["cuda"]


class BufferGuard:
    """Undoes what a forward pass did to a model's buffers (batch-norm statistics), decided on the device.

    The buffers become views of one flat tensor per type, so that saving and restoring is two copies, not two per layer.
    Build it once the model is on its device.
    """

    def __init__(self, model: nn.Module) -> None:
        groups: dict[torch.dtype, list[tuple[nn.Module, str, Tensor]]] = {}
        for module in model.modules():
            for name, buffer in module.named_buffers(recurse=False):
                groups.setdefault(buffer.dtype, []).append((module, name, buffer))
        self._flats = []
        for members in groups.values():
            flat = torch.cat([buffer.reshape(-1) for _, _, buffer in members])
            parts = flat.split([buffer.numel() for _, _, buffer in members])
            for (module, name, buffer), part in zip(members, parts, strict=True):
                module._buffers[name] = part.view(buffer.shape)
            self._flats.append(flat)

    def save(self) -> Callable[[Tensor], None]:
        """Remember the buffers; the function returned puts them back where its () bool argument is true."""
        saved = [flat.clone() for flat in self._flats]

        def restore_where(bad: Tensor) -> None:
            for flat, before in zip(self._flats, saved, strict=True):
                flat.copy_(torch.where(bad, before, flat))

        return restore_where
