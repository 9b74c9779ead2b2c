"""Pictures as images and as masks: grey, colour or the numbers of classes, with oddities put into words."""

import re
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from dmf.data.base import BrokenDataError, Pixels, Problem
from dmf.data.decode import Levels, Picture, read_picture
from dmf.data.intensity import Range, Scale

COLOUR_TOLERANCE = 8  # grey levels by which the channels of a grey picture may differ
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif"})  # suffixes that are read

MaskLevels: TypeAlias = NDArray[np.integer]


@dataclass(frozen=True)
class GreyImage:
    """Grey levels (H, W) uint8 of a file, and what was unusual about it."""

    pixels: Pixels
    notes: tuple[str, ...]


@dataclass(frozen=True)
class ColourImage:
    """Red, green and blue (H, W, 3) uint8 of a file, and what was unusual about it."""

    pixels: Pixels
    notes: tuple[str, ...]


def read_grey(path: Path, scale: Scale | None = None, page: int | None = None) -> GreyImage:
    """Read an image file as one grey channel, upright.

    Colour becomes luminance, transparency is laid over black.

    Args:
        path: The file.
        scale: What becomes black and white, such as :meth:`dmf.data.Dataset.scale`; by default all that the stored bits
            can hold.
        page: Which page of a file of several; a file that holds several is refused without one.

    Raises:
        BrokenDataError: If the file is missing or not a readable image.
    """
    return as_grey(read_picture(path, page), scale)


def read_rgb(path: Path, scale: Scale | None = None, page: int | None = None) -> ColourImage:
    """Read an image file as red, green and blue; grey becomes three equal channels, otherwise as :func:`read_grey`.

    Raises:
        BrokenDataError: If the file is missing or not a readable image.
    """
    return as_rgb(read_picture(path, page), scale)


def as_grey(picture: Picture, scale: Scale | None = None) -> GreyImage:
    """One grey channel of a decoded picture; see :func:`read_grey`."""
    pixels, alpha, notes = _eight_bits(picture, scale)
    if pixels.ndim == 3:
        spread = int(np.ptp(pixels, axis=2).max())
        if spread > COLOUR_TOLERANCE:
            notes.append(f"{picture.name}: coloured (channels differ by up to {spread} levels), read as luminance")
        pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    if alpha is not None:
        pixels = (pixels.astype(np.float32) * alpha / 255).round().astype(np.uint8)
    return GreyImage(pixels, tuple(notes))


def as_rgb(picture: Picture, scale: Scale | None = None) -> ColourImage:
    """Red, green and blue of a decoded picture; see :func:`read_rgb`."""
    pixels, alpha, notes = _eight_bits(picture, scale)
    if pixels.ndim == 2:
        pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB), dtype=np.uint8)
    if alpha is not None:
        pixels = (pixels.astype(np.float32) * alpha[..., None] / 255).round().astype(np.uint8)
    return ColourImage(pixels, tuple(notes))


def read_levels(path: Path, page: int | None = None) -> MaskLevels:
    """Read a mask: one whole number (H, W) per pixel, of at most 32 bits; see :func:`levels_of`.

    Raises:
        BrokenDataError: If the file is missing, not a readable image, or coloured, so that a pixel is not one number.
    """
    picture = read_picture(path, page)
    levels = levels_of(picture)
    if levels is None:
        what = "is coloured, but a mask holds one number per pixel"
        remedy = "Save it as a grey picture whose levels are the values of the classes."
        raise BrokenDataError([Problem(str(path), what, remedy)])
    return levels


def levels_of(picture: Picture) -> MaskLevels | None:
    """The number of each pixel of a mask (H, W); None where it is coloured.

    A picture of one bit per pixel gives 0 and 255. Of a palette, numbers are those of the colours, unless it is a
    palette of different greys: those are levels. Where the colour is the same everywhere and the transparency is not,
    the mask is in the transparency, and empty where nothing of that one colour is to be seen. Transparency that is the
    same everywhere says nothing about levels that differ. Whole numbers in floating point count as whole numbers.
    """
    if picture.indices is not None and picture.palette is not None:
        greys = greys_of(picture.palette, int(picture.indices.max()))
        return picture.indices if greys is None else greys[picture.indices]
    pixels = picture.pixels
    if pixels.ndim == 3:
        if (pixels != pixels[..., :1]).any():
            return None
        pixels = np.ascontiguousarray(pixels[..., 0])
    is_plain = bool((pixels == pixels.flat[0]).all())
    if picture.alpha is not None and is_plain and not picture.alpha.any():
        return np.zeros(picture.alpha.shape, np.uint8)
    if picture.alpha is not None and (picture.alpha != picture.alpha.flat[0]).any():
        # White on nothing, or black on nothing: the shape is what is to be seen.
        return _whole(picture.alpha if is_plain else np.where(picture.alpha > 0, pixels, 0))
    return _whole(pixels)


