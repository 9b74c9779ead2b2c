"""What the page Compare reads."""

import pandas as pd

from app import access
from dmf.records import EpochMetrics, Event, RunState, StateChange
from dmf.runs import RunStore


def recorded() -> list[str]:
    store: RunStore = access.store()
    fusion = {"weighting": "mad", "terms": ["ce", "dice"], "history_min": 3}
    made = store.create_experiment({}, name="Race", labels=["a", "b"], run_configs=[fusion] * 2, environment={})
    ids = [run.id for run in made.runs]
    store.claim(ids, "test")
    store.write([Event(ids[0], 0, "prepared", {"steps_per_epoch": 7})], "test")
    store.write([EpochMetrics(ids[0], 1, 7, "validation", 4, {"dice": 0.5, "dice/lesion": 0.25})], "test")
    store.write([StateChange(id, 7, RunState.FINISHED) for id in ids], "test")
    store.release(ids, "test")
    return ids


def test_runs_come_in_the_order_asked_for_and_those_that_are_gone_are_named() -> None:
    ids = recorded()
    runs, missing = access.compared_runs([ids[1], "r-gone", ids[0]])
    assert [run.id for run in runs] == [ids[1], ids[0]]
    assert missing == ["r-gone"]
    assert [run.steps_per_epoch for run in runs] == [1, 7]


def test_a_deleted_run_is_gone_at_once() -> None:
    ids = recorded()
    assert access.compared_runs(ids)[1] == []
    access.delete_runs(ids)
    assert access.compared_runs(ids) == ([], ids)


def test_what_people_say_of_a_run_is_in_the_table() -> None:
    ids = recorded()
    access.describe_run(ids[0], name="Better", tags=["x"], notes="n", archived=True)
    assert access.all_runs()["label"].tolist() == ["b"]
    assert access.all_runs(archived=True)["label"].tolist() == ["Better", "b"]


def test_metrics_of_one_class_come_last() -> None:
    ids = recorded()
    runs, _ = access.compared_runs(ids)
    assert access.metric_names(runs, access.run_metrics(ids)) == ["dice", "dice/lesion"]
    assert access.metric_names(runs, pd.DataFrame()) == ["cb_dice"]
