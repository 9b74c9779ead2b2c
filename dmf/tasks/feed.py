"""The data of an experiment as the loop asks for it: a training batch by step, a split by name."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from dmf.data import Indices, PreparedData
from dmf.data.batches import Batch, DeviceData, TrainingBatches, evaluation_batches
from dmf.records import Split

__all__ = ["Batch", "Feed"]


class Feed:
    """Batches on the device.

    Args:
        data: The prepared cases.
        device_data: Their pixels where the networks can reach them.
        indices: Which cases are in which split.
        batch_size: Images per batch.
        seed: Decides, with the epoch, the order.
        smaller: Training images that later ones replace, each with the epoch that it ends before, see
            :mod:`dmf.data.sizes`. From then on, and in all evaluation, they are those of ``device_data``.
        shares: (n,) how often each training case comes; None is each once an epoch.
        augment: What is made of the training batch of a step before a network sees it.

    Raises:
        ConfigError: If not even one training batch can be filled.
    """

    def __init__(
        self,
        data: PreparedData,
        device_data: DeviceData,
        indices: Indices,
        *,
        batch_size: int,
        seed: int,
        smaller: Sequence[tuple[int, DeviceData]] = (),
        shares: NDArray[np.float64] | None = None,
        augment: Callable[[Batch, int], Batch] | None = None,
    ) -> None:
        self._data, self._device_data, self._indices = data, device_data, indices
        self._training = TrainingBatches(device_data, indices.train, batch_size, seed, shares)
        self._order: tuple[int, NDArray[np.int64]] = (-1, np.empty(0, dtype=np.int64))
        self.batch_size = batch_size
        self._smaller, self._augment = tuple(smaller), augment

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps in one epoch."""
        return len(self._training)

    @property
    def images(self) -> dict[Split, int]:
        """Images of each split."""
        return {
            "train": len(self._indices.train),
            "validation": len(self._indices.validation),
            "test": len(self._indices.test),
        }

    def training_batch(self, step: int) -> Batch:
        """The batch of an optimizer step, a function of seed and step alone."""
        epoch, position = divmod(step, self.steps_per_epoch)
        if self._order[0] != epoch:
            self._order = (epoch, self._training.order(epoch))
        batch = self._data_of(epoch).batch(torch.from_numpy(self._order[1][position]))
        return batch if self._augment is None else self._augment(batch, step)

    def size_change(self, step: int) -> tuple[int, int] | None:
        """Side of the training images before and from ``step`` on, where it changes there."""
        epoch, position = divmod(step, self.steps_per_epoch)
        if position or not epoch:
            return None
        before, now = self._data_of(epoch - 1).image_size, self._data_of(epoch).image_size
        return None if before == now else (before, now)

    def _data_of(self, epoch: int) -> DeviceData:
        """The training images of an epoch."""
        return next((data for end, data in self._smaller if epoch < end), self._device_data)

    def evaluation(self, split: Split) -> Iterator[Batch]:
        """Every case of a split once; the last batch may be smaller."""
        return evaluation_batches(self._device_data, getattr(self._indices, split), self.batch_size)

    def sample(self, position: int) -> Batch:
        """One case as a batch of one."""
        return self._device_data.batch(torch.tensor([position]))

    def cases(self, split: Split) -> tuple[str, ...]:
        """Ids of the cases of a split, in the order of :meth:`evaluation`."""
        return tuple(self._data.cases[position].id for position in getattr(self._indices, split))

    def case_id(self, position: int) -> str:
        """Id of the case at a position of the prepared data."""
        return self._data.cases[position].id

    def original_sizes(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """(n, 2) height and width of the original images."""
        return self._data.sizes[positions]
