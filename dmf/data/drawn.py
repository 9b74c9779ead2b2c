"""Datasets whose masks are drawn: pictures, and annotation files that say which shapes lie in them."""

import posixpath
import re
from abc import abstractmethod
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import ClassVar, Literal, get_args

import cv2
import numpy as np
from pydantic import Field

from dmf.data.base import (
    IGNORE,
    BrokenDataError,
    Case,
    Dataset,
    Doubt,
    OptionValue,
    Pixels,
    Problem,
    RawPair,
    SplitName,
)
from dmf.data.drawing import Shape, paint
from dmf.data.files import natural, read_grey, read_rgb
from dmf.data.listing import pictures
from dmf.data.names import IMAGES
from dmf.data.pairs import UNLABELLED
from dmf.errors import ConfigError, DataError
from dmf.options import Options

BACKGROUNDS = frozenset({"background", "_background_", "__background__"})  # labels that mean what no shape covers
MOST_CLASSES = 255  # the background among them; the last number a pixel can hold is IGNORE
SPLITS: dict[str, SplitName] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
Unmarked = Literal["empty", "leave"]
MOST_NAMED = 5  # files or labels that a message lists


@dataclass(frozen=True)
class AnnotatedPicture:
    """A picture as an annotation file speaks of it.

    Attributes:
        file: The picture; its annotation file where that holds the picture itself.
        source: The annotation file; None where no file speaks of the picture.
        shapes: In the order of drawing.
        size: Height and width of the picture they were drawn on; None where the file does not say.
        label, group, split: As in :class:`dmf.data.Case`.
    """

    file: Path
    source: Path | None = None
    shapes: tuple[Shape, ...] = ()
    size: tuple[int, int] | None = None
    label: str = UNLABELLED
    group: str | None = None
    split: SplitName | None = None


@dataclass
class Annotations:
    """What annotation files hold.

    Attributes:
        pictures: Every picture they speak of that is there.
        labels: What shapes may be called, in the order of classes.
        problems, remarks, doubts: What is wrong, unusual, or may be meant otherwise.
    """

    pictures: list[AnnotatedPicture] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)


