import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmf.tasks.segmentation.metrics.calibration import lesion_box, level_reliability, reliability

HALF = np.array([[0.1, 0.2, 0.6, 0.9]])
TRUTH = np.array([[False, True, False, True]])


def test_void_pixels_are_left_out_and_hold_no_lesion():
    values, truth = np.array([[0.9, 0.2, 0.5]]), np.array([[True, False, True]])
    void = np.array([[False, False, True]])
    kept = reliability([values], [truth], voids=[void])
    assert (kept.count.sum(), kept.error) == (2, pytest.approx((0.1 + 0.2) / 2))
    assert reliability([values], [truth], margin=0, voids=[~void]).count.sum() == 1
    for voids, words in (([], "one mask of void pixels per map"), ([void.T], "the shapes of their maps")):
        with pytest.raises(ValueError, match=words):
            reliability([values], [truth], voids=voids)


def test_bins_of_equal_width_give_the_published_error():
    # Two bins: 0.1, 0.2 (mean 0.15, half of them lesion) and 0.6, 0.9 (0.75, half): (0.35 + 0.25) / 2.
    assert reliability([HALF], [TRUTH], bins=2, binning="width").error == pytest.approx(0.3)
    # One in each third but the middle one, which is empty and has no point.
    curve = reliability([np.array([[0.1, 0.2, 0.7, 0.9]])], [TRUTH], bins=3, binning="width")
    assert curve.count.tolist() == [2, 2]
    values = np.random.default_rng(0).random((8, 8)) ** 4
    truth = np.random.default_rng(1).random((8, 8)) < 0.5
    found, bins = reliability([values], [truth], bins=10, binning="width"), np.ceil(values * 10)
    by_hand = sum(abs(truth[bins == bin].sum() - values[bins == bin].sum()) for bin in range(1, 11)) / 64
    assert found.error == pytest.approx(by_hand)
    with pytest.raises(ValueError, match="`binning` must be 'mass' or 'width', got 'equal'"):
        reliability([HALF], [TRUTH], binning="equal")


def test_two_bins_by_hand():
    # Two pixels each: 0.1, 0.2 (one of two lesion) and 0.6, 0.9 (one of two lesion).
    # ECE = 2/4 |1/2 - 0.15| + 2/4 |1/2 - 0.75| = 0.175 + 0.125 = 0.3
    found = reliability([HALF], [TRUTH], bins=2)
    np.testing.assert_allclose(found.confidence, [0.15, 0.75])
    np.testing.assert_allclose(found.frequency, [0.5, 0.5])
    assert found.count.tolist() == [2, 2]
    assert found.error == pytest.approx(0.3)
    assert found.images == 1


def test_one_bin_compares_the_two_means():
    # mean probability 1.8 / 4 = 0.45, share of lesion 2/4
    found = reliability([HALF], [TRUTH], bins=1)
    assert found.confidence.tolist() == pytest.approx([0.45])
    assert found.error == pytest.approx(0.05)


def test_images_of_any_size_are_pooled():
    apart = reliability([HALF[:, :1], HALF[:, 1:]], [TRUTH[:, :1], TRUTH[:, 1:]], bins=2)
    together = reliability([HALF], [TRUTH], bins=2)
    np.testing.assert_array_equal(apart.frequency, together.frequency)
    assert apart.error == together.error
    assert apart.images == 2


def test_equal_probabilities_stay_together():
    # 8 zeros, of which one is lesion, and 0.5, 1.0: quarters of the pixels would cut through the zeros.
    values = np.array([[0.0] * 8 + [0.5, 1.0]])
    truth = np.array([[True] + [False] * 8 + [True]])
    found = reliability([values], [truth], bins=4)
    assert found.count.tolist() == [8, 2]
    assert found.confidence.tolist() == [0, 0.75]
    assert found.frequency.tolist() == [0.125, 0.5]
    # 0.8 * 0.125 + 0.2 * 0.25
    assert found.error == pytest.approx(0.15)


def test_a_certain_and_correct_map_has_no_error():
    found = reliability([TRUTH.astype(np.float32)], [TRUTH])
    assert found.error == 0
    assert found.confidence.tolist() == [0, 1]


