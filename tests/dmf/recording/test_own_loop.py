import math
import shutil
import sqlite3
import time
from typing import get_args

import numpy as np
import pytest
import torch

from dmf.analysis.results import experiment_document
from dmf.config import FusionConfig
from dmf.config_text import parse
from dmf.errors import ConfigError, DMFError, RunFinishedError, StoreError, UnknownNameError
from dmf.fusion import Fusion
from dmf.jobs import Job
from dmf.recording import RunStoppedError, record
from dmf.records import RunState
from dmf.replay import recorded_losses, replay
from dmf.runs import ExportFormat, export_run
from dmf.tasks.segmentation.losses import CrossEntropy, LossBank, MeanDice, Parts
from dmf.training import GradientProbe
from dmf.training.telemetry import CAPACITY
from dmf.weighting import MADWeighting


def wait_for(condition, seconds=120):  # for machines that are busy with other things
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


def states(store, run):
    return [event.data["state"] for event in store.events([run]) if event.kind == "state"]


# What is recorded


def test_a_loop_of_ones_own_is_recorded_step_by_step(store, fused):
    with record("mine", store=store) as run:
        for step in range(5):
            run.write(fused(step))
    row = store.run(run.id)
    assert (row.label, row.state, row.reason, row.summary["step"]) == ("mine", RunState.FINISHED, "", 4)
    assert (row.owner, run.state, run.step) == (None, RunState.FINISHED, 5)
    assert states(store, run.id) == ["running", "finished"]
    telemetry = store.telemetry(
        run.id, columns=["loss_L1", "loss_L3", "weight_L2", "auxiliary", "gamma", "total", "lr"]
    )
    np.testing.assert_array_equal(telemetry.steps, np.arange(5))
    steps = np.arange(5)
    np.testing.assert_array_equal(telemetry.values[:, :2], np.stack((steps + 0.125, steps + 0.375), axis=1))
    np.testing.assert_allclose(telemetry.values[:, 2], 1 / 3)
    np.testing.assert_array_equal(telemetry.values[:, 3:5], [[0, 0.5]] * 5)
    np.testing.assert_array_equal(telemetry.values[:, 5], 3 * steps + 0.75)
    assert np.isnan(telemetry.values[:, 6]).all()  # nobody said whose learning rate


def test_a_real_loop_learns_and_tells_its_method_its_losses_and_its_learning_rate(store, fusion):
    model = torch.nn.Conv2d(1, 2, 1)
    bank = LossBank({"ce": CrossEntropy(), "dice": MeanDice(), "mine": torch.nn.CrossEntropyLoss()})
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    with record("real", fusion=fusion, optimizer=optimizer, terms=bank.names, store=store) as run:
        for step in range(6):
            fused = fusion(bank(model(torch.rand(2, 1, 4, 4)), torch.randint(2, (2, 4, 4))))
            optimizer.zero_grad()
            fused.total.backward()
            optimizer.step()
            run.write(fused)
            optimizer.param_groups[0]["lr"] = 0.25 / (step + 1)
    config = store.run(run.id).config
    assert (config["weighting"], config["terms"]) == ("mad", ["ce", "dice", "mine"])
    assert (config["history_min"], config["history_max"]) == (4, 8)
    lr = store.telemetry(run.id, columns=["lr"]).values[:, 0]
    np.testing.assert_allclose(lr, [0.5, 0.25, 0.125, 0.25 / 3, 0.0625, 0.05])


def test_gradients_are_measured_at_every_nth_step(store, fusion):
    model = torch.nn.Conv2d(1, 2, 1)
    bank = LossBank({"ce": CrossEntropy(), "dice": MeanDice(), "mine": torch.nn.CrossEntropyLoss()})
    probe = GradientProbe(bank.names, auxiliary=False, at="logits", every=3)
    expected = {}
    with record("measured", fusion=fusion, terms=bank.names, probe=probe, store=store) as run:
        for step in range(7):
            parts = bank(model(torch.rand(2, 1, 4, 4)), torch.randint(2, (2, 4, 4)))
            fused = fusion(parts)
            if step % 3 == 0:
                expected[step] = probe.measure(parts, fused).numpy()
            run.measure(parts, fused)
            fused.total.backward()
            run.write(fused)
    telemetry = store.telemetry(run.id, columns=probe.columns)
    for step, values in enumerate(telemetry.values):
        np.testing.assert_array_equal(values, expected.get(step, np.full(len(probe.columns), np.nan)))
    assert np.all(expected[0][:3] > 0)  # lengths
    training = store.experiment(run.experiment).config["training"]
    assert (training["gradients"], training["gradients_every"]) == ("logits", 3)


