"""Samples are drawn with their difference, on the scale that a reader chose."""

import numpy as np

from app.charts.difference import STOPS
from app.charts.overlay import decode, encode
from app.tasks.synthesis.samples import DifferenceView


def test_an_output_is_drawn_as_it_is_and_as_its_difference() -> None:
    target, output = encode(np.full((4, 4), 100, np.uint8)), encode(np.full((4, 4), 49, np.uint8))
    view = DifferenceView()
    shown, difference = view.prediction(target, target, output, {}, 0.2)  # 51 of 255 too dark: the end of the scale
    assert shown == output
    assert tuple(map(int, decode(difference, grey=False)[0, 0])) == STOPS[-1]
    assert len(view.parts) == 2
    assert "target minus output" in view.legend({}, 0.2)
