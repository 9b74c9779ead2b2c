"""Batches on the device, in an order that depends on seed and epoch alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dmf.data.prepare import PreparedData
from dmf.errors import ConfigError
from dmf.seeding import derive

KEEP_FREE = 0.5  # share of the free device memory left to the networks


@dataclass(frozen=True)
class Batch:
    """One batch on the device.

    Attributes:
        input: (B, C, H, W) float32, 0..1 from black to white.
        target: (B, H, W) int64 class numbers; or images to be made, (B, O, H, W) float32 on the same scale.
        index: (B,) int64, positions of the cases in the prepared data.
    """

    input: Tensor
    target: Tensor
    index: Tensor


class DeviceData:
    """Prepared images and targets where the network can reach them.

    They stay as they were stored, mostly uint8: on the device when they take at most half of its free memory, else in
    page-locked host memory from which each batch is copied without waiting. Either way a batch reads nothing back from
    the device.

    Args:
        data: Images (N, C, S, S) and their targets.
        device: Where batches are needed.
        channels_last: Lay ``Batch.input`` out channel by channel last, which some kernels prefer.
    """

    def __init__(self, data: PreparedData, device: torch.device | str = "cpu", *, channels_last: bool = False) -> None:
        self.device = torch.device(device)
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self._white, self._target_white = data.white, data.target_white
        self._are_classes = data.targets.ndim == 3
        images, targets = _as_tensor(data.images), _as_tensor(data.targets)
        self.is_resident = self.device.type != "cuda" or _fits(images.nbytes + targets.nbytes, self.device)
        place = self.device if self.is_resident else torch.device("cpu")
        self._images, self._targets = images.to(place), targets.to(place)
        if not self.is_resident:
            self._images, self._targets = self._images.pin_memory(), self._targets.pin_memory()

    @property
    def image_size(self) -> int:
        """Side of the images, in pixels."""
        return self._images.shape[-1]

    def batch(self, index: Tensor) -> Batch:
        """The cases at positions ``index`` (B,) int64 on the CPU."""
        if self.is_resident:
            index = self._move(index)
            images, targets = self._images[index], self._targets[index]
        else:
            images, targets = self._move(self._images[index]), self._move(self._targets[index])
            index = self._move(index)
        scaled = _scaled(images, self._white).contiguous(memory_format=self.memory_format)
        return Batch(scaled, targets.long() if self._are_classes else _scaled(targets, self._target_white), index)

    def _move(self, tensor: Tensor) -> Tensor:
        if self.device.type != "cuda":
            return tensor.to(self.device)
        # Only a page-locked source can be copied while the host goes on.
        return tensor.pin_memory().to(self.device, non_blocking=True)


class TrainingBatches:
    """Full batches of shuffled training cases; the last incomplete batch of an epoch is dropped.

    Args:
        data: Where the pixels are.
        indices: (n,) positions of the training cases.
        batch_size: Cases per batch.
        seed: With the epoch, decides the order.
        shares: (n,) how often each comes, sums to 1; they are drawn anew for every place then. None is each once.

    Raises:
        ConfigError: If not even one batch can be filled; names the largest batch size that works.
    """

    def __init__(
        self,
        data: DeviceData,
        indices: NDArray[np.int64],
        batch_size: int,
        seed: int,
        shares: NDArray[np.float64] | None = None,
    ) -> None:
        if batch_size > len(indices):
            raise ConfigError(
                f"A batch of {batch_size} cannot be filled from {len(indices)} training images; "
                f"the largest batch size that works is {len(indices)}.",
                field="batch_size",
            )
        self._data = data
        self._indices = indices
        self._seed, self._shares = seed, shares
        self.batch_size = batch_size

    def __len__(self) -> int:
        """Batches, hence optimizer steps, per epoch."""
        return len(self._indices) // self.batch_size

    def order(self, epoch: int) -> NDArray[np.int64]:
        """Positions (steps, batch_size) int64 of the cases of each batch of an epoch."""
        chance, shape = np.random.default_rng(derive(self._seed, "batches", epoch)), (len(self), self.batch_size)
        if self._shares is not None:
            return chance.choice(self._indices, shape, p=self._shares)
        return chance.permutation(self._indices)[: len(self) * self.batch_size].reshape(shape)

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from the one numbered ``start`` on, counted from 0; a resumed run skips the rest."""
        for positions in self.order(epoch)[start:]:
            yield self._data.batch(torch.from_numpy(positions))


def evaluation_batches(data: DeviceData, indices: NDArray[np.int64], batch_size: int) -> Iterator[Batch]:
    """Every case once, in the given order; the last batch may be smaller."""
    for start in range(0, len(indices), batch_size):
        yield data.batch(torch.from_numpy(indices[start : start + batch_size]))


def _as_tensor(pixels: NDArray[Any]) -> Tensor:
    """The same memory; uint16, of which torch can do little, in the bits of int16."""
    return torch.from_numpy(pixels.view(np.int16) if pixels.dtype == np.uint16 else pixels)


def _scaled(pixels: Tensor, white: float) -> Tensor:
    """float32, 1 where ``pixels`` are ``white``."""
    if pixels.dtype == torch.int16:
        pixels = pixels.to(torch.int32).bitwise_and_(0xFFFF)
    return pixels.to(torch.float32, copy=True).div_(white)


def _fits(needed: int, device: torch.device) -> bool:
    free, _ = torch.cuda.mem_get_info(device)
    return needed <= free * (1 - KEEP_FREE)
