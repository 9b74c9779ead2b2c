import numpy as np
import pytest

from dmf.data import Case, split_indices
from dmf.errors import DataError

SHARES = (0.70, 0.15, 0.15)


def cases(count: int, groups: int | None = None) -> list[Case]:
    return [Case(f"c{n}", "benign", None if groups is None else f"patient {n % groups}") for n in range(count)]


def test_shares_become_counts() -> None:
    split = split_indices(cases(100), SHARES, seed=0)
    assert [len(part) for part in (split.train, split.validation, split.test)] == [70, 15, 15]


@pytest.mark.parametrize("count", [3, 4, 5, 17, 256])
def test_every_case_is_dealt_once_and_no_split_is_empty(count: int) -> None:
    split = split_indices(cases(count), SHARES, seed=1)
    parts = (split.train, split.validation, split.test)
    assert sorted(np.concatenate(parts)) == list(range(count))
    assert all(len(part) > 0 for part in parts)
    assert all(part.dtype == np.int64 for part in parts)


def test_the_seed_decides_the_split() -> None:
    first, again, other = (split_indices(cases(60), SHARES, seed).test.tolist() for seed in (0, 0, 1))
    assert first == again != other


def test_a_group_never_straddles_a_split() -> None:
    data = cases(90, groups=17)
    for seed in range(20):
        split = split_indices(data, SHARES, seed)
        patients = [{data[n].group for n in part} for part in (split.train, split.validation, split.test)]
        assert sum(len(part) for part in patients) == 17
        assert abs(len(split.train) - 63) <= 3  # a patient has 5 or 6 images, so half of that at most


def test_one_huge_group_leaves_something_for_the_others() -> None:
    data = [Case(f"c{n}", "benign", "big" if n < 50 else None) for n in range(52)]
    split = split_indices(data, SHARES, seed=3)
    assert sorted(len(part) for part in (split.train, split.validation, split.test)) == [1, 1, 50]


def test_a_case_without_a_group_is_alone_whatever_the_groups_are_called() -> None:
    data = [Case("a", "x", "0"), Case("b", "x"), Case("c", "x")]
    assert len(split_indices(data, SHARES, seed=0).train) == 1


def test_too_few_cases_are_refused_with_how_many_are_needed() -> None:
    with pytest.raises(DataError, match=r"needs at least 3 cases, got 2\. Raise the limit or add cases"):
        split_indices(cases(2), SHARES, seed=0)


def test_too_few_groups_are_refused() -> None:
    with pytest.raises(DataError, match=r"at least 3 cases, got 40 in 2 group\(s\), which stay together"):
        split_indices(cases(40, groups=2), SHARES, seed=0)


def test_cases_that_belong_together_merge_their_groups() -> None:
    data = [
        Case("a", "x", "p1"),
        Case("b", "x"),
        Case("c", "x", "p2"),
        Case("d", "x", "p1"),
        Case("e", "x"),
        Case("f", "x"),
    ]
    for seed in range(20):
        split = split_indices(data, SHARES, seed, together=[(2, 3), (1, 2)])  # p1 + p2 + b: a, b, c, d
        parts = [set(part.tolist()) for part in (split.train, split.validation, split.test)]
        assert {0, 1, 2, 3} in parts


def test_nothing_that_belongs_together_leaves_the_split_as_it_was() -> None:
    for data in (cases(60), cases(60, groups=17)):
        plain, again = split_indices(data, SHARES, 5), split_indices(data, SHARES, 5, together=[(7,)])
        assert plain.train.tolist() == again.train.tolist()
        assert plain.test.tolist() == again.test.tolist()


def test_the_split_of_a_seed_stays_what_it_was() -> None:
    # Recorded when the split was first written: runs of one seed must stay comparable across versions.
    assert split_indices(cases(12), SHARES, seed=0).test.tolist() == [3, 6]


def split_as(*parts: str | None) -> list[Case]:
    return [Case(f"c{n}", "x", split=part) for n, part in enumerate(parts)]  # type: ignore[arg-type]


def test_a_given_split_is_kept_whatever_the_seed_and_groups() -> None:
    data = split_as(*["train"] * 6, "validation", *["test"] * 3)
    data = [Case(case.id, case.label, "P1", split=case.split) for case in data]
    for seed in range(3):
        split = split_indices(data, SHARES, seed, together=[(0, 9)])
        assert [part.tolist() for part in (split.train, split.validation, split.test)] == [
            [0, 1, 2, 3, 4, 5], [6], [7, 8, 9],
        ]  # fmt: skip


@pytest.mark.parametrize(("given", "cut"), [("test", "validation"), ("validation", "test")])
def test_a_part_that_is_not_given_is_cut_from_training_by_group(given: str, cut: str) -> None:
    data = [Case(f"c{n}", "x", f"P{n % 10}", split="train") for n in range(40)] + split_as(*[given] * 8)
    split = split_indices(data, SHARES, seed=1)
    assert getattr(split, given).tolist() == list(range(40, 48))
    assert len(getattr(split, cut)) == 8  # 15 of 85 shares of 40 are 7.06: two patients of 4 images
    patients = [{data[n].group for n in part} for part in (split.train, getattr(split, cut))]
    assert not patients[0] & patients[1]


def test_training_alone_is_dealt_as_if_nothing_were_given() -> None:
    plain, given = split_indices(cases(20), SHARES, 4), split_indices(split_as(*["train"] * 20), SHARES, 4)
    assert plain.test.tolist() == given.test.tolist()


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (("train", "train", None, "test"), "is given for 3 of 4 cases only"),
        (("test", "validation", "test"), "has no case to train on"),
        (("train", "test", "test"), "has no validation part, and its training part holds only one case"),
    ],
)
def test_a_given_split_that_cannot_be_used_is_refused(parts: tuple[str | None, ...], said: str) -> None:
    with pytest.raises(DataError, match=said):
        split_indices(split_as(*parts), SHARES, seed=0)
