"""Volumes of one's own, slice by slice: NIfTI, and MetaImage or NRRD where SimpleITK is installed."""

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from os.path import commonprefix
from pathlib import Path, PurePosixPath
from typing import ClassVar

import numpy as np

from dmf.data.base import IGNORE, BrokenDataError, Case, Dataset, Doubt, OptionValue, Problem, RawPair, gathered
from dmf.data.class_options import (
    check_percentiles,
    parse_choice,
    parse_names,
    parse_values,
    parse_void,
    parse_window,
    refusing,
)
from dmf.data.intensity import Range
from dmf.data.meaning import VOID, has_void
from dmf.data.pairs import UNLABELLED
from dmf.data.scale import kept_levels, percentile_range
from dmf.data.volume_labels import MOST_CLASSES, UNKNOWN, listed, scan_mask, whole_labels
from dmf.data.volume_pairs import Pair, Pairs, Sheet, find_pairs, read_sheet
from dmf.data.volumes import AXES, TOLERANCE, Axis, Geometry, Numbers, open_slices, read_geometry, read_slice
from dmf.errors import DataError

EVERY = re.compile(r"every:([1-9]\d*)")
FOLDER = re.compile(r"folder:([1-9]\d?)")
LABELS = "labels"  # kind of problem: labels that are no class


