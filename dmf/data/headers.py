"""How large a picture is, from its first bytes, so that a bomb is known before it is decoded."""

import struct
from collections.abc import Iterator

JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # of the markers C0..CF these three start no frame
JPEG_SCAN = 0xDA  # pixels begin
MOST_SEGMENTS = 1000  # of a JPEG before its pixels; real ones hold a few dozen
TIFF_WIDTH, TIFF_HEIGHT, TIFF_SHORT, TIFF_LONG = 256, 257, 3, 4


def picture_size(content: bytes) -> tuple[int, int] | None:
    """Height and width in pixels as a PNG, JPEG, BMP, GIF or TIFF file states them.

    Args:
        content: The whole file; only its headers are looked at.

    Returns:
        None where the file is of another format, or cut off before it says.
    """
    try:
        if content.startswith(b"\x89PNG\r\n\x1a\n") and content[12:16] == b"IHDR":
            width, height = struct.unpack_from(">II", content, 16)
        elif content.startswith(b"\xff\xd8\xff"):
            return _jpeg(content)
        elif content.startswith(b"BM"):
            width, height = _bmp(content)
        elif content.startswith((b"GIF87a", b"GIF89a")):
            width, height = struct.unpack_from("<HH", content, 6)
        elif content.startswith((b"II*\0", b"MM\0*")):
            return _tiff(content)
        else:
            return None
    except struct.error:  # cut off
        return None
    return abs(height), abs(width)  # a BMP whose rows go from top to bottom has a negative height


def _bmp(content: bytes) -> tuple[int, int]:
    (header,) = struct.unpack_from("<I", content, 14)
    width, height = struct.unpack_from("<HH" if header == 12 else "<ii", content, 18)
    return width, height


def _jpeg(content: bytes) -> tuple[int, int] | None:
    position = 2
    for _ in range(MOST_SEGMENTS):
        while content[position : position + 2] == b"\xff\xff":  # fill bytes
            position += 1
        start, marker, length = struct.unpack_from(">BBH", content, position)
        if start != 0xFF or length < 2 or marker == JPEG_SCAN:
            return None
        if marker in JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", content, position + 5)
            return height, width
        position += 2 + length
    return None


def _tiff(content: bytes) -> tuple[int, int] | None:
    sizes = dict(_tiff_sizes(content))
    return (sizes[TIFF_HEIGHT], sizes[TIFF_WIDTH]) if len(sizes) == 2 else None


def _tiff_sizes(content: bytes) -> Iterator[tuple[int, int]]:
    order = "<" if content.startswith(b"II") else ">"
    (directory,) = struct.unpack_from(f"{order}I", content, 4)
    (entries,) = struct.unpack_from(f"{order}H", content, directory)
    for entry in range(entries):
        start = directory + 2 + 12 * entry
        tag, kind = struct.unpack_from(f"{order}HH", content, start)
        if tag in (TIFF_WIDTH, TIFF_HEIGHT) and kind in (TIFF_SHORT, TIFF_LONG):
            (value,) = struct.unpack_from(f"{order}{'H' if kind == TIFF_SHORT else 'I'}", content, start + 8)
            yield tag, value
