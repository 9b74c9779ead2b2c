"""Arithmetic in plain numbers is that of tensors, to the bit."""

import numpy as np
import pytest
import torch

from dmf.weighting import LossHistory, functional, plain


@pytest.mark.parametrize("kind", ["true", "notebook"])
@pytest.mark.parametrize("eps", [None, 1e-7])
@pytest.mark.parametrize("values", ["spread", "ties", "flat"])
@pytest.mark.parametrize("count", [2, 3, 4, 5, 10, 99, 100])
def test_the_deviation_of_a_window_in_order_is_that_of_the_window(count, values, eps, kind):
    generator = np.random.default_rng(count)
    windows = generator.standard_normal((50, count)) * 10.0 ** generator.integers(-6, 6, (50, 1))
    if values == "ties":
        windows = generator.integers(0, 3, (50, count)).astype(float)
    elif values == "flat":
        windows = np.full((50, count), 0.7)
    rows = torch.from_numpy(windows)
    scaled = rows if eps is None else functional.minmax(rows, count, eps)
    expected = functional.mad(scaled, count, kind).tolist()
    assert [plain.mad(sorted(row), kind, eps) for row in windows.tolist()] == expected


def test_a_window_in_order_holds_the_last_values_whatever_comes():
    history, generator = LossHistory(2, 5), np.random.default_rng(0)
    kept = plain.Ordered(history, plain.unbounded)
    rows = generator.integers(-2, 3, (40, 2)).astype(float).tolist()
    for step, row in enumerate(rows):
        windows = kept.add(row)
        history.remember(row)
        assert kept.follows(history)
        assert windows == [sorted(column) for column in zip(*rows[max(step - 4, 0) : step + 1], strict=True)]
    assert plain.Ordered(history, plain.unbounded).add([1.0, 2.0]) is not None
    assert kept.add([1e200, 0.0]) is None
