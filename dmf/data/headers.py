"""What a picture is, from its headers alone, so that a bomb is known before it is decoded."""

import mmap
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Content: TypeAlias = "bytes | mmap.mmap"
Format: TypeAlias = Literal["png", "jpeg", "bmp", "gif", "tiff"]

PNG, GIF, TIFF = b"\x89PNG\r\n\x1a\n", (b"GIF87a", b"GIF89a"), (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
PNG_PALETTE = 3
MOST_CHUNKS = 10_000  # of a PNG; real ones hold a few hundred
JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # of the markers C0..CF these three start no frame
JPEG_SCAN, JPEG_APP1 = 0xDA, 0xE1
MOST_SEGMENTS = 1000  # of a JPEG before its pixels; real ones hold a few dozen
MOST_PAGES = 10_000  # of a TIFF or a GIF that are counted
MOST_TAGS = 4096  # of one page of a TIFF
ORIENTATION = 274
TAGS = {  # of a TIFF that are looked at
    254: "kind",
    256: "width",
    257: "height",
    258: "bits",
    259: "compression",
    262: "photometric",
    ORIENTATION: "orientation",
    277: "samples",
    338: "extra",
    339: "format",
}
REDUCED, TRANSPARENCY = 1, 4  # bits of the kind of a page: a thumbnail, or the transparency of another page
WHITE_IS_ZERO, TIFF_PALETTE = 0, 3
LOSSY_TIFF = frozenset({6, 7, 34712, 50001})  # compressions: JPEG, JPEG, JPEG 2000, WebP
SIZES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 16: "Q"}  # formats of numbers by their type in a TIFF


@dataclass(frozen=True)
class Header:
    """What a picture says about itself before its pixels.

    Attributes:
        format: Of the file.
        height, width: Of its largest page as it is stored, in pixels; see :attr:`size` for how it is shown.
        channels: Of a pixel when decoded; a palette counts as the three colours it stands for.
        bits: Of one channel, as stored.
        pages: Positions of the pages that hold a picture, in a file of several; thumbnails are none.
        orientation: How to turn the stored pixels, as EXIF numbers it, 1 to 8.
        has_palette: Whether the file stores numbers of colours.
        has_alpha: Whether it stores transparency beside its colours.
        is_lossy: Whether its compression changes values.
        white_is_zero: Whether the smallest value is white.
        depth: Bits that are used where the file says so, e.g. 12 of 16; else None.
    """

    format: Format
    height: int
    width: int
    channels: int = 3
    bits: int = 8
    pages: tuple[int, ...] = (0,)
    orientation: int = 1
    has_palette: bool = False
    has_alpha: bool = False
    is_lossy: bool = False
    white_is_zero: bool = False
    depth: int | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width as the picture is shown."""
        return (self.width, self.height) if self.orientation >= 5 else (self.height, self.width)

    @property
    def decoded(self) -> int:
        """Bytes of one page once it is decoded."""
        return self.height * self.width * self.channels * max(1, -(-self.bits // 8))


def read_header(content: Content) -> Header | None:
    """What a PNG, JPEG, BMP, GIF or TIFF file says about itself.

    Args:
        content: The whole file, or its beginning; only its headers are looked at.

    Returns:
        None where the file is of another format, or cut off before it says.
    """
    start = content[:8]
    try:
        if start == PNG and content[12:16] == b"IHDR":
            return _png(content)
        if start.startswith(b"\xff\xd8\xff"):
            return _jpeg(content)
        if start.startswith(b"BM"):
            return _bmp(content)
        if start.startswith(GIF):
            return _gif(content)
        if start.startswith(TIFF):
            return _tiff(content)
    except struct.error:  # cut off
        pass
    return None


def header_of(path: Path) -> Header | None:
    """:func:`read_header` of a file, of which only the headers are read; None where it cannot be opened too."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return read_header(content)
    except (OSError, ValueError):  # an empty file cannot be mapped
        return None


def _png(content: Content) -> Header | None:
    width, height, bits, colour = struct.unpack_from(">IIBB", content, 16)
    orientation, depth, has_alpha = 1, None, colour in (4, 6)
    position = 8
    for _ in range(MOST_CHUNKS):
        if position + 8 > len(content):
            break
        length, name = struct.unpack_from(">I4s", content, position)
        body = position + 8
        if name == b"eXIf":
            orientation = _orientation(content[body : body + length])
        elif name == b"sBIT" and length:
            depth = max(content[body : body + min(length, PNG_CHANNELS.get(colour, 1))], default=None)
        elif name == b"tRNS":
            has_alpha = True
        elif name == b"IEND":
            break
        position = body + length + 4
    is_palette = colour == PNG_PALETTE
    channels = 3 if is_palette else PNG_CHANNELS.get(colour, 4)
    if has_alpha:
        channels = 4  # decoded with the colours that go with it
    used = depth if depth is not None and 0 < depth < bits and not is_palette else None
    return Header("png", height, width, channels, bits, (0,), orientation, is_palette, has_alpha, depth=used)


def _bmp(content: Content) -> Header:
    (header,) = struct.unpack_from("<I", content, 14)
    is_old = header == 12
    width, height = struct.unpack_from("<HH" if is_old else "<ii", content, 18)
    bits = int.from_bytes(content[24:26] if is_old else content[28:30], "little") or 24
    # A height below 0 says that rows go from top to bottom.
    return Header("bmp", abs(height), abs(width), 4 if bits == 32 else 3, has_palette=bits <= 8)


