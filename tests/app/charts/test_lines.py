"""Lines for the live chart."""

import numpy as np
import pytest

from app.charts.lines import Source, View, draw, honest, thin


class Walk:
    """A run of which every column counts up."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.asked: list[dict] = []

    def trace(self, column: str, **about):
        self.asked.append({"column": column, **about})
        return np.arange(float(self.size)), np.arange(float(self.size))


def test_a_line_per_source_with_its_names() -> None:
    run = Walk(5)
    view = View("time", 7, 100.0, 0.5)
    (line,) = draw([Source(run, "loss_ce", "MAD", "ce", "Cross-entropy · MAD")], view, (1.0, 2.0))
    assert (line.name, line.run, line.term, line.total) == ("Cross-entropy · MAD", "MAD", "ce", 5)
    assert line.y.tolist() == [0, 1, 2, 3, 4]
    assert run.asked == [
        {
            **{"column": "loss_ce", "axis": "time", "steps_per_epoch": 7, "origin": 100.0},
            **{"smoothing": 0.5, "window": (1.0, 2.0)},
        }
    ]


@pytest.mark.parametrize(("lines", "most"), [(1, 1000), (9, 1000), (18, 500), (60, 300)])
def test_many_lines_share_the_points_of_a_chart(lines: int, most: int) -> None:
    drawn = draw([Source(Walk(20_000), "c", "r", "t", str(index)) for index in range(lines)], View())
    assert all(most * 0.9 < len(line.x) <= most for line in drawn)


def test_a_window_gets_points_of_its_own() -> None:
    x = np.arange(100_000.0)
    chosen = x[thin(x, np.sin(x), 1000, (50_000, 50_500))]
    assert ((chosen >= 50_000) & (chosen <= 50_500)).sum() == 501
    assert len(chosen) <= 1002
    assert (np.diff(chosen) > 0).all()


def test_a_window_outside_the_line_draws_the_line() -> None:
    x = np.arange(10.0)
    assert thin(x, x, 1000, (100, 200)).tolist() == list(range(10))


def test_honest_about_what_is_shown() -> None:
    assert honest(draw([Source(Walk(20_000), "c", "r", "t", "a")], View())) == "1,000 of 20,000 points"
    assert honest(draw([Source(Walk(20), "c", "r", "t", "a")], View())) == ""
    assert honest([]) == ""


def test_an_event_lies_where_its_axis_says() -> None:
    assert View("step").at(30, 105) == 30
    assert View("epoch", steps_per_epoch=20).at(30, 105) == 1.5
    assert View("time", origin=100).at(30, 105) == 5
    assert View("time", origin=100).at(0, 90) == 0