class Shelf:
    """The files of a folder: pictures, to be found by the names that annotation files call them, and all others."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.pictures, self.others = pictures(root)
        self._by_place = {file.relative_to(root).as_posix(): file for file in self.pictures}
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        for file in self.pictures:
            self._by_name[file.name].append(file)
        self._missing: dict[Path, list[str]] = defaultdict(list)
        self._several: dict[Path, list[str]] = defaultdict(list)

    def annotations(self, suffix: str) -> list[Path]:
        """Files of this suffix, hidden ones left out."""
        return [file for file in self.others if file.suffix.lower() == suffix and not file.name.startswith(".")]

    def find(self, name: str, source: Path, instead: Path | None = None) -> Path | None:
        """The picture an annotation file calls ``name``: beside it, below the root, or wherever one is called so.

        One that is there several times, or not there without a file that holds it ``instead``, is remembered for
        :meth:`problems`.
        """
        place = PurePosixPath(name.replace("\\", "/"))
        near = PurePosixPath(source.relative_to(self.root).as_posix()).parent
        for base in (near, near / source.stem, PurePosixPath()):
            beside = self._by_place.get(posixpath.normpath(base / place))
            if beside is not None:
                return beside
        called = self._by_name.get(place.name, [])
        fitting = [file for file in called if file.parts[-len(place.parts) :] == place.parts] or called
        if len(fitting) == 1:
            return fitting[0]
        if fitting or instead is None:
            (self._several if fitting else self._missing)[source].append(name)
            return None
        return instead

    def problems(self) -> list[Problem]:
        """Pictures that could not be found, one problem for each annotation file."""
        problems = []
        for source, names in self._missing.items():
            what = f"speaks of {len(names)} pictures that are not in {self.root}: {listed(names)}"
            remedy = "Put them beside the file or below the root, under these names."
            problems.append(Problem(str(source), what, remedy))
        for source, names in self._several.items():
            what = f"speaks of {len(names)} pictures that are there more than once: {listed(names)}"
            problems.append(Problem(str(source), what, "Keep one of each, or put the file beside its own pictures."))
        return problems


class DrawnOptions(Options):
    """How outlines become masks."""

    classes: str = Field(
        "",
        description="The labels that are drawn, in the order of their class numbers from 1 on, e.g. benign:malignant; "
        "empty for all that the files know.",
    )
    ignore: str = Field("__ignore__", description="Label of shapes whose pixels belong to no class.")
    scale: bool = Field(
        False,
        description="Draw shapes on the size that the annotation file states, and bring the mask to the size of the "
        "picture (nearest); otherwise another size is a problem.",
    )
    rgb: bool = Field(False, description="Read pictures in colour; otherwise colour becomes luminance.")


class DrawnDataset(Dataset):
    """Reads pictures below the root, and draws their masks from annotation files there.

    A subclass implements :meth:`annotations`. Class 0 is what no shape covers; labels called ``background`` or
    ``_background_`` are drawn with it, so that they cut holes. All have the
    options of :class:`DrawnOptions`.
    """

    declares: ClassVar[type[Options]] = DrawnOptions

    def __init__(self, root: Path | None = None, seed: int = 0, **options: OptionValue) -> None:
        super().__init__(root, seed, **options)
        self.in_channels = 3 if self.options["rgb"] else 1
        self.chosen = self._parse_classes(str(self.options["classes"]))

    @abstractmethod
    def annotations(self, shelf: Shelf) -> Annotations:
        """What the annotation files on a shelf hold; the problems of the shelf need not be among them."""

    @cached_property  # reading files waits until someone asks
    def class_names(self) -> tuple[str, ...]:  # type: ignore[override]  # it can be written, mypy does not know
        """The background, then the option ``classes``, else the labels of the files."""
        labels = self.chosen or self._drawable(self._found.labels)[: MOST_CLASSES - 1]
        return ("background", *(labels or ("foreground",)))

    @cached_property
    def ignore(self) -> int | None:  # type: ignore[override]
        """:data:`IGNORE` where shapes say that their pixels belong to no class."""
        shapes = (shape for each in self._found.pictures for shape in each.shapes)
        return IGNORE if any(shape.is_void or shape.label == self.options["ignore"] for shape in shapes) else None

    def cases(self) -> list[Case]:
        """Pictures by folder, then by number; the annotation file counts as the mask."""
        annotations = self._found
        if not annotations.pictures and not annotations.problems:
            what = "holds no annotations" if self.root.is_dir() else "is missing"
            raise BrokenDataError([Problem(str(self.root), what, self.how_to_get)])
        return [
            Case(
                self._id(each),
                each.label,
                each.group,
                image=each.file,
                masks=(each.source,) if each.source else (),
                split=each.split,
            )
            for each in annotations.pictures
        ]

    def problems(self) -> list[Problem]:
        """Annotation files that cannot be read, and pictures that are not there or come twice."""
        return self._found.problems

    def remarks(self) -> list[str]:
        """Labels that are not drawn, pictures without shapes, and files that are not read."""
        annotations = self._found
        used = Counter(shape.label for each in annotations.pictures for shape in each.shapes)
        known = {*self.class_names, *BACKGROUNDS, self.options["ignore"]}
        remarks = [
            f"shapes called {label!r} are no class, not drawn: {used[label]}" for label in used if label not in known
        ]
        remarks += [f"no shape is called {label!r}" for label in self.class_names[1:] if label not in used]
        empty = [each.file.name for each in annotations.pictures if not each.shapes]
        if empty:
            remarks.append(f"{len(empty)} pictures without a shape, taken as background: {listed(empty)}")
        return [*remarks, *annotations.remarks]

    def doubts(self) -> list[Doubt]:
        """What may be meant otherwise."""
        return self._found.doubts

    def load(self, case: Case) -> RawPair:
        """Image (H, W), or (H, W, 3) where the dataset has three channels, and the class numbers drawn for it."""
        annotated = self._annotated(case)
        image, notes = self.picture(annotated)
        height, width = image.shape[:2]
        size = annotated.size or (height, width)
        where = str(annotated.source or annotated.file)
        numbers = {name: number for number, name in enumerate(self.class_names)}
        numbers |= dict.fromkeys(BACKGROUNDS, 0) | {str(self.options["ignore"]): IGNORE}
        if size != (height, width) and not self.options["scale"]:
            what = f"was drawn on {size[1]} x {size[0]} pixels, but {annotated.file.name} has {width} x {height}"
            remedy = "Put the picture it was drawn on there, or set the option scale=true to bring shapes to its size."
            raise BrokenDataError([Problem(where, what, remedy, ("scale=true",), "scale")])
        try:
            painted = paint(annotated.shapes, numbers, *size)
        except DataError as error:
            remedy = "Correct or remove that shape in the program it was drawn with."
            raise BrokenDataError([Problem(where, f"{annotated.file.name}: {error}", remedy)]) from error
        mask = painted.mask
        if size != (height, width):
            mask = np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)
            notes = (*notes, f"{annotated.file.name}: shapes brought from {size[1]} x {size[0]} to {width} x {height}")
        return RawPair(image, mask, (*notes, *(f"{annotated.file.name}: {note}" for note in painted.notes)))

    def picture(self, annotated: AnnotatedPicture) -> tuple[Pixels, tuple[str, ...]]:
        """The pixels of a picture, and what was unusual about its file.

        Raises:
            BrokenDataError: If it cannot be read.
        """
        read = (read_rgb if self.in_channels == 3 else read_grey)(annotated.file, self.scale)
        return read.pixels, read.notes

    @cached_property
    def _found(self) -> Annotations:
        """What is below the root; read once, as one file may hold everything."""
        shelf = Shelf(self.root)
        annotations = self.annotations(shelf)
        annotations.problems += shelf.problems()
        seen: dict[str, AnnotatedPicture] = {}
        for each in annotations.pictures:
            other = seen.setdefault(self._id(each), each)
            if other is each:
                continue
            too = (
                " twice"
                if other.source == each.source
                else f", of which {(other.source or other.file).name} speaks too"
            )
            what, remedy = f"speaks of {each.file.name}{too}", "Keep one of them, or move one with its picture."
            annotations.problems.append(Problem(str(each.source or each.file), what, remedy))
        annotations.pictures = sorted(seen.values(), key=lambda each: (each.file.parent, natural(each.file)))
        labels = self._drawable(annotations.labels)
        if self.chosen and labels and not set(self.chosen) & set(labels):
            what = f"has no label called {' or '.join(map(repr, self.chosen))}; it has {listed(labels)}"
            annotations.problems.append(Problem(str(self.root), what, "Name some of these in the option classes."))
        if not self.chosen and len(labels) >= MOST_CLASSES:
            what = f"has {len(labels)} labels, but at most {MOST_CLASSES - 1} classes can be told apart"
            annotations.problems.append(Problem(str(self.root), what, "Choose some by the option classes."))
        return annotations

    def _drawable(self, labels: Iterable[str]) -> tuple[str, ...]:
        """Labels that make a class, each once."""
        return tuple(label for label in dict.fromkeys(labels) if label not in {*BACKGROUNDS, self.options["ignore"]})

    def _annotated(self, case: Case) -> AnnotatedPicture:
        try:
            return self._by_id[case.id]
        except KeyError:
            raise DataError(f"Dataset {self.name!r} has no case {case.id!r}; take cases from its cases().") from None

    @cached_property
    def _by_id(self) -> dict[str, AnnotatedPicture]:
        return {self._id(each): each for each in self._found.pictures}

    def _id(self, annotated: AnnotatedPicture) -> str:
        """Path below the root without suffix, and without a leading ``images``."""
        place = annotated.file.relative_to(self.root).with_suffix("")
        parts = place.parts[1:] if len(place.parts) > 1 and place.parts[0].lower() in IMAGES else place.parts
        return "/".join(parts)

    def add_unmarked(self, shelf: Shelf, annotations: Annotations) -> None:
        """Add pictures of which no file speaks, or leave them out, as the option ``unmarked`` says."""
        way = str(self.options["unmarked"])
        spoken_of = {each.file for each in annotations.pictures}
        left = [file for file in shelf.pictures if file not in spoken_of]
        if not left or not annotations.pictures:
            return
        decided = {"empty": "they are taken as background", "leave": "they are left out"}[way]
        what = f"{len(left)} pictures have no annotation ({listed([file.name for file in left])})"
        annotations.doubts.append(Doubt(what, decided, tuple(f"unmarked={each}" for each in get_args(Unmarked))))
        if way == "empty":
            annotations.pictures += [self.unmarked(file) for file in left]

    def unmarked(self, file: Path) -> AnnotatedPicture:
        """A picture of which no file speaks."""
        return AnnotatedPicture(file, split=split_of(file.relative_to(self.root).parent))

    def _parse_classes(self, text: str) -> tuple[str, ...]:
        if not text.strip():
            return ()
        names = tuple(part.strip() for part in text.split(":"))
        if names[0] in BACKGROUNDS:
            names = names[1:]
        if not names or not all(names) or len(set(names)) < len(names) or len(names) >= MOST_CLASSES:
            raise ConfigError(
                f"Option 'classes' of dataset {self.name!r} takes different labels parted by colons, such as "
                f"benign:malignant, at most {MOST_CLASSES - 1}; got {text!r}.",
                "dataset_options",
            )
        return names


def listed(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    shown = ", ".join(names[:MOST_NAMED])
    return shown if len(names) <= MOST_NAMED else f"{shown} and {len(names) - MOST_NAMED} more"


def split_of(place: Path) -> SplitName | None:
    """The part that the name of an annotation file says, else the nearest folder above it that says one."""
    for name in (place.stem, *(folder.name for folder in place.parents)):
        for word in re.split(r"[^a-z]+", name.lower()):
            if word in SPLITS:
                return SPLITS[word]
    return None
