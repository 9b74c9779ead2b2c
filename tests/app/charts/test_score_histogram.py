"""The chart of scores of single images holds what it was given."""

import pandas as pd

from app.charts.score_histogram import BRUSH, score_histogram


def test_bars_say_how_many_images_have_a_score() -> None:
    frame = pd.DataFrame({"low": [0.0, 0.5], "high": [0.5, 1.0], "images": [3, 4]})
    made = score_histogram(frame, "Dice", "#123456").to_dict()
    assert made["encoding"]["x"]["title"] == "Dice"
    assert made["encoding"]["y"]["title"] == "Images"
    (values,) = made["datasets"].values()
    assert [row["images"] for row in values] == [3, 4]


def test_dragging_across_the_bars_selects_a_range_of_scores() -> None:
    frame = pd.DataFrame({"low": [0.0], "high": [1.0], "images": [1]})
    (brush,) = score_histogram(frame, "Dice", "#123456").to_dict()["params"]
    assert (brush["name"], brush["select"]["encodings"]) == (BRUSH, ["x"])


def test_an_empty_histogram_is_drawn() -> None:
    score_histogram(pd.DataFrame({"low": [], "high": [], "images": []}), "Dice", "#123456").to_dict()
