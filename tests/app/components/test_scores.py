"""The table of scores: what stands out, what stands beside a number, and what is said of it."""

import math
import re
from functools import partial
from types import SimpleNamespace

import pandas as pd
import pytest

from app.components.scores import ScoreWords, ordered, table_html
from dmf.tasks import known_metric
from dmf.tasks.segmentation.metrics.info import absent_sentence

COLUMNS = ["run", "epoch", "step", "split", "images", "metric", "value"]


def race():
    experiment = SimpleNamespace(is_recorded=False, runs=[SimpleNamespace(id="r1"), SimpleNamespace(id="r2")])
    return SimpleNamespace(
        snapshot=SimpleNamespace(experiment=experiment), dashes=[(), (8, 4)], titles={"r1": "one", "r2": "two"}
    )


def rows(metric, *values, images=9):
    return [(run, 3, 30, "validation", images, metric, value) for run, value in zip(("r1", "r2"), values, strict=True)]


def table(*metrics, absent=""):
    frame = pd.DataFrame([row for each in metrics for row in each], columns=COLUMNS)
    words = ScoreWords(partial(known_metric, task="segmentation"), absent, ("lesion_dice", "cb_dice"), "CB-Dice")
    return table_html(race(), frame, ordered(frame, words), words)


def best(html):
    return re.findall(r'<td class="best">([\d.]+)', html)


@pytest.mark.parametrize(
    ("metric", "values", "expected"),
    [
        ("dice", (0.4, 0.6), ["0.6000"]),
        ("mae", (0.4, 0.6), ["0.4000"]),
        ("val_loss", (math.nan, 0.6), ["0.6000"]),
        ("something", (0.4, 0.6), []),  # nobody knows which values are better
    ],
)
def test_the_best_value_stands_out_where_it_is_known_which_is_better(metric, values, expected):
    assert best(table(rows(metric, *values))) == expected


def test_the_images_behind_a_mean_stand_beside_it_and_are_no_column():
    html = table(rows("lesion_dice_per_image", 0.5, 0.25), rows("images", 7.0, 1.0))
    assert '0.5000 <span class="how">7 images</span>' in html
    assert '0.2500 <span class="how">1 image</span>' in html
    assert html.count("<th") == 2 + 1 + 1  # <thead> and its two headings, and the line of the split


def test_the_explanation_says_what_an_absent_class_scores_but_of_scores_computed_elsewhere():
    said = absent_sentence("ignore")
    assert f"the mean over classes. {said}" in table(rows("dice", 0.4, 0.6), absent=said)
    assert said not in table(rows("mae", 0.4, 0.6), absent=said)


def test_scores_of_the_latest_epoch_say_so_as_lists_show_the_best_epochs():
    assert 'Validation, 9 images<span class="muted">, at the latest epoch</span>' in table(rows("dice", 0.4, 0.6))
