"""Datasets that lie as images and masks, paired by name."""

from abc import abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from dmf.data.base import NO_MASK, BrokenDataError, Case, Dataset, Pixels, Problem, RawPair
from dmf.data.discovery import Discovered, Entry, discover
from dmf.data.files import read_grey, read_rgb, size_problems
from dmf.data.headers import header_of
from dmf.data.listing import Listing, listing
from dmf.data.names import LABELLED, Sides
from dmf.errors import DataError

UNLABELLED = "unlabelled"


class MatchedFiles(Dataset):
    """Files that belong together by their names, as :func:`dmf.data.discovery.discover` finds them.

    A subclass implements :meth:`load`, and may say what an image shows in :meth:`label`.

    Attributes:
        sides: What images and masks are called.
    """

    sides: ClassVar[Sides] = LABELLED
    _known: tuple[Listing, Discovered] | None = None

    def label(self, entry: Entry) -> str:
        """What an image shows: its folders, if it has any."""
        return "/".join(entry.folders) or UNLABELLED

    def find(self, listed: Listing) -> Discovered:
        """What the names of all files below the root say."""
        return discover(listed.files)

    def discovered(self) -> Discovered:
        """Images and masks, with paths below the root.

        Raises:
            BrokenDataError: If there are none, or names leave a choice; says what to do.
        """
        now = listing(self.root)
        if self._known is None or self._known[0] != now:
            self._known = now, self.find(now)
        discovered = self._known[1]
        if not discovered.entries:
            problems = [self._placed(problem) for problem in discovered.problems]
            raise BrokenDataError([*problems, *now.problems] or [self._placed(Problem("", "holds no images", ""))])
        return discovered

    @property
    def listed(self) -> Listing:
        """All files below the root, as :meth:`found` last saw them."""
        return listing(self.root) if self._known is None else self._known[0]

    def mask_files(self) -> list[Path]:
        """Every mask.

        Raises:
            BrokenDataError: As :meth:`found`.
        """
        return [self.root / mask for entry in self.discovered().entries for mask, _ in entry.masks]

    def case(self, entry: Entry) -> Case:
        """An image with its files."""
        masks = tuple(self.root / mask for mask, _ in entry.masks)
        return Case(entry.id, self.label(entry), image=self.root / entry.image, masks=masks)

    def cases(self) -> list[Case]:
        """Images by folder, then by number; a missing mask shows when the case is loaded."""
        return [self.case(entry) for entry in self.discovered().entries]

    def problems(self) -> list[Problem]:
        """Masks without an image, names that occur twice, and names that cannot be kept."""
        try:
            discovered = self.discovered()
        except BrokenDataError:
            return []  # cases() says so
        return [self._placed(problem) for problem in (*discovered.problems, *self.listed.problems)]

    def remarks(self) -> list[str]:
        """What was decided, and files that are not read."""
        try:
            discovered = self.discovered()
        except BrokenDataError:
            return []
        return [*discovered.remarks, *(f"{self.root / file}: not an image, not read" for file in discovered.others)]

    def partner_missing(self, image: Path) -> Problem:
        """What is wrong with an image without a mask."""
        mask, of = self.sides.mask, self.sides.image
        remedy = f"Put a {mask} called {image.stem}.png among the {mask}s, or remove the {of}."
        return Problem(str(image), f"has no {mask}", remedy, kind=NO_MASK)

    def _placed(self, problem: Problem) -> Problem:
        """A problem found among names, with the full path and the way to get the dataset."""
        what = problem.what if self.root.is_dir() else "is missing"
        where = str(self.root / problem.where) if problem.where else str(self.root)
        return replace(problem, where=where, what=what, remedy=problem.remedy or self.how_to_get)


class PairedDataset(MatchedFiles):
    """Images and masks that belong together by their names. A subclass implements :meth:`classes`."""

    @abstractmethod
    def classes(self, mask: Path, page: int | None = None) -> tuple[NDArray[np.integer], list[str]]:
        """Class numbers (H, W) of a mask, and what was unusual about the file.

        Raises:
            BrokenDataError: If the file cannot be used.
        """

    def load(self, case: Case) -> RawPair:
        """Image (H, W), or (H, W, 3) where the dataset has three channels, and its class numbers."""
        if case.image is None:
            raise DataError(f"Case {case.id!r} has no image file; take cases from cases() of dataset {self.name!r}.")
        problems: list[Problem] = []
        notes: list[str] = []
        image: Pixels | None = None
        masks: list[Pixels] = []
        try:
            image, image_remarks = self.read_image(case.image, case.page)
            notes += image_remarks
        except BrokenDataError as error:
            problems += error.problems
        for file in case.masks:
            try:
                levels, mask_remarks = self.classes(file, case.page) if case.page is not None else self.classes(file)
            except BrokenDataError as error:
                header = header_of(file)
                if header is not None and image is not None:  # of another size, values may be what scaling made
                    blank = self.fitted(np.zeros(header.size, np.uint8), image)
                    problems += size_problems(file, blank, image, resizable="resize" in self.options)
                problems += error.problems
                continue
            notes += mask_remarks
            levels = self.fitted(levels, image)
            problems += size_problems(file, levels, image, resizable="resize" in self.options)
            masks.append(levels.astype(np.uint8))
        if problems or image is None:
            raise BrokenDataError(problems)
        mask = self.merge(case, masks) if masks else self.without_mask(case, image)
        if mask is None:
            raise BrokenDataError([self.partner_missing(case.image)])
        return RawPair(image, mask, tuple(notes))

    def read_image(self, file: Path, page: int | None = None) -> tuple[Pixels, tuple[str, ...]]:
        """An image (H, W), or (H, W, 3) where the dataset has three channels, and what was unusual about the file.

        Raises:
            BrokenDataError: If the file cannot be used.
        """
        picture = (read_rgb if self.in_channels == 3 else read_grey)(file, self.scale, page)
        return picture.pixels, picture.notes

    def fitted(self, mask: NDArray[np.integer], image: Pixels | None) -> NDArray[np.integer]:
        """A mask (H, W) in the size of its image, where a dataset brings it there."""
        return mask

    def merge(self, case: Case, masks: list[Pixels]) -> Pixels:
        """Masks (H, W) of one image as one; a dataset that knows only one mask for each says so.

        Raises:
            BrokenDataError: If they cannot be one.
        """
        if len(masks) > 1:
            raise BrokenDataError(
                [
                    Problem(str(file), f"is a second {self.sides.mask} of {case.id}", "Keep one.")
                    for file in case.masks[1:]
                ]
            )
        return masks[0]

    def without_mask(self, case: Case, image: Pixels) -> Pixels | None:
        """The truth of an image without a mask; None where there must be one."""
        return None
