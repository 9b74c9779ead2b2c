"""Which cases train, validate and test."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dmf.data.base import Case, SplitName
from dmf.errors import DataError
from dmf.seeding import derive

PARTS: tuple[SplitName, ...] = ("train", "validation", "test")


@dataclass(frozen=True)
class Indices:
    """Positions of the cases of each split, (n,) int64 each; together every case once."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def split_indices(
    cases: Sequence[Case],
    shares: tuple[float, float, float],
    seed: int,
    together: Sequence[Sequence[int]] = (),
) -> Indices:
    """Deal cases into training, validation and test; the cases of one group stay together.

    Groups are shuffled and dealt in that order: to training until its share is nearest, then to validation, the rest
    to test. Where a group is as good as a case, the three counts are the rounded shares, and at least one each.

    Cases that say which part they belong to stay there, whatever their group. A part that no case names is cut from
    those for training: validation of 15 beside training of 70 is 15 of 85 of them.

    Args:
        cases: At least 3, in at least 3 groups; a case without a group is its own. All say their part, or none does.
        shares: Shares of cases for training, validation and test; they sum to 1.
        seed: Same seed and cases, same split.
        together: Positions of cases that must not be parted either, such as pictures of one scan; their groups merge.
            Cases whose part is given are not moved, so those may stay apart.

    Raises:
        DataError: If there are too few cases or groups to give each split one, or only some say their part.
    """
    given = {part: [n for n, case in enumerate(cases) if case.split == part] for part in PARTS}
    held = sum(map(len, given.values()))
    if 0 < held < len(cases):
        raise DataError(
            f"The split is given for {held} of {len(cases)} cases only. Say the part of each, or deal all anew with "
            "split=ignore."
        )
    missing = [part for part in PARTS if not given[part]]
    if held and "train" in missing:
        raise DataError(
            "The given split has no case to train on. Raise the limit, or deal all cases anew with split=ignore."
        )
    if not held:
        return _deal(cases, shares, seed, together)
    parts = {part: np.array(given[part], dtype=np.int64) for part in PARTS}
    pool = parts["train"]
    own, near = [cases[position] for position in pool], _within(given["train"], together)
    if len(missing) == 2:
        dealt = _deal(own, shares, seed, near)
        return Indices(pool[dealt.train], pool[dealt.validation], pool[dealt.test])
    if missing:
        share = shares[PARTS.index(missing[0])]
        kept, taken = cut(own, missing[0], share / (shares[0] + share), seed, near)
        parts |= {"train": pool[kept], missing[0]: pool[taken]}
    return Indices(parts["train"], parts["validation"], parts["test"])


def _deal(
    cases: Sequence[Case], shares: tuple[float, float, float], seed: int, together: Sequence[Sequence[int]]
) -> Indices:
    dealt = groups_together(cases, together)
    if len(dealt) < 3:
        grouped = "" if len(dealt) == len(cases) else f" in {len(dealt)} group(s), which stay together"
        raise DataError(
            f"A split into training, validation and test needs at least 3 cases, got {len(cases)}{grouped}. "
            "Raise the limit or add cases."
        )
    order = np.random.default_rng(derive(seed, "split")).permutation(len(dealt))
    sizes = np.array([len(dealt[group]) for group in order])
    ends = np.cumsum(sizes)
    first = nearest(ends, shares[0] * len(cases), lowest=1, highest=len(dealt) - 2)
    second = nearest(ends, (shares[0] + shares[1]) * len(cases), lowest=first + 1, highest=len(dealt) - 1)
    train, validation, test = (positions_of(part, dealt) for part in np.split(order, [first, second]))
    return Indices(train, validation, test)


def cut(
    own: Sequence[Case], missing: SplitName, share: float, seed: int, together: Sequence[Sequence[int]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cut the part that is not given, a share of them, from the cases for training; returns those that stay first."""
    groups = groups_together(own, together)
    if len(groups) < 2:
        held = "case" if len(own) == 1 else "group"
        raise DataError(
            f"The given split has no {missing} part, and its training part holds only one {held}, so none can be cut "
            "from it. Deal all cases anew with split=ignore."
        )
    order = np.random.default_rng(derive(seed, "split")).permutation(len(groups))
    ends = np.cumsum([len(groups[group]) for group in order])
    kept, taken = np.split(order, [nearest(ends, len(own) * (1 - share), lowest=1, highest=len(groups) - 1)])
    return positions_of(kept, groups), positions_of(taken, groups)


def _within(pool: Sequence[int], together: Sequence[Sequence[int]]) -> list[list[int]]:
    """What belongs together, as places in the pool; what lies outside is left out."""
    place = {position: at for at, position in enumerate(pool)}
    inside = ([place[position] for position in positions if position in place] for positions in together)
    return [positions for positions in inside if len(positions) > 1]


def positions_of(groups: NDArray[np.int64], dealt: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Positions of the cases of these groups, rising."""
    return np.array(sorted(position for group in groups for position in dealt[group]), dtype=np.int64)


def groups_together(cases: Sequence[Case], together: Sequence[Sequence[int]]) -> list[list[int]]:
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


def nearest(ends: NDArray[np.int64], wanted: float, lowest: int, highest: int) -> int:
    """How many groups to take so that their cases come nearest to ``wanted``."""
    counts = np.arange(lowest, highest + 1)
    return int(counts[np.argmin(np.abs(ends[counts - 1] - wanted))])
