"""The values that a parameter is given."""

from app.components.lab.sensitivity import spread


def test_values_lie_at_equal_distances_or_at_equal_ratios() -> None:
    assert spread(0.0, 1.0, 3, "rho") == [0, 0.5, 1]
    assert spread(0.01, 1.0, 3, "mu") == [0.01, 0.1, 1]


def test_whole_numbers_come_once() -> None:
    assert spread(2, 4, 8, "history_max") == [2, 3, 4]


def test_without_a_range_there_is_nothing() -> None:
    assert spread(1.0, 1.0, 3, "rho") == spread(None, 1.0, 3, "rho") == []