class Volumes(Dataset):
    r"""Reads volumes and their masks as slices; ``root`` is the folder above both.

    Understood are folders of images beside folders of masks (``images`` and ``labels``, ``imagesTr`` and ``labelsTr``),
    and masks beside their images (``a.nii.gz`` and ``a_seg.nii.gz``). Image and mask are brought into canonical
    orientation. Options:

    * ``values``, ``names``: the label of each class, background first, e.g. ``0:1:2``, and what they are called.
    * ``ignore``: the label of voxels that belong to no class.
    * ``axis``: ``axial``, ``coronal`` or ``sagittal`` slices.
    * ``slices``: ``all``, those with a ``lesion`` (any label but the background's), or every n-th, e.g. ``every:4``.
    * ``channel``: which channel of an image is read, where there are several.
    * ``group``: what never straddles a split: the volume when empty, ``folder:1`` for the outermost folder, or a
      regular expression on its name with one group such as ``^(P\d+)_``.
    * ``intensity``: what becomes black and white, the same in all images: ``percentile``, the percentiles
      ``low`` and ``high`` of all voxels; ``window``, the values of ``window``, e.g. ``window=-160:240``, in the unit of
      the file. ``auto`` takes the window where one is given, else percentiles.
    """

    name = "nifti"
    title = "Volumes of your own (NIfTI, MetaImage, NRRD)"
    how_to_get = (
        "Put volumes (.nii, .nii.gz, .mha, .mhd, .nrrd) into a folder called images and a mask for each, of the same "
        "name, into a folder called labels beside it; then set the root to the folder that holds both, or put them "
        "into data/raw/nifti."
    )
    licence = "Whatever holds for your images."
    citation = "Whatever your images ask for."
    defaults: ClassVar[Mapping[str, OptionValue]] = {
        "values": "0:1",
        "names": "",
        "ignore": "",
        "axis": "axial",
        "slices": "all",
        "channel": "",
        "group": "",
        "intensity": "auto",
        "low": 0.5,
        "high": 99.5,
        "window": "",
    }

    def __init__(self, root: Path | None = None, seed: int = 0, **options: OptionValue) -> None:
        super().__init__(root, seed, **options)
        with self._refusing("values"):
            values = parse_values(self._said("values"))
        with self._refusing("ignore"):
            self._values = replace(values, void=parse_void(self._said("ignore"), values.values))
        with self._refusing("names"):
            self.class_names = parse_names(self._said("names"), len(values.values))
        with self._refusing("axis"):
            self.axis: Axis = parse_choice(self._said("axis"), tuple(AXES))  # type: ignore[assignment]
        with self._refusing("slices"):
            self._step = _parse_slices(self._said("slices"))
        with self._refusing("group"):
            _check_group(self._said("group"))
        with self._refusing("intensity"):
            self._intensity = parse_choice(self._said("intensity"), ("auto", "percentile", "window"))
        with self._refusing("low"):
            self._percentiles = check_percentiles(float(self.options["low"]), float(self.options["high"]))
        with self._refusing("window"):
            self._window = parse_window(self._said("window"), is_needed=self._intensity == "window")
        if self._intensity == "auto" and self._window is not None:
            self._intensity = "window"
        self.ignore = None if self._values.void is None else IGNORE
        self._range: Range | None = None
        self._broken: dict[Path, BrokenDataError] = {}

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
        """What was left out, and what was decided."""
        remarks = list(self._found.remarks)
        if not self._sound:
            return remarks
        remarks.append(f"{self.axis} slices in canonical orientation, {len(self._sound)} volumes")
        expected = tuple(range(len(self._values.values)))
        if self._values.values != expected:
            remarks.append(f"labels {listed(self._values.values)} become classes {listed(expected)}")
        scale = self._get_range()
        by = "the window" if self._intensity == "window" else "percentiles {:g} and {:g}".format(*self._percentiles)
        remarks.append(f"grey levels by {by}, the same in all images: {scale.low:g} black, {scale.high:g} white")
        return remarks

    def doubts(self) -> list[Doubt]:
        """What names and headers suggest and no option settles."""
        doubts = []
        channels = sorted({name for pair in self._found.pairs for name in pair.channels if name})
        if len(channels) > 1 and not self._said("channel"):
            listed_names = ", ".join(self._channel_names(channels))
            ways = tuple(f"channel={name}" for name in channels)
            doubts.append(
                Doubt(f"images have {len(channels)} channels ({listed_names})", f"{channels[0]} is read", ways)
            )
        classes = self._sheet.classes
        if classes and not self._said("names") and len(classes) == len(self._values.values):
            names = f"names={':'.join(re.sub('[:,=]', ' ', name) for name in classes)}"
            doubts.append(Doubt(f"dataset.json calls the classes {', '.join(classes)}", "they are numbered", (names,)))
        known, void = self._values.values, self._values.void
        if has_void({*known, *([] if void is None else [void])}):
            decided = "they are a class" if void is None else "they belong to no class and count nowhere"
            ways = _ways_to_read({*known, VOID})
            doubts.append(Doubt(f"masks hold {VOID} beside small labels", f"voxels of {VOID}: {decided}", ways))
        return doubts

    def load(self, case: Case) -> RawPair:
        """One slice (H, W) and the class of each of its pixels."""
        name, _, number = case.id.rpartition("/")
        pair = next((pair for pair in self._sound if pair.id == name), None)
        if pair is None or pair.mask is None or not number.isdigit():
            raise DataError(f"Case {case.id!r} is not of dataset {self.name!r}; take cases from its cases().")
        image, mask = self._image(pair), pair.mask
        for file in (image, mask):
            if file in self._broken:  # once is enough: looking again would decompress it again, for every slice
                raise self._broken[file]
        try:
            grey = self._get_range().apply(self._levels(image, int(number), self._channel_of(pair)))
            classes = self._classes(self._levels(mask, int(number), 0), mask)
        except BrokenDataError as error:
            for file in (image, mask):
                if any(problem.where == str(file) for problem in error.problems):
                    self._broken[file] = error
            raise
        return RawPair(grey, classes, (), read_geometry(image).spacing(self.axis))

    def labels(self) -> set[int]:
        """All that masks hold, by going through them.

        Raises:
            BrokenDataError: If one cannot be read.
        """
        masks = [pair.mask for pair in self._sound if pair.mask is not None]
        return set().union(*(scan_mask(mask, self.axis).labels for mask in masks))

    @property
    def class_table(self) -> tuple[str, ...]:
        """What ``dataset.json`` calls the classes, in order; empty where it does not."""
        return self._sheet.classes

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
        return find_pairs(self.root, self._files)

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
        """What is wrong with a volume, told from headers, and from the mask where it decides which slices are read."""
        try:
            image_file = self._image(pair)
            image = read_geometry(image_file)
            if image.channels > 1 and not self._said("channel"):
                what = f"holds {image.channels} values per voxel, such as points in time or contrasts"
                ways = " or ".join(f"channel={number}" for number in range(min(image.channels, 3)))
                return [Problem(str(image_file), what, f"Choose one with {ways}, or save each as a volume of its own.")]
            self._channel_of(pair)
            if pair.mask is None:
                remedy = "Put a mask of the same name among the masks, or remove the image."
                return [Problem(str(image_file), "has no mask", remedy)]
            problems = _misplaced(pair.mask, read_geometry(pair.mask), image)
            if not problems and self._said("slices") == "lesion":
                scan_mask(pair.mask, self.axis)
        except BrokenDataError as error:
            return list(error.problems)
        return problems

    def _image(self, pair: Pair) -> Path:
        """The file of the chosen channel."""
        wanted = self._said("channel")
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
        wanted = self._said("channel")
        if count == 1 or not wanted:
            return 0
        if not wanted.isdigit() or int(wanted) >= count:
            what = f"holds {count} values per voxel, none of them called {wanted}"
            raise BrokenDataError([Problem(str(image), what, f"Choose channel=0 to channel={count - 1}.")])
        return int(wanted)

    def _indices(self, pair: Pair) -> Iterator[int]:
        marked = scan_mask(pair.mask, self.axis).marked if self._step is None and pair.mask is not None else None
        count = read_geometry(self._image(pair)).shape[AXES[self.axis]]
        yield from (index for index in range(0, count, self._step or 1) if marked is None or marked[index])

    def _group(self, pair: Pair) -> str:
        wanted = self._said("group")
        level = FOLDER.fullmatch(wanted)
        if level:
            return "/".join(pair.folders[self._common :][: int(level[1])]) or pair.id
        match = re.search(wanted, PurePosixPath(pair.id).name) if wanted else None
        return match[1] if match and match[1] else pair.id

    def _levels(self, file: Path, index: int, channel: int) -> Numbers:
        return read_slice(file, self.axis, index, channel)

    def _classes(self, levels: Numbers, mask: Path) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
        classes = self._values.classes(whole_labels(levels, mask))
        if (classes == UNKNOWN).any():
            labels = scan_mask(mask, self.axis).labels
            known = listed(self._values.values)
            what = f"holds the labels {listed(self._values.strange(labels))}, but the classes are {known}"
            many = f"Labels are numbered objects? They are more than {MOST_CLASSES}; save one label for each class."
            remedy = (
                f"Set the option values to all labels of your masks, here {' or '.join(_ways_to_read({0, *labels}))}."
            )
            remedy = many if len(labels) > MOST_CLASSES else remedy
            raise BrokenDataError([Problem(str(mask), what, remedy, kind=LABELS)])
        return classes

    def sum_up(self, problems: Sequence[Problem]) -> list[Problem]:
        """Labels that are no class are said once, with the option that reads all masks."""
        strange = {problem.where for problem in problems if problem.kind == LABELS}
        if len(strange) < 2:
            return gathered(problems)
        masks = [pair.mask for pair in self._found.pairs if pair.mask is not None]
        labels = sorted({0, *self.labels()})
        if len(labels) > MOST_CLASSES:
            return gathered(problems)
        ways = _ways_to_read(labels)
        unknown, known = listed(self._values.strange(labels)), listed(self._values.values)
        what = f"{len(strange)} of {len(masks)} masks hold the labels {unknown}, but the classes are {known}"
        others = [problem for problem in problems if problem.kind != LABELS]
        where = str(Path(next(iter(strange))).parent)
        return [Problem(where, what, f"Set the option {' or '.join(ways)}.", ways), *gathered(others)]

    def _get_range(self) -> Range:
        if self._range is None:
            if self._window is not None and self._intensity == "window":
                self._range = self._window
            else:
                shares = self._percentiles
                files = [self._image(pair) for pair in self._sound]
                decides = [f"{shares} {self._said('channel')}"]
                decides += [f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files]
                self._range = kept_levels(
                    self.name, "\n".join(decides), lambda: percentile_range(self._all_levels, shares)
                )
        return self._range

    def _all_levels(self) -> Iterator[Numbers]:
        for pair in self._sound:
            slices = open_slices(self._image(pair), self.axis, self._channel_of(pair))
            yield from (slices[index] for index in range(len(slices)))

    def _said(self, option: str) -> str:
        return str(self.options[option]).strip()

    @contextmanager
    def _refusing(self, option: str) -> Iterator[None]:
        with refusing(self.name, option, self._said(option)):
            yield


