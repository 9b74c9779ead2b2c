"""Weights averaged over the repeats of a study."""

import numpy as np
import pandas as pd

from app.charts.study_weights import study_weights

COLUMNS = ["configuration", "repeats", "term", "step", "mean", "low", "high"]
COLORS = {"ce": "#4a64e7", "dice": "#0a4627"}


def test_a_field_for_each_configuration_a_band_below_each_line() -> None:
    rows = [(name, 3, term, step, 0.5, 0.4, 0.6) for name in ("mad", "fixed") for term in COLORS for step in (0.0, 1.0)]
    figure = study_weights(pd.DataFrame(rows, columns=COLUMNS), COLORS, "#000")
    assert [title.text for title in figure.layout.annotations] == ["mad (3)", "fixed (3)"]
    bands, lines = figure.data[::2], figure.data[1::2]
    assert [line.name for line in lines] == ["ce", "dice", "ce", "dice"]
    assert [line.showlegend for line in lines] == [True, True, False, False]
    assert list(bands[0].y) == [0.6, 0.6, 0.4, 0.4]
    assert lines[0].xaxis != lines[2].xaxis


def test_without_a_spread_there_is_a_line_alone_and_nothing_of_nothing() -> None:
    alone = pd.DataFrame([("mad", 1, "ce", 0.0, 0.5, np.nan, np.nan)], columns=COLUMNS)
    assert len(study_weights(alone, COLORS, "#000").data) == 1
    assert not study_weights(pd.DataFrame(columns=COLUMNS), COLORS, "#000").data
