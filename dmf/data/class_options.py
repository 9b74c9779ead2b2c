"""Options of several datasets that say what numbers stand for, read from texts.

Each function raises ``ValueError`` with what would have worked, as the end of a sentence.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

from pydantic import Field

from dmf.data.base import Dataset
from dmf.data.intensity import Range
from dmf.data.scale import parse_range
from dmf.data.volume_labels import MOST_CLASSES, ClassValues
from dmf.errors import ConfigError

NUMBER = re.compile(r"-?\d{1,9}")
Black = Annotated[float, Field(ge=0, lt=100, description="Percentile of all values that becomes black.")]
White = Annotated[float, Field(gt=0, le=100, description="Percentile of all values that becomes white.")]


@contextmanager
def refusing(dataset: Dataset, option: str) -> Iterator[None]:
    """Make the whole sentence of what these functions raise of an option of a dataset.

    Raises:
        ConfigError: Naming dataset, option, what would have worked and what came.
    """
    try:
        yield
    except ValueError as error:
        message = f"Option {option!r} of dataset {dataset.name!r} takes {error}; got {dataset.said(option)!r}."
        raise ConfigError(message, "dataset_options") from None


def parse_values(text: str) -> ClassValues:
    """The number of each class, parted by colons."""
    parts = [part.strip() for part in text.split(":")]
    if not all(NUMBER.fullmatch(part) for part in parts):
        raise ValueError("whole numbers parted by colons, such as 0:1:2")
    values = tuple(int(part) for part in parts)
    if not 2 <= len(values) <= MOST_CLASSES or len(set(values)) < len(values):
        raise ValueError(f"2 to {MOST_CLASSES} different numbers, the background first")
    return ClassValues(values)


def parse_void(text: str, values: Sequence[int]) -> int | None:
    """The number of what belongs to no class; None where there is none."""
    if not text:
        return None
    if not NUMBER.fullmatch(text) or int(text) in values:
        raise ValueError("a whole number that is not among the values, such as 255")
    return int(text)


def parse_names(text: str, count: int) -> tuple[str, ...]:
    """What the classes are called; numbered where the text is empty."""
    if not text:
        return ("background", "foreground") if count == 2 else ("background", *(f"class {n}" for n in range(1, count)))
    names = tuple(part.strip() for part in text.split(":"))
    if len(names) != count or not all(names) or len(set(names)) < count:
        raise ValueError(f"{count} different names parted by colons, one for each of the values")
    return names


def check_percentiles(low: float, high: float) -> tuple[float, float]:
    """Two percentiles."""
    if not 0 <= low < high <= 100:
        raise ValueError(f"a percentile from 0 to 100, below that of high ({high:g})")
    return low, high


def parse_window(text: str, *, is_needed: bool) -> Range | None:
    """The levels that become black and white; None where nothing is said and nothing needed."""
    window = parse_range(text)
    if window is None and (text or is_needed):
        raise ValueError("the values that become black and white, such as -160:240")
    return None if window is None else Range(*window)