def _parse_slices(text: str) -> int | None:
    """Every how many slices one is read; None for those with a lesion."""
    every = EVERY.fullmatch(text)
    if not every and text not in ("all", "lesion"):
        raise ValueError("all, lesion, or every:n such as every:4")
    return int(every[1]) if every else {"all": 1, "lesion": None}[text]


def _check_group(text: str) -> None:
    if not text or FOLDER.fullmatch(text):
        return
    try:
        groups = re.compile(text).groups
    except re.error:
        groups = 0
    if groups != 1:
        raise ValueError(r"folder:1, or a regular expression with one group such as ^(P\d+)_")


def suggest_volume_options(dataset: Volumes) -> dict[str, OptionValue]:
    """Options under which the masks of volumes can be read; only those that differ from the defaults.

    Raises:
        BrokenDataError: If a mask cannot be read.
    """
    labels = sorted({0, *dataset.labels()})
    options: dict[str, OptionValue] = {}
    if has_void(labels):
        labels.remove(VOID)
        options["ignore"] = str(VOID)
    if len(labels) == 1 or labels == [0, 1]:
        labels = [0, 1]
    elif len(labels) <= MOST_CLASSES:
        options["values"] = ":".join(map(str, labels))
    names = dataset.class_table
    if len(names) == len(labels) and labels == list(range(len(labels))):
        options["names"] = ":".join(re.sub("[:,=]", " ", name) for name in names)
    return options