def test_a_step_that_was_to_be_measured_and_was_not_is_told(store, fused):
    probe = GradientProbe(("L1", "L2", "L3"), auxiliary=False, at="logits", every=2)
    with (
        pytest.raises(ConfigError, match=r"Step 0 was to be measured: call `run\.measure\(parts, fused\)` before"),
        record("mine", probe=probe, store=store) as run,
    ):
        run.write(fused())
    assert store.runs() == []


@pytest.fixture
def parts():
    """Three losses without an auxiliary one, with the network's output they come from."""
    logits = torch.zeros(1, 2, 2, 2, requires_grad=True)
    return Parts(torch.stack([logits.square().sum() + k for k in range(3)]), None, logits)


def test_what_was_measured_of_another_step_is_not_kept_with_this_one(store, fusion, parts):
    measured, written = fusion(parts), fusion(parts)
    probe = GradientProbe(("L1", "L2", "L3"), auxiliary=False, at="logits", every=1)
    with record("mine", probe=probe, store=store) as run:
        run.measure(parts, measured)
        with pytest.raises(ConfigError, match="with the `fused` that is written"):
            run.write(written)
    assert store.runs() == []


def test_only_what_a_bank_gives_can_be_measured(store, fused):
    probe = GradientProbe(("L1", "L2", "L3"), auxiliary=False, at="logits", every=1)
    with record("mine", probe=probe, store=store) as run, pytest.raises(ConfigError, match=r"Parts.*, got Tensor"):
        run.measure(torch.ones(3), fused())


def test_measuring_without_a_probe_is_refused(store, fused):
    with pytest.raises(ConfigError, match="give `record` a probe"), record("mine", store=store) as run:
        run.measure(Parts(torch.ones(3), None, None), fused())


@pytest.mark.parametrize(("terms", "auxiliary"), [(("ce", "iou", "dice"), False), (("L1", "L2", "L3"), True)])
def test_a_probe_for_other_losses_is_refused_and_nothing_is_stored(store, parts, terms, auxiliary):
    fused = Fusion(MADWeighting(3))(parts)
    probe = GradientProbe(terms, auxiliary=auxiliary, at="logits", every=1)
    with record("mine", probe=probe, store=store) as run:
        run.measure(parts, fused)
        with pytest.raises(ConfigError, match="the losses that are written: L1, L2, L3, without an auxiliary loss"):
            run.write(fused)
    assert store.runs() == []


def test_what_its_owner_says_of_it_is_kept(store, fused):
    options = {"tags": ["paper"], "notes": "a note", "steps_per_epoch": 2, "steps_total": 4, "class_names": ["a", "b"]}
    with record("mine", config={"dataset": "busi", "seed": 3, "backbone": "r50"}, store=store, **options) as run:
        run.write(fused())
    row, experiment = store.run(run.id), store.experiment(run.experiment)
    assert (row.tags, row.notes) == (("paper",), "a note")
    assert (experiment.name, experiment.is_recorded) == ("mine", True)
    assert experiment.config["data"] == {"dataset": "busi"}
    assert experiment.config["training"] == {"seed": 3, "backbone": "r50"}
    assert experiment.environment["packages"]["torch"] == torch.__version__.partition("+")[0]
    (prepared,) = [event.data for event in store.events([run.id]) if event.kind == "prepared"]
    assert prepared == {"device": "cpu", "steps_per_epoch": 2, "steps_total": 4, "class_names": ["a", "b"]}


def test_steps_appear_while_it_runs_the_first_one_at_once(store, fused):
    with record("mine", store=store) as run:
        run.write(fused())
        wait_for(lambda: store.latest_step(run.id) == 0)
        assert store.run(run.id).state is RunState.RUNNING
        time.sleep(0.3)
        run.write(fused())
        wait_for(lambda: store.latest_step(run.id) == 1)


