"""How much pictures may make once they are decoded: known from their headers, before anything is decoded."""

from collections.abc import Iterable
from pathlib import Path

from dmf.data.base import BrokenDataError, Case, Dataset, Problem
from dmf.data.headers import Header, header_of

MIB = 2**20
PICTURE = 256 * MIB  # bytes of one page of a picture once decoded; 89 megapixels in colour
SET = 1024 * MIB  # bytes of all pictures of a set that need no reason
RATIO = 200  # times the bytes of its files that a larger set may make; scans make 3, masks up to 50


def refuse_large(name: str, header: Header, most: int = PICTURE) -> None:
    """Refuse a picture that would make more than ``most`` bytes.

    Raises:
        BrokenDataError: Saying how large it says it is.
    """
    if header.decoded > most:
        what = (
            f"says it is {header.width:,} x {header.height:,} pixels of {header.channels} x {header.bits} bits, "
            f"{header.decoded / MIB:,.0f} MiB once decoded; at most {most // MIB:,} MiB are read"
        )
        raise BrokenDataError([Problem(name, what, "Make it smaller, or save it with 8 bits per channel.")])


def most_decoded(stored: int) -> int:
    """Bytes that a set of files of ``stored`` bytes together may make once decoded."""
    return max(SET, RATIO * stored)


def refuse_large_cases(dataset: Dataset, cases: Iterable[Case]) -> None:
    """:func:`refuse_large_set` of the files of a dataset.

    Raises:
        BrokenDataError: If they would make too much.
    """
    files = dict.fromkeys(file for case in cases for file in (case.image, *case.masks) if file is not None)  # once each
    refuse_large_set(str(dataset.root), files)


def refuse_large_set(where: str, files: Iterable[Path]) -> None:
    """Refuse files that are each within bounds, but would together make far more than pictures of their size do.

    Raises:
        BrokenDataError: Saying how much they would make.
    """
    stored = decoded = 0
    for file in files:
        header = header_of(file)
        if header is not None:
            stored += file.stat().st_size
            decoded += header.decoded * len(header.pages)
    if decoded > most_decoded(stored):
        what = (
            f"holds {stored / MIB:,.1f} MiB of pictures that would make {decoded / MIB:,.0f} MiB once decoded, more "
            f"than {most_decoded(stored) // MIB:,} MiB"
        )
        remedy = "Make the pictures smaller, or save them with 8 bits per channel."
        raise BrokenDataError([Problem(where, what, remedy)])
