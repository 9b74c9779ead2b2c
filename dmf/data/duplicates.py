"""Pictures that show the same scan: found by a perceptual hash, so that no split has them on both sides."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dmf.config import DataConfig
from dmf.data.base import Case, Dataset, Pixels
from dmf.data.cache import read_arrays, write_arrays
from dmf.data.folds import fold_indices
from dmf.data.split import Indices, split_indices
from dmf.paths import cache_folder

VERSION = 2  # raise it when the same picture gives another hash
SIDE = 64  # pictures are shrunk to this before they are hashed, in pixels
WAVES = 16  # frequencies kept along each side
BITS = WAVES * WAVES - 1  # all but the mean brightness

NEAR = 76
"""Bits of 255 in which two pictures may differ and still count as the same.

Chosen on 702 images of BUSI: every pair at most 78 apart showed the same scan or lesion, looked at by eye; the first
two different lesions were 82 apart; pictures that have nothing in common differ by about 127.
"""


@dataclass(frozen=True)
class DuplicatePair:
    """Two pictures that look the same.

    Attributes:
        first, second: Positions among the cases; ``first`` is the smaller.
        distance: Bits of 255 in which their hashes differ; 0 for a copy.
    """

    first: int
    second: int
    distance: int


@dataclass(frozen=True)
class Finding:
    """Two cases that look the same, and where they went.

    Attributes:
        splits: Split of the first and of the second.
        distance: Bits of 255 in which their hashes differ; 0 for a copy.
    """

    first: Case
    second: Case
    distance: int
    splits: tuple[str, str]

    @property
    def across_splits(self) -> bool:
        """Whether one is learned from and the other judged by, or chosen by and judged by."""
        return self.splits[0] != self.splits[1]

    @property
    def across_labels(self) -> bool:
        """Whether one picture carries two labels."""
        return self.first.label != self.second.label

    def __str__(self) -> str:
        (one, one_split), (other, other_split) = zip((self.first, self.second), self.splits, strict=True)
        look = (
            "are the same picture" if self.distance == 0 else f"look the same ({self.distance} of {BITS} bits differ)"
        )
        return f"{one.id} ({one.label}, {one_split}) and {other.id} ({other.label}, {other_split}) {look}"


def picture_hash(image: Pixels) -> NDArray[np.uint8]:
    """Which slow waves of a picture are stronger than most: a fingerprint that survives resizing and small marks.

    The picture is shrunk to 64 x 64 and transformed (DCT-II); bit ``i`` says whether coefficient ``i`` of the 16 x 16
    lowest frequencies, without the mean, is above their median.

    Args:
        image: (H, W) or (H, W, 3) uint8 or uint16.

    Returns:
        (32,) uint8, 255 bits and a zero.

    Reference:
        Zauner, Implementation and benchmarking of perceptual image hash functions, 2010.
    """
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)) if image.ndim == 3 else image
    small = np.asarray(cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA), dtype=np.float32)
    waves = np.asarray(cv2.dct(small))[:WAVES, :WAVES].ravel()[1:]
    return np.packbits(waves > np.median(waves))


def hash_cases(
    dataset: Dataset, cases: Sequence[Case], *, on_progress: Callable[[int, int], None] | None = None
) -> NDArray[np.uint8]:
    """Hashes (N, 32) uint8 of the original pictures of these cases, or those kept from the last time.

    Raises:
        DataError: If a picture cannot be loaded, or the hashes cannot be kept.
    """
    settings = [str(VERSION), dataset.identity(), str(dataset.root.resolve()), *(case.id for case in cases)]
    key = hashlib.sha256("\n".join(settings).encode()).hexdigest()[:20]
    path = cache_folder() / f"{dataset.name}-hashes-{key}.npz"
    kept = read_arrays(path, ("hashes",))
    if kept is not None:
        return kept["hashes"]
    hashes = np.empty((len(cases), (BITS + 7) // 8), dtype=np.uint8)
    for position, case in enumerate(cases):
        hashes[position] = picture_hash(dataset.load(case).image)
        if on_progress is not None:
            on_progress(position + 1, len(cases))
    write_arrays(path, {"hashes": hashes})
    return hashes


def find_duplicates(hashes: NDArray[np.uint8], near: int = NEAR) -> list[DuplicatePair]:
    """Every pair of pictures at most ``near`` bits apart, ordered by position.

    Args:
        hashes: (N, 32) uint8 of :func:`picture_hash`.
        near: Bits of 255.
    """
    words = np.ascontiguousarray(hashes).view(np.uint64)  # (N, 4)
    pairs = []
    for first in range(len(words) - 1):
        distances = np.bitwise_count(words[first + 1 :] ^ words[first]).sum(axis=1, dtype=np.int64)
        for offset in np.flatnonzero(distances <= near):
            pairs.append(DuplicatePair(first, first + 1 + int(offset), int(distances[offset])))
    return pairs


def groups_of(pairs: Sequence[DuplicatePair]) -> list[tuple[int, ...]]:
    """Positions that hang together through duplicates of duplicates, each group and the list in order of position."""
    leader: dict[int, int] = {}

    def lead(position: int) -> int:
        while leader.setdefault(position, position) != position:
            leader[position] = leader[leader[position]]
            position = leader[position]
        return position

    for pair in pairs:
        low, high = sorted((lead(pair.first), lead(pair.second)))
        leader[high] = low
    groups: dict[int, list[int]] = {}
    for position in sorted(leader):
        groups.setdefault(lead(position), []).append(position)
    return [tuple(group) for group in groups.values()]


def split_cases(
    dataset: Dataset,
    cases: Sequence[Case],
    config: DataConfig,
    seed: int,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> Indices:
    """The split of a configuration; with ``duplicates="group"`` pictures that look the same stay together.

    Args:
        dataset: What the cases come from; pictures are read only to find duplicates, and only the first time.
        cases: Those that take part, as :func:`dmf.data.prepare.choose_cases` gives them.
        config: Its ``split``, ``folds``, ``fold`` (where it says none, the first) and ``duplicates`` are used.
        seed: Same seed and cases, same split; it has a seed of its own where ``split_seed`` says so.
        on_progress: Called with (cases hashed, cases in all); only while pictures are read.

    Raises:
        DataError: If there are too few cases or groups, or a picture cannot be loaded.
    """
    seed = config.seed_beside(seed)
    together: Sequence[Sequence[int]] = ()
    if config.duplicates == "group":
        together = groups_of(find_duplicates(hash_cases(dataset, cases, on_progress=on_progress)))
    if config.folds > 1:
        return fold_indices(cases, config.split, seed, config.folds, config.fold or 1, together=together)
    return split_indices(cases, config.split, seed, together)


def findings(cases: Sequence[Case], pairs: Sequence[DuplicatePair], indices: Indices) -> list[Finding]:
    """Pairs with their cases and splits: those across splits first, then those across labels, nearest first."""
    split_of = {int(position): name for name in ("train", "validation", "test") for position in getattr(indices, name)}
    described = [
        Finding(cases[pair.first], cases[pair.second], pair.distance, (split_of[pair.first], split_of[pair.second]))
        for pair in pairs
    ]
    return sorted(
        described, key=lambda finding: (not finding.across_splits, not finding.across_labels, finding.distance)
    )
