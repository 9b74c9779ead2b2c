import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from dmf.analysis.statistics import (
    bootstrap_p,
    hierarchical_bootstrap,
    holm,
    paired_t,
    percentile_interval,
    signed_rank,
)

# Wilcoxon


def test_ranks_zeros_and_effect_by_hand():
    # |d| = 0, 1, 2, 2, 4 have ranks 1, 2, 3.5, 3.5, 5; the zero's rank is dropped.
    # Positive: 2 + 3.5 + 5 = 10.5, negative: 3.5; effect (10.5 - 3.5) / 14 = 0.5.
    found = signed_rank([0, 1, 2, -2, 4])
    assert (found.n, found.zeros, found.effect, found.median) == (5, 1, 0.5, 1)
    # Of the 16 ways to sign ranks 2, 3.5, 3.5, 5 the smaller sum is at most 3.5 in 8: {}, {2}, {3.5}, {3.5} and
    # what is left after taking these.
    assert found.p == pytest.approx(8 / 16)


def exact_p(differences):
    """By trying every way to sign the ranks."""
    ranks = stats.rankdata(np.abs(differences))[np.array(differences) != 0]
    observed = stats.rankdata(np.abs(differences))[np.array(differences) > 0].sum()
    middle = ranks.sum() / 2
    sums = [np.dot(signs, ranks) for signs in itertools.product((0, 1), repeat=len(ranks))]
    return np.mean([abs(value - middle) >= abs(observed - middle) - 1e-9 for value in sums])


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=9).filter(any))
@settings(max_examples=40, deadline=None)
def test_few_pairs_have_the_p_of_trying_every_sign(differences):
    assert signed_rank(differences).p == pytest.approx(exact_p(differences))


@pytest.mark.parametrize("n", [8, 30, 50, 51, 300])
@pytest.mark.parametrize("zeros", [0, 3])
def test_p_is_that_of_scipy(n, zeros):
    differences = np.random.default_rng(n).normal(0.3, 1, n)
    differences[:zeros] = 0
    expected = stats.wilcoxon(differences, zero_method="pratt", correction=False).pvalue
    found = signed_rank(differences)
    assert found.p == pytest.approx(expected, rel=1e-12)
    assert found.zeros == zeros
    # With the smaller rank sum T of SciPy, |effect| = 1 - 2 T / (all ranks that count).
    ranks = stats.rankdata(np.abs(differences))[differences != 0].sum()
    statistic = stats.wilcoxon(differences, zero_method="pratt").statistic
    assert abs(found.effect) == pytest.approx(1 - 2 * statistic / ranks)


def test_the_normal_approximation_with_zeros_by_hand():
    # 60 pairs: 20 zeros with ranks 1..20; 40 non-zero ones with ranks 21..60, of which 21..30 are negative.
    differences = np.concatenate([np.zeros(20), -np.arange(1, 11), np.arange(11, 41)])
    total = sum(range(21, 61))  # 1620
    positive = sum(range(31, 61))  # 1365
    variance = sum(rank**2 for rank in range(21, 61)) / 4
    z = (positive - total / 2) / variance**0.5
    found = signed_rank(differences)
    assert found.p == pytest.approx(2 * stats.norm.sf(z))
    assert found.effect == pytest.approx((1365 - 255) / 1620)


def test_differences_that_only_rounding_makes_are_ties_and_zeros():
    # 0.3 - 0.2 and 0.2 - 0.1 differ in the last bit, 0.1 + 0.2 - 0.3 is 5.6e-17.
    noisy = signed_rank([0.3 - 0.2, 0.2 - 0.1, -0.1, 0.1 + 0.2 - 0.3])
    assert noisy == signed_rank([0.1, 0.1, -0.1, 0])
    assert noisy.zeros == 1


def test_without_any_difference_nothing_is_shown():
    found = signed_rank(np.zeros(20))
    assert (found.n, found.zeros, found.p, found.effect) == (20, 20, 1, 0)
    assert (found.median, found.low, found.high) == (0, 0, 0)


def test_exchanging_the_models_turns_the_signs():
    differences = np.random.default_rng(1).normal(0.2, 1, 25)
    one, other = signed_rank(differences), signed_rank(-differences)
    assert (one.p, one.effect, one.median, one.low, one.high) == pytest.approx(
        (other.p, -other.effect, -other.median, -other.high, -other.low)
    )