def test_more_steps_than_the_buffer_holds_between_two_looks_are_all_kept(store, fused, monkeypatch):
    monkeypatch.setattr("dmf.recording.own_loop.DRAIN_EVERY", 1e9)
    step = fused()
    with record("mine", store=store) as run:
        for _ in range(CAPACITY + 3):
            run.write(step)
    assert len(store.telemetry(run.id).steps) == CAPACITY + 3


def test_steps_that_are_not_finite_are_told_and_however_many_do_not_end_it(store, fused):
    with record("mine", store=store) as run:
        for step in range(30):
            run.write(fused(math.nan if 5 <= step < 25 else step, finite=not 5 <= step < 25))
    assert store.run(run.id).state is RunState.FINISHED
    (skipped,) = [event for event in store.events([run.id]) if event.kind == "skipped"]
    assert (skipped.step, skipped.data) == (5, {"losses": ["L1", "L2", "L3"]})
    assert store.telemetry(run.id, columns=["finite"]).values.sum() == 10


def test_scores_and_pictures_are_kept_with_the_steps_before_them(store, fused):
    image, truth = torch.rand(1, 6, 4), torch.zeros(6, 4, dtype=torch.int64)
    truth[:2] = 1  # 8 pixels
    prediction = torch.zeros(6, 4, dtype=torch.bool)
    prediction[1:3] = True  # 8 pixels, 4 of them right: Dice 2 * 4 / 16
    with record("mine", store=store) as run:
        for _ in range(3):
            run.write(fused())
        run.metrics(1, "validation", {"cb_dice": torch.tensor(0.75), "my score": 12}, images=7)
        run.sample("case 1", image, truth, prediction)
        run.sample("case 1", image, truth, prediction, epoch=2, dice=0.125)
    metrics = store.epoch_metrics([run.id]).drop(columns="run").to_dict("records")
    assert metrics == [
        {"epoch": 1, "step": 3, "split": "validation", "images": 7, "metric": "cb_dice", "value": 0.75},
        {"epoch": 1, "step": 3, "split": "validation", "images": 7, "metric": "my score", "value": 12},
    ]
    pictures = [(row.run, row.kind, row.epoch, row.step, row.score) for row in store.samples(run.experiment)]
    assert pictures == [
        (None, "image", 0, 0, None),
        (None, "truth", 0, 0, None),
        (run.id, "prediction", 1, 3, 0.5),
        (run.id, "prediction", 2, 3, 0.125),
    ]


def test_a_loop_of_another_task_has_its_metrics_and_its_pictures(store, fused):
    with record("mine", task="synthesis", store=store, config={"dataset": "contrast"}) as run:
        run.write(fused())
        run.metrics(1, "validation", {"psnr": 20.0})
        run.metrics(2, "validation", {"psnr": 18.0})
        run.sample("case 1", np.zeros((4, 4)), np.zeros((4, 4)), np.full((4, 4), 0.1))
        run.sample("case 1", np.zeros((4, 4)), np.zeros((4, 4)), np.full((4, 4), 0.1), epoch=3, psnr=12)
        for wrong in ({"dice": 0.5}, {"psnr": 12, "score": 12}):
            with pytest.raises(TypeError, match=r"takes one `score`, or `psnr`, got"):
                run.sample("case 1", np.zeros((4, 4)), np.zeros((4, 4)), np.zeros((4, 4)), **wrong)
    experiment = store.experiment(run.experiment)
    assert (experiment.task, experiment.config["task"]) == ("synthesis", "synthesis")
    assert experiment_document(store, run.experiment)["runs"][0]["epoch"] == 1  # the higher PSNR
    scores = [row.score for row in store.samples(run.experiment) if row.kind == "prediction"]
    assert scores == pytest.approx([20, 12])  # 10 log10(1 / 0.01)
    with (
        pytest.raises(ConfigError, match="is of task 'synthesis', this run of 'segmentation'"),
        record("other", experiment=run.experiment, config={"dataset": "contrast"}, store=store) as other,
    ):
        other.write(fused())
    with pytest.raises(UnknownNameError, match="Unknown task 'drawing'"):
        record("mine", task="drawing")


