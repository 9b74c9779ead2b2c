"""Datasets that lie as a folder of images beside a folder of masks, paired by name."""

import os
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmf.data.base import BrokenDataError, Case, Dataset, Pixels, Problem, RawPair
from dmf.data.files import PICTURES, natural, read_grey, read_rgb, size_problems
from dmf.errors import DataError

IMAGES = ("images", "image")
MASKS = ("masks", "mask", "labels", "label")  # the names are compared without regard to case
DEPTH = 3  # folders an unpacked archive may wrap around the two
MOST_FOLDERS = 1000  # on one level; a root above so many was not meant
UNLABELLED = "unlabelled"


@dataclass
class Pairs:
    """What lies in a folder of images and a folder of masks.

    Attributes:
        cases: Every image; its id is the path below the folder of images, without suffix.
        problems: Masks without an image, and names that occur twice.
        others: Files that are not read.
    """

    cases: list[Case] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)


class PairedDataset(Dataset):
    """Reads images and masks of equal name, with or without ``_mask`` at the end of the mask's.

    A subclass implements :meth:`folders` and :meth:`classes`, and may say what an image shows in :meth:`label`.
    """

    @abstractmethod
    def folders(self) -> tuple[Path, Path]:
        """The folder of images and the folder of masks.

        Raises:
            BrokenDataError: If they are not there.
        """

    @abstractmethod
    def classes(self, mask: Path) -> tuple[NDArray[np.integer], list[str]]:
        """Class numbers (H, W) of a mask, and what was unusual about the file.

        Raises:
            BrokenDataError: If the file cannot be used.
        """

    def label(self, image: Path) -> str:
        """What an image shows, from its path below the folder of images: its folder, if it has one."""
        return image.parent.as_posix() if image.parent.name else UNLABELLED

    def cases(self) -> list[Case]:
        """Images by folder, then by number; a missing mask shows when the case is loaded."""
        images, masks = self.folders()
        cases = self.pair(images, masks).cases
        if not cases:
            raise BrokenDataError([Problem(str(images), "holds no images", self.how_to_get)])
        return cases

    def problems(self) -> list[Problem]:
        """Masks without an image, and names that occur twice."""
        try:
            return self.pair(*self.folders()).problems
        except BrokenDataError:
            return []  # cases() says so

    def remarks(self) -> list[str]:
        """Files that are not read."""
        try:
            others = self.pair(*self.folders()).others
        except BrokenDataError:
            return []
        return [f"{file}: not an image, not read" for file in others]

    def load(self, case: Case) -> RawPair:
        """Image (H, W), or (H, W, 3) where the dataset has three channels, and its class numbers."""
        if case.image is None:
            raise DataError(f"Case {case.id!r} has no image file; take cases from cases() of dataset {self.name!r}.")
        problems: list[Problem] = []
        notes: list[str] = []
        image: Pixels | None = None
        mask: Pixels | None = None
        try:
            picture = (read_rgb if self.in_channels == 3 else read_grey)(case.image, self.scale)
            image = picture.pixels
            notes += picture.notes
        except BrokenDataError as error:
            problems += error.problems
        if not case.masks:
            remedy = f"Put a mask called {case.image.stem}.png among the masks, or remove the image."
            problems.append(Problem(str(case.image), "has no mask", remedy))
        for file in case.masks:
            try:
                levels, found = self.classes(file)
            except BrokenDataError as error:
                problems += error.problems
                continue
            notes += found
            problems += size_problems(file, levels, image)
            mask = levels.astype(np.uint8)
        if problems or image is None or mask is None:
            raise BrokenDataError(problems)
        return RawPair(image, mask, tuple(notes))

    def pair(self, images: Path, masks: Path) -> Pairs:
        """Match the files of two folders by their names."""
        found = self.unpaired(images)
        truths, others = pictures(masks)
        found.others += others
        by_name: dict[str, list[Path]] = {}
        for file in truths:
            by_name.setdefault(_name(file.relative_to(masks)), []).append(file)
        for position, case in enumerate(found.cases):
            own = by_name.pop(case.id, [])
            found.cases[position] = replace(case, masks=tuple(own[:1]))
            found.problems += [Problem(str(mask), f"is a second mask of {case.id}", "Keep one.") for mask in own[1:]]
        for name, left in by_name.items():
            remedy = f"Put an image called {name}.png into {images}, or remove the mask."
            found.problems += [Problem(str(mask), "is a mask without an image", remedy) for mask in left]
        return found

    def unpaired(self, images: Path) -> Pairs:
        """The images as cases without masks."""
        files, others = pictures(images)
        found = Pairs(others=others)
        seen: dict[str, Path] = {}
        for file in files:
            place = file.relative_to(images)
            name = place.with_suffix("").as_posix()
            if name in seen:
                remedy = "Keep one of them, or give the other a name and a mask of its own."
                found.problems.append(Problem(str(file), f"has the same name as {seen[name].name}", remedy))
                continue
            seen[name] = file
            found.cases.append(Case(name, self.label(place), image=file))
        return found


