"""Paired images of one's own: what is to be made (``target``) of what (``source``), matched by name."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dmf.data.arranged import ArrangedFiles, GroupingOptions
from dmf.data.base import BrokenDataError, Case, Doubt, OptionValue, Problem, RawPair
from dmf.data.bounds import refuse_large_set
from dmf.data.class_options import Black, White, check_percentiles, parse_window, refusing
from dmf.data.decode import Picture, read_picture
from dmf.data.discovery import in_words
from dmf.data.files import COLOUR_TOLERANCE, how_shown
from dmf.data.headers import header_of
from dmf.data.intensity import Range
from dmf.data.names import SYNTHESIS
from dmf.data.scaling import choose_range, kept_range, look_at_values
from dmf.options import Options

LEVELS = 65535.0  # of 16 bits, into which pictures of 8 fit without loss

Side = Literal["source", "target"]
Pixels16 = NDArray[np.uint16]


class RangeOptions(Options):
    """What becomes black and white in images to start from and to be made."""

    scale: Literal["common", "own"] = Field(
        "common",
        description="Common makes one and the same value black, or white, in sources and targets, so that a network "
        "may add its input back; own gives each side its own range, for two quantities that have no common unit.",
    )
    # At these percentiles nothing is cut off: scores are of what is stored.
    low: Black = Field(0.0, description="Percentile of all values that becomes black; at 0 nothing is cut off.")
    high: White = Field(100.0, description="Percentile of all values that becomes white; at 100 nothing is cut off.")


class PairedOptions(RangeOptions, GroupingOptions):
    """Which files make pairs, and how pictures are read."""

    source: str = Field(
        "source", description="The folder of the images to start from, or a pattern such as *_early.png."
    )
    target: str = Field("target", description="The folder of the images to be made, or a pattern such as *_late.png.")
    colour: Literal["none", "source", "target", "both"] = Field(
        "none",
        description="Which side has three channels. A coloured picture on the other side is a problem, as something of "
        "it would be lost.",
    )
    intensity: Literal["auto", "depth", "percentile", "window"] = Field(
        "auto",
        description="What becomes black and white, never told from a single image: depth, all that the bits can "
        "hold; percentile, the percentiles low and high of all images; window, the option of this name. Auto takes "
        "the window where one is given, the bits of pictures of 8 bits, the depth that deeper files state, else "
        "percentiles.",
    )
    window: str = Field("", description="Values that become black and white, e.g. 0:4000.")
    missing: Literal["", "refuse", "leave"] = Field(
        "", description="Sources without a target are refused, or left out (leave)."
    )


class PairedImages(ArrangedFiles):
    """Reads pairs of pictures that show the same pixels, in a folder ``source`` beside a folder ``target``.

    Names, groups and a split that comes with the files are found as for any folder of one's own (``group``, ``split``);
    both folders may hold folders of their own, such as one for each subject, or lie within ``train`` and ``test``.
    Pictures have 8 or 16 bits, or floating point.
    """

    name = "paired"
    title = "Paired images of your own"
    target = "image"
    class_names: tuple[str, ...] = ()
    pixel_type = np.uint16
    white: float = LEVELS
    target_white: float = LEVELS
    sides = SYNTHESIS
    how_to_get = (
        "Put the images to start from into a folder called source and those to be made, of the same names and sizes, "
        "into a folder called target beside it; then set the root to the folder that holds both, or put them into "
        "data/raw/paired. Or say with the options source and target which folder is which."
    )
    licence = "Whatever holds for your images."
    citation = "Whatever your images ask for."
    declares = PairedOptions

    def __init__(self, root: Path | None = None, seed: int = 0, **options: OptionValue) -> None:
        super().__init__(root, seed, **options)
        for option in ("source", "target"):
            if not self.said(option):
                raise self._refused(option, "", "a folder below the root, or a pattern such as *_early.png")
        colour, self._how = self.said("colour"), self.said("intensity")
        self._is_common = self.said("scale") == "common"
        with refusing(self, "low"):
            self._percentiles = check_percentiles(float(self.options["low"]), float(self.options["high"]))
        with refusing(self, "window"):
            self._window = parse_window(self.said("window"), is_needed=self._how == "window")
        if self._how == "auto" and self._window is not None:
            self._how = "window"
        self._coloured = {side: colour in (side, "both") for side in ("source", "target")}
        self.in_channels = 3 if self._coloured["source"] else 1
        self.target_channels = 3 if self._coloured["target"] else 1
        self._ranges: dict[Side, dict[str, Any]] = {}

    def problems(self) -> list[Problem]:
        """As of any arranged dataset, second targets, and pictures of different depth under one scale."""
        entries = self._entries()
        second = [
            Problem(str(self.root / file), f"is a second target of {entry.id}", "Keep one.")
            for entry in entries
            for file, _ in entry.masks[1:]
        ]
        return [*super().problems(), *second, *self._mixed()]

    def doubts(self) -> list[Doubt]:
        """What the files may mean otherwise, and the range of deeper pictures where none was said."""
        doubts = super().doubts()
        if self._how == "auto" and not self._mixed():
            for side in ("source",) if self._is_common else ("source", "target"):
                known = self._seen(cast("Side", side))
                if not known.get("why"):
                    continue
                pictures = "sources and targets" if self._is_common else f"{side}s"
                window = f"{known['low']:g}:{known['high']:g}"
                what = f"{pictures} have more than 8 bits, with values from {known['from']:g} to {known['to']:g}"
                decided = f"in all of them {known['low']:g} becomes black and {known['high']:g} white, {known['why']}"
                ways = ("intensity=percentile", "intensity=depth", *([f"window={window}"] if self._is_common else []))
                doubts.append(Doubt(what, decided, ways))
        return doubts

    def load(self, case: Case) -> RawPair:
        """Source and target, (H, W) or (H, W, 3) uint16, black at 0 and white at 65535 in every image.

        Raises:
            BrokenDataError: If a file is missing, unreadable, coloured where it should not be, or of another size.
        """
        if case.image is None:
            raise BrokenDataError([Problem(case.id, "has no source file", "Take cases from cases().")])
        if not case.masks:
            raise BrokenDataError([self.partner_missing(case.image)])
        problems: list[Problem] = []
        pictures: dict[Side, Picture] = {}
        for side, file in (("source", case.image), ("target", case.masks[0])):
            try:
                pictures[cast("Side", side)] = self._read(file, cast("Side", side))
            except BrokenDataError as error:
                problems += error.problems
        if not problems:
            problems += _apart(case.image, case.masks[0], pictures["source"], pictures["target"])
        if problems:
            raise BrokenDataError(problems)
        source, target = (self._levels(picture, side) for side, picture in pictures.items())
        notes = [note for picture in pictures.values() for note in _unusual(picture)]
        if source.shape == target.shape and np.array_equal(source, target):
            notes.append(f"{case.masks[0].name}: is a copy of its source")
        return RawPair(source, target, tuple(notes))  # type: ignore[arg-type]  # of its pixel_type

    def coloured(self) -> str:
        """Which side has pictures in colour, as the option says it, by their headers."""
        sides = [side for side in ("source", "target") if any(self._channels(file) > 1 for file in self._files(side))]
        return "both" if len(sides) == 2 else sides[0] if sides else "none"

    @staticmethod
    def _channels(file: Path) -> int:
        header = header_of(file)
        return 1 if header is None else 3 if header.has_palette or header.channels >= 3 else 1

    def _files(self, side: str) -> list[Path]:
        entries = self._entries()
        if side == "source":
            return [self.root / entry.image for entry in entries]
        return [self.root / file for entry in entries for file, _ in entry.masks[:1]]

    def _read(self, file: Path, side: Side) -> Picture:
        picture = read_picture(file)
        if picture.alpha is not None and (picture.alpha != picture.alpha.flat[0]).any():
            remedy = "Save it without transparency, as it would be seen over black."
            raise BrokenDataError([Problem(str(file), "has transparency", remedy)])
        if picture.pixels.dtype.kind == "f" and not np.isfinite(picture.pixels).all():
            remedy = "Save it with a number for each pixel."
            raise BrokenDataError([Problem(str(file), "holds values that are not numbers", remedy)])
        if picture.pixels.ndim == 3 and not self._coloured[side]:
            spread = int(np.ptp(picture.pixels, axis=2).max())
            if spread > (COLOUR_TOLERANCE if picture.header.bits <= 8 else 0):
                other = "target" if side == "source" else "source"
                way = f"colour={'both' if self._coloured[other] else side}"
                what = f"is coloured, but a {side} has one channel"
                raise BrokenDataError([Problem(str(file), what, f"Set the option {way}.", (way,), "colour")])
        return picture

    def _levels(self, picture: Picture, side: Side) -> Pixels16:
        pixels = picture.pixels
        if self._coloured[side]:
            pixels = np.dstack([pixels] * 3) if pixels.ndim == 2 else pixels
        elif pixels.ndim == 3:
            pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
        known = self._seen(side)
        return Range(known["low"], known["high"]).apply_16(pixels)

    def _seen(self, side: Side) -> dict[str, Any]:
        """Range of the pictures of a side, or of both, and how it was found."""
        if self._window is not None and self._how == "window":
            return {"low": self._window.low, "high": self._window.high}
        if side not in self._ranges:
            sides = ("source", "target") if self._is_common else (side,)
            files = [file for each in sides for file in self._files(each)]
            if self._how == "auto" and all(_bits(file) <= 8 for file in files):
                self._ranges[side] = {"low": 0.0, "high": 255.0}
            else:
                text = f"{self.identity()}{self.root.absolute()}{sides}"
                key = hashlib.sha256(text.encode()).hexdigest()[:20]
                self._ranges[side] = kept_range(key, lambda: self._look(files))
        return self._ranges[side]

    def _look(self, files: Sequence[Path]) -> dict[str, Any]:
        refuse_large_set(str(self.root), files)
        values = look_at_values([(file, None) for file in files])
        if values is None:
            return {"low": 0.0, "high": 255.0}  # none can be read: loading says so
        how, (low, high) = self._how, self._percentiles
        if how == "auto":
            how = "percentile" if values.depth is None else "depth"
        chosen = choose_range(values, cast("Literal['depth', 'percentile']", how), low, high)
        why = f"the percentiles {low:g} and {high:g} of all" if how == "percentile" else "all that their depth can hold"
        return {"low": chosen.low, "high": chosen.high, "from": values.low, "to": values.high, "why": why}

    def _mixed(self) -> list[Problem]:
        """Pictures of different depth where one range holds for all."""
        by_bits: dict[tuple[str, int], list[Path]] = defaultdict(list)
        for side in ("source", "target"):
            for file in self._files(side):
                by_bits[side, _bits(file)].append(file)
        problems = []
        for sides in (("source", "target"),) if self._is_common else (("source",), ("target",)):
            held = {key: files for key, files in by_bits.items() if key[0] in sides}
            if len({bits for _, bits in held}) < 2:
                continue
            counts = [
                f"{len(files)} of {bits} bits in {side} ({in_words([each.name for each in files], 2)})"
                for (side, bits), files in sorted(held.items())
            ]
            what = f"mixes depths under one scale: {', '.join(counts)}"
            remedy, each_has_one = "Save all with the same depth", len(held) == len(sides) == 2
            remedy += ", or give each folder a range of its own with scale=own." if each_has_one else "."
            ways = ("scale=own",) if each_has_one else ()
            problems.append(Problem(str(self.root), what, remedy, ways, "depth"))
        return problems


def _bits(file: Path) -> int:
    """Bits of one channel of a picture, at least 8; 8 where its file does not say."""
    header = header_of(file)
    return 8 if header is None else max(8, header.bits)


def _apart(source_file: Path, target_file: Path, source: Picture, target: Picture) -> list[Problem]:
    """What is wrong where a target does not show the pixels of its source."""
    (height, width), (other_height, other_width) = target.pixels.shape[:2], source.pixels.shape[:2]
    if (height, width) == (other_height, other_width):
        return []
    what = f"is {width} x {height} pixels, but its source {source_file.name} is {other_width} x {other_height}"
    remedy = "Register and resample one of them, so that both show the same pixels."
    return [Problem(str(target_file), what, remedy, kind="size")]


def _unusual(picture: Picture) -> list[str]:
    is_flat = (picture.pixels == picture.pixels.flat[0]).all()
    return [*how_shown(picture), *([f"{picture.name}: one value all over"] if is_flat else [])]


def suggest_colour(dataset: PairedImages) -> dict[str, OptionValue]:
    """The option under which pictures in colour are read; nothing where none is, or it was said."""
    return {} if dataset.coloured() == "none" else {"colour": dataset.coloured()}