# Several runs


def test_runs_of_one_experiment_stand_side_by_side(store, fused):
    experiment = "Three ways"
    for name in ("one", "two", "three"):
        with record(name, experiment=experiment, config={"seed": 1}, store=store) as run:
            run.write(fused())
        experiment = run.experiment
    row = store.experiment(experiment)
    assert (row.name, [run.label for run in row.runs]) == ("Three ways", ["one", "two", "three"])
    assert [run.position for run in row.runs] == [0, 1, 2]


def test_runs_recorded_at_once_in_one_loop_are_stopped_together(store, fused):
    with record("one", store=store) as one, record("two", store=store) as two:
        one.write(fused())
        two.write(fused())
        store.add_command(one.id, "stop")
        while True:
            two.write(fused())
            one.write(fused())
            time.sleep(0.01)
    assert [store.run(run.id).state for run in (one, two)] == [RunState.STOPPED] * 2
    assert store.run(two.id).reason == f"its loop ended: Run '{one.id}' was stopped."


@pytest.mark.parametrize(
    ("experiment", "options", "words"),
    [
        ("RECORDED", {"config": {"seed": 2}}, r"seed: 2, but experiment 'e-.*' has 1. Its runs may differ in"),
        ("RECORDED", {"config": {}}, "seed: None, but experiment 'e-.*' has 1"),
        ("RECORDED", {"name": "first"}, "of the same experiment is called 'first' already"),
        ("TRAINED", {}, "is not recorded: its runs are trained by this program"),
        ("e-20260101-000000-abcdef", {}, "No experiment 'e-20260101-000000-abcdef'"),
    ],
)
def test_a_run_that_does_not_fit_its_experiment_is_refused(store, fused, experiment, options, words):
    with record("first", config={"seed": 1}, store=store) as first:
        first.write(fused())
    trained = store.create_experiment({}, name="x", labels=["a"], run_configs=[{}], environment={})
    experiment = {"RECORDED": first.experiment, "TRAINED": trained.id}.get(experiment, experiment)
    options = {"name": "second", "config": {"seed": 1}} | options
    with record(**options, experiment=experiment, store=store) as run, pytest.raises(DMFError, match=words):
        run.write(fused())
    assert len(store.runs()) == 2


# Commands


def test_stop_ends_the_loop_and_the_program_goes_on_behind_it(store, loop):
    run, ended = loop()
    store.add_command(run.id, "stop")
    wait_for(lambda: store.run(run.id).state is RunState.STOPPED)
    ended["thread"].join(120)
    assert ended["after"]
    assert (run.state, store.run(run.id).owner) == (RunState.STOPPED, None)
    assert store.latest_step(run.id) == run.step - 1
    with pytest.raises(RunStoppedError, match=f"Run '{run.id}' was stopped"):
        run.write(None)


def test_a_loop_that_goes_on_after_a_stop_is_told_again_and_records_nothing_more(store, fused):
    told = 0
    with record("mine", store=store) as run:
        run.write(fused())
        store.add_command(run.id, "stop")
        while told < 3:
            try:
                run.write(fused())
            except RunStoppedError:
                told += 1
                steps = run.step
            time.sleep(0.01)
    assert run.step == steps
    assert store.run(run.id).state is RunState.STOPPED
    assert store.latest_step(run.id) == steps - 1


def test_pause_holds_the_loop_with_everything_visible_and_resume_lets_it_go(store, loop):
    run, _ = loop()
    store.add_command(run.id, "pause")
    wait_for(lambda: store.run(run.id).state is RunState.PAUSED)
    held = run.step
    wait_for(lambda: store.latest_step(run.id) == held - 1)
    beat = store.run(run.id).heartbeat
    wait_for(lambda: store.run(run.id).heartbeat > beat)  # whoever is paused is alive
    assert run.step == held
    for taken in (1, 2):
        store.add_command(run.id, "step")
        wait_for(lambda taken=taken: store.latest_step(run.id) == held + taken - 1)
        assert (run.step, store.run(run.id).state) == (held + taken, RunState.PAUSED)
    store.add_command(run.id, "resume")
    wait_for(lambda: run.step > held + 5)
    wait_for(lambda: store.run(run.id).state is RunState.RUNNING)
    store.add_command(run.id, "pause")
    wait_for(lambda: store.run(run.id).state is RunState.PAUSED)
    store.add_command(run.id, "stop")
    wait_for(lambda: store.run(run.id).state is RunState.STOPPED)


