import dataclasses

import numpy as np
import pytest

from dmf.errors import NotOwnerError, RunNotFoundError, StoreError
from dmf.records import Artifact, CaseScores, EpochMetrics, Event, RunState, Sample, StateChange


def scores(run, epoch, split="validation"):
    counts = np.arange(12, dtype=np.int64).reshape(2, 2, 3) + epoch
    return CaseScores(run, epoch, split, ("a", "b"), counts, np.array([[480, 640], [471, 562]]))


def record_epoch(store, experiment, run, epoch, step):
    store.write(
        [
            EpochMetrics(run, epoch, step, "validation", 5, {"dice": epoch / 10, "iou": epoch / 20}),
            scores(run, epoch),
            Sample(experiment.id, run, "a", epoch, step, "prediction", b"png %d" % epoch, 0.5),
            Event(run, step, "knob", {"field": "gamma"}),
            Event(run, step, "flat", {"loss": "ce"}),
        ],
        "me",
    )


def test_metrics_are_read_as_one_long_frame(store, experiment, run):
    other = experiment.runs[1].id
    store.write([EpochMetrics(run, 1, 10, "validation", 5, {"dice": 0.5, "iou": float("nan")})], "me")
    store.write([EpochMetrics(other, 0, 0, "train", 9, {"dice": 0.25})], "me")

    frame = store.epoch_metrics([run, other])

    assert frame.columns.tolist() == ["run", "epoch", "step", "split", "images", "metric", "value"]
    assert frame.drop(columns="value").to_numpy().tolist() == [
        [run, 1, 10, "validation", 5, "dice"],
        [run, 1, 10, "validation", 5, "iou"],
        [other, 0, 0, "train", 9, "dice"],
    ]
    np.testing.assert_array_equal(frame["value"], [0.5, np.nan, 0.25])
    assert store.epoch_metrics([]).empty
    assert store.epoch_metrics([])["value"].dtype == np.float64


def test_the_summary_holds_the_latest_of_everything(store, experiment, run, make_block):
    store.write([make_block(run, 0, 20), EpochMetrics(run, 1, 10, "train", 5, {"dice": 0.1})], "me")
    store.write([EpochMetrics(run, 2, 20, "validation", 5, {"dice": 0.2})], "me")

    summary = store.run(run).summary

    assert (summary["step"], summary["epoch"]) == (19, 2)
    assert summary["metrics"] == {"train": {"dice": 0.1}, "validation": {"dice": 0.2}}


def test_metrics_without_a_name_are_no_rows(store, run):
    store.write([EpochMetrics(run, 1, 10, "train", 5, {})], "me")
    assert store.epoch_metrics([run]).empty


def test_case_scores_come_back_as_they_were(store, run):
    store.write([scores(run, 2), scores(run, 1), scores(run, 1, "test")], "me")

    first, second = store.case_scores(run, "validation")

    assert (first.epoch, second.epoch) == (1, 2)
    assert first.cases == ("a", "b")
    np.testing.assert_array_equal(first.counts, scores(run, 1).counts)
    np.testing.assert_array_equal(first.sizes, [[480, 640], [471, 562]])


def test_scores_of_cases_without_counts_come_back_as_they_were(store, run):
    named = {"psnr": np.array([31.25, np.nan]), "rmse": np.array([0.1, 0.25])}
    store.write([dataclasses.replace(scores(run, 1), counts=None, scores=named)], "me")
    (back,) = store.case_scores(run, "validation")
    assert back.counts is None
    assert back.cases == ("a", "b")
    assert back.scores.keys() == named.keys()
    for name, values in named.items():
        np.testing.assert_array_equal(back.scores[name], values)


def test_scores_that_are_not_one_for_each_case_are_refused(store, run):
    wrong = dataclasses.replace(scores(run, 1), scores={"psnr": np.zeros(3)})
    with pytest.raises(ValueError, match=r"Score 'psnr' must be one number for each of 2 cases, got \(3,\)"):
        store.write([wrong], "me")


