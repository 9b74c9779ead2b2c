"""Taking pictures out of a zip that may have been made to do harm."""

import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from dmf.data.base import BrokenDataError, Problem
from dmf.data.bounds import PICTURE, most_decoded
from dmf.data.dicom_files import SUFFIXES as DICOM_SUFFIXES
from dmf.data.headers import read_header
from dmf.data.names import COMPANIONS
from dmf.data.volumes import VOXELS, is_volume

MIB = 2**20
CHUNK = 2**16
LONGEST_NAME = 1000  # characters of a path in an archive
BYTES_PER_ENTRY = 256  # of the table of contents; real ones need about 100
SLACK = 16 * MIB  # a small archive may unpack to this whatever its ratio
MOST_SHOWN = 20  # problems that the text of an error lists
ARCHIVES = frozenset({".zip", ".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst"})
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
IS_ENCRYPTED = 0x1  # bit of the flags of an entry
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})  # categories of characters without a picture
NOWHERE = frozenset('\\:*?"<>|')  # characters some file systems refuse
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # names Windows keeps for devices


@dataclass(frozen=True)
class Limits:
    """How much an archive may hold. Counted while it is unpacked, not believed.

    Attributes:
        archive: Bytes of the archive itself.
        files: Entries, folders and files that are not needed included.
        expanded: Bytes of all pictures together.
        file: Bytes of one picture.
        volume: Bytes of one volume, or DICOM file.
        ratio: Bytes unpacked per byte of the archive, once more than 16 MiB are unpacked.
        pixels: Of one picture.
        all_pixels: Of all pictures together.
        decoded: Bytes of one picture once it is decoded; of all together see :func:`dmf.data.bounds.most_decoded`.
    """

    archive: int = 2048 * MIB
    files: int = 50_000
    expanded: int = 4096 * MIB
    file: int = 64 * MIB
    volume: int = 512 * MIB
    ratio: float = 100.0
    pixels: int = 36_000_000
    all_pixels: int = 6_000_000_000
    decoded: int = PICTURE

    def __str__(self) -> str:
        return (
            f"at most {self.archive // MIB:,} MiB, {self.files:,} files, {self.expanded // MIB:,} MiB unpacked, "
            f"{self.pixels // 1_000_000:,} megapixels per picture"
        )


LIMITS = Limits()


def _most(name: PurePosixPath, limits: Limits) -> int:
    """Bytes that one file may have."""
    return limits.volume if _is_bounded_later(name) else limits.file


def _is_bounded_later(name: PurePosixPath) -> bool:
    """Whether a file holds many pictures, whose headers are looked at when they are read."""
    return is_volume(name.name) or name.suffix.lower() in VOXELS | DICOM_SUFFIXES


class ArchiveError(BrokenDataError):
    """An archive was refused and nothing of it was kept; ``problems`` says why, file by file."""

    def __str__(self) -> str:
        lines = [str(problem) for problem in self.problems[:MOST_SHOWN]]
        more = len(self.problems) - len(lines)
        return "\n".join([*lines, *([f"There are {more} more problems."] if more else [])])


