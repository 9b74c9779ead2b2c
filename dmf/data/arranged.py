"""What the options of a folder of one's own say about its files: which are read, grouped and split how."""

from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal, get_args

import numpy as np
from pydantic import Field

from dmf.data import given, grouping
from dmf.data.base import IGNORE, NO_MASK, BrokenDataError, Case, Doubt, OptionValue, Pixels, Problem
from dmf.data.discovery import Discovered, Entry, discover, in_words
from dmf.data.given import Given
from dmf.data.grouping import Groups
from dmf.data.listing import Listing
from dmf.data.pairs import MatchedFiles, PairedDataset
from dmf.errors import ConfigError
from dmf.options import Options


class GroupingOptions(Options):
    """Which cases belong together, and to which part; what is left empty is settled by what is usual."""

    group: str = Field(
        "",
        description="Which images are of one patient and never straddle a split: a regular expression on the name "
        r"with one group such as ^(P\d+)_, folder:1 for the outermost folder, patients.csv:patient for the column of "
        "a table beside the images, or none.",
    )
    split: str = Field(
        "",
        description="Given uses the split that comes with the files as it stands, ignore deals all images anew; "
        "folders, lists or split.csv:split say which of several.",
    )


class ArrangingOptions(GroupingOptions):
    """Which files are read, grouped and split how; what is left empty is settled by what is usual."""

    images: str = Field(
        "", description="Where images lie: a folder, or a pattern such as *_0000.png; found by their names when empty."
    )
    masks: str = Field(
        "", description="Where masks lie: a folder such as 1st_manual, or a pattern such as *_L.png; found when empty."
    )
    several: Literal["", "union", "classes"] = Field(
        "",
        description="What more than one mask of an image (a_mask.png, a_mask_1.png) are: parts of one (union), or "
        "one class each (classes; the names then name them, the background first).",
    )
    missing: Literal["", "refuse", "leave", "empty"] = Field(
        "",
        description="Images without a mask are refused, left out (leave) or taken to show nothing but background "
        "(empty).",
    )


class ArrangedFiles(MatchedFiles):
    """Files that lie in any of the usual ways, with options for what names cannot say.

    A subclass declares ``missing`` besides those of :class:`GroupingOptions`. :meth:`doubts` tells where something else
    may be meant than is usual.
    """

    def __init__(self, root: Path | None = None, seed: int = 0, **options: OptionValue) -> None:
        super().__init__(root, seed, **options)
        for option, refusal in (("group", grouping.refusal), ("split", given.refusal)):
            wanted = refusal(self.said(option))
            if wanted is not None:
                raise self._refused(option, self.said(option), wanted)

    def cases(self) -> list[Case]:
        """Images by folder, then by number, with groups and parts of a split where there are any."""
        entries = self._taking_part(self.discovered().entries)
        if not entries:
            raise BrokenDataError(
                self.problems()
                or [Problem(str(self.root), f"holds no {self.sides.image} with a {self.sides.mask}", self.how_to_get)]
            )
        groups, parts = self._groups(entries).of, self._given(entries).of
        return [replace(self.case(entry), group=groups.get(entry.id), split=parts.get(entry.id)) for entry in entries]

    def problems(self) -> list[Problem]:
        """Masks without an image, images without a mask, names that occur twice, and options that do not fit."""
        problems = super().problems()
        entries = self._entries()
        bare = [entry.id for entry in entries if not entry.masks]
        if bare and self.said("missing") != "empty":
            sides = self.sides
            ways = tuple(f"missing={way}" for way in self._words("missing") if way != "refuse")
            what = f"holds no {sides.mask} for {len(bare)} of {len(entries)} {sides.image}s ({in_words(bare)})"
            remedy = f"Add their {sides.mask}s, or leave them out with {ways[0]}"
            remedy += f", or take them as background with {ways[1]}." if len(ways) > 1 else "."
            problems.append(Problem(str(self.root), what, remedy, ways, NO_MASK))
        settled = (*self._groups(entries).problems, *self._given(entries).problems)
        return [*problems, *(self._placed(problem) for problem in settled)]

    def remarks(self) -> list[str]:
        """Files that are not read, images that are left out or taken as empty, and what groups hold."""
        try:
            bare = [entry.id for entry in self.discovered().entries if not entry.masks]
        except BrokenDataError:
            return []
        remarks = super().remarks()
        if bare and self.said("missing") in ("leave", "empty"):
            done = "left out" if self.said("missing") == "leave" else "taken as background alone"
            sides = self.sides
            remarks.append(f"{len(bare)} {sides.image}s without a {sides.mask} are {done}: {in_words(bare, 6)}")
        return [*remarks, *self._groups(self._entries()).remarks]

    def doubts(self) -> list[Doubt]:
        """What names suggest and no option settles."""
        entries = self._entries()
        if not entries:
            return []
        doubts = [] if self.said(self.sides.mask_option) else list(self.discovered().doubts)
        if not self.said("group"):
            proposed = grouping.propose(entries, self.root, self.listed.files)
            doubts += [] if proposed is None else [proposed]
        several = [entry.id for entry in entries if len(entry.masks) > 1]
        if several and "several" in self.options and not self.said("several"):
            what = f"{len(several)} images have several masks each ({in_words(several)})"
            doubts.append(Doubt(what, "they are united", ("several=union", "several=classes")))
        torn = given.straddling(self._groups(entries).of, self._given(entries).of)
        if torn and self.said("split") in ("", given.FOLDERS, given.LISTED):
            what = f"{len(torn)} groups have images in more than one part of the split ({in_words(torn)})"
            doubts.append(Doubt(what, "the split is used as given", ("split=given", "split=ignore")))
        return doubts

    def given_split(self) -> str:
        """The split that comes with the files, in words; empty where there is none."""
        return str(self._given(self._entries()))

    def find(self, listed: Listing) -> Discovered:
        """What names and options say about the files."""
        return discover(
            listed.files,
            images=self.said(self.sides.image_option),
            masks=self.said(self.sides.mask_option),
            together=bool(self.said("group")),
            sides=self.sides,
        )

    def _entries(self) -> list[Entry]:
        """Images that take part; none where names leave a choice, as :meth:`cases` says."""
        try:
            return self._taking_part(self.discovered().entries)
        except BrokenDataError:
            return []

    def _taking_part(self, entries: list[Entry]) -> list[Entry]:
        return [entry for entry in entries if entry.masks or self.said("missing") != "leave"]

    def _groups(self, entries: list[Entry]) -> Groups:
        return grouping.group(entries, self.said("group"), self.root, self.listed.files)

    def _given(self, entries: list[Entry]) -> Given:
        return given.give(entries, self.said("split"), self.root, self.listed.files)

    def _words(self, option: str) -> tuple[str, ...]:
        """What an option may be, but for nothing."""
        return tuple(word for word in get_args(self.declares.model_fields[option].annotation) if word)

    def _refused(self, option: str, text: str, wanted: str) -> ConfigError:
        return ConfigError(
            f"Option {option!r} of dataset {self.name!r} takes {wanted}; got {text!r}.", "dataset_options"
        )