def test_case_scores_of_a_wrong_shape_are_refused(store, run):
    wrong = dataclasses.replace(scores(run, 1), counts=np.zeros((3, 2, 3), np.int64))
    with pytest.raises(ValueError, match=r"`counts` must have shape \(2, classes, 3\)"):
        store.write([wrong], "me")


def test_samples_are_listed_without_their_bytes(store, experiment, run):
    store.write(
        [
            Sample(experiment.id, run, "a", 0, 0, "prediction", b"prediction", 0.5),
            Sample(experiment.id, None, "a", 0, 0, "image", b"image"),
        ],
        "me",
    )

    image, prediction = store.samples(experiment.id)

    assert (image.kind, image.run, image.score) == ("image", None, None)
    assert (prediction.kind, prediction.run, prediction.score) == ("prediction", run, 0.5)
    assert store.sample_png(image.id) == b"image"
    assert store.sample_pngs([prediction.id, image.id]) == {prediction.id: b"prediction", image.id: b"image"}


def test_parts_of_one_kind_stand_beside_each_other(store, experiment, run):
    def seen(part, png, score):
        return Sample(experiment.id, run, "a", 1, 10, "attention", png, score, part)

    store.write([seen("deep", b"1", 0.1), seen("fine", b"2", None)], "me")
    store.write([seen("deep", b"3", 0.3)], "me")

    deep, fine = store.samples(experiment.id)
    assert [(row.kind, row.part, row.score) for row in (deep, fine)] == [
        ("attention", "deep", 0.3),
        ("attention", "fine", None),
    ]
    assert store.sample_pngs([deep.id, fine.id]) == {deep.id: b"3", fine.id: b"2"}


def test_a_sample_that_is_not_there_is_refused(store):
    with pytest.raises(RunNotFoundError, match="No sample 5"):
        store.sample_png(5)


def test_what_is_written_again_replaces_the_first(store, experiment, run):
    for value in (0.1, 0.2):
        store.write(
            [
                EpochMetrics(run, 1, 10, "validation", 5, {"dice": value}),
                scores(run, 1),
                Sample(experiment.id, run, "a", 1, 10, "prediction", b"", value),
                Sample(experiment.id, None, "a", 0, 0, "truth", b""),
                Artifact(run, "checkpoint_last", 1, int(value * 10), "last.safetensors", 3),
            ],
            "me",
        )

    assert store.epoch_metrics([run])["value"].tolist() == [0.2]
    assert len(store.case_scores(run, "validation")) == 1
    assert [row.score for row in store.samples(experiment.id)] == [None, 0.2]
    assert store.artifacts(run) == [Artifact(run, "checkpoint_last", 1, 2, "last.safetensors", 3)]


def test_a_state_change_moves_the_run_and_is_an_event(store, clock, run):
    clock.now += 5
    store.write([StateChange(run, 0, RunState.RUNNING)], "me")
    clock.now += 5
    store.write([StateChange(run, 7, RunState.PAUSED), StateChange(run, 7, RunState.RUNNING)], "me")
    clock.now += 5
    store.write([StateChange(run, 9, RunState.FAILED, "loss is NaN")], "me")

    row = store.run(run)
    assert (row.state, row.reason) == (RunState.FAILED, "loss is NaN")
    assert row.started == row.created + 5
    assert row.ended == row.created + 15
    events = store.events([run])
    assert [(event.kind, event.step, event.data["state"]) for event in events] == [
        ("state", 0, "running"),
        ("state", 7, "paused"),
        ("state", 7, "running"),
        ("state", 9, "failed"),
    ]
    assert [event.data["state"] for event in store.events([run], after_id=events[2].id)] == ["failed"]


