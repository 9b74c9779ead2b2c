"""DICOM pictures of one's own, with DICOM segmentations or a folder of masks."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Literal

import cv2
import numpy as np
from pydantic import Field

from dmf.data.base import BrokenDataError, Case, Dataset, OptionValue, Pixels, Problem, RawPair
from dmf.data.class_options import (
    Black,
    White,
    check_percentiles,
    parse_names,
    parse_values,
    parse_window,
    refusing,
)
from dmf.data.dicom_files import Header, Levels, is_dicom, read_frame, read_header, undecodable
from dmf.data.dicom_seg import Segmentations, read_segmentations
from dmf.data.files import COLOUR_TOLERANCE, PICTURES, natural, read_levels
from dmf.data.intensity import Range
from dmf.data.pairs import UNLABELLED
from dmf.data.scale import kept_levels, percentile_range
from dmf.data.volume_labels import listed, whole_labels
from dmf.data.volume_pairs import MASK, ROLE
from dmf.errors import DataError
from dmf.options import Options

EVERY = re.compile(r"every:([1-9]\d*)")
LISTED = 3  # files that a message names


@dataclass(frozen=True, eq=False)
class Picture:
    """One frame of a file.

    Attributes:
        id: Path of the file below the root, without suffix; with the number of the frame, from 1, where it has several.
        header: Of the file.
        frame: From 0.
        mask: The file that marks it: a picture, or DICOM; None where segmentations do, or nothing does.
        is_marked: Whether anything says what is in it, if only that nothing is.
    """

    id: str
    header: Header
    frame: int
    mask: Path | None
    is_marked: bool


@dataclass
class _Found:
    """What lies below the root."""

    images: list[Header] = field(default_factory=list)
    segmentations: list[Header] = field(default_factory=list)
    masks: dict[str, Path] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


class DicomOptions(Options):
    """Which pictures are read, and how."""

    classes: str = Field(
        "",
        description="Labels of segments in the order of their class numbers from 1 on, e.g. cyst:tumour; empty for all "
        "there are. Segments called otherwise are not read.",
    )
    values: str = Field(
        "0:255", description="Of masks in a folder: the number of each class, the background first, e.g. 0:1:2."
    )
    names: str = Field("", description="Of masks in a folder: what the classes are called, e.g. background:cyst.")
    missing: Literal["refuse", "leave", "empty"] = Field(
        "refuse",
        description="Pictures that nothing marks are refused, left out (leave), or taken as background (empty).",
    )
    frames: str = Field("all", description="Which frames are read: all, those with a lesion, or every n-th (every:5).")
    group: Literal["patient", "study", "series", "file"] = Field(
        "patient",
        description="What never straddles a split: the patient (a hash of their identifier), study, series or file.",
    )
    rgb: bool = Field(False, description="Read pictures in colour; otherwise colour becomes luminance.")
    intensity: Literal["auto", "percentile", "window", "depth"] = Field(
        "auto",
        description="What becomes black and white in grey pictures, the same in all: auto keeps 8 bits as they are and "
        "takes the window of deeper ones where it is given, else percentiles; percentile takes low and high of all; "
        "window takes the option of this name; depth takes all that the bits can hold.",
    )
    low: Black = 0.5
    high: White = 99.5
    window: str = Field(
        "", description="Values that become black and white, e.g. -160:240, in the unit of the rescaled levels."
    )


class Dicom(Dataset):
    """Reads DICOM pictures, each frame a case; what a patient is called is never read.

    The truth comes from DICOM segmentations (SEG) anywhere below the root, matched by the instance they were drawn on,
    else from a folder ``masks`` of pictures or DICOM files of the same names.
    """

    name = "dicom"
    title = "DICOM pictures of your own"
    how_to_get = (
        "Put DICOM files into a folder, with DICOM segmentations (SEG) of them, or into a folder called images beside "
        "one called masks that holds a mask of the same name for each; then set the root to the folder above, or put "
        "them into data/raw/dicom."
    )
    licence = "Whatever holds for your images."
    citation = "Whatever your images ask for."
    declares = DicomOptions

    def __init__(self, root: Path | None = None, seed: int = 0, **options: OptionValue) -> None:
        super().__init__(root, seed, **options)
        self.in_channels = 3 if self.options["rgb"] else 1
        every = EVERY.fullmatch(self.said("frames"))
        self._step = int(every[1]) if every else 1
        self._wants_lesion = self.said("frames") == "lesion"
        with refusing(self, "frames"):
            if not every and self.said("frames") not in ("all", "lesion"):
                raise ValueError("all, lesion, or every:n such as every:5")
        with refusing(self, "values"):
            self._values = parse_values(self.said("values"))
        with refusing(self, "names"):
            self._names = parse_names(self.said("names"), len(self._values.values))
        self._missing, self._group, self._intensity = map(self.said, ("missing", "group", "intensity"))
        with refusing(self, "low"):
            self._percentiles = check_percentiles(float(self.options["low"]), float(self.options["high"]))
        with refusing(self, "window"):
            self._window = parse_window(self.said("window"), is_needed=self._intensity == "window")
        if self._intensity == "auto" and self._window is not None:
            self._intensity = "window"
        with refusing(self, "classes"):
            self._classes = _parse_classes(self.said("classes"))
        self._broken: dict[Path, BrokenDataError] = {}

    @cached_property  # reading files waits until someone asks
    def class_names(self) -> tuple[str, ...]:  # type: ignore[override]  # it can be written, mypy does not know
        """The background, then the option ``classes``, else the labels of the segments; else the option ``names``."""
        labels = self._classes or tuple(self._segmentations.labels)
        return ("background", *labels) if labels else self._names

    def cases(self) -> list[Case]:
        """Frames by file."""
        if not self._found.images and not self._found.problems:
            held = "holds no DICOM pictures" if self.root.is_dir() else "is missing"
            raise BrokenDataError([Problem(str(self.root), held, self.how_to_get)])
        return [self._case(picture) for picture in self._pictures.values()]

    def problems(self) -> list[Problem]:
        """Files that cannot be read, compression that nothing installed undoes, and pictures that nothing marks."""
        problems = [*self._found.problems, *self._segmentations.problems]
        problems += undecodable([*self._found.images, *self._found.segmentations])
        unmarked = [picture.id for picture in self._all if not picture.is_marked]
        if unmarked and self._missing == "refuse":
            shown = ", ".join(unmarked[:LISTED]) + (" and more" if len(unmarked) > LISTED else "")
            what = f"holds no mask for {len(unmarked)} of {len(self._all)} pictures ({shown})"
            remedy = "Add them, or leave these out with missing=leave, or take them as background with missing=empty."
            problems.append(Problem(str(self.root), what, remedy, ("missing=leave", "missing=empty")))
        used = {picture.mask for picture in self._all}
        for name, mask in self._found.masks.items():
            if mask not in used and not self._found.segmentations:
                what = f"is a mask of {name}, which is not there"
                problems.append(Problem(str(mask), what, "Add the picture, or remove the mask."))
        return problems

    def remarks(self) -> list[str]:
        """What is not read, and what was decided."""
        remarks = list(self._found.remarks)
        unmarked = sum(not picture.is_marked for picture in self._all)
        if unmarked and self._missing != "refuse":
            done = "left out" if self._missing == "leave" else "taken as background alone"
            remarks.append(f"{unmarked} pictures without a mask are {done}")
        left = [label for label in self._segmentations.labels if label not in self.class_names]
        if left:
            remarks.append(f"segments called {', '.join(left)} are no class, not read")
        if self._found.images and not self._found.problems:
            scale = self._range
            shown = f"{scale.low:g} black, {scale.high:g} white" if scale else "the 8 bits as they are"
            remarks.append(f"grey levels: {shown}, the same in all images")
        return remarks

    def load(self, case: Case) -> RawPair:
        """A frame (H, W), or (H, W, 3) where colours are read, and the class of each of its pixels."""
        picture = self._pictures.get(case.id)
        if picture is None:
            raise DataError(f"Case {case.id!r} is not of dataset {self.name!r}; take cases from its cases().")
        header = picture.header
        if header.path in self._broken:  # said once; its other frames are not tried
            raise self._broken[header.path]
        notes = list(header.notes)
        try:
            image = self._image(picture, notes)
        except BrokenDataError as error:
            self._broken[header.path] = error
            raise
        mask, remarks = self._mask(picture)
        return RawPair(image, mask, (*notes, *remarks), header.spacing)

    def fingerprint(self) -> str:
        """Options and files; one line for each file rather than each frame."""
        lines = [self.name, *(f"{option}={self.options[option]!r}" for option in sorted(self.options))]
        files = [header.path for header in (*self._found.images, *self._found.segmentations)]
        files += self._found.masks.values()
        lines += [f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files]
        return "\n".join(lines)

    @cached_property
    def _found(self) -> _Found:
        files_of = _Found()
        others: Counter[str] = Counter()
        for file in _files(self.root):
            place = PurePosixPath(file.relative_to(self.root).as_posix())
            is_mask = any((role := ROLE.fullmatch(part)) and not role["image"] for part in place.parts[:-1])
            if is_mask and file.suffix.lower() in PICTURES:
                files_of.masks[_name(place)] = file
            elif is_dicom(file):
                try:
                    header = read_header(file)
                except BrokenDataError as error:
                    files_of.problems += error.problems
                    continue
                if header.kind == "segmentation":
                    files_of.segmentations.append(header)
                elif header.kind == "other":
                    others["DICOM files without a picture"] += 1
                elif is_mask:
                    files_of.masks[_name(place)] = file
                else:
                    files_of.images.append(header)
            else:
                others["files that are no DICOM"] += 1
        if files_of.segmentations and files_of.masks:
            files_of.remarks.append(f"{len(files_of.masks)} masks in folders are not read: there are segmentations")
        files_of.remarks += [f"{count} {what} are not read" for what, count in others.items()]
        return files_of

    @cached_property
    def _segmentations(self) -> Segmentations:
        return read_segmentations(self._found.segmentations)

    @cached_property
    def _all(self) -> list[Picture]:
        """All frames, also those that nothing marks."""
        pictures = []
        masks = _masks_by_core(self._found.masks)
        for header in self._found.images:
            name = _name(PurePosixPath(header.path.relative_to(self.root).as_posix()))
            for frame in range(0, header.frames, self._step):
                id = name if header.frames == 1 else f"{name}/{frame + 1:04d}"
                if self._found.segmentations:
                    pictures.append(Picture(id, header, frame, None, header.uid in self._segmentations.instances))
                    continue
                mask = masks.get(f"{name}_{frame + 1:04d}") or masks.get(f"{name}_{frame + 1}") or masks.get(name)
                if header.frames > 1 and mask is not None and not _covers(mask, masks.get(name), header.frames):
                    mask = None
                pictures.append(Picture(id, header, frame, mask, mask is not None))
        return pictures

    @cached_property
    def _pictures(self) -> dict[str, Picture]:
        """Those that are read, by id."""
        taken = [picture for picture in self._all if picture.is_marked or self._missing != "leave"]
        if self._wants_lesion:
            taken = [picture for picture in taken if self._has_lesion(picture)]
        return {picture.id: picture for picture in taken}

    def _has_lesion(self, picture: Picture) -> bool:
        try:
            return bool((self._mask(picture)[0] > 0).any())
        except BrokenDataError:
            return True  # loading says what is wrong

    def _case(self, picture: Picture) -> Case:
        header = picture.header
        label = PurePosixPath(header.path.relative_to(self.root).as_posix()).parent
        parts = [part for part in label.parts if not ROLE.fullmatch(part)]
        of = {"patient": header.patient or header.study, "study": header.study, "series": header.series, "file": ""}
        group = of[self._group] or str(header.path.relative_to(self.root))
        masks: tuple[Path, ...] = () if picture.mask is None else (picture.mask,)
        masks += tuple(dict.fromkeys(mark.source.path for mark in self._segmentations.of(header.uid, picture.frame)))
        return Case(picture.id, "/".join(parts) or UNLABELLED, group, header.path, masks)

    def _image(self, picture: Picture, notes: list[str]) -> Pixels:
        levels = read_frame(picture.header, picture.frame)
        if levels.ndim == 3:
            colour = np.asarray(levels, np.uint8)
            if self.in_channels == 3:
                return colour
            spread = int(np.ptp(colour.astype(np.int16), axis=2).max())
            if spread > COLOUR_TOLERANCE:
                notes.append(f"{picture.id}: coloured (channels differ by up to {spread} levels), read as luminance")
            return np.asarray(cv2.cvtColor(colour, cv2.COLOR_RGB2GRAY), np.uint8)
        grey = np.asarray(levels, np.uint8) if self._range is None else self._range.apply(levels)
        if picture.header.is_inverted:
            grey = np.where(np.isnan(levels), 0, 255 - grey).astype(np.uint8)
        return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), np.uint8) if self.in_channels == 3 else grey

    def _mask(self, picture: Picture) -> tuple[Pixels, list[str]]:
        header = picture.header
        shape = (header.height, header.width)
        if picture.mask is not None:
            classes = self._drawn(picture.mask, picture.frame)
            _refuse_size(picture.mask, classes.shape, shape)
            return classes, []
        mask = np.zeros(shape, np.uint8)
        overlaps: dict[tuple[str, str], int] = {}
        for mark in self._segmentations.of(header.uid, picture.frame):
            _refuse_size(mark.source.path, (mark.source.height, mark.source.width), shape)
            for label, inside in mark.masks():
                if label not in self.class_names:
                    continue
                number = self.class_names.index(label)
                for below in np.unique(mask[inside & (mask > 0) & (mask != number)]):
                    pair = self.class_names[int(below)], label
                    overlaps[pair] = overlaps.get(pair, 0) + int((mask[inside] == below).sum())
                mask[inside] = number
        remarks = [
            f"{picture.id}: {first} and {second} overlap in {count} pixels, read as {second}"
            for (first, second), count in overlaps.items()
        ]
        return mask, remarks

    def _drawn(self, file: Path, frame: int) -> Pixels:
        """The classes in a mask that is a file of its own."""
        if is_dicom(file):
            own = read_header(file)
            levels = read_frame(own, min(frame, own.frames - 1))
            levels = levels[..., 0] if levels.ndim == 3 else levels
        else:
            levels = read_levels(file)
        levels_there = np.unique(whole_labels(levels, file)).tolist()
        strange = self._values.strange(levels_there)
        if strange:
            what = f"holds {listed(strange)}, but the classes are the values {listed(self._values.values)}"
            remedy = f"Set the option values to what your masks hold, here values={':'.join(map(str, levels_there))}."
            raise BrokenDataError([Problem(str(file), what, remedy)])
        return self._values.classes(levels)

    @cached_property
    def _range(self) -> Range | None:
        """Black and white of all grey pictures; None where 8 bits are kept as they are."""
        grey = [header for header in self._found.images if not header.is_colour]
        if not grey or (self._intensity == "auto" and not any(header.is_deep for header in grey)):
            return None
        if self._intensity == "window":
            return self._window
        if self._intensity == "depth":
            lows, highs = zip(*(header.bounds for header in grey), strict=True)
            return Range(min(lows), max(highs))
        shares = self._percentiles
        decides = [f"{shares}"]
        decides += [f"{one.path} {one.path.stat().st_size} {one.path.stat().st_mtime_ns}" for one in grey]
        return kept_levels(self.name, "\n".join(decides), lambda: percentile_range(lambda: _levels(grey), shares))


def _parse_classes(text: str) -> tuple[str, ...]:
    classes = tuple(part.strip() for part in text.split(":")) if text else ()
    if not all(classes) or len(set(classes)) < len(classes):
        raise ValueError("different labels parted by colons, such as cyst:tumour")
    return classes


def _files(root: Path) -> list[Path]:
    """All files below a folder, hidden ones left out, by folder, then by number."""
    files = []
    for where, folders, names in os.walk(root):
        folders[:] = [folder for folder in folders if not folder.startswith((".", "__"))]
        files += [Path(where, name) for name in names if not name.startswith(".") and name != "DICOMDIR"]
    return sorted(files, key=lambda file: (file.parent, natural(file), file.suffix))


def _name(place: PurePosixPath) -> str:
    """The path of a file without its suffix and without folders that say what it is."""
    is_numbered = place.suffix[1:].isdigit()  # the end of an identifier, no suffix
    folders = [part for part in place.parts[:-1] if not ROLE.fullmatch(part)]
    return "/".join((*folders, place.name if is_numbered else place.stem))


def _masks_by_core(masks: Mapping[str, Path]) -> dict[str, Path]:
    """Masks by what they may call their picture, the whole name first."""
    cores = {core["core"]: file for name, file in masks.items() if (core := MASK.fullmatch(name))}
    return {**cores, **masks}


def _levels(headers: Iterable[Header]) -> Iterator[Levels]:
    for header in headers:
        for frame in range(header.frames):
            yield read_frame(header, frame)


def _refuse_size(file: Path, mask: tuple[int, ...], image: tuple[int, int]) -> None:
    if mask != image:
        what = f"is {mask[1]} x {mask[0]} pixels, but its image is {image[1]} x {image[0]}"
        raise BrokenDataError([Problem(str(file), what, "A mask must have the size of its image.")])


def _covers(mask: Path, whole: Path | None, frames: int) -> bool:
    """Whether a mask is of one frame, or has as many frames as its picture: one for all of them would be a guess."""
    return mask != whole or (is_dicom(mask) and read_header(mask).frames == frames)