class ArrangedDataset(ArrangedFiles, PairedDataset):
    """Images and masks that lie in any of the usual ways; several masks of an image are one, or a class each."""

    declares: ClassVar[type[Options]] = ArrangingOptions

    def merge(self, case: Case, masks: list[Pixels]) -> Pixels:
        """Masks of one image as one: parts of the same classes, or a class for each.

        Raises:
            BrokenDataError: If two masks say that a pixel is of different classes.
        """
        if self.said("several") == "classes":
            return self._as_classes(case, masks)
        merged = masks[0]
        for mask, file in zip(masks[1:], case.masks[1:], strict=True):
            known = (merged > 0) & (merged != IGNORE)
            if (known & (mask > 0) & (mask != IGNORE) & (merged != mask)).any():
                what = f"says of pixels of {case.masks[0].name} that they are of another class"
                remedy = "Give each mask a class of its own with several=classes, or keep one of them."
                raise BrokenDataError([Problem(str(file), what, remedy, ("several=classes",))])
            merged = np.where(~known & (mask > 0), mask, merged)  # what one mask knows, another need not
        return merged

    def _as_classes(self, case: Case, masks: list[Pixels]) -> Pixels:
        numbers = sorted({number for entry in self.discovered().entries for _, number in entry.masks})
        own = next(entry for entry in self.discovered().entries if self.root / entry.image == case.image)
        if len(numbers) + 1 != len(self.class_names):
            names = ":".join(("background", *(f"class {place}" for place in range(1, len(numbers) + 1))))
            what = f"has up to {len(numbers)} masks for an image, but there are {len(self.class_names)} classes"
            raise BrokenDataError(
                [Problem(str(self.root), what, f"Name each with the option names, e.g. names={names}.")]
            )
        merged = np.zeros_like(masks[0])
        for mask, (_, number) in zip(masks, own.masks, strict=True):
            merged[(mask > 0) & (mask != IGNORE)] = 1 + numbers.index(number)  # where two overlap, the later one holds
            merged[(mask == IGNORE) & (merged == 0)] = IGNORE
        return merged

    def without_mask(self, case: Case, image: Pixels) -> Pixels | None:
        """Background alone where such images are to be taken as empty."""
        return np.zeros(image.shape[:2], dtype=np.uint8) if self.said("missing") == "empty" else None
