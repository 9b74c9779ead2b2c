"""The experiments of a cross-validation as one."""

import pytest

from dmf.analysis.folds import folds_document


def document(id: str, *runs: tuple[str, dict[str, float | None]]) -> dict:
    return {"experiment": id, "runs": [{"label": label, "validation": {}, "test": test} for label, test in runs]}


def test_mean_and_deviation_are_over_the_folds_of_each_run() -> None:
    found = folds_document(
        [
            document("e1", ("mad", {"dice": 0.5, "hd95": None}), ("cov", {"dice": 0.9})),
            document("e2", ("mad", {"dice": 0.7, "hd95": 4.0}), ("cov", {"dice": 0.8})),
            document("e3", ("mad", {"dice": 0.9, "hd95": 8.0}), ("cov", {})),  # that one was stopped
        ]
    )
    assert found["experiments"] == ["e1", "e2", "e3"]
    mad, cov = found["runs"]
    assert (mad["label"], mad["folds"], cov["label"], cov["folds"]) == ("mad", 3, "cov", 2)
    assert mad["test"]["dice"] == {"mean": pytest.approx(0.7), "std": pytest.approx(0.2)}
    assert mad["test"]["hd95"] == {"mean": pytest.approx(6.0), "std": pytest.approx(8**0.5)}
    assert cov["test"]["dice"] == {"mean": pytest.approx(0.85), "std": pytest.approx(0.005**0.5)}


def test_of_one_fold_there_is_no_deviation() -> None:
    (run,) = folds_document([document("e1", ("mad", {"dice": 0.5}))])["runs"]
    assert run["test"] == {"dice": {"mean": 0.5, "std": None}}
