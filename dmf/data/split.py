"""Which cases train, validate and test."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dmf.data.base import Case
from dmf.errors import DataError
from dmf.seeding import derive


@dataclass(frozen=True)
class Indices:
    """Positions of the cases of each split, (n,) int64 each; together every case once."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def split_cases(
    cases: Sequence[Case],
    shares: tuple[float, float, float],
    seed: int,
    together: Sequence[Sequence[int]] = (),
) -> Indices:
    """Deal cases into training, validation and test; the cases of one group stay together.

    Groups are shuffled and dealt in that order: to training until its share is nearest, then to validation, the rest
    to test. Where a group is as good as a case, the three counts are the rounded shares, and at least one each.

    Args:
        cases: At least 3, in at least 3 groups; a case without a group is its own.
        shares: Shares of cases for training, validation and test; they sum to 1.
        seed: Same seed and cases, same split.
        together: Positions of cases that must not be parted either, such as pictures of one scan; their groups merge.

    Raises:
        DataError: If there are too few cases or groups to give each split one.
    """
    dealt = _groups(cases, together)
    if len(dealt) < 3:
        grouped = "" if len(dealt) == len(cases) else f" in {len(dealt)} group(s), which stay together"
        raise DataError(
            f"A split into training, validation and test needs at least 3 cases, got {len(cases)}{grouped}. "
            "Raise the limit or add cases."
        )
    order = np.random.default_rng(derive(seed, "split")).permutation(len(dealt))
    sizes = np.array([len(dealt[group]) for group in order])
    ends = np.cumsum(sizes)
    first = _nearest(ends, shares[0] * len(cases), lowest=1, highest=len(dealt) - 2)
    second = _nearest(ends, (shares[0] + shares[1]) * len(cases), lowest=first + 1, highest=len(dealt) - 1)
    parts = np.split(order, [first, second])
    train, validation, test = (
        np.array(sorted(position for group in part for position in dealt[group]), dtype=np.int64) for part in parts
    )
    return Indices(train, validation, test)


def _groups(cases: Sequence[Case], together: Sequence[Sequence[int]]) -> list[list[int]]:
    """Positions of the cases of each group, in the order of their first cases."""
    groups: dict[object, list[int]] = {}
    for position, case in enumerate(cases):
        # A tuple can never equal a string, so a case without a group cannot fall into a named one.
        groups.setdefault((position,) if case.group is None else case.group, []).append(position)
    group_of = {position: group for group in groups.values() for position in group}
    for positions in together:
        # Lists are merged in place and compared by identity: two cases share a group when they share the list.
        first, *others = {id(group_of[position]): group_of[position] for position in sorted(positions)}.values()
        for other in others:
            first += other
            group_of.update(dict.fromkeys(other, first))
    merged = {id(group): group for group in group_of.values()}
    return sorted((sorted(group) for group in merged.values()), key=lambda group: group[0])


def _nearest(ends: NDArray[np.int64], wanted: float, lowest: int, highest: int) -> int:
    """How many groups to take so that their cases come nearest to ``wanted``."""
    counts = np.arange(lowest, highest + 1)
    return int(counts[np.argmin(np.abs(ends[counts - 1] - wanted))])
