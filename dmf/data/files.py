"""Reading image files of any mode as grey levels, with problems and oddities put into words."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from dmf.data.base import BrokenDataError, Pixels, Problem

COLOUR_TOLERANCE = 8  # grey levels by which the channels of a grey picture may differ


@dataclass(frozen=True)
class GreyImage:
    """Grey levels (H, W) uint8 of a file, and what was unusual about it."""

    pixels: Pixels
    notes: tuple[str, ...]


def read_grey(path: Path) -> GreyImage:
    """Read an image file as one grey channel.

    Colour becomes luminance, transparency is laid over black, 16 bits become 8. Names may hold any character.

    Raises:
        BrokenDataError: If the file is missing or not a readable image.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BrokenDataError(
            [Problem(str(path), f"cannot be opened ({error.strerror})", "Put the file back or allow reading it.")]
        ) from error
    pixels = _decode(content)
    if pixels is None:
        what = "is empty" if not content else "cannot be read as an image; it is damaged or of another format"
        raise BrokenDataError([Problem(str(path), what, "Fetch the file again, or remove the image with its masks.")])
    notes = []
    if pixels.dtype == np.uint16:
        pixels = (pixels / 257).round().astype(np.uint8)
        notes.append(f"{path.name}: 16 bits per channel, read as 8")
    if pixels.dtype != np.uint8:
        raise BrokenDataError(
            [Problem(str(path), f"has pixels of type {pixels.dtype}", "Save it with 8 or 16 bits per channel.")]
        )
    alpha = None
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        notes.append(f"{path.name}: has transparency, laid over black")
        alpha, pixels = pixels[..., 3], np.ascontiguousarray(pixels[..., :3])
    if pixels.ndim == 3:
        spread = int(np.ptp(pixels, axis=2).max())
        if spread > COLOUR_TOLERANCE:
            notes.append(f"{path.name}: coloured (channels differ by up to {spread} levels), read as luminance")
        pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY))
    if alpha is not None:
        pixels = (pixels.astype(np.float32) * alpha / 255).round()
    return GreyImage(pixels.astype(np.uint8), tuple(notes))


def _decode(content: bytes) -> np.ndarray | None:
    # From memory rather than by name: OpenCV cannot open names outside the system's code page on Windows.
    if not content:
        return None
    try:
        return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
