"""Which value or colour of a mask is which class, as options say it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dmf.data.base import IGNORE, BrokenDataError, OptionValue, Pixels, Problem
from dmf.data.clusters import is_far
from dmf.data.colours import Colours, codes_of, colour_of, parse_colours
from dmf.data.decode import Picture
from dmf.data.files import MaskLevels, greys_of, levels_of
from dmf.data.meaning import MOST_CLASSES, MOST_FAR, MOST_NAMED, NOISE, VOID, has_void
from dmf.data.survey import unique
from dmf.errors import ConfigError
from dmf.options import Options

Refused: TypeAlias = Callable[[str, str, str], ConfigError]


class CodingOptions(Options):
    """What the numbers and colours in masks mean."""

    values: str = Field(
        "0:255",
        description="The value of each class in masks, the background first, e.g. 0:255 or 0:1:2: class i is where a "
        "mask holds the i-th of them.",
    )
    names: str = Field("", description="What the classes are called, e.g. background:vessel; numbered when left empty.")
    nearest: bool = Field(
        False,
        description="Take the nearest of the values, for masks saved as JPEG or with soft edges; otherwise a value "
        "that is no class is a problem.",
    )
    labels: Literal["", "any"] = Field(
        "", description="Any makes every value above 0 foreground, for masks that number single objects."
    )
    ignore: str = Field(
        "", description="Values whose pixels belong to no class, e.g. 255; they count in no loss and no score."
    )
    colours: str = Field(
        "",
        description="The colour of each class in coloured masks, the background first, e.g. "
        "0,0,0=background;255,0,0=benign; a class called void belongs to none.",
    )


@dataclass(frozen=True)
class Coding:
    """What masks hold for each class.

    Attributes:
        values: Of each class, the background first; of colours, places 0, 1, ...
        class_names: One for each.
        nearest: Whether a value that is no class is that of the nearest.
        any_label: Whether every value above 0 is the one foreground.
        ignored: Values that belong to no class.
        colours: Colours of the classes, where masks are coloured; then the values mean nothing.
    """

    values: tuple[int, ...]
    class_names: tuple[str, ...]
    nearest: bool = False
    any_label: bool = False
    ignored: tuple[int, ...] = ()
    colours: Colours | None = None

    @property
    def ignore(self) -> int | None:
        """:data:`dmf.data.IGNORE` where some pixels may belong to no class."""
        return IGNORE if self.ignored or (self.colours is not None and self.colours.has_void) else None

    def classes(self, picture: Picture, path: Path) -> tuple[Pixels, list[str]]:
        """Class number of each pixel (H, W), :data:`dmf.data.IGNORE` where it has none; and what was unusual.

        Raises:
            BrokenDataError: If the mask holds what is no class.
        """
        if self.colours is not None:
            return self._by_colour(self.colours, picture, path), self._notes(picture, in_levels=False)
        levels = self._levels(picture)
        if levels is None:
            raise BrokenDataError([_coloured(picture, path)])
        values, counts = unique(levels)
        numbers = np.array([self._number(value) for value in values], np.int64)
        strange = np.array([value for value, number in zip(values, numbers, strict=True) if number < 0], np.int64)
        if len(strange) and not self.nearest:
            raise BrokenDataError([self._strange(path, strange, values)])
        if len(strange):
            known = np.array([*self.values, *self.ignored], np.int64)
            of = np.array([*range(len(self.values)), *[IGNORE] * len(self.ignored)], np.int64)
            distance = np.abs(strange[:, None] - known[None])  # (strange, known)
            numbers[numbers < 0] = of[distance.argmin(1)]
            far = set(strange[is_far(distance.min(1), known)].tolist())
            pixels = sum(count for value, count in zip(values, counts, strict=True) if value in far)
            if pixels > MOST_FAR * levels.size:
                what = f"{NOISE}; {pixels / levels.size:.0%} of its pixels are far from every class"
                raise BrokenDataError(
                    [Problem(str(path), what, "Save it with one value for each class.", kind="noise")]
                )
        return _looked_up(levels, values, numbers), self._notes(picture, in_levels=True)

    def _levels(self, picture: Picture) -> MaskLevels | None:
        """The number of each pixel; of a palette whichever is a class, the greys or their numbers."""
        levels = levels_of(picture)
        if picture.indices is None or picture.palette is None or self.any_label:
            return levels
        greys = greys_of(picture.palette, int(picture.indices.max()))
        # All greys of the palette decide, not those that this mask uses: else two masks of a set might be read apart.
        if greys is not None and not set(greys.tolist()) <= {*self.values, *self.ignored}:
            used = set(np.unique(picture.indices).tolist())
            return picture.indices if used <= {*self.values, *self.ignored} else levels
        return levels

    def _number(self, value: int) -> int:
        """The class of a value; -1 where it is none."""
        if value in self.ignored:
            return IGNORE
        if self.any_label:
            return int(value > 0)
        return self.values.index(value) if value in self.values else -1

    def _strange(self, path: Path, strange: NDArray[Any], values: list[int]) -> Problem:
        known = ", ".join(map(str, self.values))
        what = f"holds {listed(strange.tolist())}, but the classes are the values {known}"
        if len(values) <= MOST_NAMED:
            way = f"values={':'.join(map(str, values))}"
            if has_void(values):
                kept = ":".join(str(value) for value in values if value != VOID)
                way = f"values={kept},ignore={VOID}, or {way} where {VOID} is a class"
            remedy = f"Set the option values to what your masks hold, here {way}."
        else:
            remedy = "Set the option nearest=true to take the nearest class, or save the masks without soft edges."
        return Problem(str(path), what, remedy, kind="values")

    def _by_colour(self, colours: Colours, picture: Picture, path: Path) -> Pixels:
        numbers, strange = colours.classes(picture, nearest=self.nearest)
        count = int(strange.sum())
        if count and not (self.nearest and count <= MOST_FAR * strange.size):
            met, counts = np.unique(codes_of(picture)[strange], return_counts=True)
            shown = [
                f"{','.join(map(str, colour_of(int(met[n]))))} ({counts[n] / strange.size:.2%})"
                for n in np.argsort(counts)[::-1][:MOST_NAMED]
            ]
            what = f"has the colours {', '.join(shown)}, which are no class"
            remedy = "Add them to the option colours, or set nearest=true to take the nearest colour."
            raise BrokenDataError([Problem(str(path), what, remedy, kind="colours")])
        return numbers

    def _notes(self, picture: Picture, *, in_levels: bool) -> list[str]:
        notes = []
        if picture.is_turned:
            notes.append(f"{picture.name}: turned as its EXIF orientation ({picture.header.orientation}) says")
        if picture.alpha is not None and (picture.alpha != picture.alpha.flat[0]).any() and in_levels:
            constant = bool((picture.pixels == picture.pixels.flat[0]).all())
            how = "read from its transparency" if constant else "its transparent pixels are read as 0"
            notes.append(f"{picture.name}: has transparency, {how}")
        if picture.header.white_is_zero:
            notes.append(f"{picture.name}: says that 0 is white, so its levels are turned round")
        return notes


def parse_coding(options: Mapping[str, OptionValue], refused: Refused, *, one_each: bool = False) -> Coding:
    """The coding that options say.

    Args:
        options: With all of :class:`CodingOptions`.
        refused: Makes an error of an option, what was given and what it takes.
        one_each: Whether each mask of an image is a class, so that there are as many names as anyone gives.

    Raises:
        ConfigError: If one cannot be.
    """
    texts = {name: str(options[name]).strip() for name in CodingOptions.model_fields}
    ignored = _ignored(texts["ignore"], refused)
    if texts["colours"]:
        colours = parse_colours(texts["colours"])
        if colours is None:
            wanted = "colours and their classes, the background first, such as 0,0,0=background;255,0,0=benign"
            raise refused("colours", texts["colours"], wanted)
        names = colours.class_names
        if texts["names"]:
            names = _names(texts["names"], len(names), refused)
        return Coding(tuple(range(len(names))), names, bool(options["nearest"]), colours=colours)
    any_label = texts["labels"] == "any"
    values = (0, 1) if any_label else _values(texts["values"], refused)
    if not any_label and set(values) & set(ignored):
        raise refused("ignore", texts["ignore"], f"values that are no class; the classes are {texts['values']}")
    count = texts["names"].count(":") + 1 if one_each and texts["names"] else len(values)
    return Coding(values, _names(texts["names"], count, refused), bool(options["nearest"]), any_label, ignored)


def listed(values: list[int]) -> str:
    """The first values in words, and how many more there are."""
    shown = ", ".join(map(str, values[:MOST_NAMED]))
    return shown if len(values) <= MOST_NAMED else f"{shown} and {len(values) - MOST_NAMED} more values"


def _values(text: str, refused: Refused) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(":")]
    if not all(part.isascii() and part.isdigit() and int(part) <= 65535 for part in parts):
        raise refused("values", text, "whole numbers from 0 to 65535, parted by colons, such as 0:255")
    values = tuple(int(part) for part in parts)
    if not 2 <= len(values) <= MOST_CLASSES or len(set(values)) < len(values):
        raise refused("values", text, f"2 to {MOST_CLASSES} different numbers, the background first")
    return values


def _ignored(text: str, refused: Refused) -> tuple[int, ...]:
    try:
        return tuple(dict.fromkeys(int(part) for part in text.split(":"))) if text else ()
    except ValueError:
        raise refused("ignore", text, "whole numbers parted by colons, such as 255") from None


def _names(text: str, count: int, refused: Refused) -> tuple[str, ...]:
    if not text:
        return ("background", "foreground") if count == 2 else ("background", *(f"class {n}" for n in range(1, count)))
    names = tuple(part.strip() for part in text.split(":"))
    if len(names) != count or not all(names) or len(set(names)) < count:
        raise refused("names", text, f"{count} different names parted by colons, one for each of the values")
    return names


def _looked_up(levels: MaskLevels, values: list[int], numbers: NDArray[Any]) -> Pixels:
    if levels.dtype in (np.uint8, np.uint16):
        table = np.zeros(values[-1] + 1, np.uint8)
        table[values] = numbers
        return np.asarray(table[levels])
    return np.asarray(numbers.astype(np.uint8)[np.searchsorted(values, levels)])


def _coloured(picture: Picture, path: Path) -> Problem:
    codes, counts = np.unique(codes_of(picture), return_counts=True)
    shown = [
        f"{','.join(map(str, colour_of(int(codes[n]))))} ({counts[n] / counts.sum():.2%})"
        for n in np.argsort(counts)[::-1][:MOST_NAMED]
    ]
    what = f"is coloured, but a mask holds one number per pixel. Its colours are {', '.join(shown)}"
    remedy = "Save it as a grey picture whose levels are the values of the classes, or name them with colours=."
    return Problem(str(path), what, remedy, kind="colours")
