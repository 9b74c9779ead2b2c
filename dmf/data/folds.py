"""Cross-validation: every case is tested once, in the fold that it was dealt to."""

from collections.abc import Sequence

import numpy as np

from dmf.data.base import Case
from dmf.data.split import Indices, cut, groups_together, nearest, positions_of
from dmf.errors import DataError
from dmf.seeding import derive


def fold_indices(
    cases: Sequence[Case],
    shares: tuple[float, float, float],
    seed: int,
    folds: int,
    fold: int,
    *,
    together: Sequence[Sequence[int]] = (),
) -> Indices:
    """The split of one fold: its cases are tested, a part of the others validates, the rest trains.

    Groups are shuffled and dealt in that order, so that the folds have as equal numbers of cases as groups allow. What
    decides when to stop or which epoch is best is the validation part, cut from the cases for training: never the fold.

    Args:
        cases: None of them says its part; a case without a group is its own.
        shares: Of training, validation and test; validation is its share of the first two.
        seed: Same seed and cases, same folds.
        folds: How many, 2 or more.
        fold: Which is tested, from 1.
        together: Positions of cases that must not be parted either; their groups merge.

    Raises:
        DataError: If there are fewer groups than folds, or a case says its part.
    """
    if any(case.split for case in cases):
        raise DataError(
            "This dataset says itself which cases train and test, so folds would mix them. Deal all cases anew with "
            "split=ignore, or train with folds=1."
        )
    groups = groups_together(cases, together)
    # A group that trains and one that validates are left of any fold: of two folds by the other one alone.
    each = 2 if folds == 2 else 1
    if len(groups) < each * folds:
        grouped = "" if len(groups) == len(cases) else f" in {len(groups)} groups, which stay together"
        raise DataError(
            f"{folds} folds need at least {each * folds} cases or groups of cases, got {len(cases)}{grouped}. Take "
            "fewer folds, raise the limit or add cases."
        )
    order = np.random.default_rng(derive(seed, "folds")).permutation(len(groups))
    ends = np.cumsum([len(groups[group]) for group in order])
    edges = [0]
    for place in range(1, folds):
        highest = len(groups) - each * (folds - place)  # each fold that follows has groups left
        edges.append(nearest(ends, place * len(cases) / folds, lowest=edges[-1] + each, highest=highest))
    edges.append(len(groups))
    test = positions_of(order[edges[fold - 1] : edges[fold]], groups)
    rest = np.setdiff1d(np.arange(len(cases)), test)
    own = [cases[position] for position in rest]
    place_of = {position: place for place, position in enumerate(rest.tolist())}
    near = [[place_of[position] for position in group] for group in groups if group[0] in place_of]
    kept, validation = cut(own, "validation", shares[1] / (shares[0] + shares[1]), derive(seed, "fold", fold), near)
    return Indices(rest[kept], rest[validation], test)
