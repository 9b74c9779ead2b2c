"""Volumes of one's own as cases: their slices, grouped by volume, with one range of levels for all of them."""

import os
import re
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from os.path import commonprefix
from pathlib import Path, PurePosixPath
from typing import ClassVar, Literal, cast

from pydantic import Field

from dmf.data.base import NO_MASK, BrokenDataError, Case, Dataset, Doubt, OptionValue, Problem
from dmf.data.class_options import Black, White, check_percentiles, parse_window, refusing
from dmf.data.intensity import Range
from dmf.data.names import LABELLED, Sides
from dmf.data.pairs import UNLABELLED
from dmf.data.scale import kept_levels, percentile_range
from dmf.data.volume_pairs import Pair, Pairs, Sheet, find_pairs, read_sheet
from dmf.data.volumes import AXES, TOLERANCE, Axis, Geometry, Numbers, open_slices, read_geometry
from dmf.errors import DataError
from dmf.options import Options

EVERY = re.compile(r"every:([1-9]\d*)")
FOLDER = re.compile(r"folder:([1-9]\d?)")


class SlicingOptions(Options):
    """How volumes become slices."""

    axis: Axis = Field("axial", description="Which slices: axial, coronal or sagittal ones.")
    slices: str = Field(
        "all",
        description="Which of them are read: all, every n-th, e.g. every:4, or those that show something: lesion, "
        "with any label but the background's, or of image pairs content, whose target is not one value all over.",
    )
    channel: str = Field("", description="Which channel of an image is read, where there are several.")
    group: str = Field(
        "",
        description="What never straddles a split: the volume when empty, folder:1 for the outermost folder, or a "
        r"regular expression on its name with one group such as ^(P\d+)_.",
    )
    intensity: Literal["auto", "percentile", "window"] = Field(
        "auto",
        description="What becomes black and white, the same in all images: percentile, the percentiles low and high "
        "of all voxels; window, the option of this name. Auto takes the window where one is given, else percentiles.",
    )
    low: Black = 0.5
    high: White = 99.5
    window: str = Field("", description="Values that become black and white, e.g. -160:240, in the unit of the file.")