def test_a_knob_is_refused_with_a_reason(store, loop):
    run, _ = loop()
    store.add_command(run.id, "set", "lr", 0.5)
    wait_for(lambda: any(event.kind == "refused" for event in store.events([run.id])))
    (refused,) = [event.data for event in store.events([run.id]) if event.kind == "refused"]
    assert (refused["field"], refused["value"]) == ("lr", 0.5)
    assert "by its own program" in refused["reason"]
    assert store.run(run.id).state is RunState.RUNNING


def test_resume_of_what_has_ended_says_that_only_its_program_can(store, fused):
    with record("mine", store=store) as run:
        run.write(fused())
        store.add_command(run.id, "stop")
        while True:
            run.write(fused())
            time.sleep(0.01)
    with pytest.raises(RunFinishedError, match=r"was recorded by its own program. Only that program can train"):
        Job(store, store.experiment(run.experiment), "me")


# Endings


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (ValueError("my mistake"), RunState.FAILED, "ValueError: my mistake"),
        (ConfigError("A sentence."), RunState.FAILED, "A sentence."),
        (KeyboardInterrupt(), RunState.STOPPED, "its program was interrupted (KeyboardInterrupt)"),
        (SystemExit(3), RunState.STOPPED, "its program was interrupted (SystemExit)"),
    ],
)
def test_an_exception_in_the_loop_goes_on_to_its_owner_and_ends_the_run(store, fused, error, state, reason):
    def train():
        with record("mine", store=store) as run:
            run.write(fused())
            run.write(fused())
            raise error

    with pytest.raises(type(error)) as caught:
        train()
    assert caught.value is error
    (row,) = store.runs()
    assert (row.state, row.reason, row.owner, row.summary["step"]) == (state, reason, None, 1)


def test_a_loop_without_a_step_leaves_nothing(store):
    with record("mine", store=store) as run:
        pass
    assert store.runs() == []
    for ask in (lambda: run.id, lambda: run.experiment, lambda: run.metrics(0, "test", {})):
        with pytest.raises(StoreError, match="Recording 'mine' begins with its first step; call `write` first"):
            ask()


def test_after_its_context_nothing_more_is_taken(store, fused):
    with record("mine", store=store) as run:
        run.write(fused())
    with pytest.raises(RunFinishedError, match="is finished; record a new one to write more steps"):
        run.write(fused())
    with pytest.raises(StoreError, match="closed"):
        run.metrics(1, "test", {"dice": 1})


def test_writing_without_the_context_is_refused_before_anything_is_stored(store, fused):
    run = record("mine", store=store)
    with pytest.raises(RuntimeError, match="Write inside its context"):
        run.write(fused())
    assert store.runs() == []


def test_a_run_whose_lease_ran_out_is_taken_back(store, loop):
    run, ended = loop()
    wait_for(lambda: store.run(run.id).state is RunState.RUNNING)
    with sqlite3.connect(store.file) as connection:  # as if somebody had taken its owner for gone
        connection.execute("UPDATE runs SET state = 'interrupted', owner = NULL")
    connection.close()
    wait_for(lambda: store.run(run.id).state is RunState.RUNNING)
    assert states(store, run.id) == ["running", "running"]
    step = run.step
    wait_for(lambda: store.latest_step(run.id) > step)
    np.testing.assert_array_equal(store.telemetry(run.id).steps, np.arange(store.latest_step(run.id) + 1))
    store.add_command(run.id, "stop")
    ended["thread"].join(5)
    assert ended["after"]


