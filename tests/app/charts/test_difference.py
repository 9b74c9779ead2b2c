"""Differences in colours: one scale on both sides of 0."""

import numpy as np
import pytest

from app.charts.difference import STOPS, colour_bar, signed


def test_too_dark_is_red_too_bright_is_blue_and_right_is_white() -> None:
    target = np.array([[0.5, 0.5, 0.5, 0.5, 0.5]])
    output = np.array([[0.7, 0.6, 0.5, 0.4, 0.3]])
    assert [tuple(map(int, color)) for color in signed(target, output, 0.2)[0]] == list(STOPS)


def test_what_is_beyond_the_scale_has_its_last_colour() -> None:
    drawn = signed(np.array([[1.0, -3.0]]), np.zeros((1, 2)), 0.1)[0]
    assert [tuple(map(int, color)) for color in drawn] == [STOPS[-1], STOPS[0]]


def test_channels_are_averaged() -> None:
    target = np.zeros((1, 1, 3))
    target[..., 0] = 0.6  # 0.2 on average
    assert tuple(map(int, signed(target, np.zeros((1, 1, 3)), 0.2)[0, 0])) == STOPS[-1]


@pytest.mark.parametrize("scale", [0.05, 1.0])
def test_the_bar_names_both_ends(scale: float) -> None:
    bar = colour_bar(scale)
    assert f"−{100 * scale:.0f} %" in bar
    assert f"+{100 * scale:.0f} %" in bar
    assert bar.index(f"rgb{STOPS[0]}") < bar.index(f"rgb{STOPS[-1]}")
