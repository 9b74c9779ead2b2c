"""Extremes of a growing series: whatever comes, the same as if it had been known from the start."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmf.analysis.extremes import Extremes


def test_a_short_series_is_kept_whole() -> None:
    extremes = Extremes(buckets=8)
    extremes.extend([3.0, 1.0, 2.0])
    positions, values = extremes.points()
    assert positions.tolist() == [0, 1, 2]
    assert values.tolist() == [3.0, 1.0, 2.0]


def test_of_each_bucket_the_lowest_and_the_highest_stay() -> None:
    # Two buckets at most, so 8 values lie in buckets of 4: (5 1 9 4) and (7 7 2 8); the ends 5 and 8 stay as well.
    extremes = Extremes(buckets=2)
    extremes.extend([5.0, 1.0, 9.0, 4.0, 7.0, 7.0, 2.0, 8.0])
    positions, values = extremes.points()
    assert positions.tolist() == [0, 1, 2, 6, 7]
    assert values.tolist() == [5.0, 1.0, 9.0, 2.0, 8.0]


def test_a_gap_stays_a_gap() -> None:
    extremes = Extremes(buckets=2)
    extremes.extend([5.0, 1.0, np.nan, np.inf, 7.0, 7.0, 2.0, 8.0])
    positions, values = extremes.points()
    assert positions.tolist() == [0, 1, 2, 6, 7]
    np.testing.assert_array_equal(values, [5.0, 1.0, np.nan, 2.0, 8.0])


def test_nothing_gives_nothing() -> None:
    extremes = Extremes()
    extremes.extend([])
    assert [len(part) for part in extremes.points()] == [0, 0]


def test_a_million_values_stay_few_and_every_spike_is_among_them() -> None:
    rng = np.random.default_rng(0)
    series = rng.normal(0, 0.01, 1_000_000)
    spikes = rng.choice(len(series), 100, replace=False)
    series[spikes] = 5.0 + np.arange(100)
    extremes = Extremes()
    for chunk in np.array_split(series, 77):
        extremes.extend(chunk)
    positions, values = extremes.points()
    assert len(positions) <= 2 * 2048 + 2
    # Two spikes can share a bucket of 512 values, of which the higher stays: about 100 * 99 / 2 / 1954 = 2.5 pairs.
    assert len(set(spikes) & set(positions.tolist())) >= 90
    np.testing.assert_array_equal(values, series[positions])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-9, 9) | st.just(float("nan")), min_size=1, max_size=200), st.data())
def test_in_pieces_or_at_once_is_the_same(series: list[float], data: st.DataObject) -> None:
    whole, pieces = Extremes(buckets=4), Extremes(buckets=4)
    whole.extend(series)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(series)), max_size=5)))
    for start, end in zip([0, *cuts], [*cuts, len(series)], strict=True):
        pieces.extend(series[start:end])
    for ours, theirs in zip(pieces.points(), whole.points(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 1000])
def test_positions_rise_and_the_ends_are_kept(count: int) -> None:
    series = np.sin(np.arange(count))
    extremes = Extremes(buckets=32)
    extremes.extend(series)
    positions, values = extremes.points()
    assert positions[0] == 0
    assert positions[-1] == count - 1
    assert (np.diff(positions) > 0).all()
    assert values.max() == series.max()
    assert values.min() == series.min()
