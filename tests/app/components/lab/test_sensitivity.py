"""The values that a parameter is given."""

from app.components.lab.sensitivity import spread, varied


def test_values_lie_at_equal_distances_or_at_equal_ratios() -> None:
    assert spread(0.0, 1.0, 3, "rho") == [0, 0.5, 1]
    assert spread(0.01, 1.0, 3, "mu") == [0.01, 0.1, 1]


def test_values_between_the_ends_have_three_digits() -> None:
    assert spread(1 / 3, 1.0, 4, "weight_max") == [1 / 3, 0.556, 0.778, 1.0]


def test_whole_numbers_are_round_too() -> None:
    assert spread(10, 2000, 3, "history_max") == [10, 141, 2000]
    assert spread(1000, 2000, 3, "history_max") == [1000, 1410, 2000]  # the root of 2 million is 1414


def test_a_memory_that_only_has_to_be_as_long_as_a_window_is_not_varied() -> None:
    assert varied(["window", "history_max", "beta"]) == ["window", "beta"]
    assert varied(["history_max", "rho"]) == ["history_max", "rho"]


def test_whole_numbers_come_once() -> None:
    assert spread(2, 4, 8, "history_max") == [2, 3, 4]


def test_without_a_range_there_is_nothing() -> None:
    assert spread(1.0, 1.0, 3, "rho") == spread(None, 1.0, 3, "rho") == []