class SlicedVolumes(Dataset):
    """Reads pairs of volumes as slices in canonical orientation. A subclass implements :meth:`load`, :meth:`marked`.

    Attributes:
        sides: What both volumes of a pair are called.
        marks: Word of ``slices`` for those that are told apart by their second volume.
    """

    sides: ClassVar[Sides] = LABELLED
    marks: ClassVar[str]
    declares: ClassVar[type[Options]] = SlicingOptions

    def __init__(self, root: Path | None = None, seed: int = 0, **options: OptionValue) -> None:
        super().__init__(root, seed, **options)
        self.axis = cast("Axis", self.said("axis"))
        with refusing(self, "slices"):
            self._step = _parse_slices(self.said("slices"), self.marks)
        with refusing(self, "group"):
            _check_group(self.said("group"))
        self._intensity = self.said("intensity")
        with refusing(self, "low"):
            self._percentiles = check_percentiles(float(self.options["low"]), float(self.options["high"]))
        with refusing(self, "window"):
            self._window = parse_window(self.said("window"), is_needed=self._intensity == "window")
        if self._intensity == "auto" and self._window is not None:
            self._intensity = "window"
        self._ranges: dict[str, Range] = {}
        self._broken: dict[Path, BrokenDataError] = {}

    @abstractmethod
    def marked(self, mask: Path) -> tuple[bool, ...]:
        """Whether each slice of the second volume of a pair is one of those that the option ``slices`` may ask for.

        Raises:
            BrokenDataError: If it cannot be read.
        """

    def cases(self) -> list[Case]:
        """Slices by volume, from posterior to anterior, inferior to superior or left to right.

        Volumes that cannot be used are left to :meth:`problems`.
        """
        if not self._found.pairs and not self._found.problems:
            held = "holds no volumes" if self.root.is_dir() else "is missing"
            raise BrokenDataError([Problem(str(self.root), held, self.how_to_get)])
        cases = []
        for pair in self._sound:
            label = "/".join(pair.folders[self._common :]) or UNLABELLED
            image, masks = self._image(pair), () if pair.mask is None else (pair.mask,)
            group = self._group(pair)
            cases += [Case(f"{pair.id}/{index:03d}", label, group, image, masks) for index in self._indices(pair)]
        return cases

    def problems(self) -> list[Problem]:
        """Volumes that cannot be used: unreadable, without a mask, or with one that lies elsewhere."""
        return [*self._found.problems, *(problem for _, problems in self._looked_at for problem in problems)]

    def remarks(self) -> list[str]:
        """What was left out, and how slices lie."""
        remarks = list(self._found.remarks)
        if self._sound:
            remarks.append(f"{self.axis} slices in canonical orientation, {len(self._sound)} volumes")
        return remarks

    def doubts(self) -> list[Doubt]:
        """Channels of which one is read."""
        channels = sorted({name for pair in self._found.pairs for name in pair.channels if name})
        if len(channels) < 2 or self.said("channel"):
            return []
        named = ", ".join(self._channel_names(channels))
        ways = tuple(f"channel={name}" for name in channels)
        return [Doubt(f"{self.sides.image}s have {len(channels)} channels ({named})", f"{channels[0]} is read", ways)]

    def pair_of(self, case: Case) -> tuple[Pair, Path, int]:
        """The volumes of a case, its second volume, and the number of its slice.

        Raises:
            DataError: If it is of another dataset.
            BrokenDataError: If one of them was found to be broken before: once is enough, as looking again would
                decompress it again, for every slice.
        """
        name, _, number = case.id.rpartition("/")
        pair = next((pair for pair in self._sound if pair.id == name), None)
        if pair is None or pair.mask is None or not number.isdigit():
            raise DataError(f"Case {case.id!r} is not of dataset {self.name!r}; take cases from its cases().")
        for file in (self._image(pair), pair.mask):
            if file in self._broken:
                raise self._broken[file]
        return pair, pair.mask, int(number)

    @contextmanager
    def remembering(self, *files: Path) -> Iterator[None]:
        """Keep what is wrong with one of these files for the next slice."""
        try:
            yield
        except BrokenDataError as error:
            for file in files:
                if any(problem.where == str(file) for problem in error.problems):
                    self._broken[file] = error
            raise

    def fingerprint(self) -> str:
        """Options and files; one line for each volume rather than each slice."""
        lines = [self.name, *(f"{option}={self.options[option]!r}" for option in sorted(self.options))]
        for pair in self._found.pairs:
            files = [*pair.channels.values(), *([] if pair.mask is None else [pair.mask])]
            lines += [f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files]
        return "\n".join(lines)

    @cached_property
    def _files(self) -> list[PurePosixPath]:
        paths = [
            Path(where, name)
            for where, folders, names in os.walk(self.root)
            for name in names
            if not name.startswith(".") and _seen(folders)
        ]
        return [PurePosixPath(file.relative_to(self.root).as_posix()) for file in paths]

    @cached_property
    def _found(self) -> Pairs:
        return find_pairs(self.root, self._files, self.sides)

    @cached_property
    def _sheet(self) -> Sheet:
        return read_sheet(self.root, self._files)

    @cached_property
    def _common(self) -> int:
        """Folders around all volumes, which say nothing about one of them."""
        return len(commonprefix([pair.folders for pair in self._found.pairs]))  # noqa: RUF071 of parts, not letters

    @cached_property
    def _looked_at(self) -> list[tuple[Pair, list[Problem]]]:
        return [(pair, self._look_at(pair)) for pair in self._found.pairs]

    @property
    def _sound(self) -> list[Pair]:
        return [pair for pair, problems in self._looked_at if not problems]

    def _look_at(self, pair: Pair) -> list[Problem]:
        """What is wrong with a pair, told from headers, and from the second one where it decides what is read."""
        try:
            image_file = self._image(pair)
            image = read_geometry(image_file)
            if image.channels > 1 and not self.said("channel"):
                what = f"holds {image.channels} values per voxel, such as points in time or contrasts"
                ways = " or ".join(f"channel={number}" for number in range(min(image.channels, 3)))
                return [Problem(str(image_file), what, f"Choose one with {ways}, or save each as a volume of its own.")]
            self._channel_of(pair)
            if pair.mask is None:
                one, other = self.sides.image, self.sides.mask
                remedy = f"Put a {other} of the same name among the {other}s, or remove the {one}."
                return [Problem(str(image_file), f"has no {other}", remedy, kind=NO_MASK)]
            problems = misplaced(pair.mask, read_geometry(pair.mask), image, self.sides)
            if not problems and self._step is None:
                self.marked(pair.mask)
        except BrokenDataError as error:
            return list(error.problems)
        return problems

    def _image(self, pair: Pair) -> Path:
        """The file of the chosen channel."""
        wanted = self.said("channel")
        if len(pair.channels) == 1 or not wanted:
            return pair.channels[min(pair.channels)]
        names = {**dict(zip(self._channel_names(sorted(pair.channels)), sorted(pair.channels), strict=True))}
        number = {str(int(name)): name for name in pair.channels if name.isdigit()}
        channel = wanted if wanted in pair.channels else names.get(wanted) or number.get(wanted)
        if channel is None:
            ways = " or ".join(f"channel={name}" for name in sorted(pair.channels))
            where = str(next(iter(pair.channels.values())).parent)
            raise BrokenDataError([Problem(where, f"{pair.id} has no channel {wanted}", f"Choose {ways}.")])
        return pair.channels[channel]

    def _channel_names(self, channels: list[str]) -> list[str]:
        """What ``dataset.json`` calls the channels; their own names where it does not say."""
        given = self._sheet.channels
        return list(given) if len(given) == len(channels) else channels

    def _channel_of(self, pair: Pair) -> int:
        """The chosen one of several values per voxel."""
        image = self._image(pair)
        count = read_geometry(image).channels
        wanted = self.said("channel")
        if count == 1 or not wanted:
            return 0
        if not wanted.isdigit() or int(wanted) >= count:
            what = f"holds {count} values per voxel, none of them called {wanted}"
            raise BrokenDataError([Problem(str(image), what, f"Choose channel=0 to channel={count - 1}.")])
        return int(wanted)

    def _indices(self, pair: Pair) -> Iterator[int]:
        marked = self.marked(pair.mask) if self._step is None and pair.mask is not None else None
        count = read_geometry(self._image(pair)).shape[AXES[self.axis]]
        yield from (index for index in range(0, count, self._step or 1) if marked is None or marked[index])

    def _group(self, pair: Pair) -> str:
        wanted = self.said("group")
        level = FOLDER.fullmatch(wanted)
        if level:
            return "/".join(pair.folders[self._common :][: int(level[1])]) or pair.id
        match = re.search(wanted, PurePosixPath(pair.id).name) if wanted else None
        return match[1] if match and match[1] else pair.id

    def _range(self, *sides: str) -> Range:
        """The range of all voxels of these sides of all pairs."""
        if self._window is not None and self._intensity == "window":
            return self._window
        key = " ".join(sides)
        if key not in self._ranges:
            files = [(self._image(pair), self._channel_of(pair)) for pair in self._sound if self.sides.image in sides]
            files += [(pair.mask, 0) for pair in self._sound if self.sides.mask in sides and pair.mask is not None]
            decides = [f"{self._percentiles} {self.said('channel')}"]
            decides += [f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}" for file, _ in files]

            def levels() -> Iterator[Numbers]:
                for file, channel in files:
                    slices = open_slices(file, self.axis, channel)
                    yield from (slices[index] for index in range(len(slices)))

            find = partial(percentile_range, levels, self._percentiles)
            self._ranges[key] = kept_levels(self.name, "\n".join(decides), find)
        return self._ranges[key]

    def range_in_words(self, scale: Range) -> str:
        """A range, and how it was found."""
        by = "the window" if self._intensity == "window" else "percentiles {:g} and {:g}".format(*self._percentiles)
        return f"grey levels by {by}, the same in all images: {scale.low:g} black, {scale.high:g} white"