class Archive:
    """An opened zip whose names have been looked at: none leads outside, none is a link, no two are the same.

    Attributes:
        files: Entries that are files, by their path; without what operating systems leave behind.
    """

    def __init__(self, file: zipfile.ZipFile, size: int, limits: Limits) -> None:
        self._file = file
        self._size = size
        self._limits = limits
        self.files = _files(file.infolist())

    def extract(
        self, places: Mapping[PurePosixPath, Path], on_progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Write pictures, and tables beside them, to their places, within the limits.

        Args:
            places: Path in the archive to file; folders are made as needed.
            on_progress: Called with (files done, files in all).

        Raises:
            ArchiveError: At the first limit that is passed, else with every file that is damaged or no picture.
        """
        problems: list[Problem] = []
        written = pixels = decoded = 0
        for done, (name, place) in enumerate(places.items(), start=1):
            content = self._read(name, written)
            written += len(content)
            header = read_header(content)
            if name.suffix.lower() in COMPANIONS or _is_bounded_later(name):
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
            elif header is None:
                what = "is empty" if not content else "is no PNG, JPEG, BMP, TIFF or GIF, or cut off at its beginning"
                problems.append(Problem(str(name), what, "Save it again, or leave it out."))
            else:
                height, width = header.size
                pixels += height * width * len(header.pages)
                decoded += header.decoded * len(header.pages)
                if height * width > self._limits.pixels:
                    what = f"is {width:,} x {height:,} pixels, more than {self._limits.pixels:,}"
                    problems.append(Problem(str(name), what, "Make it smaller."))
                elif pixels > self._limits.all_pixels:
                    raise _too_much(name, f"makes more than {self._limits.all_pixels:,} pixels in all")
                elif header.decoded > self._limits.decoded:
                    most = self._limits.decoded // MIB
                    what = f"would make {header.decoded // MIB:,} MiB once decoded, more than {most:,} MiB"
                    problems.append(Problem(str(name), what, "Make it smaller, or save it with 8 bits per channel."))
                elif decoded > most_decoded(self._size):
                    raise _too_much(
                        name,
                        f"makes the pictures of an archive of {self._size / MIB:,.1f} MiB more than "
                        f"{most_decoded(self._size) // MIB:,} MiB once decoded",
                    )
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
            if on_progress is not None:
                on_progress(done, len(places))
        if problems:
            raise ArchiveError(problems)

    def read(self, name: PurePosixPath) -> bytes:
        """Content of one file.

        Raises:
            ArchiveError: If it passes a limit, or is damaged.
        """
        return self._read(name, 0)

    def _read(self, name: PurePosixPath, before: int) -> bytes:
        """Content of one file, at most as long as the limits leave it after ``before`` bytes."""
        limits = self._limits
        allowed = {
            f"unpacks to more than {_most(name, limits) // MIB:,} MiB": _most(name, limits),
            f"makes more than {limits.expanded // MIB:,} MiB unpacked": limits.expanded - before,
            f"makes the archive unpack to more than {limits.ratio:g} times its size": max(
                int(limits.ratio * self._size), SLACK
            )
            - before,
        }
        reason, most = min(allowed.items(), key=lambda item: item[1])
        parts: list[bytes] = []
        length = 0
        with _told(str(name)), self._file.open(self.files[name]) as stream:
            while part := stream.read(CHUNK):
                length += len(part)
                if length > most:
                    raise _too_much(name, reason)
                parts.append(part)
        return b"".join(parts)


@contextmanager
def open_archive(stream: BinaryIO, name: str, limits: Limits = LIMITS) -> Iterator[Archive]:
    """Open a zip, and refuse it where its table of contents alone shows that it is not what it should be.

    Args:
        stream: The zip, readable from any place in it.
        name: What to call it in messages.
        limits: See :class:`Limits`.

    Raises:
        ArchiveError: If it is no zip, too large, encrypted, holds archives, links, or names that no dataset has.
    """
    size = stream.seek(0, 2)
    if size > limits.archive:
        what = f"is {size / MIB:,.0f} MiB, more than {limits.archive // MIB:,} MiB"
        raise ArchiveError([Problem(name, what, "Unpack it yourself and give the folder.")])
    guarded = _Guarded(stream, limits.files * BYTES_PER_ENTRY)
    too_many = Problem(name, f"holds more than {limits.files:,} entries", "Unpack it yourself and give the folder.")
    try:
        with _told(name):
            file = zipfile.ZipFile(guarded)
    except _TooLongError:
        raise ArchiveError([too_many]) from None
    guarded.most = None
    with file:
        if len(file.infolist()) > limits.files:
            raise ArchiveError([too_many])
        yield Archive(file, size, limits)


class _TooLongError(Exception):
    """The table of contents is longer than any honest one."""


class _Guarded:
    """A stream that gives at most ``most`` bytes at once: zipfile reads the whole table of contents in one go."""

    def __init__(self, stream: BinaryIO, most: int | None) -> None:
        self._stream = stream
        self.most = most

    def read(self, size: int = -1) -> bytes:
        if self.most is None:
            return self._stream.read(size)
        content = self._stream.read(size if 0 <= size <= self.most else self.most + 1)
        if len(content) > self.most:
            raise _TooLongError
        return content

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def seekable(self) -> bool:
        return True


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Everything zipfile and zlib raise for damaged files, in words."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError, OSError) as error:
        if isinstance(error, ArchiveError):
            raise
        what = f"is damaged, or no zip ({error})"
        raise ArchiveError([Problem(name, what, "Make the archive again, or fetch it again.")]) from error


def _too_much(name: PurePosixPath, what: str) -> ArchiveError:
    return ArchiveError([Problem(str(name), what, "Unpack the archive yourself and give the folder.")])


def _files(entries: Iterable[zipfile.ZipInfo]) -> dict[PurePosixPath, zipfile.ZipInfo]:
    files: dict[PurePosixPath, zipfile.ZipInfo] = {}
    taken: dict[str, str] = {}  # folded name -> "file" or "folder"
    problems = []
    for entry in entries:
        what = _refusal(entry)
        path = PurePosixPath(entry.filename)
        if what is None and _is_left_behind(path):
            continue
        if what is None and not entry.is_dir():
            what = _clash(path, taken)
            files[path] = entry
        if what is not None:
            problems.append(Problem(ascii(entry.orig_filename)[1:-1][:200], what, "Make the archive again without it."))
    if problems:
        raise ArchiveError(problems)
    return files


def _refusal(entry: zipfile.ZipInfo) -> str | None:
    """Why an entry makes the whole archive suspect; None where it does not."""
    name = entry.orig_filename
    kind = stat.S_IFMT(entry.external_attr >> 16)
    parts = name.removesuffix("/").split("/")
    folded = unicodedata.normalize("NFKC", name)  # some letters look like, or may be turned into, dots and slashes
    reasons = {
        "is an absolute path": name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name),
        "leads out of its folder": ".." in folded.replace("\\", "/").split("/"),
        "has too long a name": len(name) > LONGEST_NAME
        or any(len(part.encode(errors="replace")) > 255 for part in parts),
        "has characters in its name that cannot be seen": any(unicodedata.category(each) in UNSEEN for each in name),
        "has characters in its name that are no part of a file name everywhere": set(name) & NOWHERE
        or folded.count("/") != name.count("/"),
        "has a name that cannot be a file everywhere": any(_is_odd(part) for part in parts),
        "is a link": kind == stat.S_IFLNK,
        "is a device or another special file": kind not in (0, stat.S_IFREG, stat.S_IFDIR),
        "is encrypted": entry.flag_bits & IS_ENCRYPTED,
        "is packed by a method other than deflate": entry.compress_type not in METHODS,
        "is an archive inside the archive": PurePosixPath(name).suffix.lower() in ARCHIVES and not is_volume(name),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _is_odd(part: str) -> bool:
    return part in ("", ".") or part != part.strip() or part.endswith(".") or bool(RESERVED.fullmatch(part))


def _is_left_behind(path: PurePosixPath) -> bool:
    """Hidden files and what macOS and Windows put into archives."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts) or path.name == "Thumbs.db"


def _clash(path: PurePosixPath, taken: dict[str, str]) -> str | None:
    """Two names that are one on some disks: in another case, or composed of other characters."""
    folds = [unicodedata.normalize("NFKC", str(each)).casefold() for each in (path, *path.parents[:-1])]
    if folds[0] in taken or "file" in (taken.get(fold) for fold in folds[1:]):
        return "has the same name as another, but for case or spelling"
    taken.update(dict.fromkeys(folds[1:], "folder"))
    taken[folds[0]] = "file"
    return None
