"""A folder of one's own: any ``images`` beside ``masks`` (or ``labels``), paired by name."""

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dmf.data.arranged import ArrangedDataset, ArrangingOptions
from dmf.data.base import BrokenDataError, Case, Doubt, OptionValue, Pixels, Problem, gathered
from dmf.data.bounds import refuse_large_set
from dmf.data.class_options import Black, White
from dmf.data.coding import CodingOptions, parse_coding
from dmf.data.decode import PAGES, read_picture
from dmf.data.discovery import in_words
from dmf.data.files import is_scaled
from dmf.data.headers import header_of
from dmf.data.intensity import Range
from dmf.data.meaning import colour_problem, meaning
from dmf.data.scaling import choose_range, kept_range, look_at_values
from dmf.data.survey import survey
from dmf.errors import DataError

AS_GROUP = "Set the option pages=group to read each page as an image of one group, or save one page of each alone."
PAGED = frozenset({".tif", ".tiff", ".gif"})  # suffixes of files that may hold several pictures


class FolderOptions(ArrangingOptions, CodingOptions):
    """How pictures are read."""

    rgb: bool = Field(False, description="Read images in colour; otherwise colour becomes luminance.")
    spacing: str = Field(
        "",
        description="The side of a pixel in millimetres, the same in all images, e.g. 0.2, or height and width, e.g. "
        "0.2:0.1; distances between outlines are then in millimetres.",
    )
    resize: bool = Field(
        False,
        description="Bring masks to the size of their images by the nearest pixel, where they are larger or smaller "
        "alike on both sides or a pixel off.",
    )
    intensity: Literal["auto", "depth", "percentile", "window"] = Field(
        "auto",
        description="What becomes black and white, the same for every image. Depth: all that the bits can hold, as "
        "files say or as the largest value of all images needs; percentile: low and high of all images; window: the "
        "option of this name. Auto leaves pictures of 8 bits as they are and takes the depth that deeper files "
        "state, else percentiles.",
    )
    low: Black = 0.5
    high: White = 99.5
    window: str = Field("", description="Values that become black and white, e.g. -100:300.")
    pages: Literal["refuse", "group"] = Field(
        "refuse", description="Files of several pictures are refused, or each page is an image of one group."
    )