def _parse_slices(text: str, marks: str) -> int | None:
    """Every how many slices one is read; None for those that are marked."""
    every = EVERY.fullmatch(text)
    if not every and text not in ("all", marks):
        raise ValueError(f"all, {marks}, or every:n such as every:4")
    return int(every[1]) if every else {"all": 1, marks: None}[text]


def _check_group(text: str) -> None:
    if not text or FOLDER.fullmatch(text):
        return
    try:
        groups = re.compile(text).groups
    except re.error:
        groups = 0
    if groups != 1:
        raise ValueError(r"folder:1, or a regular expression with one group such as ^(P\d+)_")


def misplaced(mask_file: Path, mask: Geometry, image: Geometry, sides: Sides = LABELLED) -> list[Problem]:
    """What is wrong where a second volume does not lie as the first one does."""
    if mask.channels > 1:
        remedy = f"Save one {'label' if sides == LABELLED else 'number'} for each voxel."
        return [Problem(str(mask_file), f"holds {mask.channels} values per voxel", remedy)]
    how = " by nearest neighbours" if sides == LABELLED else ""
    remedy = f"Resample the {sides.mask} onto its {sides.image}{how}, and save it with the affine of the {sides.image}."
    if mask.shape != image.shape:
        size, other = (" x ".join(map(str, each.shape)) for each in (mask, image))
        return [
            Problem(str(mask_file), f"is {size} voxels in canonical order, but its {sides.image} is {other}", remedy)
        ]
    apart = image.apart(mask)
    if apart > TOLERANCE:
        what = f"lies elsewhere than its {sides.image}: its affine differs, corners are up to {apart:.3g} voxels apart"
        return [Problem(str(mask_file), what, remedy)]
    return []


def _seen(folders: list[str]) -> bool:
    """Leave hidden folders out of a walk."""
    folders[:] = sorted(folder for folder in folders if not folder.startswith((".", "__")))
    return True
