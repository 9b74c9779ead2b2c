"""The numbers in masks of volumes, and the classes they stand for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dmf.data.base import IGNORE, BrokenDataError, Pixels, Problem
from dmf.data.volumes import Axis, Numbers, open_slices

WHOLE = 1e-3  # by which a stored label may miss a whole number: those of scaled integers do
MOST_CLASSES = 32
LISTED = 6  # labels that a message names


@dataclass(frozen=True)
class ClassValues:
    """Which number in a mask stands for which class.

    Attributes:
        values: The number of each class, the background first.
        void: The number of voxels that belong to no class; None where there is none.
    """

    values: tuple[int, ...]
    void: int | None = None

    def classes(self, labels: Numbers) -> Pixels:
        """Class of each voxel; 254 where its number is not known, see :meth:`strange`."""
        classes = np.full(labels.shape, UNKNOWN, dtype=np.uint8)
        for number, value in enumerate(self.values):
            classes[labels == value] = number
        if self.void is not None:
            classes[labels == self.void] = IGNORE
        return classes

    def strange(self, labels: Sequence[int]) -> list[int]:
        """Those of some numbers that stand for nothing."""
        return [value for value in labels if value not in self.values and value != self.void]


UNKNOWN = 254


@dataclass(frozen=True)
class Scan:
    """All labels of a mask, in order, and which of its slices hold one that is not 0."""

    labels: tuple[int, ...]
    marked: tuple[bool, ...]


_scans: dict[tuple[object, ...], Scan] = {}


def scan_mask(path: Path, axis: Axis) -> Scan:
    """Look through a mask; remembered until the file changes.

    Raises:
        BrokenDataError: If it cannot be read, or holds what is no whole number.
    """
    status = path.stat()
    key = (path, status.st_mtime_ns, status.st_size, axis)
    if key not in _scans:
        slices = open_slices(path, axis)
        labels: set[int] = set()
        marked = []
        for index in range(len(slices)):
            present = np.unique(whole_labels(slices[index], path)).tolist()
            labels.update(present)
            marked.append(present != [0])
        _scans[key] = Scan(tuple(sorted(labels)), tuple(marked))
    return _scans[key]


def whole_labels(levels: Numbers, path: Path) -> Numbers:
    """Stored labels as whole numbers: a 1 that was scaled can come back as 0.999999999767.

    Raises:
        BrokenDataError: If a value is further than 0.001 from a whole number, or none at all.
    """
    if levels.dtype.kind in "iu":
        return levels
    with np.errstate(invalid="ignore"):
        nearest = np.rint(levels)
        wrong = ~(np.abs(levels - nearest) <= WHOLE)  # what is no number is not near one
    if wrong.any():
        what = f"holds {levels[wrong][0]:g}, but the labels of a mask are whole numbers"
        remedy = "Save the mask without smoothing; resample it by nearest neighbours."
        raise BrokenDataError([Problem(str(path), what, remedy)])
    return nearest.astype(np.int64)


def listed(values: Sequence[int]) -> str:
    """The first of some numbers, and how many more there are."""
    shown = ", ".join(map(str, values[:LISTED]))
    return shown if len(values) <= LISTED else f"{shown} and {len(values) - LISTED} more"