@pytest.fixture
def lose_the_store(fused, tmp_path):
    """Records a step in a store, loses it, and does something more."""

    def lose(then):
        folder = tmp_path / "other"
        folder.mkdir()
        with record("mine", store=folder / "runs.sqlite") as run:
            run.write(fused())
            shutil.rmtree(folder)
            then(run)

    return lose


def test_a_store_that_is_gone_ends_the_loop_with_one_message(fused, lose_the_store):
    def go_on(run):
        for _ in range(1000):
            run.write(fused())
            time.sleep(0.05)

    with pytest.raises(StoreError, match="was deleted, moved or replaced"):
        lose_the_store(go_on)


def test_what_the_store_could_not_keep_is_not_hidden_at_the_end(lose_the_store):
    with pytest.raises(StoreError, match="was deleted, moved or replaced"):
        lose_the_store(lambda run: None)


def test_an_error_of_the_loop_is_told_rather_than_that_the_store_cannot_hear_of_it(lose_the_store):
    def fail(run):
        raise ValueError("my mistake")

    with pytest.raises(ValueError, match="my mistake"):
        lose_the_store(fail)


# What cannot be


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": " "}, "A name has 1 to 200 characters"),
        ({"experiment": "e" * 201}, "A name has 1 to 200 characters"),
        ({"tags": "paper"}, "Tags are a list of words"),
        ({"steps_total": 0}, "`steps_total` must be a whole number of at least 1, got 0"),
        ({"steps_per_epoch": 2.5}, "`steps_per_epoch` must be a whole number of at least 1, got 2.5"),
        ({"config": {"epochs": "many"}}, "epochs: "),
        ({"config": {"loader": object()}}, "loader: expected numbers, texts, lists or names to them, got a object"),
    ],
)
def test_what_cannot_be_is_refused_at_once(options, words):
    with pytest.raises(ConfigError, match=words):
        record(**{"name": "mine"} | options)


def test_names_that_are_not_one_per_loss_are_refused_and_nothing_is_stored(store, fused):
    words = "`terms` must name 3 losses, one per loss written, got ce, dice"
    with record("mine", terms=["ce", "dice"], store=store) as run, pytest.raises(ConfigError, match=words):
        run.write(fused())
    assert store.runs() == []


def test_another_split_is_refused(store, fused):
    with record("mine", store=store) as run:
        run.write(fused())
        with pytest.raises(ConfigError, match="`split` must be one of train, validation, test, got 'val'"):
            run.metrics(1, "val", {"dice": 1})


def test_truth_and_prediction_must_have_one_shape(store, fused):
    with record("mine", store=store) as run:
        run.write(fused())
        with pytest.raises(
            ValueError, match=r"`truth` and `prediction` must have one shape, got \(2, 2\) and \(3, 2\)"
        ):
            run.sample("a", np.zeros((2, 2)), np.zeros((2, 2), int), np.zeros((3, 2), int))
    assert store.samples(run.experiment) == []


# What others make of it


def test_a_recorded_history_is_replayed_as_it_was_weighted(store, fusion):
    losses = torch.rand(30, 3, generator=torch.Generator().manual_seed(0))
    with record("mine", fusion=fusion, store=store) as run:
        for row in losses:
            run.write(fusion(row))
    terms, recorded = recorded_losses(store, run.id)
    weights = replay(recorded, parse(FusionConfig, store.run(run.id).config))
    lived = store.telemetry(run.id, columns=[f"weight_{term}" for term in terms]).values
    np.testing.assert_allclose(weights, lived, atol=1e-7)


def test_it_is_exported_renamed_and_deleted_like_any_other(store, fused, tmp_path):
    with record("mine", store=store) as run:
        run.write(fused())
    for format in get_args(ExportFormat):
        export_run(store, run.id, format, tmp_path / format)
    store.update_run(run.id, name="yours", archived=True)
    store.delete_runs([run.id])
    assert store.experiments(archived=True) == []


def test_of_several_processes_the_first_records_for_all(store, monkeypatch):
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)
    fusion = Fusion(MADWeighting(2), process_group=False)
    with record("second of two", fusion=fusion, store=store) as run:
        for _ in range(3):
            run.write(fusion(torch.ones(2)))
        run.metrics(1, "validation", {"cb_dice": 0.5})
    assert store.runs() == []
