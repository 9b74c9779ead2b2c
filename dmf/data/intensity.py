"""Which stored value is black and which is white: the same for every image of a set."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Range:
    """Stored values from ``low``, which is black, to ``high``, which is white."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:g}:{self.high:g}"

    def apply(self, stored: NDArray[Any]) -> NDArray[np.uint8]:
        """Levels 0..255 of stored values of any shape; what lies outside is cut off, what is no number is black."""
        return np.asarray(self._levels(stored, 255), np.uint8)

    def apply_16(self, stored: NDArray[Any]) -> NDArray[np.uint16]:
        """The same in 16 bits, 0..65535."""
        return np.asarray(self._levels(stored, 65535), np.uint16)

    def _levels(self, stored: NDArray[Any], white: int) -> NDArray[Any]:
        if stored.dtype == np.uint16:  # a table, as there are few values and many pixels
            return np.asarray(self._scaled(np.arange(65536, dtype=np.float64), white)[stored])
        return self._scaled(stored.astype(np.float64), white)

    def _scaled(self, values: NDArray[np.float64], white: int) -> NDArray[np.uint16]:
        if self.high <= self.low:  # one value alone has no range
            return np.asarray((values > self.low) * white, np.uint16)
        share = (values - self.low) / (self.high - self.low)
        return np.asarray((np.nan_to_num(share.clip(0, 1)) * white).round(), np.uint16)


def eight_bits(image: NDArray[Any], white: float) -> NDArray[np.uint8]:
    """An image of any type whose black is at 0 and whose white at ``white``, with white at 255."""
    if image.dtype == np.uint8:
        return image
    return np.asarray(np.clip(image / white * 255, 0, 255).round(), dtype=np.uint8)


Scale: TypeAlias = Callable[[np.dtype[Any]], Range | None]
"""The range for stored values of a type; None for all that its bits can hold."""
