"""The ranks of a study."""

import pandas as pd

from app.charts.study_ranks import study_ranks


def test_a_point_for_each_configuration_the_best_on_top() -> None:
    ranks = pd.DataFrame({"configuration": ["mad/none", "<b>"], "rank": [1.25, 1.75]})
    figure = study_ranks(ranks, "#4a64e7", "#000")
    (points,) = figure.data
    assert list(points.x) == [1.25, 1.75]
    assert list(points.y) == ["mad/none", "&lt;b&gt;"]
    assert list(points.error_x.arrayminus) == [0.25, 0.75]  # to rank 1
    assert figure.layout.yaxis.autorange == "reversed"


def test_nothing_is_drawn_of_nothing() -> None:
    empty = pd.DataFrame({"configuration": [], "rank": []})
    assert not len(study_ranks(empty, "#4a64e7", "#000").data[0].x)
