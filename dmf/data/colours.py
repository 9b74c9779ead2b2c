"""Masks whose colours are classes: the option that names them, the table that may lie beside them, and the reading."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from dmf.data.base import IGNORE, Pixels
from dmf.data.decode import Picture

Colour: TypeAlias = tuple[int, int, int]

VOID = frozenset({"void", "ignore", "unlabelled", "unlabeled"})  # names of what belongs to no class
TABLES = (".csv", ".txt")
MOST_BYTES = 2**16  # of a table of colours
FAR = 64  # levels of a channel from which on a colour is far from another
NUMBER = r"\s*(\d{1,3})\s*"
RGB = re.compile(f"{NUMBER},{NUMBER},{NUMBER}")
HEX = re.compile(r"\s*#([0-9a-fA-F]{6})\s*")


@dataclass(frozen=True)
class Colours:
    """Colours and the names of their classes, the background first; several colours may be one class.

    Attributes:
        pairs: Colour and name, in the order they were given.
    """

    pairs: tuple[tuple[Colour, str], ...]

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, without what belongs to none."""
        return tuple(dict.fromkeys(name for _, name in self.pairs if name.lower() not in VOID))

    @property
    def has_void(self) -> bool:
        """Whether some colour belongs to no class."""
        return any(name.lower() in VOID for _, name in self.pairs)

    def __str__(self) -> str:
        return ";".join(f"{red},{green},{blue}={name}" for (red, green, blue), name in self.pairs)

    def classes(self, picture: Picture, *, nearest: bool) -> tuple[Pixels, NDArray[np.bool_]]:
        """Class numbers (H, W), :data:`dmf.data.IGNORE` where void, and where a colour is none of these, (H, W).

        Args:
            picture: A decoded mask; grey counts as colour, and what is transparent as black.
            nearest: Take the nearest colour; then only what is far from all is none of them.
        """
        codes = codes_of(picture)
        names = self.class_names
        number = {name: place for place, name in enumerate(names)}
        of = np.array([number.get(name, IGNORE) for _, name in self.pairs], np.uint8)
        known = np.array([code_of(colour) for colour, _ in self.pairs], np.int64)
        order = np.argsort(known)
        place = np.searchsorted(known, codes, sorter=order).clip(0, len(known) - 1)
        exact = order[place]
        strange = known[exact] != codes
        if nearest and strange.any():
            table = np.array([colour for colour, _ in self.pairs], np.int64)
            unique, where = np.unique(codes[strange], return_inverse=True)
            distance = np.abs(_parts(unique)[:, None] - table[None]).max(-1)  # (found, colours)
            exact[strange] = distance.argmin(1)[where]
            strange[strange] = (distance.min(1) >= FAR)[where]
        return of[exact], strange


def parse_colours(text: str) -> Colours | None:
    """Colours as typed, ``0,0,0=background;#ff0000=benign``; None where the text is something else."""
    pairs = []
    for part in filter(str.strip, text.split(";")):
        colour, _, name = part.partition("=")
        parsed = parse_colour(colour)
        if parsed is None or not name.strip():
            return None
        pairs.append((parsed, name.strip()))
    colours = Colours(tuple(pairs))
    return colours if len(colours.class_names) >= 2 and len({colour for colour, _ in pairs}) == len(pairs) else None


def parse_colour(text: str) -> Colour | None:
    """``255,0,0`` or ``#ff0000``."""
    if match := HEX.fullmatch(text):
        code = int(match[1], 16)
        return code >> 16, code >> 8 & 255, code & 255
    if (match := RGB.fullmatch(text)) and max(map(int, match.groups())) <= 255:
        return int(match[1]), int(match[2]), int(match[3])
    return None


def find_table(masks: Iterable[Path]) -> tuple[Path, Colours] | None:
    """The first table of colours in a folder of the masks or one above, by name; None where there is none.

    It is a CSV with a column of names (``name``, ``class`` or ``label``) and either ``r``, ``g`` and ``b`` or one of
    colours; or CVAT's ``labelmap.txt`` with lines such as ``lesion:255,0,0::``.
    """
    folders = dict.fromkeys(folder for mask in masks for folder in (mask.parent, mask.parent.parent))
    for folder in folders:
        for file in sorted(folder.iterdir()) if folder.is_dir() else ():
            if file.suffix.lower() in TABLES and file.is_file() and file.stat().st_size <= MOST_BYTES:
                colours = _read_table(file)
                if colours is not None:
                    return file, colours
    return None


def _read_table(file: Path) -> Colours | None:
    try:
        lines = file.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    if file.suffix.lower() == ".txt":
        pairs = [line.split(":") for line in lines if line.strip() and not line.startswith("#")]
        return parse_colours(";".join(f"{parts[1]}={_plain(parts[0])}" for parts in pairs if len(parts) > 1))
    try:
        rows = [
            {str(key).strip().lower(): str(value).strip() for key, value in row.items()}
            for row in csv.DictReader(lines, dialect=csv.Sniffer().sniff(lines[0]) if lines else csv.excel)
        ]
    except csv.Error:
        rows = []
    return parse_colours(";".join(f"{_colour_in(row)}={_plain(_name_in(row))}" for row in rows)) if rows else None


def _colour_in(row: Mapping[str, str]) -> str:
    parts = [next((row[key] for key in (name, name[0]) if key in row), "") for name in ("red", "green", "blue")]
    single = next((row[key] for key in ("colour", "color", "rgb", "hex") if key in row), "")
    return single.strip("()[] ").replace(" ", ",").replace(",,", ",") if single else ",".join(parts)


def _name_in(row: Mapping[str, str]) -> str:
    return next((row[key] for key in ("name", "class", "label", "class_name", "category") if row.get(key)), "")


def _plain(name: str) -> str:
    """A name without the characters that part options."""
    return re.sub(r"[=;:,]+", " ", name).strip()


def codes_of(picture: Picture) -> NDArray[np.int64]:
    """Red, green and blue of each pixel as one number (H, W); what is transparent is black."""
    pixels = picture.pixels.astype(np.int64)
    if picture.pixels.dtype == np.uint16:
        pixels >>= 8
    codes: NDArray[np.int64] = (
        pixels * 0x010101 if pixels.ndim == 2 else pixels[..., 0] << 16 | pixels[..., 1] << 8 | pixels[..., 2]
    )
    return codes if picture.alpha is None else np.where(picture.alpha > 0, codes, 0)


def code_of(colour: Colour) -> int:
    """Red, green and blue as one number."""
    return colour[0] << 16 | colour[1] << 8 | colour[2]


def colour_of(code: int) -> Colour:
    """The reverse of :func:`code_of`."""
    return code >> 16, code >> 8 & 255, code & 255


def _parts(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], -1)


def proposed(colours: Sequence[Colour]) -> str:
    """The option that takes each of these colours as a class, the first as background."""
    names = ("background", *(f"class {place}" for place in range(1, len(colours))))
    return f"colours={Colours(tuple(zip(colours, names, strict=True)))}"
