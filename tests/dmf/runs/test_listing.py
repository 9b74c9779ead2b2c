import math

from dmf.records import Artifact, EpochMetrics, Sample


def judge(run, epoch, split, **metrics):
    return EpochMetrics(run, epoch, 10 * epoch, split, 4, metrics)


def best(run, epoch):
    return Artifact(run, "checkpoint_best", epoch, 10 * epoch, "best.safetensors", 1)


def test_metrics_at_the_best_epoch_of_every_run(store, experiment, run):
    other = experiment.runs[1].id
    store.write(
        [
            *(judge(run, epoch, "validation", cb_dice=0.1 * epoch, dice=0.2, iou=0.3) for epoch in range(4)),
            *(judge(run, epoch, "train", cb_dice=0.9) for epoch in range(4)),
            Artifact(run, "checkpoint_last", 3, 30, "last.safetensors", 1),
            best(run, 2),
            judge(run, 2, "test", cb_dice=0.7),
            # The other kept no network. What is no number, or is of the untrained network, is never the best.
            *(
                judge(other, epoch, "validation", cb_dice=score, iou=epoch / 10)
                for epoch, score in enumerate([0.9, 0.4, 0.5, 0.5, math.nan, math.inf])
            ),
            *(judge(other, epoch, "test", iou=epoch / 100) for epoch in (1, 2, 3)),
        ],
        "me",
    )
    frame = store.best_metrics(["cb_dice", "iou"], "cb_dice")
    assert [tuple(row) for row in frame.itertuples(index=False)] == [
        (run, 2, "test", "cb_dice", 0.7),
        (run, 2, "validation", "cb_dice", 0.2),
        (run, 2, "validation", "iou", 0.3),
        (other, 2, "test", "iou", 0.02),
        (other, 2, "validation", "cb_dice", 0.5),
        (other, 2, "validation", "iou", 0.2),
    ]


def test_a_value_that_is_no_number_comes_back_as_such(store, run):
    store.write([judge(run, 1, "validation", cb_dice=math.nan), best(run, 1)], "me")
    assert math.isnan(store.best_metrics(["cb_dice"], "cb_dice")["value"].item())


def test_without_runs_the_frame_is_empty_and_has_its_types(store):
    frame = store.best_metrics(["cb_dice"], "cb_dice")
    assert frame.dtypes.astype(str)[["epoch", "value"]].to_dict() == {"epoch": "int64", "value": "float64"}
    assert list(frame.columns) == ["run", "epoch", "split", "metric", "value"]


def test_stored_bytes_are_files_and_pictures_of_each_run(store, experiment, run):
    other = experiment.runs[1].id
    assert store.stored_bytes([run, other]) == {run: 0, other: 0}
    store.write(
        [
            Artifact(run, "checkpoint_last", 3, 30, "last.safetensors", 1000),
            Artifact(run, "probabilities_best", 2, 20, "probabilities-best.zip", 200),
            Sample(experiment.id, run, "a", 1, 10, "prediction", b"12345"),
            Sample(experiment.id, run, "b", 1, 10, "prediction", b"\x00234567"),
            Sample(experiment.id, None, "a", 0, 0, "image", b"shared by all runs"),
            Sample(experiment.id, other, "a", 1, 10, "prediction", b"123"),
        ],
        "me",
    )
    assert store.stored_bytes([run, other]) == {run: 1212, other: 3}  # 1000 + 200 + 5 + 7
    assert store.stored_bytes([]) == {}