def _ways_to_read(labels: Collection[int]) -> tuple[str, ...]:
    """Options that read masks of these labels, the likeliest first."""
    joined = ":".join(map(str, sorted(labels)))
    if not has_void(labels):
        return (f"values={joined}",)
    classes = ":".join(map(str, sorted({*labels} - {VOID})))
    return f"values={classes},ignore={VOID}", f"values={joined}"


def _misplaced(mask_file: Path, mask: Geometry, image: Geometry) -> list[Problem]:
    if mask.channels > 1:
        remedy = "Save one label for each voxel."
        return [Problem(str(mask_file), f"holds {mask.channels} values per voxel", remedy)]
    remedy = "Resample the mask onto its image by nearest neighbours, and save it with the affine of the image."
    if mask.shape != image.shape:
        sides, others = (" x ".join(map(str, each.shape)) for each in (mask, image))
        return [Problem(str(mask_file), f"is {sides} voxels in canonical order, but its image is {others}", remedy)]
    apart = image.apart(mask)
    if apart > TOLERANCE:
        what = f"lies elsewhere than its image: its affine differs, corners are up to {apart:.3g} voxels apart"
        return [Problem(str(mask_file), what, remedy)]
    return []


def _seen(folders: list[str]) -> bool:
    """Leave hidden folders out of a walk."""
    folders[:] = sorted(folder for folder in folders if not folder.startswith((".", "__")))
    return True
