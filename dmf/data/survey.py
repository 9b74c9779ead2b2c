"""What a set of masks holds, counted over all of them: values, colours, and how they were saved."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dmf.data.base import BrokenDataError, Problem
from dmf.data.bounds import refuse_large_set
from dmf.data.colours import Colour, codes_of, colour_of
from dmf.data.decode import Picture, read_picture
from dmf.data.files import MaskLevels, levels_of

MOST_COLOURS = 4096  # of one mask that are counted; a photograph holds more
MOST_KEPT = 8  # surveys kept, so that asking twice reads files once
_kept: dict[tuple[object, ...], "Survey"] = {}


@dataclass
class Survey:
    """Counts over masks.

    Attributes:
        files: Masks that could be read; each page of a file is one.
        pixels: Of all of them.
        counts, images: Pixels of each value, and masks that hold it; of masks that are one number per pixel.
        colours: Pixels of each colour; of masks that are coloured.
        coloured: Masks that are.
        lossy: Masks saved in a way that changes values.
        paletted, in_alpha: Masks read from the numbers of a palette, or from their transparency.
        equal, pairs: Of neighbours that are none of the two commonest values of their mask, those that are equal.
        consecutive: Masks that hold 0 to n without a gap, n at least 2; by n.
        problems: Why masks could not be read.
    """

    files: int = 0
    pixels: int = 0
    counts: Counter[int] = field(default_factory=Counter)
    images: Counter[int] = field(default_factory=Counter)
    colours: Counter[Colour] = field(default_factory=Counter)
    coloured: list[Path] = field(default_factory=list)
    lossy: int = 0
    paletted: int = 0
    in_alpha: int = 0
    equal: int = 0
    pairs: int = 0
    consecutive: Counter[int] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)

    @property
    def is_flat(self) -> bool:
        """Whether rarer values come in areas, as labels do, rather than in slopes or as noise."""
        return self.pairs == 0 or 2 * self.equal >= self.pairs

    def add(self, path: Path, picture: Picture) -> None:
        """Count one mask."""
        self.files += 1
        self.pixels += picture.pixels.shape[0] * picture.pixels.shape[1]
        self.lossy += picture.header.is_lossy
        levels = levels_of(picture)
        if levels is None:
            self.coloured.append(path)
            codes, times = np.unique(codes_of(picture), return_counts=True)
            commonest = np.argsort(times)[::-1][:MOST_COLOURS]
            self.colours.update({colour_of(int(codes[n])): int(times[n]) for n in commonest})
            return
        self.paletted += picture.indices is not None
        self.in_alpha += picture.alpha is not None and bool((picture.alpha != picture.alpha.flat[0]).any())
        values, counts = unique(levels)
        self.counts.update(dict(zip(values, counts, strict=True)))
        self.images.update(values)
        if len(values) > 2 and values == list(range(len(values))):
            self.consecutive[values[-1]] += 1
        if len(values) > 2:
            rare = ~np.isin(levels, [values[n] for n in np.argsort(counts)[-2:]])
            both = rare[:, 1:] & rare[:, :-1]
            self.pairs += int(both.sum())
            self.equal += int((both & (levels[:, 1:] == levels[:, :-1])).sum())


def unique(levels: MaskLevels) -> tuple[list[int], list[int]]:
    """Values of a mask in rising order, and how many pixels have each."""
    if levels.dtype in (np.uint8, np.uint16):  # few values: counting is faster than sorting
        counts = np.bincount(levels.ravel())
        values = np.flatnonzero(counts)
        return values.tolist(), counts[values].tolist()
    values, counts = np.unique(levels, return_counts=True)
    return values.tolist(), counts.tolist()


def survey(masks: Iterable[Path]) -> Survey:
    """Look at masks; one that cannot be read is among the problems.

    Raises:
        BrokenDataError: If together they would make far more than masks of their size do.
    """
    files = list(masks)
    key = _stamp(files)
    if key not in _kept:
        refuse_large_set(str(files[0].parent) if files else "", files)
        surveyed = Survey()
        for path in files:
            try:
                picture = read_picture(path, 0)
                surveyed.add(path, picture)
                for page in range(1, len(picture.header.pages)):
                    surveyed.add(path, read_picture(path, page))
            except BrokenDataError as error:
                surveyed.problems += error.problems
        while len(_kept) >= MOST_KEPT:
            _kept.pop(next(iter(_kept)), None)
        _kept[key] = surveyed
    return _kept[key]


def _stamp(files: Sequence[Path]) -> tuple[object, ...]:
    stamps: list[object] = []
    for file in files:
        try:
            state = file.stat()
        except OSError:
            stamps.append(str(file))
        else:
            stamps.append((str(file), state.st_size, state.st_mtime_ns))
    return tuple(stamps)