def test_the_interval_of_the_median_by_hand():
    # Of 10, at most one lies below the median with 11 / 1024 = 1.07 %, at most two with 56 / 1024 = 5.5 %: so the
    # second smallest to the second largest.
    found = signed_rank([5, 3, 8, 1, 9, 2, 7, 10, 4, 6])
    assert (found.median, found.low, found.high) == (5.5, 2, 9)
    # Of 6, none lies below with 1 / 64 = 1.6 %: all of them. Of 5 it is 3.1 %: no interval.
    assert (signed_rank(range(1, 7)).low, signed_rank(range(1, 7)).high) == (1, 6)
    assert np.isnan([signed_rank(range(1, 6)).low, signed_rank(range(1, 6)).high]).all()


@pytest.mark.parametrize("n", [6, 17, 40])
def test_the_interval_holds_the_median_of_a_skewed_distribution(n):
    generator = np.random.default_rng(n)
    median = np.log(2)
    found = [signed_rank(generator.exponential(size=n)) for _ in range(500)]
    held = np.mean([one.low <= median <= one.high for one in found])
    assert held >= 0.95 - 0.02  # two standard errors of 500 trials


@pytest.mark.parametrize("differences", [[], [1, np.nan], [np.inf], [[1, 2]]])
def test_pairs_without_a_score_are_refused(differences):
    with pytest.raises(ValueError, match=r"`differences` must be .* Leave out pairs that miss a score"):
        signed_rank(differences)


# Student


def test_the_paired_t_test_is_that_of_scipy():
    differences = np.random.default_rng(3).normal(0.5, 1, 6)
    expected = stats.ttest_1samp(differences, 0)
    interval = expected.confidence_interval(0.95)
    found = paired_t(differences)
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.mean, found.low, found.high) == pytest.approx((differences.mean(), interval.low, interval.high))
    assert found.n == 6


def test_two_seeds_by_hand():
    # mean 2, standard error sqrt(2) / sqrt(2) = 1, t = 2 with one degree of freedom: p = 1 - 2 atan(2) / pi
    found = paired_t([1, 3])
    assert found.p == pytest.approx(1 - 2 * np.arctan(2) / np.pi)
    assert found.high == pytest.approx(2 + np.tan(np.pi * 0.475))


def test_equal_differences_have_no_spread():
    assert (paired_t([0, 0]).p, paired_t([0, 0]).low) == (1, 0)
    assert (paired_t([0.1, 0.3 - 0.2]).p, paired_t([0.1, 0.3 - 0.2]).high) == (0, 0.1)


@pytest.mark.parametrize("differences", [[], [1], [1, np.nan]])
def test_a_t_test_needs_two_finite_differences(differences):
    with pytest.raises(ValueError, match="with n >= 2"):
        paired_t(differences)


# Holm


def test_holm_by_hand():
    # Sorted 0.01, 0.02, 0.03, 0.4 times 4, 3, 2, 1: 0.04, 0.06, 0.06 (not below the one before), 0.4
    assert holm([0.03, 0.01, 0.4, 0.02]).tolist() == pytest.approx([0.06, 0.04, 0.4, 0.06])


@pytest.mark.parametrize("p_values", [[0.5], [0, 0.01, 0.01, 1], np.random.default_rng(0).random(40) ** 3])
def test_holm_is_that_of_statsmodels(p_values):
    np.testing.assert_allclose(holm(p_values), multipletests(p_values, method="holm")[1], atol=1e-15)


def test_one_comparison_needs_no_correction_and_none_is_fine():
    assert holm([0.2]).tolist() == [0.2]
    assert holm([]).tolist() == []


@pytest.mark.parametrize("p_values", [[0.1, np.nan], [-0.1], [1.1], [[0.1]]])
def test_what_is_no_p_value_is_refused(p_values):
    with pytest.raises(ValueError, match=r"`p_values` must be \(m,\) numbers in \[0, 1\]"):
        holm(p_values)


# Bootstrap


def every_draw(scores, widening):
    """Each equally likely outcome of drawing 2 seeds and then 2 images of each, by nested loops."""
    means = [table.mean() for table in scores]
    found = []
    for seeds in itertools.product((0, 1), repeat=2):
        for images in itertools.product(itertools.product((0, 1), repeat=2), repeat=2):
            between = sum(means[seed] for seed in seeds) / 2 - sum(means) / 2
            within = sum(
                sum(scores[seed][0, image] for image in chosen) / 2 - means[seed]
                for seed, chosen in zip(seeds, images, strict=True)
            )
            found.append(sum(means) / 2 + widening * between + within / 2)
    return np.array(found)