def test_a_new_attempt_trims_what_came_later_and_keeps_the_story(store, experiment, run, make_block):
    store.write([StateChange(run, 0, RunState.RUNNING), make_block(run, 0, 30)], "me")
    store.write([Sample(experiment.id, None, "a", 0, 0, "image", b"")], "me")
    for epoch in (0, 1, 2, 3):
        record_epoch(store, experiment, run, epoch, epoch * 10)
    store.write([StateChange(run, 30, RunState.STOPPED)], "me")
    store.claim([run], "me")

    assert store.begin_attempt(run, 20, "me") == 2

    # Telemetry of step 20 is taken again; the evaluation at step 20 describes the checkpoint and stays.
    assert store.latest_step(run) == 19
    assert store.epoch_metrics([run])["epoch"].unique().tolist() == [0, 1, 2]
    assert [score.epoch for score in store.case_scores(run, "validation")] == [0, 1, 2]
    assert [(row.kind, row.epoch) for row in store.samples(experiment.id)] == [
        ("image", 0),
        ("prediction", 0),
        ("prediction", 1),
        ("prediction", 2),
    ]
    events = store.events([run])
    assert [event.step for event in events if event.kind == "flat"] == [0, 10]
    assert [event.step for event in events if event.kind == "knob"] == [0, 10, 20, 30]  # applied again at their step
    assert [event.data["state"] for event in events if event.kind == "state"] == ["running", "stopped", "queued"]
    row = store.run(run)
    assert row.attempt == store.attempt(run) == 2
    assert (row.summary["step"], row.summary["epoch"]) == (19, 2)
    assert row.summary["metrics"] == {"validation": {"dice": 0.2, "iou": 0.1}}
    assert row.summary["steps_per_second"] is None


def test_a_new_attempt_from_step_0_starts_with_nothing(store, run, make_block):
    store.write([make_block(run, 0, 30)], "me")
    store.begin_attempt(run, 0, "me")
    assert store.run(run).summary == {"step": -1, "epoch": 0, "metrics": {}, "steps_per_second": None}
    store.write([make_block(run, 0, 1, attempt=2)], "me")
    assert store.latest_step(run) == 0


def test_only_the_owner_begins_an_attempt(store, run):
    with pytest.raises(NotOwnerError, match="owned by 'me', not by 'you'"):
        store.begin_attempt(run, 0, "you")


def test_a_batch_is_stored_whole_or_not_at_all(store, run, make_block):
    with pytest.raises(StoreError, match="already has steps"):
        store.write([Event(run, 0, "note"), make_block(run, 0, 5), make_block(run, 3, 5)], "me")
    assert store.events([run]) == []
    assert store.latest_step(run) == -1


def test_every_kind_of_record_is_refused_from_another_than_the_owner(store, experiment, run, make_block):
    records = [
        make_block(run, 0, 1),
        EpochMetrics(run, 0, 0, "train", 1, {"dice": 1}),
        scores(run, 0),
        Sample(experiment.id, run, "a", 0, 0, "prediction", b""),
        Sample(experiment.id, None, "a", 0, 0, "image", b""),
        Event(run, 0, "note"),
        StateChange(run, 0, RunState.FINISHED),
        Artifact(run, "checkpoint_last", 0, 0, "x", 1),
    ]
    for record in records:
        for owner in ("you", None):
            with pytest.raises(NotOwnerError, match="owned by 'me'"):
                store.write([record], owner)


def test_a_run_that_nobody_owns_is_written_without_an_owner(store, experiment):
    run = experiment.runs[0].id
    store.write([Event(run, 0, "note"), Sample(experiment.id, None, "a", 0, 0, "image", b"")], None)
    with pytest.raises(NotOwnerError, match="owned by nobody, not by 'me'"):
        store.write([Event(run, 0, "note")], "me")


def test_unknown_runs_and_experiments_are_refused(store):
    with pytest.raises(RunNotFoundError, match=r"No run 'r-1'.*`dmf runs` lists"):
        store.write([Event("r-1", 0, "note")], "me")
    with pytest.raises(RunNotFoundError, match="No experiment 'e-1'"):
        store.write([Sample("e-1", None, "a", 0, 0, "image", b"")], "me")


def test_writing_nothing_does_nothing(store):
    store.write([], "me")
