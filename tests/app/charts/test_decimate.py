"""Decimation keeps what an eye would see, smoothing is what its formula says."""

import numpy as np
import pytest

from app.charts.decimate import decimate, shown_of


def test_short_lines_stay_whole():
    np.testing.assert_array_equal(decimate(np.arange(9), np.zeros(9), points=9), np.arange(9))
    assert len(decimate([], [])) == 0


def test_long_lines_keep_their_ends_and_their_order():
    rng = np.random.default_rng(0)
    index = decimate(np.arange(100_000), rng.normal(size=100_000))
    assert len(index) <= 1000
    assert (index[0], index[-1]) == (0, 99_999)
    assert (np.diff(index) > 0).all()


@pytest.mark.parametrize("seed", range(5))
def test_one_step_spikes_survive(seed):
    rng = np.random.default_rng(seed)
    y = rng.normal(0, 0.1, 100_000)
    spikes = rng.choice(100_000, 100, replace=False)
    y[spikes] += 5
    assert np.isin(spikes, decimate(np.arange(100_000), y)).sum() >= 90


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_gaps_stay_gaps(hole):
    y = np.sin(np.arange(50_000) / 500)
    y[10_000:12_000] = hole
    y[30_000] = hole
    index = decimate(np.arange(50_000), y)
    assert len(index) <= 1000
    assert {10_000, 30_000} <= set(index)
    assert (~np.isfinite(y[index])).sum() == 2  # one point is enough to break the line


def test_many_gaps_never_crowd_out_the_line():
    y = np.arange(100_000.0)
    y[::2] = np.nan
    y[500:600] = np.nan  # the longest hole is kept first
    index = decimate(np.arange(100_000), y, points=400)
    assert len(index) <= 400
    assert np.isfinite(y[index]).sum() >= 300
    assert 500 in index


def test_values_that_are_all_missing_need_one_point():
    np.testing.assert_array_equal(decimate(np.arange(5000), np.full(5000, np.nan)), [0])


def test_decimation_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match="`points` must be at least 8, got 4"):
        decimate([1], [1], points=4)
    with pytest.raises(ValueError, match=r"one shape \(N,\), got \(2,\) and \(3,\)"):
        decimate([1, 2], [1, 2, 3])


def test_the_caption_is_honest():
    assert shown_of(1000, 1_000_000) == "1,000 of 1,000,000 points"
    assert shown_of(800, 800) == "800 points"
