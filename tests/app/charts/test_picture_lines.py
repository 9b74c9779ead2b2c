"""Lines over pixels, one trace per picture."""

import pandas as pd

from app.charts.picture_lines import intensity_histogram, line_profile


def test_each_picture_is_a_line_with_its_colour_and_dash() -> None:
    frame = pd.DataFrame({"picture": ["Target", "Target", "CoV"], "way": [0, 100, 50], "intensity": [0.1, 0.9, 0.4]})
    figure = line_profile(frame, {"CoV": "#123456"}, {"Target": "dash"})
    assert [(trace.name, trace.line.dash, trace.line.color) for trace in figure.data] == [
        ("Target", "dash", None),
        ("CoV", "solid", "#123456"),
    ]


def test_an_empty_frame_is_an_empty_chart() -> None:
    assert not line_profile(pd.DataFrame({"picture": [], "way": [], "intensity": []}), {}, {}).data


def test_one_line_per_picture_in_its_colour_with_units_on_the_axes() -> None:
    frame = pd.DataFrame(
        {"picture": ["b", "b", "a", "a"], "intensity": [0, 255, 0, 255], "share": [25.0, 75.0, 50.0, 50.0]}
    )
    figure = intensity_histogram(frame, {"b": "#112233"})
    assert [line.name for line in figure.data] == ["b", "a"]
    assert figure.data[0].y.tolist() == [25.0, 75.0]
    assert figure.data[0].line.color == "#112233"
    assert "0 black" in figure.layout.xaxis.title.text
    assert "%" in figure.layout.yaxis.title.text