def test_probabilities_that_come_true_have_a_small_error():
    generator = np.random.default_rng(0)
    values = generator.random((200, 200))
    found = reliability([values], [generator.random((200, 200)) < values], bins=10)
    assert found.count.tolist() == [4000] * 10  # equal mass
    # A frequency over 4,000 pixels has a standard deviation of at most sqrt(0.25 / 4000) = 0.008.
    assert found.error < 0.008
    overconfident = reliability([np.clip(2 * values - 0.5, 0, 1)], [generator.random((200, 200)) < values])
    assert overconfident.error > 0.1


@given(
    st.lists(st.tuples(st.sampled_from([0, 0.1, 0.25, 0.5, 0.9, 1]), st.booleans()), min_size=1, max_size=40),
    st.integers(1, 8),
)
@settings(max_examples=60, deadline=None)
def test_bins_hold_every_pixel_once_and_the_error_is_their_weighted_gap(pixels, bins):
    values, truth = np.array([pixel[0] for pixel in pixels]), np.array([pixel[1] for pixel in pixels])
    found = reliability([values[None]], [truth[None]], bins=bins)
    assert found.count.sum() == len(pixels)
    assert 1 <= len(found.count) <= bins
    assert (np.diff(found.confidence) > 0).all()
    assert (found.count * found.confidence).sum() == pytest.approx(values.sum())
    assert (found.count * found.frequency).sum() == pytest.approx(truth.sum())
    gaps = found.count / len(pixels) * abs(found.frequency - found.confidence)
    assert found.error == pytest.approx(gaps.sum())


def test_the_margin_leaves_the_far_background_out():
    truth = np.zeros((9, 9), bool)
    truth[4, 4] = True
    values = np.where(truth, 0.7, 0.0)
    values[3:6, 3:6] = 0.7
    # The box with a margin of 1 is 9 pixels of 0.7 of which one is lesion: |1/9 - 0.7|.
    found = reliability([values], [truth], bins=1, margin=1)
    assert found.count.tolist() == [9]
    assert found.error == pytest.approx(0.7 - 1 / 9)
    # Over all 81 pixels the mean probability is 6.3 / 81 and the share of lesion 1 / 81.
    assert reliability([values], [truth], bins=1).error == pytest.approx(5.3 / 81)


def test_images_without_a_lesion_have_no_box():
    empty = np.zeros((4, 4), bool)
    found = reliability([np.full((4, 4), 0.5), HALF], [empty, TRUTH], bins=2, margin=0)
    assert found.images == 1
    assert found.count.sum() == 3  # columns 1 to 3
    nothing = reliability([np.full((4, 4), 0.5)], [empty], margin=3)
    assert math.isnan(nothing.error)
    assert (nothing.images, len(nothing.count), len(nothing.confidence), len(nothing.frequency)) == (0, 0, 0, 0)


def test_the_box_holds_all_lesions_and_ends_with_the_image():
    truth = np.zeros((10, 12), bool)
    truth[1, 5] = truth[4, 11] = True
    image = np.zeros((10, 12))
    assert lesion_box(truth, 0) == (slice(1, 5), slice(5, 12))
    assert image[lesion_box(truth, 3)].shape == (8, 10)  # rows 0 to 7, columns 2 to 11
    assert lesion_box(np.zeros((3, 3), bool), 1) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bins": 0}, "`bins` must be at least 1, got 0"),
        ({"margin": -1}, "`margin` must be at least 0 pixels, got -1"),
        ({"truths": []}, "Pass one mask per map, got 0 masks for 1 maps"),
        ({"truths": [TRUTH.astype(int)]}, "the mask be boolean, got .* of int64"),
        ({"truths": [TRUTH[:, :2]]}, r"got \(1, 4\) and \(1, 2\)"),
        ({"probabilities": [HALF[0]], "truths": [TRUTH[0]]}, r"must both have shape \(H, W\)"),
        ({"probabilities": [HALF + 1]}, r"must be in \[0, 1\]. Take the softmax of logits first"),
        ({"probabilities": [HALF * np.nan]}, r"must be in \[0, 1\]"),
    ],
)
def test_what_is_no_probability_map_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        reliability(**{"probabilities": [HALF], "truths": [TRUTH]} | arguments)


