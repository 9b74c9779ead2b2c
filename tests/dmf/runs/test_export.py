import json

import numpy as np
import pandas as pd
import pytest
from tensorboard.backend.event_processing.event_accumulator import SCALARS, EventAccumulator

from dmf.errors import ConfigError, RunNotFoundError, StoreError
from dmf.image_sets import image_set
from dmf.live_settings import read_events
from dmf.records import EpochMetrics, Event, RunState, SettingChange, StateChange, TelemetryBlock
from dmf.runs import export_run

STORED = ("loss_ce", "weight_ce", "loss_dice", "weight_dice", "auxiliary", "gamma", "total", "lr", "finite")
WRITTEN = ("loss_ce", "loss_dice", "weight_ce", "weight_dice", "auxiliary", "gamma", "total", "lr", "finite")


@pytest.fixture
def values():
    """Numbers that need all nine digits, from the smallest to the largest float32, and some that are not finite."""
    values = np.random.default_rng(0).random((50, len(STORED)), np.float32)
    values[:4, 0] = [1e-45, np.finfo(np.float32).max, np.nan, np.inf]
    return values


@pytest.fixture
def trained(store, run, values):
    store.write(
        [
            StateChange(run, 0, RunState.RUNNING),
            TelemetryBlock(run, 1, 0, STORED, values, 100.0, 149.0),
            EpochMetrics(run, 1, 50, "validation", 7, {"dice": 0.5, "iou": float("nan")}),
        ],
        "me",
    )
    return run


def in_order(values):
    return values[:, [STORED.index(name) for name in WRITTEN]]


def test_csv_has_one_row_per_step_and_loses_no_bit(store, trained, values, tmp_path):
    path = tmp_path / "run.csv"
    export_run(store, trained, "csv", path)

    assert path.read_text().splitlines()[0] == "step," + ",".join(WRITTEN)
    read = np.loadtxt(path, delimiter=",", skiprows=1)
    assert read[:, 0].tolist() == list(range(50))
    np.testing.assert_array_equal(read[:, 1:].astype(np.float32), in_order(values))


def test_parquet_holds_the_same_table(store, trained, values, tmp_path):
    export_run(store, trained, "parquet", tmp_path / "run.parquet")
    frame = pd.read_parquet(tmp_path / "run.parquet")
    assert frame.columns.tolist() == ["step", *WRITTEN]
    assert frame["step"].dtype == np.int64
    np.testing.assert_array_equal(frame[list(WRITTEN)].to_numpy(np.float32), in_order(values))


def test_json_holds_everything_about_the_run(store, experiment, trained, values, tmp_path):
    path = tmp_path / "run.json"
    store.tag_case(image_set(experiment.config, experiment.id), "img-3", ["motion", "unsure"])
    export_run(store, trained, "json", path)

    document = json.loads(path.read_text(), parse_constant=pytest.fail)

    assert document["experiment"] == {"id": experiment.id, "name": "a race", "config": experiment.config}
    assert document["run"]["config"] == {"weighting": "mad"}
    assert document["run"]["state"] == "running"
    assert document["environment"] == {"torch": "2.15.0"}
    assert document["telemetry"]["step"] == list(range(50))
    assert document["telemetry"]["time"] == list(range(100, 150))
    assert document["telemetry"]["loss_ce"][2:4] == [None, None]
    assert np.float32(document["telemetry"]["total"]).tobytes() == values[:, 6].tobytes()
    assert document["epoch_metrics"] == [
        {"epoch": 1, "step": 50, "split": "validation", "images": 7, "metric": "dice", "value": 0.5},
        {"epoch": 1, "step": 50, "split": "validation", "images": 7, "metric": "iou", "value": None},
    ]
    assert [event["data"]["state"] for event in document["events"]] == ["running"]
    assert document["case_tags"] == {"img-3": ["motion", "unsure"]}


def test_events_hold_the_changes_of_settings_in_the_order_they_act(store, trained, tmp_path):
    def change(step, value):
        return Event(trained, step, "knob", {"field": "lr", "value": value, "before": 1e-3})

    store.write([change(9, 0.5), change(4, 0.25), Event(trained, 5, "flat", {})], "me")
    export_run(store, trained, "events", tmp_path / "events.json")
    label = store.run(trained).label
    assert read_events(tmp_path / "events.json") == {label: (SettingChange(4, "lr", 0.25), SettingChange(9, "lr", 0.5))}

    export_run(store, store.run(trained).experiment, "events", tmp_path / "race.json")  # of all its runs
    assert read_events(tmp_path / "race.json") == read_events(tmp_path / "events.json")
    with pytest.raises(RunNotFoundError, match="No run 'r-0'"):
        export_run(store, "r-0", "events", tmp_path / "none.json")


def test_a_run_without_changes_has_a_file_without_any(store, trained, tmp_path):
    export_run(store, trained, "events", tmp_path / "events.json")
    assert read_events(tmp_path / "events.json") == {}


