import math

import numpy as np
import pytest

from dmf.analysis import listing
from dmf.analysis.listing import COLUMNS, run_table
from dmf.records import Artifact, EpochMetrics, RunState, StateChange


def judge(run, epoch, split, **metrics):
    return EpochMetrics(run, epoch, 10 * epoch, split, 4, metrics)


def test_a_finished_run_has_its_best_validation_and_its_test(store, experiment, record):
    run = experiment.runs[0].id
    record(run, 0, 30)
    store.write(
        [
            StateChange(run, 0, RunState.RUNNING),
            *(judge(run, epoch, "validation", cb_dice=0.9 - 0.1 * epoch, lesion_dice=0.5) for epoch in (1, 2, 3)),
            Artifact(run, "checkpoint_best", 1, 10, "best", 1),
            judge(run, 1, "test", cb_dice=0.75, lesion_dice=math.nan),
            StateChange(run, 30, RunState.FINISHED),
        ],
        "me",
    )
    table = run_table(store)
    first, second = table.to_dict("records")
    assert (first["run"], first["experiment"], first["name"], first["label"]) == (run, experiment.id, "e", "variance")
    assert (first["method"], first["auxiliary"], first["state"]) == ("variance", "cb-dice", "finished")
    assert (first["epoch"], first["steps"]) == (3, 30)
    assert first["seconds"] >= 0
    assert first["created"] == experiment.created
    assert (first["validation_cb_dice"], first["validation_lesion_dice"]) == (0.8, 0.5)
    assert first["test_cb_dice"] == 0.75
    assert math.isnan(first["test_lesion_dice"])
    assert (second["method"], second["state"], second["steps"], second["epoch"]) == ("mad", "queued", 0, 0)
    assert np.isnan([second["validation_cb_dice"], second["test_cb_dice"], second["seconds"]]).all()
    assert (first["tags"], first["notes"]) == ((), "")
    assert (first["dataset"], first["seed"]) == (None, None)  # this experiment recorded neither


def test_without_a_best_network_the_latest_validation_counts(store, experiment):
    run = experiment.runs[0].id
    store.write([judge(run, epoch, "validation", dice=0.1 * epoch) for epoch in (1, 2)], "me")
    assert run_table(store, ["dice"])["validation_dice"][0] == pytest.approx(0.2)


def test_settings_that_runs_share_come_from_their_experiment(store):
    config = {"data": {"dataset": "busi"}, "training": {"seed": 7}}
    store.create_experiment(config, name="x", labels=["a"], run_configs=[{}], environment={})
    row = run_table(store, []).iloc[0]
    assert (row["dataset"], row["seed"], row["method"]) == ("busi", 7, None)


def test_an_empty_store_is_an_empty_table_with_all_columns(store):
    table = run_table(store)
    scores = [f"{split}_{metric}" for split in ("validation", "test") for metric in listing.listed_metrics()]
    assert list(table.columns) == [*COLUMNS, *scores]
    assert table.empty
    assert table["steps"].dtype == np.int64


def test_archived_runs_are_in_the_table_only_on_demand(store, experiment):
    first, second = (row.id for row in experiment.runs)
    store.update_run(first, archived=True, tags=["old"])
    assert run_table(store)["run"].tolist() == [second]
    table = run_table(store, archived=True)
    assert table["run"].tolist() == [first, second]
    assert table["archived"].tolist() == [True, False]
    assert table["tags"].tolist() == [("old",), ()]
