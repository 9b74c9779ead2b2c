"""Intensities of pictures, one line each."""

import pandas as pd

from app.charts.histogram import intensity_histogram


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
