"""Scalars as an event file that TensorBoard reads, written without TensorFlow.

The file is a row of TFRecords: length, its checksum, an ``Event`` message, its checksum. All events of one kind differ
only in numbers of fixed size at fixed places, so thousands are made at once as rows of bytes.

References:
    - TFRecord, https://www.tensorflow.org/tutorials/load_data/tfrecord
    - Event, https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/util/event.proto
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

CHUNK = 16_384  # events made at once; some megabytes

# Tags of the fields of Event, Summary and Summary.Value: number << 3 | kind (0 varint, 1 64 bit, 2 bytes, 5 32 bit)
_WALL_TIME, _STEP, _VERSION, _SUMMARY = b"\x09", b"\x10", b"\x1a", b"\x2a"
_VALUE, _TAG, _SIMPLE_VALUE = b"\x0a", b"\x0a", b"\x15"


def first_record(time: float) -> bytes:
    """What a file begins with: the version of the format. ``time`` is a Unix time in seconds."""
    event = _WALL_TIME + np.float64(time).astype("<f8").tobytes() + _VERSION + _sized(b"brain.Event:2")
    return _framed(np.frombuffer(event, np.uint8)[None])


def scalar_records(
    tags: Sequence[str], steps: NDArray[np.int64], times: NDArray[np.float64], values: NDArray[np.float32]
) -> Iterator[bytes]:
    """One event per step with a value for each tag, in pieces to be written one after another.

    Args:
        tags: Names of the charts.
        steps: (n,) at least 0.
        times: (n,) Unix times in seconds.
        values: (n, tags); NaN and infinities are kept.
    """
    summary, places = b"", []
    for tag in tags:
        value = _TAG + _sized(tag.encode()) + _SIMPLE_VALUE
        summary += _VALUE + _varint(len(value) + 4) + value
        places.append(len(summary))
        summary += bytes(4)
    tail = np.frombuffer(_SUMMARY + _varint(len(summary)) + summary, np.uint8)
    start = len(tail) - len(summary)
    widths = np.searchsorted(2 ** np.arange(7, 63, 7), steps, side="right") + 1  # bytes of each step as a varint
    cuts = [0, *(np.flatnonzero(np.diff(widths)) + 1).tolist(), len(steps)]
    for first, last in pairwise(cuts):
        for begin in range(first, last, CHUNK):
            part = slice(begin, min(begin + CHUNK, last))
            count, width = len(steps[part]), int(widths[begin])
            rows = np.empty((count, 10 + width + len(tail)), np.uint8)
            rows[:, 0] = _WALL_TIME[0]
            rows[:, 1:9] = _bytes_of(times[part], "<f8")
            rows[:, 9] = _STEP[0]
            rows[:, 10 : 10 + width] = _varints(steps[part], width)
            rows[:, 10 + width :] = tail
            for place, column in zip(places, values[part].T, strict=True):
                at = 10 + width + start + place
                rows[:, at : at + 4] = _bytes_of(column, "<f4")
            yield _framed(rows)


def _framed(rows: Bytes) -> bytes:
    """Messages of one length (n, length), each as a TFRecord."""
    count, length = rows.shape
    size = np.frombuffer(np.uint64(length).astype("<u8").tobytes(), np.uint8)[None]
    head = np.concatenate((size, _checksum(size)), axis=1)
    return np.concatenate((np.repeat(head, count, axis=0), rows, _checksum(rows)), axis=1).tobytes()


def _checksum(rows: Bytes) -> Bytes:
    """CRC-32C of each row, masked as TFRecord does, since a checksum of checksums would be weak: (n, 4)."""
    crc = np.full(len(rows), 0xFFFFFFFF, np.uint32)
    for column in rows.T:
        crc = _CRC_TABLE[(crc ^ column) & 0xFF] ^ (crc >> 8)
    crc = ~crc
    return _bytes_of(((crc >> 15) | (crc << 17)) + np.uint32(0xA282EAD8), "<u4")


def _crc_table() -> NDArray[np.uint32]:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(0x82F63B78), table >> 1)  # Castagnoli, reflected
    return table


_CRC_TABLE = _crc_table()


def _bytes_of(values: NDArray[np.generic], kind: str) -> Bytes:
    """Numbers (n,) as bytes (n, size)."""
    return np.ascontiguousarray(values, kind).view(np.uint8).reshape(len(values), -1)


def _varints(values: NDArray[np.int64], width: int) -> Bytes:
    """Numbers (n,) that all take ``width`` bytes as varints: seven bits a byte, the highest bit says that more come."""
    digits = (values[:, None] >> (7 * np.arange(width))) & 0x7F
    digits[:, :-1] |= 0x80
    return digits.astype(np.uint8)


def _varint(value: int) -> bytes:
    return _varints(np.array([value]), max(1, -(-value.bit_length() // 7))).tobytes()


def _sized(content: bytes) -> bytes:
    return _varint(len(content)) + content
