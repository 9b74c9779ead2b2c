"""One way to decode a picture: bounded by its header, upright, with its palette and its transparency."""

import io
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dmf.data.base import BrokenDataError, Pixels, Problem
from dmf.data.bounds import PICTURE, refuse_large
from dmf.data.headers import Header, read_header, scan_of

Levels: TypeAlias = NDArray[Any]

PAGES = "pages"  # kind of problem: a file of several pictures where one is read
AGAIN = "Fetch the file again, or remove the image with its masks."


@dataclass(frozen=True, eq=False)
class Picture:
    """A page of a picture as it is stored, turned as it is shown.

    Attributes:
        name: Of its file, for messages.
        header: What the file says about itself.
        pixels: (H, W), or (H, W, 3) red, green, blue; whole numbers or floating point, of the type that is stored.
        alpha: (H, W) of the same type, 0 where nothing is to be seen; None where all is opaque by its format.
        indices: (H, W) uint8, numbers of colours; None where the file has no palette.
        palette: (n, 3) uint8, the colours they stand for.
    """

    name: str
    header: Header
    pixels: Levels
    alpha: Levels | None = None
    indices: Pixels | None = None
    palette: Pixels | None = None

    @property
    def is_turned(self) -> bool:
        """Whether its EXIF orientation was applied."""
        return self.header.orientation != 1


def read_picture(path: Path, page: int | None = None, *, most: int = PICTURE) -> Picture:
    """Decode a file. Names may hold any character.

    Args:
        path: A PNG, JPEG, BMP, GIF or TIFF.
        page: Which of its pages, from 0, for files of several; a file that holds several is refused without one.
        most: Bytes that it may make once decoded; more is refused by its header, before anything is decoded.

    Raises:
        BrokenDataError: If it is missing, no such picture, damaged, too large, or several pictures.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BrokenDataError(
            [Problem(str(path), f"cannot be opened ({error.strerror})", "Put the file back or allow reading it.")]
        ) from error
    try:
        return decode(content, path.name, page, most=most)
    except BrokenDataError as error:
        raise BrokenDataError([replace(problem, where=str(path)) for problem in error.problems]) from None


def decode(content: bytes, name: str, page: int | None = None, *, most: int = PICTURE) -> Picture:
    """:func:`read_picture` of what was read already.

    Raises:
        BrokenDataError: If it is no such picture, damaged, too large, or several pictures.
    """
    header = read_header(content)
    if header is None:
        what = "is empty" if not content else "cannot be read as an image; it is damaged or of another format"
        raise BrokenDataError([Problem(name, what, AGAIN)])
    page = _page_of(name, len(header.pages), page)
    refuse_large(name, header, most)
    try:
        # OpenCV drops the transparency of TIFF and multiplies it in, knows no numbers of palettes, and no deep Pillow.
        by_pillow = header.has_palette or (header.format in ("tiff", "png") and header.has_alpha and header.bits <= 8)
        picture = (_by_pillow if by_pillow else _by_opencv)(content, name, header, page)
        if picture is None and header.format == "tiff" and header.bits <= 8:  # tiles that OpenCV does not take
            picture = _by_pillow(content, name, header, page)
    # Pillow raises whatever its parsers raise for damaged files.
    except (cv2.error, OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, MemoryError):
        picture = None
    if picture is None or not picture.pixels.size:
        what = "cannot be read as an image; it is damaged or of another format"
        raise BrokenDataError([Problem(name, what, AGAIN)])
    return picture


def _page_of(name: str, pages: int, page: int | None) -> int:
    """The page that is meant; the only one where none is named."""
    if page is None and pages > 1:
        problem = Problem(name, f"holds {pages} pages, not one picture", "Save one page alone.", kind=PAGES)
    elif page is not None and not 0 <= page < pages:
        what = f"holds {pages} page{'s' * (pages > 1)}, but page {page + 1} is wanted"
        problem = Problem(name, what, "An image and its masks must have the same number of pages.", kind="page")
    else:
        return page or 0
    raise BrokenDataError([problem])


def upright(pixels: Levels, orientation: int) -> Levels:
    """Turn stored pixels (H, W, ...) as EXIF says they are to be shown; 6 is a quarter turn clockwise."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)  # rows become columns
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _by_opencv(content: bytes, name: str, header: Header, page: int) -> Picture | None:
    # From memory rather than by name: OpenCV cannot open names outside the system's code page on Windows.
    buffer = np.frombuffer(content, np.uint8)
    if header.format == "jpeg" and content.find(b"\xff\xd9", scan_of(content)) < 0:
        return None  # cut off: OpenCV would fill the rest with grey
    if header.pages != (0,):
        place = header.pages[page]
        is_read, stack = cv2.imdecodemulti(buffer, cv2.IMREAD_UNCHANGED, range=(place, place + 1))
        stored = stack[0] if is_read and len(stack) else None
    else:
        stored = cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED)
    if stored is None:
        return None
    alpha = None
    if stored.ndim == 3:
        if stored.shape[2] == 4 and header.has_alpha:
            alpha = np.ascontiguousarray(stored[..., 3])
        stored = np.ascontiguousarray(stored[..., 2::-1])
    if header.white_is_zero and header.bits > 8 and stored.dtype.kind == "u":  # OpenCV inverts those of 8 bits alone
        stored = np.invert(stored, dtype=stored.dtype)  # 65535 - 0 for 16 bits
    # OpenCV turns a TIFF itself, whatever it is asked, but no PNG and no JPEG.
    turn = 1 if header.format == "tiff" else header.orientation
    return Picture(name, header, upright(stored, turn), None if alpha is None else upright(alpha, turn))


def _by_pillow(content: bytes, name: str, header: Header, page: int) -> Picture:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of large pictures: ours are bounded; and of odd metadata
        with Image.open(io.BytesIO(content), formats=[header.format.upper()]) as image:
            image.seek(header.pages[page])
            image.load()  # turns a TIFF
            turn = 1 if header.format == "tiff" else header.orientation
            indices, palette = None, None
            # A GIF numbers its colours anew whenever it is saved, so its numbers mean nothing.
            if image.mode == "P" and header.format != "gif" and image.palette is not None:
                indices = upright(np.array(image), turn)
                palette = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
            has_alpha = image.has_transparency_data
            full = np.array(image.convert("RGBA" if has_alpha else "RGB"), np.uint8)
    alpha = upright(full[..., 3], turn) if has_alpha else None
    colours = full[..., :3]
    if image.mode in ("1", "L", "LA") or (header.format == "gif" and _is_grey(colours)):
        colours = colours[..., 0]
    return Picture(name, header, upright(colours, turn), alpha, indices, palette)


def _is_grey(colours: Pixels) -> bool:
    return bool((colours == colours[..., :1]).all())
