"""Corrected tests and ranks against SciPy, and against values worked by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from dmf.studies.inference import LEAST_REPEATS, corrected_t, planned_differences, ranks

SCORES = np.random.default_rng(3).normal([0.80, 0.82, 0.79, 0.80], 0.02, (10, 4))  # (repeats, configurations)


def test_without_shared_cases_it_is_the_plain_t_test_of_scipy():
    differences = SCORES[:, 1] - SCORES[:, 0]
    ours, theirs = corrected_t(differences, 1e-12), stats.ttest_1samp(differences, 0)
    assert ours.t == pytest.approx(theirs.statistic, rel=1e-6)
    assert ours.p == pytest.approx(theirs.pvalue, rel=1e-6)
    assert (ours.low, ours.high) == pytest.approx(theirs.confidence_interval(0.95), rel=1e-6)


def test_the_correction_widens_by_the_share_of_the_test_images():
    # differences 1, 2, 3: mean 2, s^2 = 1; share 15/70: variance of the mean 1/3 + 3/14 = 23/42.
    found = corrected_t([1.0, 2.0, 3.0], 15 / 70)
    assert found.t == pytest.approx(2 / math.sqrt(23 / 42))
    assert found.p == pytest.approx(2 * stats.t.sf(found.t, 2))
    assert found.high - found.mean == pytest.approx(stats.t.ppf(0.975, 2) * math.sqrt(23 / 42))


@pytest.mark.parametrize(("value", "t", "p"), [(0.0, 0.0, 1.0), (0.5, math.inf, 0.0), (-0.5, -math.inf, 0.0)])
def test_equal_differences_have_an_interval_without_width(value, t, p):
    found = corrected_t([value] * 5, 0.2)
    assert (found.t, found.p, found.low, found.high) == (t, p, value, value)


@pytest.mark.parametrize(
    ("differences", "share", "message"),
    [([1.0], 0.2, "n >= 2"), ([1.0, math.nan], 0.2, "finite"), ([1.0, 2.0], 0.0, "`test_share` must be above 0")],
)
def test_what_cannot_be_tested_is_refused(differences, share, message):
    with pytest.raises(ValueError, match=message):
        corrected_t(differences, share)


def table(repeats):
    return {f"c{column}": dict(enumerate(SCORES[:repeats, column])) for column in range(4)}


def test_planned_differences_are_corrected_for_their_number_by_holm():
    found = planned_differences(table(10), "c0", 0.2)
    assert list(found) == ["c1", "c2", "c3"]
    order = sorted(found.values(), key=lambda one: one.p)
    # Holm by hand: the smallest times 3, the next times 2, the last once, never falling.
    expected = np.maximum.accumulate([order[0].p * 3, order[1].p * 2, order[2].p])
    assert [one.p_holm for one in order] == pytest.approx(np.minimum(expected, 1))


def test_below_five_repeats_there_is_a_mean_and_no_more():
    found = planned_differences(table(LEAST_REPEATS - 1), "c0", 0.2)["c1"]
    assert found.mean == pytest.approx((SCORES[:4, 1] - SCORES[:4, 0]).mean())
    assert all(math.isnan(value) for value in (found.low, found.high, found.t, found.p, found.p_holm))


def test_only_repeats_that_both_have_are_compared():
    scores = table(10)
    del scores["c1"][0]
    scores["c1"][1] = math.nan
    found = planned_differences(scores, "c0", 0.2)
    assert (found["c1"].n, found["c2"].n) == (8, 10)
    assert planned_differences({"c0": {0: 1.0}, "c1": {1: 1.0}}, "c0", 0.2) == {}


def test_ranks_and_friedman_agree_with_scipy():
    found = ranks(list("abcd"), [f"block {n}" for n in range(10)], SCORES)
    theirs = stats.friedmanchisquare(*SCORES.T)
    assert (found.friedman, found.p) == pytest.approx((theirs.statistic, theirs.pvalue))
    assert list(found.mean.values()) == pytest.approx(stats.rankdata(-SCORES, axis=1).mean(0))
    lower = ranks(list("abcd"), [f"block {n}" for n in range(10)], SCORES, lower=True)
    assert [5 - rank for rank in found.mean.values()] == pytest.approx(list(lower.mean.values()))


def test_ties_share_their_rank_and_blocks_with_holes_are_left_out():
    found = ranks(["a", "b", "c"], ["x", "y"], np.array([[0.5, 0.5, 0.1], [0.5, np.nan, 0.1]]))
    assert found.mean == {"a": 1.5, "b": 1.5, "c": 3.0}
    assert found.blocks == ("x",)
    assert math.isnan(found.p)
    assert ranks(["a"], [], np.empty((0, 1))).mean == {}