@given(st.integers(0, 2**32 - 1), st.integers(1, 20), st.sampled_from([2, 5, 256]))
@settings(max_examples=30, deadline=None)
def test_counts_of_levels_give_the_curve_of_their_pixels(seed, bins, levels):
    generator = np.random.default_rng(seed)
    level = (
        generator.integers(0, levels, (16, 16)) if seed % 2 else (generator.random((16, 16)) ** 4 * levels).astype(int)
    )
    truth = generator.random((16, 16)) < level / levels
    pixels, lesions = (np.bincount(each, minlength=levels) for each in (level.ravel(), level[truth]))
    found = level_reliability(pixels, lesions, 3, bins)
    expected = reliability([level / (levels - 1)], [truth], bins)
    # Where k/bins of 256 pixels is a whole number, rounding may put an edge one level lower; the mass stays the same.
    assert found.count.sum() == 256
    assert found.images == 3
    if bins in (1, 2, 4, 8, 16):  # such fractions are exact
        np.testing.assert_array_equal(found.count, expected.count)
        np.testing.assert_allclose(found.confidence, expected.confidence, atol=1e-12)
        np.testing.assert_allclose(found.frequency, expected.frequency, atol=1e-12)
        assert found.error == pytest.approx(expected.error, abs=1e-12)


def test_two_bins_of_levels_by_hand():
    # Levels 0, 1/3, 2/3, 1 with 2, 0, 1, 1 pixels, of which 0, 0, 1, 1 are lesion: 2 pixels lie at or below level 0.
    # ECE = 2/4 |0 - 0| + 2/4 |1 - 5/6| = 1/12
    found = level_reliability(np.array([2, 0, 1, 1]), np.array([0, 0, 1, 1]), images=1, bins=2)
    assert found.count.tolist() == [2, 2]
    np.testing.assert_allclose(found.confidence, [0, 5 / 6])
    np.testing.assert_allclose(found.frequency, [0, 1])
    assert found.error == pytest.approx(1 / 12)


def test_without_a_pixel_there_is_no_curve_of_levels():
    found = level_reliability(np.zeros(4, int), np.zeros(4, int), images=0)
    assert math.isnan(found.error)
    assert (len(found.count), found.images) == (0, 0)


@pytest.mark.parametrize(
    ("pixels", "lesions", "bins", "message"),
    [
        ([1, 1], [0, 0], 0, "`bins` must be at least 1, got 0"),
        ([1, 1], [0], 2, r"must have one shape \(L,\), L >= 2"),
        ([1], [0], 2, "L >= 2"),
        ([[1, 1]], [[0, 0]], 2, "L >= 2"),
        ([1, 1], [0, 2], 2, "`lesions` must lie between 0 and `pixels`"),
        ([1, 1], [0, -1], 2, "`lesions` must lie between 0 and `pixels`"),
    ],
)
def test_levels_that_cannot_be_are_refused(pixels, lesions, bins, message):
    with pytest.raises(ValueError, match=message):
        level_reliability(np.array(pixels), np.array(lesions), 1, bins)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("bins", [1, 2, 3, 10, 15, 1000])
def test_bins_of_equal_width_are_those_that_a_search_finds_also_at_their_edges(dtype, bins):
    edges = np.arange(1, bins) / bins
    at = edges.astype(dtype)
    near = [at, np.nextafter(at, dtype(0)), np.nextafter(at, dtype(1)), np.array([0, 1], dtype)]
    values = np.concatenate((np.random.default_rng(0).random(1000).astype(dtype), *near))[None]
    truth = np.random.default_rng(1).random(values.shape) < 0.5
    number = np.searchsorted(edges, values[0])
    found = reliability([values], [truth], bins, binning="width")
    held = np.unique(number)
    assert found.count.tolist() == np.bincount(number)[held].tolist()
    np.testing.assert_array_equal(found.frequency, np.bincount(number, truth[0])[held] / found.count)
    np.testing.assert_allclose(found.confidence, np.bincount(number, values[0])[held] / found.count, rtol=1e-12)
