import pytest

from dmf.records import EpochMetrics


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({}, [("test", "dice"), ("test", "iou"), ("validation", "dice"), ("validation", "iou")]),
        ({"metrics": ["dice"]}, [("test", "dice"), ("validation", "dice")]),
        ({"split": "test"}, [("test", "dice"), ("test", "iou")]),
        ({"metrics": ["iou", "none"], "split": "validation"}, [("validation", "iou")]),
        ({"metrics": []}, []),
    ],
)
def test_metrics_and_split_choose_among_the_scores(store, run, choice, expected):
    for split in ("validation", "test"):
        store.write([EpochMetrics(run, 1, 8, split, 3, {"dice": 0.5, "iou": 0.25})], "me")
    frame = store.epoch_metrics([run], **choice)
    assert list(frame.columns) == ["run", "epoch", "step", "split", "images", "metric", "value"]
    assert list(zip(frame["split"], frame["metric"], strict=True)) == expected
    assert frame["value"].dtype == "float64"