def _gif(content: Content) -> Header:
    width, height = struct.unpack_from("<HH", content, 6)
    pages = 1
    with suppress(struct.error, IndexError):  # cut off; what decodes it says so
        pages = max(1, sum(1 for _ in _gif_frames(content)))
    return Header("gif", height, width, 4, 8, tuple(range(pages)), has_palette=True)


def _gif_frames(content: Content) -> Iterator[int]:
    """Positions of the frames of a GIF, by stepping over its blocks."""

    def past_table(flags: int) -> int:
        return 3 << ((flags & 7) + 1) if flags & 0x80 else 0

    def past_blocks(position: int) -> int:
        while length := content[position]:
            position += 1 + length
        return position + 1

    position = 13 + past_table(content[10])
    for _ in range(MOST_PAGES):
        mark = content[position]
        if mark == 0x2C:
            yield position
            position = past_blocks(position + 11 + past_table(content[position + 9]))
        elif mark == 0x21:
            position = past_blocks(position + 2)
        else:
            return


def _jpeg(content: Content) -> Header | None:
    position, orientation = 2, 1
    for _ in range(MOST_SEGMENTS):
        while content[position : position + 2] == b"\xff\xff":  # fill bytes
            position += 1
        start, marker, length = struct.unpack_from(">BBH", content, position)
        if start != 0xFF or length < 2 or marker == JPEG_SCAN:
            return None
        if marker == JPEG_APP1 and content[position + 4 : position + 10] == b"Exif\0\0":
            orientation = _orientation(content[position + 10 : position + 2 + length])
        if marker in JPEG_FRAMES:
            bits, height, width, channels = struct.unpack_from(">BHHB", content, position + 4)
            return Header("jpeg", height, width, min(channels, 3), bits, (0,), orientation, is_lossy=True)
        position += 2 + length
    return None


def scan_of(content: bytes) -> int:
    """Where the pixels of a JPEG begin; its length where they do not."""
    position = 2
    for _ in range(MOST_SEGMENTS):
        while content[position : position + 2] == b"\xff\xff":
            position += 1
        if position + 4 > len(content):
            break
        _, marker, length = struct.unpack_from(">BBH", content, position)
        if marker == JPEG_SCAN:
            return position
        position += 2 + length
    return len(content)


def _orientation(exif: bytes) -> int:
    """Of the first directory of EXIF data, which is laid out as a TIFF; 1 where there is none."""
    if not exif.startswith(TIFF[:2]):
        return 1
    try:
        tags, _ = _directory(exif, _first(exif))
    except struct.error:
        return 1
    return tags.get("orientation", 1) if 1 <= tags.get("orientation", 1) <= 8 else 1


def _tiff(content: Content) -> Header | None:
    pages: list[dict[str, int]] = []
    at, seen = _first(content), set[int]()
    while at and at not in seen and len(seen) < MOST_PAGES:
        seen.add(at)
        try:
            tags, at = _directory(content, at)
        except struct.error:
            if not pages:
                raise
            break
        pages.append(tags)
    kept = [n for n, page in enumerate(pages) if not page.get("kind", 0) & (REDUCED | TRANSPARENCY)]
    kept = [n for n in kept or range(len(pages)) if {"width", "height"} <= pages[n].keys()]
    if not kept:
        return None
    page = max((pages[n] for n in kept), key=lambda each: each["width"] * each["height"])
    samples = page.get("samples", 1)
    has_palette = page.get("photometric") == TIFF_PALETTE
    has_alpha = "extra" in page and samples in (2, 4)
    orientation = page.get("orientation", 1)
    return Header(
        "tiff",
        page["height"],
        page["width"],
        max(samples, 3 if has_palette else 1, 4 if has_alpha else 1),
        page.get("bits", 1),
        tuple(kept),
        orientation if 1 <= orientation <= 8 else 1,
        has_palette,
        has_alpha,
        is_lossy=page.get("compression", 1) in LOSSY_TIFF,
        white_is_zero=page.get("photometric") == WHITE_IS_ZERO,
    )


def _order(content: Content) -> str:
    return "<" if content[:2] == b"II" else ">"


def _is_big(content: Content) -> bool:
    """Whether it is a BigTIFF, with places of 64 bits."""
    return b"+" in content[2:4]


def _first(content: Content) -> int:
    order, is_big = _order(content), _is_big(content)
    return int(struct.unpack_from(f"{order}Q" if is_big else f"{order}I", content, 8 if is_big else 4)[0])


def _directory(content: Content, at: int) -> tuple[dict[str, int], int]:
    """First values of the tags of one page that are looked at, and where the next page is; 0 after the last."""
    order, is_big = _order(content), _is_big(content)
    count, entry, place = ("Q", 20, "Q") if is_big else ("H", 12, "I")
    if at > len(content):
        raise struct.error("a page lies behind the end")
    (entries,) = struct.unpack_from(f"{order}{count}", content, at)
    start = at + struct.calcsize(f"={count}")
    offsets: dict[str, int] = {}
    for position in range(start, start + entry * min(entries, MOST_TAGS), entry):
        tag, kind, values = struct.unpack_from(f"{order}HH{place}", content, position)
        if tag in TAGS and kind in SIZES:
            size = struct.calcsize(f"={SIZES[kind]}")
            held = position + entry - struct.calcsize(f"={place}")
            if size * values > struct.calcsize(f"={place}"):  # then the values lie elsewhere
                (held,) = struct.unpack_from(f"{order}{place}", content, held)
                if held + size > len(content):
                    continue
            offsets[TAGS[tag]] = struct.unpack_from(f"{order}{SIZES[kind]}", content, held)[0]
    end = start + entry * entries
    following = struct.unpack_from(f"{order}{place}", content, end)[0] if end + 4 <= len(content) else 0
    return offsets, int(following)
