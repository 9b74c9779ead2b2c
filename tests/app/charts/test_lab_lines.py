"""Lines of the lab."""

import numpy as np

from app.charts.lab_lines import Drawn, paled, thinned


def test_short_lines_are_drawn_in_full_from_the_first_step() -> None:
    (found,), note = thinned([Drawn("MAD", "ce", np.array([1.0, 2.0, 3.0]))], 10)
    np.testing.assert_array_equal(found[0], [10, 11, 12])
    np.testing.assert_array_equal(found[1], [1, 2, 3])
    assert note == ""


def test_long_lines_are_thinned_and_keep_their_spikes() -> None:
    y = np.zeros(20_000)
    y[12_345] = 1.0
    (found,), note = thinned([Drawn("MAD", "ce", y)], 0)
    assert len(found[0]) <= 1000
    assert found[1].max() == 1
    assert note.endswith("of 20,000 points")


def test_what_is_zoomed_to_is_shown_in_more_detail() -> None:
    (found,), _ = thinned([Drawn("MAD", "ce", np.arange(20_000.0))], 0, (100.0, 300.0))
    inside = (found[0] >= 100) & (found[0] <= 300)
    assert inside.sum() == 201


def test_a_pale_colour_lies_between_the_colour_and_the_page() -> None:
    assert paled("#000000", "#ffffff", 0.5) == "#808080"
    assert paled("#ff0000", "#000000", 0.2) == "#330000"
