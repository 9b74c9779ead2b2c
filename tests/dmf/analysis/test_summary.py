import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dmf.analysis.summary import COLUMNS, summary_table

ROWS = ["run", "epoch", "step", "split", "images", "metric", "value"]


def metrics(*rows):
    return pd.DataFrame(
        [(run, epoch, 0, split, 4, metric, value) for run, epoch, split, metric, value in rows], columns=ROWS
    )


SEEDS = metrics(
    *(("r-1", 3, "test", name, value) for name, value in {"dice": 0.5, "iou": 0.3}.items()),
    *(("r-2", 7, "test", name, value) for name, value in {"dice": 0.6, "iou": np.nan}.items()),
    *(("r-3", 5, "test", name, value) for name, value in {"dice": 0.9, "iou": 0.8}.items()),
    ("r-4", 5, "test", "dice", 0.25),
    ("r-1", 3, "validation", "dice", 0.1),
    ("r-1", 4, "validation", "dice", 0.2),
)
GROUPS = {"variance": ["r-1", "r-2", "r-3"], "mad": ["r-4"]}


def test_mean_and_spread_of_each_group():
    found = summary_table(SEEDS, GROUPS, "mad")
    assert found["group"].tolist() == ["variance", "variance", "mad"]
    assert found["metric"].tolist() == ["dice", "iou", "dice"]
    dice, iou, alone = found.to_dict("records")
    # (0.5 + 0.6 + 0.9) / 3 = 2/3
    assert (dice["runs"], dice["mean"], dice["sd"]) == (
        3,
        pytest.approx(2 / 3),
        pytest.approx(np.std([5, 6, 9], ddof=1) / 10),
    )
    interval = stats.t.interval(0.95, 2, 2 / 3, stats.sem([0.5, 0.6, 0.9]))
    assert (dice["low"], dice["high"]) == pytest.approx(interval)
    assert dice["difference"] == pytest.approx(2 / 3 - 0.25)
    assert (iou["runs"], iou["mean"]) == (2, pytest.approx(0.55))  # NaN is left out
    assert np.isnan(iou["difference"])  # the baseline has none
    assert (alone["runs"], alone["mean"], alone["difference"]) == (1, 0.25, 0)
    assert np.isnan([alone["sd"], alone["low"], alone["high"]]).all()


def test_other_splits_are_shown_at_the_tested_epoch():
    found = summary_table(SEEDS, {"a": ["r-1"]}, "a", "validation")
    assert found["mean"].tolist() == [0.1]  # epoch 3 was tested, not 4


def test_before_a_test_the_latest_epoch_is_shown():
    rows = metrics(("r-1", 1, "validation", "dice", 0.1), ("r-1", 2, "validation", "dice", 0.4))
    assert summary_table(rows, {"a": ["r-1"]}, "a", "validation")["mean"].tolist() == [0.4]
    assert summary_table(rows, {"a": ["r-1"]}, "a").empty


def test_nothing_recorded_is_an_empty_table():
    found = summary_table(metrics(), {"a": ["r-1"]}, "a")
    assert found.dtypes.astype(str).to_dict() == COLUMNS
    assert found.empty


def test_an_unknown_baseline_is_refused():
    with pytest.raises(ValueError, match="`baseline` must be one of a, got 'b'"):
        summary_table(SEEDS, {"a": ["r-1"]}, "b")
