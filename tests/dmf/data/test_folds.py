"""Cross-validation: who is tested when, and what decides."""

import numpy as np
import pytest

from dmf.config import DataConfig
from dmf.config_text import experiment, parse
from dmf.data import build_dataset, split_cases
from dmf.data.base import Case
from dmf.data.folds import fold_indices
from dmf.data.prepare import choose_cases
from dmf.errors import ConfigError, DataError

SHARES = (0.70, 0.15, 0.15)


def cases(count: int, per_group: int = 1) -> list[Case]:
    return [Case(f"c{n}", "", f"g{n // per_group}" if per_group > 1 else None) for n in range(count)]


def split(own: list[Case], folds: int, fold: int, seed: int = 0, **more):
    return fold_indices(own, SHARES, seed, folds, fold, **more)


@pytest.mark.parametrize(("count", "folds"), [(10, 5), (23, 5), (7, 7), (30, 2)])
def test_every_case_is_tested_once_and_is_in_one_part_of_each_fold(count: int, folds: int) -> None:
    own = cases(count)
    parts = [split(own, folds, fold) for fold in range(1, folds + 1)]
    assert sorted(np.concatenate([part.test for part in parts])) == list(range(count))
    for part in parts:
        whole = np.concatenate([part.train, part.validation, part.test])
        assert sorted(whole) == list(range(count))
        assert len(part.test) in (count // folds, -(-count // folds))
        assert len(part.validation) == max(1, round(0.15 / 0.85 * (count - len(part.test))))


def test_groups_stay_together_also_those_that_merge() -> None:
    own = cases(24, per_group=3)
    for fold in range(1, 5):
        part = split(own, 4, fold, together=[(0, 3)])  # so that groups 0 and 1 are one
        for name in ("train", "validation", "test"):
            groups = {own[position].group for position in getattr(part, name)}
            assert len(getattr(part, name)) == 3 * len(groups)
            assert ("g0" in groups) == ("g1" in groups)


def test_the_seed_decides_and_nothing_else() -> None:
    own = cases(20)
    np.testing.assert_array_equal(split(own, 5, 2).test, split(own, 5, 2).test)
    assert not np.array_equal(split(own, 5, 2).test, split(own, 5, 2, seed=1).test)
    assert not np.array_equal(split(own, 5, 1).validation, split(own, 5, 2).validation)


def test_too_few_groups_are_refused() -> None:
    with pytest.raises(DataError, match=r"5 folds need at least 5 cases or groups of cases, got 12 in 4 groups"):
        split(cases(12, per_group=3), 5, 1)
    with pytest.raises(DataError, match=r"2 folds need at least 4 cases or groups of cases, got 3\."):
        split(cases(3), 2, 1)


def test_beside_either_of_two_folds_a_group_trains_and_one_validates() -> None:
    own = [Case(f"c{n}", "", "large" if n < 20 else None) for n in range(23)]  # one group of 20 cases, three of one
    for fold in (1, 2):
        part = split(own, 2, fold)
        assert all(len(positions) for positions in (part.train, part.validation, part.test))


def test_a_dataset_that_says_its_split_is_refused() -> None:
    own = [Case("a", "", None, split="train"), *cases(5)]
    with pytest.raises(DataError, match="says itself which cases train and test"):
        split(own, 2, 1)


def test_a_configuration_names_folds_and_the_one_that_is_tested(home) -> None:
    config = parse(DataConfig, {"dataset": "phantom,images=20", "folds": "4", "fold": "3"})
    dataset = build_dataset(config)
    chosen = choose_cases(dataset, None)
    indices = split_cases(dataset, chosen, config, 7)
    np.testing.assert_array_equal(indices.test, fold_indices(chosen, config.split, 7, 4, 3).test)
    with pytest.raises(ConfigError, match="there are 4 folds, got 5") as caught:
        parse(DataConfig, {"folds": "4", "fold": "5"})
    assert caught.value.field == "fold"


def test_the_longest_name_leaves_room_for_the_fold() -> None:
    folds = experiment({"folds": "10"}, weightings=["mad"], name="x" * 200).in_folds()
    assert [len(one.name) for one in folds] == [199] * 9 + [200]
    assert folds[-1] == type(folds[-1]).model_validate(folds[-1].model_dump(mode="json"))
