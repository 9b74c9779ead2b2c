"""Intensities along a line, one trace per picture."""

import pandas as pd

from app.charts.profile import line_profile


def test_each_picture_is_a_line_with_its_colour_and_dash() -> None:
    frame = pd.DataFrame({"picture": ["Target", "Target", "CoV"], "way": [0, 100, 50], "intensity": [0.1, 0.9, 0.4]})
    figure = line_profile(frame, {"CoV": "#123456"}, {"Target": "dash"})
    assert [(trace.name, trace.line.dash, trace.line.color) for trace in figure.data] == [
        ("Target", "dash", None),
        ("CoV", "solid", "#123456"),
    ]


def test_an_empty_frame_is_an_empty_chart() -> None:
    assert not line_profile(pd.DataFrame({"picture": [], "way": [], "intensity": []}), {}, {}).data
