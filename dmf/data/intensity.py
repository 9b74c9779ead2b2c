"""Which stored value is black and which is white: the same for every image of a set."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dmf.data.base import BrokenDataError, Pixels, Problem
from dmf.data.decode import Levels, Picture


@dataclass(frozen=True)
class Range:
    """Stored values from ``low``, which is black, to ``high``, which is white."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:g}:{self.high:g}"

    def apply(self, stored: Levels) -> Pixels:
        """Levels 0..255 of stored values of any shape; what lies outside is cut off."""
        if stored.dtype == np.uint16:  # a table, as there are few values and many pixels
            return np.asarray(self._scaled(np.arange(65536, dtype=np.float64))[stored])
        return self._scaled(stored.astype(np.float64))

    def _scaled(self, values: NDArray[np.float64]) -> Pixels:
        share = (values - self.low) / (self.high - self.low)
        return np.asarray((share.clip(0, 1) * 255).round(), np.uint8)


def full_range(picture: Picture) -> Range:
    """All that the stored bits of a picture can hold.

    Raises:
        BrokenDataError: If it holds floating point, which has no such range.
    """
    kind = picture.pixels.dtype
    if kind.kind == "f":
        raise BrokenDataError(
            [Problem(picture.name, f"has pixels of type {kind}", "Save it with 8 or 16 bits per channel.")]
        )
    if picture.header.depth is not None and kind.kind == "u":
        return Range(0.0, float(2**picture.header.depth - 1))
    limits = np.iinfo(kind)
    return Range(float(limits.min), float(limits.max))
