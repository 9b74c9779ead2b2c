"""Reading image files of any mode, with problems and oddities put into words."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from dmf.data.base import BrokenDataError, Pixels, Problem

Levels: TypeAlias = NDArray[np.uint8 | np.uint16]

COLOUR_TOLERANCE = 8  # grey levels by which the channels of a grey picture may differ
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"})  # suffixes that are read


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


def read_grey(path: Path) -> GreyImage:
    """Read an image file as one grey channel.

    Colour becomes luminance, transparency is laid over black, 16 bits become 8. Names may hold any character.

    Raises:
        BrokenDataError: If the file is missing or not a readable image.
    """
    pixels, alpha, notes = _read_bytes(path)
    if pixels.ndim == 3:
        spread = int(np.ptp(pixels, axis=2).max())
        if spread > COLOUR_TOLERANCE:
            notes.append(f"{path.name}: coloured (channels differ by up to {spread} levels), read as luminance")
        pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
    if alpha is not None:
        pixels = (pixels.astype(np.float32) * alpha / 255).round().astype(np.uint8)
    return GreyImage(pixels, tuple(notes))


def read_rgb(path: Path) -> ColourImage:
    """Read an image file as red, green and blue; grey becomes three equal channels, otherwise as :func:`read_grey`.

    Raises:
        BrokenDataError: If the file is missing or not a readable image.
    """
    pixels, alpha, notes = _read_bytes(path)
    code = cv2.COLOR_GRAY2RGB if pixels.ndim == 2 else cv2.COLOR_BGR2RGB
    pixels = np.asarray(cv2.cvtColor(pixels, code), dtype=np.uint8)
    if alpha is not None:
        pixels = (pixels.astype(np.float32) * alpha[..., None] / 255).round().astype(np.uint8)
    return ColourImage(pixels, tuple(notes))


def read_levels(path: Path) -> Levels:
    """Read a mask as it is stored: one whole number (H, W) per pixel, of 8 or 16 bits.

    A picture of one bit per pixel gives 0 and 255.

    Raises:
        BrokenDataError: If the file is missing, not a readable image, or coloured, so that a pixel is not one number.
    """
    stored = _decode_file(path)
    if stored.ndim == 3:
        if np.ptp(stored[..., :3], axis=2).any():
            what = "is coloured, but a mask holds one number per pixel"
            raise BrokenDataError(
                [Problem(str(path), what, "Save it as a grey picture whose levels are the values of the classes.")]
            )
        return np.ascontiguousarray(stored[..., 0])
    return stored


def size_problems(file: Path, mask: NDArray[np.generic], image: Pixels | None) -> list[Problem]:
    """What is wrong where a mask has another size than its image."""
    if image is None or mask.shape == image.shape[:2]:
        return []
    (height, width), (image_height, image_width) = mask.shape, image.shape[:2]
    what = f"is {width} x {height} pixels, but its image is {image_width} x {image_height}"
    return [Problem(str(file), what, "Fetch both files again; a mask must have the size of its image.")]


def natural(file: Path) -> list[tuple[int, str]]:
    """Sort key that puts ``benign (2)`` before ``benign (10)``."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", file.stem)]


def _read_bytes(path: Path) -> tuple[Pixels, Pixels | None, list[str]]:
    """Pixels (H, W) or (H, W, 3) in OpenCV's order, transparency (H, W), notes; all uint8."""
    stored = _decode_file(path)
    notes = []
    is_deep = stored.dtype == np.uint16
    if is_deep:
        notes.append(f"{path.name}: 16 bits per channel, read as 8")
    pixels = (stored / 257).round().astype(np.uint8) if is_deep else stored.astype(np.uint8)
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        notes.append(f"{path.name}: has transparency, laid over black")
        return np.ascontiguousarray(pixels[..., :3]), pixels[..., 3], notes
    return pixels, None, notes


def _decode_file(path: Path) -> Levels:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BrokenDataError(
            [Problem(str(path), f"cannot be opened ({error.strerror})", "Put the file back or allow reading it.")]
        ) from error
    stored = _decode(content)
    if stored is None:
        what = "is empty" if not content else "cannot be read as an image; it is damaged or of another format"
        raise BrokenDataError([Problem(str(path), what, "Fetch the file again, or remove the image with its masks.")])
    if stored.dtype not in (np.uint8, np.uint16):
        raise BrokenDataError(
            [Problem(str(path), f"has pixels of type {stored.dtype}", "Save it with 8 or 16 bits per channel.")]
        )
    return stored


def _decode(content: bytes) -> np.ndarray | None:
    # From memory rather than by name: OpenCV cannot open names outside the system's code page on Windows.
    if not content:
        return None
    try:
        return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
