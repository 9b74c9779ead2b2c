"""A validation score that stands still: a run ends early, alone, or its learning rate falls; both survive a restart."""

import numpy as np
import pytest

from dmf.analysis.results import experiment_document
from dmf.jobs import Job, create_experiment
from dmf.records import EpochMetrics, RunState
from dmf.training import lockstep

EPOCH = 4  # steps


@pytest.fixture
def scored(monkeypatch):
    """Says what each run scores on the validation images, by epoch: ``scored(mad=[0.5, 0.6, ...])``, metric cb_dice."""

    def say(metric="cb_dice", **scores):
        own = lockstep.Lockstep._judge

        def judge(self, run):
            judged = own(self, run)
            if run.label in scores:
                judged.evaluation.metrics[metric] = scores[run.label][run.step // EPOCH]
            return judged

        monkeypatch.setattr(lockstep.Lockstep, "_judge", judge)

    return say


def test_a_run_that_gets_no_better_ends_alone_and_the_others_go_on(race, tiny, scored):
    scored(mad=[0.1, 0.5, 0.6, 0.6, 0.55, 0.9], variance=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    result = race(tiny("mad", "variance", epochs="5", patience="2"))
    assert set(result.states.values()) == {RunState.FINISHED}
    # MAD was best after epoch 2, and two epochs later it is no better: 4 epochs of 4 steps.
    assert len(result.telemetry("mad")) == 4 * EPOCH
    assert len(result.telemetry("variance")) == 5 * EPOCH
    (event,) = result.sink.events("mad", "stopped_early")
    assert (event.step, event.data) == (16, {"metric": "CB-Dice", "epoch": 2, "patience": 2})
    assert result.sink.events("variance", "stopped_early") == []
    tested = {row.run: row.epoch for row in result.sink.of(EpochMetrics) if row.split == "test"}
    assert tested == {"mad": 2, "variance": 5}
    alone = race(tiny("variance", epochs="5", patience="2"))
    np.testing.assert_array_equal(result.telemetry("variance"), alone.telemetry("variance"))


def test_a_run_whose_time_is_over_anyway_does_not_end_early(race, tiny, scored):
    scored(mad=[0.1, 0.5, 0.4, 0.3])
    result = race(tiny(epochs="3", patience="2"))
    assert len(result.telemetry("mad")) == 3 * EPOCH
    assert result.sink.events("mad", "stopped_early") == []


def test_any_validation_metric_may_be_watched_and_nan_is_no_better(race, tiny, scored):
    scored("iou", mad=[0.1, np.nan, np.nan, 0.5, 0.6])
    result = race(tiny(epochs="4", patience="2", watch="iou"))
    (event,) = result.sink.events("mad", "stopped_early")
    assert (event.step, event.data) == (8, {"metric": "IoU", "epoch": -1, "patience": 2})


def lr_of(result, run="mad"):
    columns = result.sink.telemetry(run)[1]
    return columns[:, list(result.runs[run]._telemetry.columns).index("lr")]


def test_the_learning_rate_falls_where_the_score_stands_still(race, tiny, scored):
    scored(mad=[0.1, 0.5, 0.5, 0.5, 0.6, 0.5])
    result = race(tiny(epochs="5", lr_schedule="plateau,epochs=1,factor=0.5", lr="0.008"))
    # After epochs 2 and 3 it is no better than after epoch 1; epoch 4 is; epoch 5 has no step after it.
    rates = result.runs["mad"].progress
    assert (rates.lr_falls, rates.lr_fell_at, rates.watched_epoch) == (3, 5, 4)
    events = result.sink.events("mad", "lr_fell")
    assert [(event.step, event.data["value"]) for event in events] == [(7, 0.004), (11, 0.002), (19, 0.001)]


@pytest.mark.parametrize("text", ["cosine", "polynomial,power=2,floor=0.1"])
def test_the_learning_rate_of_a_step_is_recorded_and_a_change_of_it_is_one_of_the_whole(race, tiny, text):
    result = race(tiny(lr_schedule=text, lr="0.01"))
    schedule, steps = result.runs["mad"]._lr_schedule, 2 * EPOCH
    expected = [0.01 * schedule.factor(step / steps, 0) for step in range(steps)]
    np.testing.assert_allclose(lr_of(result), expected, rtol=1e-6)
    assert result.runs["mad"].settings.lr == 0.01


def test_a_run_that_died_as_it_ended_early_ends_and_says_so_once(store, tiny, scored, monkeypatch):
    class Crash(BaseException):
        pass

    scored(mad=[0.1, 0.5, 0.4, 0.3, 0.2])
    made = create_experiment(store, tiny("mad", epochs="4", patience="1"))
    with monkeypatch.context() as patch:
        patch.setattr(lockstep.Lockstep, "_finish", lambda self, lane: (_ for _ in ()).throw(Crash))
        with pytest.raises(Crash):
            Job(store, made, "first").train()
    assert store.run(made.runs[0].id).state is not RunState.FINISHED
    Job(store, store.experiment(made.id), "second").train()
    (run,) = experiment_document(store, made.id)["runs"]
    assert (run["state"], run["steps"], run["epoch"]) == ("finished", 2 * EPOCH, 1)
    assert run["stopped_early"] == {"metric": "CB-Dice", "epoch": 1, "patience": 1, "step": 8}
    assert len([event for event in store.events([run["id"]]) if event.kind == "stopped_early"]) == 1