@pytest.mark.parametrize("format", ["csv", "parquet", "json"])
def test_a_run_without_steps_is_exported_as_an_empty_table(store, run, tmp_path, format):
    export_run(store, run, format, tmp_path / "run")
    assert (tmp_path / "run").stat().st_size > 0


def opened(folder):
    """What TensorBoard shows of a folder: chart to (step, wall time, value) of each point."""
    found = EventAccumulator(str(folder), {SCALARS: 0}).Reload()
    return {tag: [(e.step, e.wall_time, e.value) for e in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def test_tensorboard_opens_a_run_with_every_step_and_every_epoch(store, trained, values, tmp_path):
    export_run(store, trained, "tensorboard", tmp_path / "logs")
    charts = opened(tmp_path / "logs" / trained)
    assert list(charts) == [
        *("loss/ce", "weight/ce", "loss/dice", "weight/dice", "auxiliary", "gamma", "total", "lr", "finite"),
        *("validation/dice", "validation/iou"),
    ]
    # 50 steps, recorded from 100 s to 149 s
    assert [(step, time) for step, time, _ in charts["loss/ce"]] == [(step, 100.0 + step) for step in range(50)]
    assert np.float32([value for _, _, value in charts["total"]]).tobytes() == values[:, 6].tobytes()
    # After 50 steps, the last of which was taken at 149 s
    assert charts["validation/dice"] == [(50, 149.0, 0.5)]


def test_measured_gradients_are_nan_in_a_table_and_in_tensorboard_only_where_they_are(store, run, tmp_path):
    columns = (*STORED[:-1], "grad_norm_ce", "grad_cos_ce_dice", "grad_share_cb-dice", "finite")
    values = np.ones((4, len(columns)), np.float32)
    values[:, 8:11] = np.nan
    values[::3, 8], values[::3, 10] = [5, 6], [0.25, 0.75]  # of two losses without an angle
    store.write([TelemetryBlock(run, 1, 0, columns, values, 100.0, 103.0)], "me")
    export_run(store, run, "csv", tmp_path / "run.csv")
    frame = pd.read_csv(tmp_path / "run.csv")
    assert frame.columns.tolist() == ["step", *WRITTEN, *columns[8:11]]
    np.testing.assert_array_equal(frame["grad_norm_ce"], [5, np.nan, np.nan, 6])

    export_run(store, run, "tensorboard", tmp_path / "logs")
    read = EventAccumulator(str(tmp_path / "logs" / run), size_guidance={SCALARS: 0}).Reload()
    assert [(point.step, point.value) for point in read.Scalars("grad_norm/ce")] == [(0, 5.0), (3, 6.0)]
    assert [(point.step, point.value) for point in read.Scalars("grad_share/cb-dice")] == [(0, 0.25), (3, 0.75)]
    assert "grad_cos/ce_dice" not in read.Tags()[SCALARS]
    assert len(read.Scalars("loss/ce")) == 4


def test_tensorboard_shows_several_runs_of_one_folder_and_no_point_twice(store, experiment, trained, tmp_path):
    other = experiment.runs[1].id
    store.write([EpochMetrics(other, 0, 0, "validation", 7, {"dice": 0.25})], "me")
    for _ in range(2):
        for run in (trained, other):
            export_run(store, run, "tensorboard", tmp_path)
    assert len(opened(tmp_path / trained)["lr"]) == 50
    assert opened(tmp_path / other)["validation/dice"] == [(0, experiment.created, 0.25)]


def test_changes_of_a_renamed_run_name_it_as_it_was_launched(store, tmp_path):
    config = {"runs": [{"label": "mad"}]}
    (run,) = store.create_experiment(config, name="", labels=["mad"], run_configs=[{}], environment={}).runs
    store.write([Event(run.id, 4, "knob", {"field": "lr", "value": 0.25, "before": 1e-3})], None)
    store.update_run(run.id, name="My favourite")
    export_run(store, run.id, "events", tmp_path / "events.json")
    assert read_events(tmp_path / "events.json") == {"mad": (SettingChange(4, "lr", 0.25),)}


def test_an_unknown_format_is_refused(store, trained, tmp_path):
    with pytest.raises(
        ConfigError, match=r"Unknown export format 'cvs'. Choose one of: csv, parquet, json, tensorboard, events.*'csv'"
    ):
        export_run(store, trained, "cvs", tmp_path / "run.csv")


@pytest.mark.parametrize("format", ["csv", "parquet", "json", "tensorboard", "events"])
def test_a_place_that_cannot_be_written_is_one_clear_message(store, trained, tmp_path, format):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"Cannot write .*file.*Choose another file with `-o`"):
        export_run(store, trained, format, tmp_path / "file" / "run")


def test_an_unknown_run_is_refused_before_a_file_is_made(store, tmp_path):
    with pytest.raises(RunNotFoundError, match="No run 'r-0'"):
        export_run(store, "r-0", "csv", tmp_path / "run.csv")
    assert list(tmp_path.glob("*.csv")) == []
