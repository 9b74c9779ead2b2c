"""The range of levels of sets that do not fit into memory, exactly and in two passes; kept once it is found."""

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from dmf.data.cache import read_arrays, write_arrays
from dmf.data.intensity import Range
from dmf.paths import cache_folder

VERSION = 1  # raise it when the same values give another range
DIGIT = 16  # bits of the 32 of a number told apart in one pass
SMALLEST = 2**15  # below zero, the smallest of 16 bits
Numbers = NDArray[np.generic]


def exact_percentiles(read: Callable[[], Iterable[Numbers]], shares: Sequence[float]) -> list[float]:
    """Percentiles of all values of many arrays, without holding more than one of them.

    Of ``n`` values in order, percentile ``q`` is the one at position ``round(q / 100 * (n - 1))``, as
    ``numpy.percentile(..., method="nearest")`` takes it. Values are sorted by their digits of 16 bits (radix
    selection), so the arrays are gone through twice; once where they hold whole numbers of at most 16 bits.

    Args:
        read: Gives the arrays, each time anew; of any real type. Values count in single precision; NaN and infinity
            do not count.
        shares: Percentiles, each 0 to 100.

    Raises:
        ValueError: If there are no finite values.
    """
    top = np.zeros(2**DIGIT, dtype=np.int64)
    small: NDArray[np.int64] | None = np.zeros(SMALLEST + 2**DIGIT, dtype=np.int64)
    for values in read():
        top += np.bincount((_keys(values) >> np.uint32(DIGIT)).astype(np.intp), minlength=2**DIGIT)
        if small is not None and values.dtype.kind in "iu" and values.dtype.itemsize <= 2:
            small += np.bincount(values.ravel().astype(np.intp) + SMALLEST, minlength=len(small))
        else:
            small = None
    total = int(top.sum())
    if not total:
        raise ValueError("There are no finite values.")
    wanted = [_nearest(share, total) for share in shares]
    if small is not None:
        ordered = np.cumsum(small)
        return [float(np.searchsorted(ordered, position, side="right") - SMALLEST) for position in wanted]
    ends = np.cumsum(top)
    digits = [int(np.searchsorted(ends, position, side="right")) for position in wanted]
    lower = {digit: np.zeros(2**DIGIT, dtype=np.int64) for digit in digits}
    for values in read():
        keys = _keys(values)
        for digit, counts in lower.items():
            inside = keys[(keys >> np.uint32(DIGIT)) == digit] & np.uint32(2**DIGIT - 1)
            lower[digit] = counts + np.bincount(inside.astype(np.intp), minlength=2**DIGIT)
    percentiles = []
    for position, digit in zip(wanted, digits, strict=True):
        inside_position = position - (int(ends[digit - 1]) if digit else 0)
        low = int(np.searchsorted(np.cumsum(lower[digit]), inside_position, side="right"))
        percentiles.append(_value(digit << DIGIT | low))
    return percentiles


def parse_range(text: str) -> tuple[float, float] | None:
    """Two rising finite numbers parted by a colon, such as ``0.5:99.5`` or ``-160:240``; None where it is none."""
    try:
        low, high = (float(part) for part in text.split(":"))
    except ValueError:
        return None
    return (low, high) if math.isfinite(low) and math.isfinite(high) and low < high else None


def _nearest(share: float, total: int) -> int:
    return round(share / 100 * (total - 1))


def _keys(values: Numbers) -> NDArray[np.uint32]:
    """Whole numbers in the order of the finite values: their bits, turned round below zero."""
    numbers = values.astype(np.float32).ravel()
    bits = (numbers[np.isfinite(numbers)] + np.float32(0)).view(np.uint32)  # -0 becomes 0
    return np.where(bits >> np.uint32(31), ~bits, bits | np.uint32(2**31))


def _value(key: int) -> float:
    bits = np.uint32(key - 2**31 if key >= 2**31 else ~key & 0xFFFFFFFF)
    return float(bits.view(np.float32))


def kept_levels(dataset: str, decides: str, find: Callable[[], Range]) -> Range:
    """The range of a set, found once and kept in the cache.

    Args:
        dataset: Name of the dataset.
        decides: A text that differs whenever another range could be found.
        find: Looks for it.
    """
    key = hashlib.sha256(f"{VERSION}\n{decides}".encode()).hexdigest()[:20]
    path = cache_folder() / f"{dataset}-range-{key}.npz"
    kept = read_arrays(path, ("range",))
    if kept is not None:
        return Range(*kept["range"].tolist())
    levels = find()
    write_arrays(path, {"range": np.array([levels.low, levels.high])})
    return levels


def percentile_range(read: Callable[[], Iterable[Numbers]], shares: tuple[float, float]) -> Range:
    """From one percentile of all values to another, or from the least to the greatest where the two are equal.

    Raises:
        ValueError: If there are no finite values.
    """
    low, high = exact_percentiles(read, shares)
    if low == high:  # mostly background: what differs at all has to be seen
        low, high = exact_percentiles(read, (0, 100))
    return Range(low, high if low < high else low + 1)
