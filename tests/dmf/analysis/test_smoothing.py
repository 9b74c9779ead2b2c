"""Exponential smoothing in pieces."""

import numpy as np
import pandas as pd
import pytest

from dmf.analysis.smoothing import Smoother


def test_a_value_by_hand() -> None:
    # Share 0.5: (4), then (2 + 0.5 * 4) / 1.5 = 8/3, then (6 + 0.5 * 2 + 0.25 * 4) / 1.75 = 32/7.
    np.testing.assert_allclose(Smoother(0.5)([4.0, 2.0, 6.0]), [4, 8 / 3, 32 / 7])


def test_no_smoothing_returns_the_values_with_gaps() -> None:
    np.testing.assert_array_equal(Smoother(0)([1.0, np.inf, 2.0]), [1, np.nan, 2])


@pytest.mark.parametrize("sizes", [(1000,), (1, 300, 5, 694), (250, 250, 500), (300, 1, 1, 1, 697)])
def test_in_pieces_or_at_once_is_the_same(sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    series = rng.normal(size=1000)
    series[rng.choice(1000, 60, replace=False)] = np.nan
    series[:3] = np.nan
    expected = pd.Series(series).ewm(alpha=0.1, ignore_na=True).mean().to_numpy()
    smoother = Smoother(0.9)
    pieces = [smoother(piece) for piece in np.split(series, np.cumsum(sizes)[:-1])]
    np.testing.assert_allclose(np.concatenate(pieces), np.where(np.isnan(series), np.nan, expected))


def test_a_long_piece_without_values_changes_nothing() -> None:
    smoother = Smoother(0.5)
    smoother([4.0])
    assert np.isnan(smoother(np.full(300, np.nan))).all()
    np.testing.assert_allclose(smoother([2.0]), [8 / 3])


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_a_share_outside_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match=r"`share` must be in \[0, 1\), got"):
        Smoother(share)
