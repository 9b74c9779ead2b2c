"""Numbers over a picture in colours."""

import numpy as np

from app.charts.heat import LINE, STOPS, heat_bar, heat_map
from app.charts.overlay import Pixels


def colours(drawn: Pixels) -> list[tuple[int, ...]]:
    return [tuple(map(int, color)) for color in drawn[0]]


def test_levels_have_colours_from_the_least_to_the_most() -> None:
    levels = np.array([[10, 20, 30, 40, 50]], np.uint8)
    nothing = np.zeros((1, 5), np.uint8)
    assert colours(heat_map(levels, nothing, (10, 50))) == list(STOPS)
    assert colours(heat_map(levels, nothing, (30, 31)))[::4] == [STOPS[0], STOPS[-1]]
    assert colours(heat_map(np.zeros((1, 5), np.uint8), nothing, (0, 0))) == [STOPS[0]] * 5


def test_a_map_is_enlarged_to_the_truth_which_is_outlined_but_for_void_pixels() -> None:
    truth = np.zeros((8, 8), np.uint8)
    truth[2:6, 2:6] = 1
    truth[7] = 255
    drawn = heat_map(np.full((2, 2), 255, np.uint8), truth)
    assert drawn.shape == (8, 8, 3)
    is_line = (drawn == LINE).all(axis=-1)
    expected = truth == 1
    expected[3:5, 3:5] = False
    np.testing.assert_array_equal(is_line, expected)
    assert (drawn[~is_line] == STOPS[-1]).all()


def test_the_bar_names_both_ends() -> None:
    bar = heat_bar("0", "1")
    assert "Colours from 0 to 1" in bar
    assert bar.index(f"rgb{STOPS[0]}") < bar.index(f"rgb{STOPS[-1]}")
