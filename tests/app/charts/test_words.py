import numpy as np
import pandas as pd

from app.charts.picture_lines import intensity_histogram
from app.charts.ternary import ternary
from app.charts.words import as_text

NAME = "<b>ce</b> & <i>x"


def test_a_name_that_looks_like_html_is_drawn_as_text() -> None:
    assert as_text(NAME) == "&lt;b&gt;ce&lt;/b&gt; &amp; &lt;i&gt;x"


def test_names_of_runs_losses_and_pictures_are_text_in_figures() -> None:
    triangle = ternary({NAME: np.full((2, 3), 1 / 3)}, terms=[NAME, "b", "c"], colors={NAME: "#000000"}, text="#000000")
    assert triangle.data[0].name == as_text(NAME)
    assert triangle.layout.ternary.aaxis.title.text == as_text(NAME)
    lines = intensity_histogram(
        pd.DataFrame({"picture": [NAME], "intensity": [0.0], "share": [1.0]}), {NAME: "#000000"}
    )
    assert (lines.data[0].name, lines.data[0].line.color) == (as_text(NAME), "#000000")
