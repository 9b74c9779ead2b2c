import math

import pytest

from dmf.analysis.results import experiment_document
from dmf.errors import RunNotFoundError
from dmf.jobs import Job, create_experiment
from dmf.records import EpochMetrics, RunState, StateChange

KEYS = {
    *(
        "id",
        "label",
        "state",
        "reason",
        "weighting",
        "auxiliary",
        "steps",
        "stopped_early",
        "seconds",
        "epoch",
        "weights",
    ),
    *("train", "validation", "test"),
}


def test_a_finished_race_is_told_at_the_tested_epoch(store, tiny):
    experiment = create_experiment(store, tiny("mad", "fixed,weights=1:0:1,auxiliary=none"))
    Job(store, experiment, "me").train()
    document = experiment_document(store, experiment.id)
    assert document["experiment"] == experiment.id
    first, second = document["runs"]
    assert first.keys() == second.keys() == KEYS
    assert (first["id"], first["label"], first["state"]) == (experiment.runs[0].id, "mad", "finished")
    assert (second["weighting"], second["auxiliary"], second["weights"]) == ("fixed", "none", [1.0, 0.0, 1.0])
    assert first["auxiliary"] == "cb-dice"
    assert sum(first["weights"]) == pytest.approx(1, abs=1e-6)
    assert first["steps"] == 8
    assert first["seconds"] > 0
    metrics = store.epoch_metrics([first["id"]])
    for split in ("train", "validation", "test"):
        at = metrics[(metrics["split"] == split) & (metrics["epoch"] == first["epoch"])]
        assert first[split] == dict(zip(at["metric"], at["value"], strict=True))
        assert {"dice", "iou", "f1", "precision", "recall", "cb_dice", "lesion_dice"} <= first[split].keys()


def test_a_queued_run_has_no_numbers_yet(store, tiny):
    experiment = create_experiment(store, tiny())
    (run,) = experiment_document(store, experiment.id)["runs"]
    assert (run["state"], run["steps"], run["epoch"], run["weights"]) == ("queued", 0, None, [])
    assert run["train"] == run["validation"] == run["test"] == {}


def test_a_number_that_is_not_finite_is_none(store, tiny):
    experiment = create_experiment(store, tiny())
    run = experiment.runs[0].id
    metrics = {"dice": math.nan, "iou": 0.5}
    store.write(
        [EpochMetrics(run, 0, 0, "validation", 3, metrics), StateChange(run, 0, RunState.FAILED, "a reason")], None
    )
    (found,) = experiment_document(store, experiment.id)["runs"]
    assert found["validation"] == {"dice": None, "iou": 0.5}
    assert (found["state"], found["reason"]) == ("failed", "a reason")


def test_an_unknown_experiment_is_refused(store):
    with pytest.raises(RunNotFoundError, match="No experiment 'e-none'"):
        experiment_document(store, "e-none")
