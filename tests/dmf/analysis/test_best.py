import math

import pandas as pd
import pytest

from dmf.analysis.best import best_point, shown_epoch
from dmf.analysis.listing import run_table
from dmf.analysis.overview import overview
from dmf.analysis.results import experiment_document
from dmf.analysis.summary import summary_table
from dmf.records import EpochMetrics


def rows(*cells):
    return pd.DataFrame(
        [(*cell, "cb_dice", 0.5)[:4] if len(cell) < 3 else (cell[0], cell[1], "cb_dice", cell[2]) for cell in cells],
        columns=["split", "epoch", "metric", "value"],
    )


@pytest.mark.parametrize(
    ("points", "best"),
    [
        ([], None),
        ([(0, 0.9)], None),
        ([(1, 0.2), (2, 0.5), (3, 0.5), (4, math.nan)], (2, 0.5)),
        ([(1, math.inf), (3, 0.1), (2, -0.5)], (3, 0.1)),
        ([(1, math.nan)], None),
    ],
)
def test_the_best_is_the_first_of_the_highest_trained_ones(points, best):
    assert best_point(points) == best
    assert best_point(reversed(points)) == best


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        (rows(), None),
        (rows(("validation", 0)), 0),
        (rows(("validation", 1, 0.9), ("validation", 3, 0.2)), 1),
        (rows(("validation", 1, math.nan), ("validation", 3, math.nan)), 3),
        (rows(("validation", 1, 0.9), ("validation", 3), ("train", 2), ("test", 2)), 2),
        (rows(("validation", 1, 0.9), ("validation", 2, 0.1), ("test", 2), ("test", 1)), 1),
    ],
)
def test_a_run_is_described_by_its_tested_epoch_else_its_best_else_its_latest(metrics, expected):
    assert shown_epoch(metrics) == expected


@pytest.mark.parametrize("scores", [[0.2, 0.5, 0.4], [math.nan, 0.5, 0.4], [0.2, 0.5, math.nan], [0.5, 0.5, -math.inf]])
def test_home_compare_its_tables_and_the_command_line_name_the_same_best(store, experiment, scores):
    run = experiment.runs[0].id
    for epoch, score in enumerate(scores, start=1):
        store.write([EpochMetrics(run, epoch, epoch, "validation", 3, {"cb_dice": score, "lesion_dice": epoch})], "me")
    shown = overview(store)[0].runs[0]
    assert shown.best == 0.5
    row = run_table(store).iloc[0]
    assert (row["validation_cb_dice"], row["validation_lesion_dice"]) == (0.5, shown.best_epoch)
    table = summary_table(store.epoch_metrics([run]), {"a": [run]}, "a", split="validation").set_index("metric")
    assert table["mean"].to_dict() == {"cb_dice": 0.5, "lesion_dice": shown.best_epoch}
    document = experiment_document(store, experiment.id)["runs"][0]
    assert (document["epoch"], document["validation"]["cb_dice"]) == (shown.best_epoch, 0.5)
