"""What a large case is drawn from: window, and a line through the picture."""

import numpy as np

from app.tasks.synthesis.case_detail import LINE, POINTS, Line, Window


def test_a_window_maps_its_ends_to_black_and_white() -> None:
    assert Window(0.2, 0.6).apply(np.array([[0.1, 0.2, 0.4, 0.6, 0.9]])).tolist() == [[0, 0, 128, 255, 255]]


def test_a_profile_reads_between_pixels_from_one_end_to_the_other() -> None:
    ramp = np.broadcast_to(np.arange(11) / 10, (5, 11))
    np.testing.assert_allclose(Line((0.0, 0.5), (1.0, 0.5)).values(ramp), np.linspace(0, 1, POINTS), atol=1e-2)
    np.testing.assert_allclose(Line((0.3, 0.0), (0.3, 1.0)).values(ramp), np.full(POINTS, 0.3), atol=1e-2)
    np.testing.assert_allclose(Line((1.0, 0.0), (0.0, 1.0)).values(ramp), np.linspace(1, 0, POINTS), atol=1e-2)


def test_channels_of_a_profile_are_averaged() -> None:
    picture = np.dstack([np.full((4, 4), level) for level in (0.0, 0.3, 0.9)])
    np.testing.assert_allclose(Line((0.0, 0.0), (1.0, 1.0)).values(picture), np.full(POINTS, 0.4), atol=1e-6)


def test_the_line_is_drawn_from_point_to_point() -> None:
    drawn = Line((0.0, 0.0), (1.0, 1.0)).draw(np.zeros((20, 20), np.uint8))
    assert tuple(drawn[10, 10]) == LINE
    assert not drawn[0, 19].any()