def find_folders(dataset: Dataset, names: Sequence[str] = MASKS) -> tuple[Path, Path]:
    """The folder of images and the folder of masks side by side in the root, or where an archive wraps folders around.

    Raises:
        BrokenDataError: If there are none, or if there is more than one to choose from.
    """
    for level in _levels(dataset.root):
        found = [(folder, *_beside(folder, names)) for folder in level]
        found = [(folder, images, masks) for folder, images, masks in found if images and masks]
        if not found:
            continue
        folder, images, masks = found[0]
        if len(found) > 1:
            others = ", ".join(str(each) for each, _, _ in found)
            remedy = f"Set the root to one of these: {others}."
            raise BrokenDataError([Problem(str(dataset.root), "holds several datasets", remedy)])
        for same in (images, masks):
            if len(same) > 1:
                what = f"holds {' and '.join(each.name for each in same)}, so it is not clear which to read"
                raise BrokenDataError([Problem(str(folder), what, "Keep one of them there.")])
        return images[0], masks[0]
    what = "is missing" if not dataset.root.is_dir() else "holds no folder of images beside a folder of masks"
    raise BrokenDataError([Problem(str(dataset.root), what, dataset.how_to_get)])


def _levels(root: Path) -> Iterator[list[Path]]:
    """Folders below the root, level by level."""
    level = [root] if root.is_dir() else []
    for _ in range(DEPTH + 1):
        if len(level) > MOST_FOLDERS:
            return
        yield level
        level = [folder for above in level for folder in _folders_in(above)]


def _folders_in(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            # No links: one that leads upwards would never end.
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except PermissionError:  # what may not be looked into holds no dataset of ours
        return []
    return [folder / name for name in sorted(names) if not name.startswith((".", "__"))]


def _beside(folder: Path, names: Sequence[str]) -> tuple[list[Path], list[Path]]:
    inside = _folders_in(folder)
    return (
        [each for each in inside if each.name.lower() in IMAGES],
        [each for each in inside if each.name.lower() in names],
    )


def pictures(folder: Path) -> tuple[list[Path], list[Path]]:
    """Pictures in a folder and below, by folder, then by number; and files that are none."""
    files = [Path(where) / name for where, _, names in os.walk(folder) for name in names]
    files.sort(key=lambda file: (file.parent, natural(file), file.suffix))
    readable = [not file.name.startswith(".") and file.suffix.lower() in PICTURES for file in files]
    return (
        [file for file, is_picture in zip(files, readable, strict=True) if is_picture],
        [file for file, is_picture in zip(files, readable, strict=True) if not is_picture],
    )


def _name(mask: Path) -> str:
    """The name of the image that a mask belongs to."""
    stem = mask.stem[: -len("_mask")] if mask.stem.lower().endswith("_mask") else mask.stem
    return mask.with_name(stem).as_posix()
