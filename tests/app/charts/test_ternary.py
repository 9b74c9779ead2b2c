"""Paths of three weights in a triangle."""

import numpy as np
import pytest

from app.charts.ternary import ternary

THREE = ("CE", "IoU", "Dice")


def test_a_line_per_run_ends_in_a_dot() -> None:
    path = np.array([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]])
    figure = ternary({"MAD": path}, THREE, {"MAD": "#123456"}, "#000000")
    (trace,) = figure.data
    assert (trace.name, trace.line.color) == ("MAD", "#123456")
    assert (tuple(trace.a), tuple(trace.b), tuple(trace.c)) == ((0.2, 0.6), (0.3, 0.3), (0.5, 0.1))
    assert trace.marker.size == (0, 10)
    assert figure.layout.ternary.aaxis.title.text == "CE"


def test_a_run_without_a_step_draws_nothing() -> None:
    figure = ternary({"MAD": np.empty((0, 3))}, THREE, {"MAD": "#123456"}, "#000000")
    assert len(figure.data[0].a) == 0


def test_two_terms_make_no_triangle() -> None:
    with pytest.raises(ValueError, match="three corners, got 2 terms: CE, IoU"):
        ternary({}, THREE[:2], {}, "#000000")
