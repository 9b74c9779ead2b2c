"""The range of stored values that becomes black to white, taken from all images of a set, so that it is one for all."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dmf.data.base import BrokenDataError, Problem
from dmf.data.decode import read_picture
from dmf.data.intensity import Range
from dmf.errors import DataError
from dmf.paths import cache_folder

BINS = 65536
DARK, BRIGHT = 13, 242  # levels up to, or from, which a picture is nearly black, or white, where hardly any are beyond
HARDLY = 0.01  # share of pixels

How = Literal["depth", "percentile"]


@dataclass(frozen=True)
class Values:
    """What the images of a set hold.

    Attributes:
        low, high: Smallest and largest value.
        depth: Bits that files say are used, the same for all; None where they do not say.
        counts: Pixels in each of ``BINS`` equal steps from low to high; steps of one where that holds all.
        images: How many were looked at.
        is_float: Whether some hold floating point.
    """

    low: float
    high: float
    depth: int | None
    counts: NDArray[np.int64]
    images: int
    is_float: bool

    def percentile(self, share: float) -> float:
        """The value up to which a share 0..100 of all pixels lie."""
        reached = np.cumsum(self.counts)
        step = int(np.searchsorted(reached, share / 100 * reached[-1]))
        return self.low + min(step, len(self.counts) - 1) * self.step

    @property
    def step(self) -> float:
        """Width of one step."""
        return _step(self.low, self.high, self.is_float)


def look_at_values(images: Sequence[tuple[Path, int | None]]) -> Values | None:
    """Count the values of all images, colours together.

    Args:
        images: File and page of each; what cannot be read is left for loading to report.

    Returns:
        None where no image is left.

    Raises:
        BrokenDataError: If one holds what is no number.
    """
    low, high, count, is_float = np.inf, -np.inf, 0, False
    depths: set[int | None] = set()
    for stored, depth in _stored(images):
        low, high = min(low, float(stored.min())), max(high, float(stored.max()))
        is_float |= stored.dtype.kind == "f"
        depths.add(depth)
        count += 1
    if not count:
        return None
    step = _step(low, high, is_float)
    counts = np.zeros(min(BINS, int((high - low) / step) + 1), np.int64)
    for stored, _ in _stored(images):
        place = ((stored.astype(np.float64) - low) / step).astype(np.int64).clip(0, len(counts) - 1)
        counts += np.bincount(place.ravel(), minlength=len(counts))
    return Values(low, high, depths.pop() if len(depths) == 1 else None, counts, count, is_float)


def _step(low: float, high: float, is_float: bool) -> float:
    if not is_float and high - low < BINS:
        return 1.0
    return (high - low) / (BINS - 1) or 1.0


def _stored(images: Iterable[tuple[Path, int | None]]) -> Iterator[tuple[NDArray[Any], int | None]]:
    for path, page in images:
        try:
            picture = read_picture(path, page)
        except BrokenDataError:
            continue
        if picture.pixels.dtype.kind == "f" and not np.isfinite(picture.pixels).all():
            remedy = "Save it with a number for each pixel."
            raise BrokenDataError([Problem(str(path), "holds values that are not numbers", remedy)])
        yield picture.pixels, picture.header.depth


def choose_range(values: Values, how: How, low: float, high: float) -> Range:
    """The range that becomes black to white.

    Args:
        values: Of the set.
        how: All that the depth can hold, as files say or as the largest value needs; or two percentiles.
        low: The percentile that becomes black, 0 to 100.
        high: The one that becomes white.

    Raises:
        DataError: If floating point is to be read by its depth and is not within 0 to 1.
    """
    if how == "percentile":
        first, last = values.percentile(low), values.percentile(high)
        return Range(first, last if last > first else first + 1)
    if values.is_float:
        if values.low < 0 or values.high > 1:
            raise DataError(
                f"Images hold floating point from {values.low:g} to {values.high:g}, which has no depth. "
                "Set the option intensity=percentile, or window=low:high."
            )
        return Range(0.0, 1.0)
    largest = max(values.high, -values.low - 1)
    bits = values.depth or max(8, int(largest).bit_length())
    return Range(-float(2**bits), float(2**bits - 1)) if values.low < 0 else Range(0.0, float(2**bits - 1))


def kept_range(key: str, make: Any) -> dict[str, Any]:
    """What ``make`` returns, kept in the cache under a key, so that a set is looked at once."""
    file = cache_folder() / f"values-{key}.json"
    try:
        return dict(json.loads(file.read_text()))
    except (OSError, ValueError):
        document: dict[str, Any] = make()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(f".{id(document)}.part")
        part.write_text(json.dumps(document))
        part.replace(file)
    except OSError:
        pass  # it is looked at again next time
    return document


def nearly_blank(image: NDArray[np.uint8]) -> str | None:
    """``black`` or ``white`` where hardly a pixel is anything else; None for other images.

    Args:
        image: (H, W) or (H, W, C).
    """
    counts = np.bincount(image.ravel(), minlength=256)
    if counts[DARK:].sum() <= HARDLY * image.size:
        return "black"
    return "white" if counts[: BRIGHT + 1].sum() <= HARDLY * image.size else None