def greys_of(palette: Pixels, highest: int) -> Pixels | None:
    """The grey level of each entry (n,) of a palette of different greys; None where it has colours, or one grey twice.

    Args:
        palette: (n, 3).
        highest: Largest number that a picture uses; black behind it only fills up the palette.
    """
    used = palette[: max(int(np.flatnonzero(palette.any(axis=1)).max(initial=0)), highest) + 1]
    if (used != used[:, :1]).any() or len(np.unique(used[:, 0])) < len(used):
        return None
    return np.ascontiguousarray(used[:, 0])


def size_problems(
    file: Path, mask: NDArray[np.generic], image: Pixels | None, *, resizable: bool = False
) -> list[Problem]:
    """What is wrong where a mask has another size than its image; ``resizable`` where an option can bring it there."""
    if image is None or mask.shape == image.shape[:2]:
        return []
    (height, width), (image_height, image_width) = mask.shape, image.shape[:2]
    what = f"is {width} x {height} pixels, but its image is {image_width} x {image_height}"
    if resizable and is_scaled((height, width), (image_height, image_width)):
        remedy = "Set the option resize=true to bring such masks to the size of their images (nearest pixel)."
        return [Problem(str(file), what, remedy, ("resize=true",), "size")]
    remedy = "A mask must have the size of its image; see that the two belong together."
    return [Problem(str(file), what, remedy, kind="size")]


def is_scaled(size: tuple[int, int], wanted: tuple[int, int]) -> bool:
    """Whether one size is the other one larger or smaller, give or take a pixel of rounding on each side."""
    if all(abs(side - other) <= 1 for side, other in zip(size, wanted, strict=True)):
        return True
    smaller, larger = sorted((size, wanted), key=lambda sides: sides[0] * sides[1])
    return abs(smaller[0] - larger[0] * smaller[1] / larger[1]) <= 1


def natural(file: PurePath) -> list[tuple[int, str]]:
    """Sort key that puts ``benign (2)`` before ``benign (10)``."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", file.stem)]


def full_range(picture: Picture) -> Range:
    """All that the stored bits of a picture can hold.

    Raises:
        BrokenDataError: If it holds floating point, which has no such range.
    """
    kind = picture.pixels.dtype
    if kind.kind == "f":
        remedy = "Save it with 8 or 16 bits per channel."
        raise BrokenDataError([Problem(picture.name, f"has pixels of type {kind}", remedy)])
    if picture.header.depth is not None and kind.kind == "u":
        return Range(0.0, float(2**picture.header.depth - 1))
    limits = np.iinfo(kind)
    return Range(float(limits.min), float(limits.max))


def _whole(levels: Levels) -> MaskLevels | None:
    if levels.dtype.kind != "f":
        return levels
    if not np.isfinite(levels).all() or (levels != np.rint(levels)).any():
        return None
    return levels.astype(np.int64)


def _eight_bits(picture: Picture, scale: Scale | None) -> tuple[Pixels, Pixels | None, list[str]]:
    """Pixels (H, W) or (H, W, 3), transparency (H, W), notes; all uint8."""
    notes: list[str] = []
    stored = picture.pixels
    taken = scale(stored.dtype) if scale is not None else None
    if stored.dtype != np.uint8:
        taken = taken or full_range(picture)
        notes.append(f"{picture.name}: {stored.dtype.itemsize * 8} bits per channel, read as 8")
    pixels = stored.astype(np.uint8, copy=False) if taken is None else taken.apply(stored)
    alpha = None
    if picture.alpha is not None:
        notes.append(f"{picture.name}: has transparency, laid over black")
        alpha = picture.alpha
        if alpha.dtype != np.uint8:
            alpha = Range(0.0, float(np.iinfo(alpha.dtype).max)).apply(alpha)
    return pixels, alpha, [*notes, *how_shown(picture)]


def how_shown(picture: Picture) -> list[str]:
    """What was done to a picture because its file says how it is to be shown."""
    notes = []
    if picture.is_turned:
        notes.append(f"{picture.name}: turned as its EXIF orientation ({picture.header.orientation}) says")
    if picture.header.white_is_zero:
        notes.append(f"{picture.name}: says that 0 is white, so its levels are turned round")
    return notes
