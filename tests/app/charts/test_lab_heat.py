"""The heat map of a sweep."""

import numpy as np

from app.charts.lab_heat import heat_map


def figure(now: float | None = None):
    weights = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])
    return heat_map(np.array([0, 2, 4]), [1.0, 3.0], weights, parameter="Memory", loss="Dice", now=now, text="#000000")


def test_a_row_of_colours_for_each_value_named_on_its_axis() -> None:
    made = figure()
    assert made.data[0].z.shape == (2, 3)
    assert list(made.data[0].x) == [0, 2, 4]
    assert list(made.layout.yaxis.ticktext) == ["1", "3"]
    assert (made.layout.yaxis.title.text, made.layout.xaxis.title.text) == ("Memory", "Step")


def test_where_the_slider_stands_is_marked_if_it_is_in_the_range() -> None:
    assert figure(2.0).layout.shapes[0].y0 == 0.5  # half way from 1 to 3
    assert not figure(9.0).layout.shapes
    assert not figure(None).layout.shapes


def test_values_of_thousands_are_written_out() -> None:
    made = heat_map(np.array([0]), [0.125, 2000.0], np.zeros((2, 1)), parameter="P", loss="L", now=None, text="#000000")
    assert list(made.layout.yaxis.ticktext) == ["0.125", "2,000"]
