"""Hostile archives are made here by hand, byte by byte where the zip library would refuse to make them."""

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
import pytest

from dmf.data import LIMITS, ArchiveError, Limits
from dmf.data.unzip import MIB, open_archive

PNG = cv2.imencode(".png", np.random.default_rng(0).integers(0, 256, (8, 8), dtype=np.uint8))[1].tobytes()


def zipped(*entries: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as file:
        for name, content in entries:
            file.writestr(name, content)
    return stream


def refused(stream: io.BytesIO, limits: Limits = LIMITS) -> list[str]:
    with pytest.raises(ArchiveError) as caught, open_archive(stream, "up.zip", limits):
        pass
    return [f"{problem.where}: {problem.what}" for problem in caught.value.problems]


def extracted(stream: io.BytesIO, folder: Path, limits: Limits = LIMITS) -> list[str]:
    """Unpack everything; the problems, if it was refused."""
    with open_archive(stream, "up.zip", limits) as archive:
        try:
            archive.extract({name: folder / name for name in archive.files})
        except ArchiveError as error:
            return [problem.what for problem in error.problems]
    return []


def png_of(width: int, height: int) -> bytes:
    """A well-formed PNG of that size in its header, with hardly any pixels behind it."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def test_pictures_come_out_as_they_went_in(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    with open_archive(zipped(("a/b (1).png", PNG), ("ü.png", PNG)), "up.zip") as archive:
        assert list(archive.files) == [PurePosixPath("a/b (1).png"), PurePosixPath("ü.png")]
        archive.extract({name: tmp_path / name for name in archive.files}, lambda *done: seen.append(done))
    assert (tmp_path / "a" / "b (1).png").read_bytes() == (tmp_path / "ü.png").read_bytes() == PNG
    assert seen == [(1, 2), (2, 2)]


def test_what_operating_systems_leave_behind_is_not_seen() -> None:
    names = ("__MACOSX/._a.png", ".DS_Store", "x/._a.png", "x/Thumbs.db", "x/")
    with open_archive(zipped(*((name, b"") for name in names), ("a.png", PNG)), "up.zip") as archive:
        assert list(archive.files) == [PurePosixPath("a.png")]


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("../evil.png", "leads out of its folder"),
        ("a/../../evil.png", "leads out of its folder"),
        ("a/..\\..\\evil.png", "leads out of its folder"),
        ("a/\uff0e\uff0e/evil.png", "leads out of its folder"),  # full-width dots
        ("a/\u2025/evil.png", "leads out of its folder"),  # one character that stands for two dots
        (".hidden/../../evil.png", "leads out of its folder"),
        ("__MACOSX/../../evil.png", "leads out of its folder"),
        ("/etc/passwd.png", "is an absolute path"),
        ("\\\\server\\share\\a.png", "is an absolute path"),
        ("C:\\a.png", "is an absolute path"),
        ("a\\b.png", "has characters in its name that are no part of a file name everywhere"),
        ("a/b.png:stream", "has characters in its name that are no part of a file name everywhere"),
        ("a\u2215b/\uff0fc.png", "has characters in its name that are no part of a file name everywhere"),
        ("a\u202egnp.exe", "has characters in its name that cannot be seen"),  # written from right to left
        ("a\u200b.png", "has characters in its name that cannot be seen"),
        ("a\nb.png", "has characters in its name that cannot be seen"),
        ("a//b.png", "has a name that cannot be a file everywhere"),
        ("./a.png", "has a name that cannot be a file everywhere"),
        ("a/CON.png", "has a name that cannot be a file everywhere"),
        ("a /b.png", "has a name that cannot be a file everywhere"),
        ("a./b.png", "has a name that cannot be a file everywhere"),
        (f"{'a' * 300}.png", "has too long a name"),
        (f"{'a/' * 600}b.png", "has too long a name"),
        ("inner.zip", "is an archive inside the archive"),
        ("inner.tar.gz", "is an archive inside the archive"),
    ],
)
def test_names_that_mean_harm_or_trouble_are_refused(name: str, what: str) -> None:
    (problem,) = refused(zipped(("a.png", PNG), (name, PNG)))
    assert problem.endswith(f": {what}")
    assert problem.isascii()


def test_a_name_that_hides_its_end_behind_a_null_is_refused() -> None:
    stream = io.BytesIO(zipped(("a.png", PNG), ("evil.png#.txt", PNG)).getvalue().replace(b"evil.png#", b"evil.png\0"))
    (problem,) = refused(stream)
    assert problem == "evil.png\\x00.txt: has characters in its name that cannot be seen"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a.png", "A.PNG"),
        ("images/a.png", "Images/A.png"),
        ("a.png", "a.png"),
        ("\u00e9.png", "e\u0301.png"),  # one letter, or a letter and an accent
        ("stra\u00dfe.png", "strasse.png"),
        ("a.png", "\uff41.png"),  # full width
        ("a.png/b.png", "A.png"),
        ("A.png", "a.png/b.png"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_are_one_on_some_disks_are_refused(first: str, second: str) -> None:
    (problem,) = refused(zipped((first, PNG), (second, PNG)))
    assert problem.endswith("has the same name as another, but for case or spelling")


@pytest.mark.parametrize(
    ("mode", "what"),
    [
        (stat.S_IFLNK | 0o777, "is a link"),
        (stat.S_IFCHR | 0o666, "is a device or another special file"),
        (stat.S_IFIFO | 0o666, "is a device or another special file"),
        (stat.S_IFSOCK | 0o666, "is a device or another special file"),
    ],
)
def test_links_and_devices_are_refused(mode: int, what: str) -> None:
    entry = zipfile.ZipInfo("images/a.png")
    entry.external_attr = mode << 16
    assert refused(zipped((entry, b"/etc/passwd"))) == [f"images/a.png: {what}"]


def test_an_encrypted_archive_is_refused() -> None:
    content = bytearray(zipped(("a.png", PNG)).getvalue())
    content[content.rindex(b"PK\x01\x02") + 8] |= 1  # flags in the table of contents
    content[6] |= 1  # and before the file itself
    assert refused(io.BytesIO(content)) == ["a.png: is encrypted"]


def test_other_ways_to_pack_are_refused() -> None:
    assert refused(zipped(("a.png", PNG), method=zipfile.ZIP_BZIP2)) == [
        "a.png: is packed by a method other than deflate"
    ]


# Named, because a zip holds the time, and tests must be called alike in every process that runs them.
@pytest.mark.parametrize(
    "content",
    [b"", b"no zip at all", PNG, zipped(("a.png", PNG)).getvalue()[:-30]],
    ids=["empty", "text", "picture", "cut off"],
)
def test_what_is_no_zip_is_refused(content: bytes) -> None:
    (problem,) = refused(io.BytesIO(content))
    assert problem.startswith("up.zip: is damaged, or no zip (")


def test_every_bad_name_is_reported_at_once() -> None:
    problems = refused(zipped(("../a.png", PNG), ("/b.png", PNG), ("c.png", PNG)))
    assert [problem.split(":")[0] for problem in problems] == ["../a.png", "/b.png"]


def test_a_long_report_is_cut_in_its_text_only() -> None:
    with pytest.raises(ArchiveError) as caught, open_archive(zipped(*((f"../{n}", b"") for n in range(30))), "up.zip"):
        pass
    assert len(caught.value.problems) == 30
    assert len(str(caught.value).splitlines()) == 21
    assert str(caught.value).endswith("There are 10 more problems.")


def test_an_archive_that_is_too_large_is_refused_unread() -> None:
    (problem,) = refused(zipped(("a.png", PNG)), replace(LIMITS, archive=100))
    assert problem.startswith("up.zip: is 0 MiB, more than")


def test_too_many_entries_are_refused() -> None:
    stream = zipped(*((f"{n}.png", b"") for n in range(21)))
    assert refused(stream, replace(LIMITS, files=20)) == ["up.zip: holds more than 20 entries"]


def test_a_million_entries_are_refused_before_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    table = entry * 1_000_000
    # The end says there are none, which zipfile does not look at.
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0, 0, len(table), 0, 0)
    made = []
    monkeypatch.setattr(zipfile, "ZipInfo", lambda *args: made.append(args))
    assert refused(io.BytesIO(table + end)) == ["up.zip: holds more than 50,000 entries"]
    assert made == []


def test_a_bomb_is_stopped_by_its_ratio(tmp_path: Path) -> None:
    stream = zipped(*((f"{n}.png", PNG + bytes(10 * MIB)) for n in range(3)))
    assert stream.getbuffer().nbytes < 40_000
    (what,) = extracted(stream, tmp_path)
    assert what == "makes the archive unpack to more than 100 times its size"
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 16 * MIB


def test_a_bomb_is_stopped_by_what_it_makes_in_all(tmp_path: Path) -> None:
    limits = replace(LIMITS, expanded=2 * MIB, ratio=1e9)
    stream = zipped(*((f"{n}.png", PNG + bytes(MIB * 3 // 4)) for n in range(4)))
    assert extracted(stream, tmp_path, limits) == ["makes more than 2 MiB unpacked"]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_single_file_has_a_limit_of_its_own(tmp_path: Path) -> None:
    stream = zipped(("a.png", PNG + bytes(2 * MIB)))
    assert extracted(stream, tmp_path, replace(LIMITS, file=MIB)) == ["unpacks to more than 1 MiB"]


def test_a_size_that_lies_does_not_help_a_bomb(tmp_path: Path) -> None:
    content = bytearray(zipped(("a.png", PNG + bytes(MIB))).getvalue())
    for place in (22, content.rindex(b"PK\x01\x02") + 24):
        content[place : place + 4] = struct.pack("<L", 100)  # bytes unpacked, it says
    (what,) = extracted(io.BytesIO(content), tmp_path)
    assert what.startswith("is damaged, or no zip (Bad CRC-32")
    assert list(tmp_path.iterdir()) == []


def test_a_small_archive_of_black_bitmaps_is_no_bomb(tmp_path: Path) -> None:
    bitmap = cv2.imencode(".bmp", np.zeros((500, 500), dtype=np.uint8))[1].tobytes()
    stream = zipped(*((f"{n}.bmp", bitmap) for n in range(20)))
    assert stream.getbuffer().nbytes * 100 < 20 * len(bitmap)
    assert extracted(stream, tmp_path) == []


def test_a_header_of_too_many_pixels_is_refused_without_decoding(tmp_path: Path) -> None:
    (what,) = extracted(zipped(("a.png", png_of(60_000, 40_000))), tmp_path)
    assert what == "is 60,000 x 40,000 pixels, more than 36,000,000"


def test_too_many_pixels_in_all_are_refused(tmp_path: Path) -> None:
    stream = zipped(*((f"{n}.png", png_of(5000, 5000)) for n in range(4)))
    assert extracted(stream, tmp_path, replace(LIMITS, all_pixels=60_000_000)) == [
        "makes more than 60,000,000 pixels in all"
    ]


def test_files_that_are_no_pictures_are_named_together(tmp_path: Path) -> None:
    stream = zipped(("a.png", b""), ("b.png", b"P5 99999 99999 255\n"), ("c.png", PNG), ("d.png", PNG[:12]))
    assert extracted(stream, tmp_path) == [
        "is empty",
        "is no PNG, JPEG, BMP, TIFF or GIF, or cut off at its beginning",
        "is no PNG, JPEG, BMP, TIFF or GIF, or cut off at its beginning",
    ]


@pytest.mark.parametrize("damage", [lambda content: content[:40] + b"\xff\xff\xff" + content[43:]])
def test_damaged_content_is_named(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    content = damage(zipped(("a.png", PNG * 50)).getvalue())
    (what,) = extracted(io.BytesIO(content), tmp_path)
    assert what.startswith("is damaged, or no zip (")


def test_the_limits_can_be_told() -> None:
    assert str(LIMITS) == "at most 2,048 MiB, 50,000 files, 4,096 MiB unpacked, 36 megapixels per picture"