class Folder(ArrangedDataset):
    """Reads images and masks that belong together by name, such as ``images/`` beside ``masks/``.

    The options of :class:`ArrangingOptions` say which files are read, grouped and split how, those of
    :class:`CodingOptions` what the numbers in a mask mean, and those of :class:`FolderOptions` how pictures are read.
    """

    name = "folder"
    title = "A folder of your own"
    how_to_get = (
        "Put images into a folder called images and a mask for each, of the same name and size, into a folder called "
        "masks beside it; then set the root to the folder that holds both, or put them into data/raw/folder. Or leave "
        "them as they lie, and say with the options images and masks which is which: a folder, or a pattern (*_L.png)."
    )
    licence = "Whatever holds for your images."
    citation = "Whatever your images ask for."
    declares = FolderOptions

    def __init__(self, root: Path | None = None, seed: int = 0, **options: OptionValue) -> None:
        super().__init__(root, seed, **options)
        self.coding = parse_coding(self.options, self._refused, one_each=self.options["several"] == "classes")
        self.values = self.coding.values
        self.class_names = self.coding.class_names
        self.ignore = self.coding.ignore
        self.in_channels = 3 if self.options["rgb"] else 1
        self.spacing = self._parse_spacing(str(self.options["spacing"]))
        self.window = self._parse_window(str(self.options["window"]))
        self._check_intensity()
        self._values: dict[str, Any] | None = None

    def cases(self) -> list[Case]:
        """As of any paired dataset; with ``pages=group``, one for each page of a file."""
        cases = super().cases()
        if self.options["pages"] != "group":
            return cases
        return [page for case in cases for page in _paged(case)]

    def problems(self) -> list[Problem]:
        """As of any arranged dataset, and images of several pages, of which none is chosen without a word."""
        problems = super().problems()
        if self.options["pages"] == "group":
            return problems
        images = [self.root / entry.image for entry in self._entries()]
        several = [image.name for image in images if _pages(image) > 1]
        if several:
            what = f"{len(several)} of {len(images)} images hold several pages, not one picture ({in_words(several)})"
            problems.append(Problem(str(self.root), what, AS_GROUP, ("pages=group",), PAGES))
        return problems

    def read_image(self, file: Path, page: int | None = None) -> tuple[Pixels, tuple[str, ...]]:
        """As of any paired dataset; of a file of several pages, what to do with them."""
        try:
            return super().read_image(file, page)
        except BrokenDataError as error:
            if self.options["pages"] == "group":
                raise
            named = [
                replace(each, remedy=AS_GROUP, options=("pages=group",)) if each.kind == PAGES else each
                for each in error.problems
            ]
            raise BrokenDataError(named) from None

    def classes(self, mask: Path, page: int | None = None) -> tuple[NDArray[np.integer], list[str]]:
        """The class whose value or colour each pixel holds, :data:`dmf.data.IGNORE` where it belongs to none."""
        return self.coding.classes(read_picture(mask, page), mask)

    def fitted(self, mask: NDArray[np.integer], image: Pixels | None) -> NDArray[np.integer]:
        """With ``resize``, a mask (H, W) brought to the size of its image where they are alike but for their scale."""
        if image is None or mask.shape == image.shape[:2] or not self.options["resize"]:
            return mask
        height, width = image.shape[:2]
        if not is_scaled((mask.shape[0], mask.shape[1]), (height, width)):
            return mask
        resized = cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
        return np.asarray(resized, np.uint8)

    def scale(self, kind: np.dtype[Any]) -> Range | None:
        """The range that the options say, the same for all images; None for those of 8 bits under ``auto``."""
        how = self._how
        if how == "auto" and kind == np.uint8:
            return None
        if how == "window":
            return self.window
        known = self._seen_values()
        return Range(known["low"], known["high"]) if known else None

    def doubts(self) -> list[Doubt]:
        """What the masks and the range of the images may mean otherwise."""
        try:
            surveyed_doubts = meaning(self.mask_files()).doubts
        except BrokenDataError:
            surveyed_doubts = []  # loading says so
        doubts = [*super().doubts(), *surveyed_doubts]
        try:
            known = self._seen_values() if self._how == "auto" else {}
        except DataError:
            return doubts
        if known:
            what = (
                f"{known['images']} images have more than 8 bits, with values from {known['from']:g} to {known['to']:g}"
            )
            window = f"window={known['low']:g}:{known['high']:g}"
            decided = f"in every image {known['low']:g} becomes black and {known['high']:g} white, {known['why']}"
            doubts.append(Doubt(what, decided, ("intensity=percentile", "intensity=depth", window)))
        return doubts

    def sum_up(self, problems: Sequence[Problem]) -> list[Problem]:
        """Values and colours that are no class are said once, with the options that read all masks."""
        if self.options["pages"] != "group":  # said by problems()
            images = {str(self.root / entry.image) for entry in self._entries()}
            problems = [each for each in problems if each.kind != PAGES or each.where not in images]
        kinds = [problem.kind for problem in problems]
        settled = dict.fromkeys(("values", "colours"))
        if not settled.keys() & set(kinds) or len(problems) == 1:
            return gathered(problems)
        masks = self.mask_files()
        others = [problem for problem in problems if problem.kind not in settled]
        first = next(problem for problem in problems if problem.kind in settled)
        count = sum(kind in settled for kind in kinds)
        try:
            meant = meaning(masks)
        except BrokenDataError as error:
            return gathered([*error.problems, *others])
        if "colours" in kinds:
            surveyed = survey(masks)
            if not meant.options.get("colours"):
                return gathered(
                    [colour_problem(surveyed, str(masks[0].parent)) if surveyed.coloured else first, *others]
                )
        wanted = ",".join(f"{name}={_typed(value)}" for name, value in meant.options.items()) or "values=0:255"
        if "colours" in kinds:
            what = f"{meant.doubts[0].what}, with a table of their colours beside them"
            return gathered([Problem(str(masks[0].parent), what, f"Set the option {wanted}.", (wanted,)), *others])
        ways = [way for doubt in meant.doubts for way in doubt.options if way not in wanted.split(",")]
        remedy = f"Set the options {wanted}"
        if ways:
            remedy += f", or where something else is meant {' or '.join(ways)}"
        decisions = [f"{doubt.what}; then {doubt.decided}" for doubt in meant.doubts]
        what = "; ".join([f"{count} of {len(masks)} masks hold values that are no class: {first.what}", *decisions])
        return gathered([Problem(str(masks[0].parent), what, f"{remedy}.", (wanted, *ways)), *others])

    @property
    def _how(self) -> str:
        how = str(self.options["intensity"])
        return "window" if how == "auto" and self.window is not None else how

    def _seen_values(self) -> dict[str, Any]:
        """Range of the set, and how it was found; empty where all images have 8 bits and none was asked for."""
        if self._values is None and self._how == "auto" and not self._deep():
            self._values = {}
        if self._values is None:
            key = hashlib.sha256(self.identity().encode() + str(self.root.absolute()).encode()).hexdigest()[:20]
            self._values = kept_range(key, self._look)
        return self._values

    def _deep(self) -> list[tuple[Path, int | None]]:
        """Files and pages of the images that have more than 8 bits."""
        images = [(case.image, case.page) for case in self.cases() if case.image is not None]
        return [image for image in images if (header := header_of(image[0])) is not None and header.bits > 8]

    def _look(self) -> dict[str, Any]:
        how, low, high = self._how, float(self.options["low"]), float(self.options["high"])
        images = self._deep() if how == "auto" else [(each.image, each.page) for each in self.cases() if each.image]
        refuse_large_set(str(self.root), dict.fromkeys(file for file, _ in images))
        values = look_at_values(images)
        if values is None:
            return {}
        if how == "auto":
            how = "percentile" if values.depth is None else "depth"
        chosen = choose_range(values, cast("Literal['depth', 'percentile']", how), low, high)
        why = f"the percentiles {low:g} and {high:g} of all" if how == "percentile" else "all that their depth can hold"
        facts = {"from": values.low, "to": values.high, "images": values.images, "why": why}
        return {"low": chosen.low, "high": chosen.high, **facts}

    def _check_intensity(self) -> None:
        how, low, high = str(self.options["intensity"]), float(self.options["low"]), float(self.options["high"])
        if not 0 <= low < high <= 100:
            raise self._refused("low", f"{low:g}", f"a percentile from 0 to 100, below that of high ({high:g})")
        if how == "window" and self.window is None:
            raise self._refused("window", "nothing", "the values that become black and white, such as -100:300")

    def _parse_window(self, text: str) -> Range | None:
        if not text.strip():
            return None
        try:
            low, high = (float(part) for part in text.split(":"))
        except ValueError:
            low = high = math.nan
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise self._refused("window", text, "the values that become black and white, such as -100:300")
        return Range(low, high)

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

    Raises:
        BrokenDataError: If no mask can be read, or they hold what cannot be classes; a damaged one beside others is
            left for loading to report.
    """
    return meaning(masks).options


def _paged(case: Case) -> list[Case]:
    """A case for each page of its image."""
    pages = 1 if case.image is None else _pages(case.image)
    if pages == 1:
        return [case]
    group = case.group or case.id
    return [replace(case, id=f"{case.id}#{page + 1}", group=group, page=page) for page in range(pages)]


def _pages(image: Path) -> int:
    """How many pictures a file holds; 1 where it says nothing."""
    header = header_of(image) if image.suffix.lower() in PAGED else None
    return 1 if header is None else len(header.pages)


def _typed(value: OptionValue) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