def test_draws_have_the_distribution_of_all_possible_draws():
    scores = [np.array([[0.0, 1.0]]), np.array([[10.0, 14.0]])]
    # sqrt(2 / 1) times Student's 12.706 over the normal 1.960
    expected = every_draw(scores, np.sqrt(2) * stats.t.ppf(0.975, 1) / stats.norm.ppf(0.975))
    draws = hierarchical_bootstrap(scores, seed=1, draws=40_000)[:, 0]
    values, counts = np.unique(np.round(expected, 6), return_counts=True)
    found, drawn = np.unique(np.round(draws, 6), return_counts=True)
    np.testing.assert_allclose(found, values)
    np.testing.assert_allclose(drawn / 40_000, counts / len(expected), atol=0.01)


def test_models_share_the_draws():
    table = np.random.default_rng(0).random((1, 20))
    scores = [np.concatenate([table, table + 0.25]), np.concatenate([table + 1, table + 1.25])]
    draws = hierarchical_bootstrap(scores, draws=200)
    np.testing.assert_allclose(draws[:, 1] - draws[:, 0], 0.25)
    assert draws[:, 0].std() > 0


def test_the_same_seed_gives_the_same_draws():
    scores = [np.random.default_rng(number).random((2, 5 + number)) for number in range(3)]
    np.testing.assert_array_equal(
        hierarchical_bootstrap(scores, seed=4, draws=50), hierarchical_bootstrap(scores, seed=4, draws=50)
    )
    assert (hierarchical_bootstrap(scores, seed=4, draws=50) != hierarchical_bootstrap(scores, seed=5, draws=50)).any()


def test_many_images_are_drawn_in_parts(monkeypatch):
    scores = [np.random.default_rng(number).random((2, 50)) for number in range(3)]
    whole = hierarchical_bootstrap(scores, draws=4000)
    monkeypatch.setattr("dmf.analysis.statistics._CELLS", 50 * 7)
    parts = hierarchical_bootstrap(scores, draws=4000)
    np.testing.assert_allclose(parts.mean(0), whole.mean(0), atol=0.01)
    np.testing.assert_allclose(parts.std(0), whole.std(0), rtol=0.05)


@pytest.mark.parametrize(
    ("seeds", "by_seed", "by_image", "most"),
    [(3, 0.02, 0.01, 0.98), (5, 0.02, 0.05, 0.99), (10, 0.0, 0.1, 1.0)],
)
def test_the_interval_holds_the_true_difference(seeds, by_seed, by_image, most):
    """Score differences of 0.03 on average, which vary by seed and by image; 400 studies."""
    generator = np.random.default_rng(seeds)
    held = 0
    for study in range(400):
        truth = 0.03 + by_seed * generator.normal(size=(seeds, 1)) + by_image * generator.normal(size=(seeds, 25))
        low, high = percentile_interval(hierarchical_bootstrap(list(truth[:, None]), study, draws=600)[:, 0])
        held += low <= 0.03 <= high
    assert 0.93 <= held / 400 <= most


def test_the_p_is_where_the_interval_begins_to_hold_zero():
    draws = np.arange(-2.0, 97)  # 99 draws, 3 of which are 0 or less
    assert bootstrap_p(draws) == bootstrap_p(-draws) == pytest.approx(2 * 4 / 100)
    assert bootstrap_p(np.arange(1.0, 100)) == pytest.approx(0.02)  # 2 / (99 + 1): no fewer can be told
    assert bootstrap_p(np.zeros(9)) == 1


def test_the_interval_is_the_middle_95_of_100():
    assert percentile_interval(np.arange(1001.0)) == pytest.approx((25, 975))


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([np.ones((2, 3))], "at least 2 of them, got 1. Compare over images instead"),
        ([np.ones((2, 3)), np.ones((1, 3))], r"with the same models, got shapes \[\(2, 3\), \(1, 3\)\]"),
        ([np.ones((2, 3)), np.ones((2, 0))], "got shapes"),
        ([np.ones(3), np.ones(3)], "got shapes"),
        ([np.ones((2, 3)), np.full((2, 3), np.nan)], "must be finite; leave out the images"),
    ],
)
def test_scores_that_cannot_be_resampled_are_refused(scores, message):
    with pytest.raises(ValueError, match=message):
        hierarchical_bootstrap(scores)
