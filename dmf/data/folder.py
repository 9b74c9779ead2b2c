"""A folder of one's own: any ``images`` beside ``masks`` (or ``labels``), paired by name."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from dmf.data.arranged import ARRANGING, ArrangedDataset
from dmf.data.base import BrokenDataError, OptionValue, Problem
from dmf.data.files import MaskLevels, read_levels

MOST_CLASSES = 32
MOST_NAMED = 6  # values a message lists


class Folder(ArrangedDataset):
    """Reads images and masks that belong together by name, such as ``images/`` beside ``masks/``.

    Options of :class:`ArrangedDataset` say which files are read, grouped and split how. Others say what the numbers in
    a mask mean:

    * ``values``: the value of each class, background first, e.g. ``0:255`` or ``0:1:2``. Class ``i`` is where the mask
      holds the ``i``-th of them.
    * ``names``: what the classes are called, e.g. ``background:vessel``; numbered when left empty.
    * ``nearest``: take the nearest of ``values``, for masks saved as JPEG or with soft edges. Otherwise a value that is
      no class is a problem.
    * ``rgb``: read images in colour; otherwise colour becomes luminance.
    * ``spacing``: the side of a pixel in millimetres, the same in all images, e.g. ``0.2``, or height and width, e.g.
      ``0.2:0.1``; distances between outlines are then in millimetres.
    """

    name = "folder"
    title = "A folder of your own"
    how_to_get = (
        "Put images into a folder called images and a mask for each, of the same name and size, into a folder called "
        "masks beside it; then set the root to the folder that holds both, or put them into data/raw/folder."
    )
    licence = "Whatever holds for your images."
    citation = "Whatever your images ask for."
    defaults: ClassVar[Mapping[str, OptionValue]] = {
        "values": "0:255",
        "names": "",
        "nearest": False,
        "rgb": False,
        "spacing": "",
        **ARRANGING,
    }

    def __init__(self, root: Path | None = None, seed: int = 0, **options: OptionValue) -> None:
        super().__init__(root, seed, **options)
        self.values = self._parse_values(str(self.options["values"]))
        self.class_names = self._parse_names(str(self.options["names"]))
        self.in_channels = 3 if self.options["rgb"] else 1
        self.spacing = self._parse_spacing(str(self.options["spacing"]))

    def classes(self, mask: Path) -> tuple[NDArray[np.integer], list[str]]:
        """The class whose value each pixel holds."""
        levels = read_levels(mask)
        values = np.array(self.values)
        found, index = np.unique(levels, return_inverse=True)
        distance = np.abs(found[:, None].astype(np.int64) - values[None])  # (found, classes)
        if not self.options["nearest"] and distance.min(axis=1).any():
            raise BrokenDataError([self._strange(mask, found[distance.min(axis=1) > 0], found)])
        return distance.argmin(axis=1)[index].reshape(levels.shape).astype(np.uint8), []

    def _strange(self, mask: Path, strange: MaskLevels, found: MaskLevels) -> Problem:
        known = ", ".join(map(str, self.values))
        what = f"holds {_list(strange)}, but the classes are the values {known}"
        if len(found) <= MOST_NAMED:
            remedy = f"Set the option values to what your masks hold, here values={':'.join(map(str, found))}."
        else:
            remedy = "Set the option nearest=true to take the nearest class, or save the masks without soft edges."
        return Problem(str(mask), what, remedy)

    def _parse_values(self, text: str) -> tuple[int, ...]:
        parts = [part.strip() for part in text.split(":")]
        if not all(part.isascii() and part.isdigit() and int(part) <= 65535 for part in parts):
            raise self._refused("values", text, "whole numbers from 0 to 65535, parted by colons, such as 0:255")
        values = tuple(int(part) for part in parts)
        if not 2 <= len(values) <= MOST_CLASSES or len(set(values)) < len(values):
            raise self._refused("values", text, f"2 to {MOST_CLASSES} different numbers, the background first")
        return values

    def _parse_names(self, text: str) -> tuple[str, ...]:
        count = len(self.values)
        if self.options["several"] == "classes" and text.strip():
            count = text.count(":") + 1  # one for each mask of an image, whatever values mark it
        if not text.strip():
            return (
                ("background", "foreground") if count == 2 else ("background", *(f"class {n}" for n in range(1, count)))
            )
        names = tuple(part.strip() for part in text.split(":"))
        if len(names) != count or not all(names) or len(set(names)) < count:
            raise self._refused("names", text, f"{count} different names parted by colons, one for each of the values")
        return names

    def _parse_spacing(self, text: str) -> tuple[float, float] | None:
        if not text.strip():
            return None
        try:
            sides = [float(part) for part in text.split(":")]
        except ValueError:
            sides = []
        if len(sides) not in (1, 2) or not all(math.isfinite(side) and side > 0 for side in sides):
            raise self._refused("spacing", text, "the side of a pixel in mm, or its height and width such as 0.2:0.1")
        return sides[0], sides[-1]


def suggest_options(masks: Iterable[Path]) -> dict[str, OptionValue]:
    """Options under which these masks can be read; only those that differ from the defaults.

    Masks of few values get one class for each, smallest first; masks of many values (JPEG, soft edges) are taken to
    mean 0 and 255, the nearest one.

    Raises:
        BrokenDataError: If no mask can be read; a damaged one beside others is left for loading to report.
    """
    found: set[int] = set()
    problems: list[Problem] = []
    is_empty = True
    for mask in masks:
        try:
            found |= set(np.unique(read_levels(mask)).tolist())
            is_empty = False
        except BrokenDataError as error:
            problems += error.problems
    if is_empty and problems:
        raise BrokenDataError(problems)
    if found <= {0, 255}:
        return {}
    if len(found) > MOST_CLASSES:
        return {"nearest": True}
    if len(found) == 1:
        found |= {0, 255} if 0 in found else {0}
    return {"values": ":".join(map(str, sorted(found)))}


def _list(values: MaskLevels) -> str:
    shown = ", ".join(map(str, values[:MOST_NAMED]))
    return shown if len(values) <= MOST_NAMED else f"{shown} and {len(values) - MOST_NAMED} more values"
