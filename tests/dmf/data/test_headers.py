import struct

import cv2
import numpy as np
import pytest

from dmf.data.headers import read_header

IMAGE = np.random.default_rng(0).integers(0, 256, (37, 91, 3), dtype=np.uint8)


def picture_size(content: bytes) -> tuple[int, int] | None:
    header = read_header(content)
    return None if header is None else header.size


def encoded(suffix: str) -> bytes:
    return cv2.imencode(suffix, IMAGE)[1].tobytes()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif", ".gif"])
def test_the_size_is_read_from_what_opencv_writes(suffix: str) -> None:
    assert picture_size(encoded(suffix)) == (37, 91)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif", ".gif"])
def test_a_file_cut_off_in_its_header_has_no_size(suffix: str) -> None:
    for keep in (0, 1, 3, 8):
        assert picture_size(encoded(suffix)[:keep]) is None


def test_a_header_may_promise_anything() -> None:
    png = bytearray(encoded(".png"))
    png[16:24] = struct.pack(">II", 100_000, 60_000)  # width, height
    assert picture_size(bytes(png)) == (60_000, 100_000)


def test_a_bitmap_may_run_from_top_to_bottom_or_be_of_the_oldest_kind() -> None:
    bitmap = bytearray(encoded(".bmp"))
    bitmap[22:26] = struct.pack("<i", -37)
    assert picture_size(bytes(bitmap)) == (37, 91)
    old = b"BM" + bytes(12) + struct.pack("<IHH", 12, 91, 37)
    assert picture_size(old) == (37, 91)


def test_segments_before_the_frame_of_a_jpeg_are_stepped_over() -> None:
    jpeg = encoded(".jpg")
    # A thumbnail inside a segment holds a frame of its own, 8 x 8, which must not be taken for the picture's.
    thumbnail = b"\xff\xc0" + struct.pack(">HBHH", 17, 8, 8, 8)
    segment = b"\xff\xe1" + struct.pack(">H", 2 + len(thumbnail)) + thumbnail
    assert picture_size(jpeg[:2] + segment + b"\xff\xff" + jpeg[2:]) == (37, 91)
    assert picture_size(jpeg[:2] + b"\xff\xe1\x00\x04ab") is None
    assert picture_size(jpeg[:2] + b"\xff\xda\x00\x02" + jpeg[2:]) is None  # pixels without a frame
    assert picture_size(jpeg[:2] + b"\xff\xe1\x00\x02" * 2000 + jpeg[2:]) is None  # segments without end


def test_a_tiff_may_be_big_endian() -> None:
    head = struct.pack(">2sHI", b"MM", 42, 8)
    entries = struct.pack(">HHIHH", 256, 3, 1, 91, 0) + struct.pack(">HHII", 257, 4, 1, 37)
    assert picture_size(head + struct.pack(">H", 2) + entries) == (37, 91)
    assert picture_size(head + struct.pack(">H", 1) + entries) is None  # no height


@pytest.mark.parametrize("content", [b"P5 100000 100000 255\n", b"RIFF\0\0\0\0WEBPVP8 ", b"PK\x03\x04", b"no picture"])
def test_other_formats_have_no_size(content: bytes) -> None:
    assert picture_size(content) is None
