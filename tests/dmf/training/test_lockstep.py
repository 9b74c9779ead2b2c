"""Runs that race do not touch each other, each is judged once, and what goes wrong in one stays there."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn

from dmf import build
from dmf.models import MODELS
from dmf.records import Artifact, CaseScores, Command, EpochMetrics, Event, RunState, Sample, SettingChange, StateChange
from dmf.replay import replay
from dmf.tasks import TASKS, Segmentation
from dmf.training import lockstep
from dmf.training.run import TrainingRun

RUNS = ("variance", "mad,auxiliary=none", "bayesian,prior=compound,gamma=3")
LABELS = ("variance", "mad auxiliary=none", "bayesian prior=compound gamma=3")
STEPS = 8  # 2 epochs of 4


class Script:
    """Commands at the turn in which a run is asked the n-th time; a tuple is a change and its value.

    A run is asked before each of its steps, so question n comes before step n; what is heard makes the loop ask all
    runs once more before they step.
    """

    def __init__(self, commands):
        self._wishes, self._asked, self._ids = commands, {}, itertools.count()

    def take(self, run):
        turn = self._asked[run] = self._asked.get(run, -1) + 1
        return [
            Command(next(self._ids), run, "set", *command)
            if isinstance(command, tuple)
            else Command(next(self._ids), run, command)
            for command in self._wishes.get((run, turn), ())
        ]


@pytest.mark.parametrize("task", TASKS, indirect=True)
def test_each_run_of_a_race_equals_the_same_run_alone_bit_for_bit(race, tiny, assert_same_bits):
    together = race(tiny(*RUNS))
    assert tuple(together.runs) == LABELS
    for written, label in zip(RUNS, LABELS, strict=True):
        alone = race(tiny(written))
        np.testing.assert_array_equal(together.telemetry(label), alone.telemetry(label))
        assert_same_bits(together.network(label), alone.network(label))
        for kind in (EpochMetrics, Sample):
            assert together.sink.of(kind, label) == alone.sink.of(kind, label)


@pytest.mark.parametrize("task", TASKS, indirect=True)
@pytest.mark.parametrize("weighting", ["cov", "mad"])
def test_weights_of_a_run_are_those_that_replay_makes_of_its_losses(race, tiny, weighting):
    config = tiny(f"{weighting},auxiliary=none")
    result = race(config)
    table = result.telemetry(config.runs[0].label)
    losses, weights = table[:, :3], table[:, 3:6]
    np.testing.assert_allclose(replay(losses, config.runs[0].fusion), weights, atol=1e-6)
    assert np.ptp(weights, axis=0).max() > 0.01  # they moved


@pytest.mark.parametrize("task", TASKS, indirect=True)
def test_weights_move_and_differ_between_the_methods(race, tiny):
    result = race(tiny(*RUNS))
    weights = [result.telemetry(label)[-1, 3:6] for label in LABELS]
    for one, other in itertools.combinations(weights, 2):
        assert not np.allclose(one, other)
    assert not np.allclose(weights[0], 1 / 3)


def test_a_network_with_dropout_raced_with_another_equals_itself_alone(race, tiny, monkeypatch, assert_same_bits):
    own = build.build_model
    monkeypatch.setattr(build, "build_model", lambda *args: nn.Sequential(nn.Dropout(0.3), own(*args)))
    together, alone = race(tiny("mad", "variance")), race(tiny("variance"))
    np.testing.assert_array_equal(together.telemetry("variance"), alone.telemetry("variance"))
    assert_same_bits(together.network("variance"), alone.network("variance"))


def test_the_same_seed_gives_the_same_result_and_another_seed_another(race, tiny, assert_same_bits):
    first, again, other = race(tiny(seed="3")), race(tiny(seed="3")), race(tiny(seed="4"))
    np.testing.assert_array_equal(first.telemetry("mad"), again.telemetry("mad"))
    assert_same_bits(first.network("mad"), again.network("mad"))
    assert not np.array_equal(first.telemetry("mad"), other.telemetry("mad"))


def test_every_step_is_recorded_once_whether_telemetry_is_drained_often_or_not(race, tiny, monkeypatch):
    seldom = race(tiny())
    monkeypatch.setattr(lockstep, "DRAIN_EVERY", 0.0)
    monkeypatch.setattr(lockstep, "CHECKPOINT_EVERY", 0.0)
    often = race(tiny())
    steps, values = often.sink.telemetry("mad")
    np.testing.assert_array_equal(steps, np.arange(STEPS))
    np.testing.assert_array_equal(values, seldom.telemetry("mad"))
    assert len(often.sink.of(Artifact)) > len(seldom.sink.of(Artifact))


def test_a_full_telemetry_buffer_is_drained_in_time(race, tiny, monkeypatch):
    monkeypatch.setattr("dmf.training.telemetry.CAPACITY", 3)
    np.testing.assert_array_equal(race(tiny()).sink.telemetry("mad")[0], np.arange(STEPS))


def test_images_truths_and_guesses_of_the_untrained_network_are_kept_before_the_first_step(race, tiny):
    records = race(tiny()).sink.records
    first_artifact = next(number for number, record in enumerate(records) if isinstance(record, Artifact))
    early = [record for record in records[:first_artifact] if isinstance(record, Sample)]
    assert {(sample.kind, sample.run) for sample in early} == {("image", None), ("truth", None), ("prediction", "mad")}
    assert {sample.epoch for sample in early} == {0}
    assert all(sample.png.startswith(b"\x89PNG") for sample in early)
    predictions = [sample for sample in early if sample.kind == "prediction"]
    assert all(0 <= sample.score <= 1 for sample in predictions)


def test_validation_is_scored_each_epoch_and_test_once_at_the_best_one(race, tiny):
    result = race(tiny(epochs="3"))
    rows = result.sink.of(EpochMetrics)
    assert [(row.split, row.epoch) for row in rows[:4]] == [("validation", epoch) for epoch in range(4)]
    assert [row.split for row in rows[4:]] == ["train", "test"]
    # The untrained network may well score best, and is never chosen.
    trained = {row.epoch: row.metrics["cb_dice"] for row in rows if row.split == "validation" and row.epoch > 0}
    best = max(trained, key=trained.get)
    assert {row.epoch for row in rows[4:]} == {best}
    assert [row.images for row in rows[-2:]] == [17, 4]
    assert [(scores.split, scores.epoch) for scores in result.sink.of(CaseScores)][-1] == ("test", best)


def test_the_network_that_is_tested_is_the_one_of_the_best_epoch(race, tiny, monkeypatch):
    scores = iter([0.9, 0.5, 0.7, 0.6])  # epoch 0 is left out, so epoch 2 is best
    seen = {}
    own = lockstep.Lockstep._end_epoch

    def remember(self, lane):
        own(self, lane)
        seen[lane.run.step // 4] = _weights(lane.run)

    evaluate = Segmentation.evaluate

    def scored(self, predict, batches):
        evaluation = evaluate(self, predict, batches)
        value = next(scores, None)
        if value is not None:
            evaluation.metrics["cb_dice"] = value
        return evaluation

    monkeypatch.setattr(lockstep.Lockstep, "_end_epoch", remember)
    monkeypatch.setattr(Segmentation, "evaluate", scored)
    result = race(tiny(epochs="3"))
    tested = next(row for row in result.sink.of(EpochMetrics) if row.split == "test")
    assert tested.epoch == 2
    assert torch.equal(_weights(result.runs["mad"]), seen[2])
    assert not torch.equal(seen[2], seen[3])


def _weights(run):
    return torch.cat([parameter.detach().flatten() for parameter in run.model.parameters()])


def test_the_last_epoch_is_tested_on_request(race, tiny, monkeypatch):
    monkeypatch.setattr("dmf.training.run.TrainingRun.score", lambda self, epoch, value, is_better: False)
    rows = race(tiny(epochs="3", test_at="last")).sink.of(EpochMetrics)
    assert [(row.split, row.epoch) for row in rows[-2:]] == [("train", 3), ("test", 3)]


def test_a_run_whose_score_is_never_a_number_is_tested_at_the_last_epoch(race, tiny, monkeypatch):
    own = Segmentation.evaluate

    def unscored(self, predict, batches):
        evaluation = own(self, predict, batches)
        evaluation.metrics["cb_dice"] = math.nan
        return evaluation

    monkeypatch.setattr(Segmentation, "evaluate", unscored)
    result = race(tiny())
    assert result.states == {"mad": RunState.FINISHED}
    assert [row.epoch for row in result.sink.of(EpochMetrics) if row.split == "test"] == [2]


def test_a_step_with_a_loss_that_is_not_finite_is_stored_and_named_and_the_others_go_on(race, tiny, spoil):
    result = race(tiny("mad", "variance"), change=lambda runs: spoil(runs["mad"], "iou", math.nan, {4}))
    assert set(result.states.values()) == {RunState.FINISHED}
    np.testing.assert_array_equal(result.telemetry("mad")[:, -1], [1, 1, 1, 1, 0, 1, 1, 1])
    (event,) = result.sink.events("mad", "skipped")
    assert (event.step, event.data) == (4, {"losses": ["iou"]})
    alone = race(tiny("variance"))
    np.testing.assert_array_equal(result.telemetry("variance"), alone.telemetry("variance"))


def test_an_auxiliary_loss_that_is_not_finite_skips_the_step_too(race, tiny, spoil):
    result = race(tiny(), change=lambda runs: spoil(runs["mad"], "auxiliary", math.inf, {2}))
    assert result.telemetry("mad")[2, -1] == 0
    assert [event.data for event in result.sink.events("mad", "skipped")] == [{"losses": ["auxiliary"]}]


def test_ten_steps_in_a_row_that_are_not_finite_fail_that_run_alone_and_name_the_loss(
    race, tiny, spoil, assert_same_bits
):
    result = race(
        tiny("mad", "variance", epochs="4"),
        change=lambda runs: spoil(runs["mad"], "dice", math.nan, range(2, 99)),
    )
    assert result.states == {"mad": RunState.FAILED, "variance": RunState.FINISHED}
    # Ten are reached at step 12, which ends an epoch; there telemetry is read for certain.
    assert result.sink.reason("mad").startswith(
        "Loss 'dice' was NaN or infinite for 10 steps in a row (from step 2). Nothing was learned from them."
    )
    assert len(result.telemetry("mad")) == 12
    np.testing.assert_array_equal(result.telemetry("mad")[:, -1], [1, 1] + [0] * 10)
    assert len(result.sink.events("mad", "skipped")) == 1
    alone = race(tiny("variance", epochs="4"))
    np.testing.assert_array_equal(result.telemetry("variance"), alone.telemetry("variance"))
    assert_same_bits(result.network("variance"), alone.network("variance"))


def test_nine_steps_in_a_row_that_are_not_finite_do_not_fail_a_run(race, tiny, spoil):
    result = race(tiny(epochs="4"), change=lambda runs: spoil(runs["mad"], "dice", math.nan, range(2, 11)))
    assert result.states == {"mad": RunState.FINISHED}


def test_a_loss_gone_flat_is_told_once(race, tiny, spoil):
    result = race(tiny(epochs="4"), change=lambda runs: spoil(runs["mad"], "iou", 0.0, range(4, 99)))
    (event,) = result.sink.events("mad", "flat")
    assert event.data == {"loss": "iou", "steps": 6}


def test_an_exception_in_the_step_of_a_run_fails_it_alone(race, tiny, caplog):
    def change(runs):
        def broken(logits, target):
            raise ZeroDivisionError("a bug")

        runs["mad"].bank = broken

    result = race(tiny("mad", "variance"), change=change)
    assert result.states == {"mad": RunState.FAILED, "variance": RunState.FINISHED}
    assert result.sink.reason("mad") == "ZeroDivisionError: a bug"
    assert "Run mad failed at step 0" in caplog.text


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried ..."),
    ],
)
def test_out_of_memory_fails_that_run_alone_says_what_to_lower_and_frees_its_network(race, tiny, error):
    def change(runs):
        own, calls = runs["mad"].bank, itertools.count()

        def bank(logits, target):
            if next(calls) == 2:
                raise error
            return own(logits, target)

        runs["mad"].bank = bank

    result = race(tiny("mad", "variance"), change=change)
    assert result.states == {"mad": RunState.FAILED, "variance": RunState.FINISHED}
    assert result.sink.reason("mad") == (
        "Out of memory on cpu: batches of 4 images of 32x32 pixels, 2 runs. "
        "Use a smaller batch or image size, fewer filters or fewer runs."
    )
    assert len(result.telemetry("mad")) == 2
    assert {parameter.device.type for parameter in result.runs["mad"].model.parameters()} == {"meta"}


def test_out_of_memory_in_the_first_look_at_a_network_fails_that_run_alone(race, tiny):
    def change(runs):
        def forward(images):
            raise torch.OutOfMemoryError("CUDA out of memory.")

        runs["mad"].predict = forward

    result = race(tiny("mad", "variance"), change=change)
    assert result.states == {"mad": RunState.FAILED, "variance": RunState.FINISHED}


def test_a_paused_run_waits_takes_one_step_when_asked_catches_up_and_ends_the_same(race, tiny):
    order = []

    def on_step(runs):
        order.append(tuple(run.step for run in runs))

    script = Script({("mad", 2): ["pause"], ("mad", 4): ["step"], ("mad", 7): ["resume"]})
    result = race(tiny("mad", "variance"), commands=script, on_step=on_step)
    assert set(result.states.values()) == {RunState.FINISHED}
    changes = [(change.step, change.state.value) for change in result.sink.of(StateChange, "mad")]
    assert changes == [(0, "running"), (2, "paused"), (3, "running"), (STEPS, "finished")]
    assert max(variance - mad for mad, variance in order) >= 1  # variance went on meanwhile
    np.testing.assert_array_equal(result.telemetry("mad"), race(tiny("mad")).telemetry("mad"))
    # Whoever was behind caught up before the other went on: never again apart once level.
    level = next(turn for turn, (mad, variance) in enumerate(order) if turn > 4 and mad == variance)
    assert all(mad == variance for mad, variance in order[level:])


def test_a_step_wished_while_running_and_a_second_pause_change_nothing(race, tiny):
    script = Script({("mad", 1): ["step"], ("mad", 3): ["pause", "pause", "step", "step", "resume"]})
    result = race(tiny(), commands=script)
    np.testing.assert_array_equal(result.sink.telemetry("mad")[0], np.arange(STEPS))
    states = [change.state.value for change in result.sink.of(StateChange, "mad")]
    assert states == ["running", "paused", "running", "finished"]


def knob_events(result, run):
    return [(event.step, *event.data.values()) for event in result.sink.events(run, "knob")]


def column(result, run, name):
    names = ("auxiliary", "gamma", "total", "lr", "finite")
    return result.telemetry(run)[:, 6 + names.index(name)]


def test_a_learning_rate_wished_acts_from_the_next_step_on_and_is_stored(race, tiny):
    result = race(tiny(), commands=Script({("mad", 3): [("lr", "0.5")]}))
    assert knob_events(result, "mad") == [(3, "lr", 0.5, 1e-3)]
    np.testing.assert_array_equal(column(result, "mad", "lr"), np.float32([1e-3] * 3 + [0.5] * 5))
    untouched = race(tiny())
    # The losses of step 3 are those of the network before that step; only after it the two go apart.
    np.testing.assert_array_equal(result.telemetry("mad")[:4, :3], untouched.telemetry("mad")[:4, :3])
    assert not np.array_equal(result.telemetry("mad")[4, :3], untouched.telemetry("mad")[4, :3])


def test_what_is_wished_of_all_runs_at_once_acts_at_one_step(race, tiny):
    # The command arrives between the two questions before step 4, so mad hears it only when asked once more.
    script = Script({("mad", 5): [("lr", 0.5)], ("variance", 4): [("lr", 0.5)]})
    result = race(tiny("mad", "variance"), commands=script)
    assert [knob_events(result, run) for run in ("mad", "variance")] == [[(4, "lr", 0.5, 1e-3)]] * 2


@pytest.mark.parametrize(("word", "state"), [("pause", RunState.PAUSED), ("stop", RunState.STOPPED)])
def test_what_was_asked_of_all_runs_is_stored_before_any_checkpoint_of_it(race, tiny, word, state):
    names = ("mad", "variance", "fixed")
    then = {} if word == "stop" else {(run, 6): ["resume"] for run in names}
    result = race(tiny(*names), commands=Script({(run, 4): [word] for run in names} | then))
    kept = [record for record in result.sink.records if isinstance(record, StateChange | Artifact)]
    changed = [place for place, record in enumerate(kept) if getattr(record, "state", None) is state]
    assert changed == [*range(changed[0], changed[0] + len(names))]
    after = kept[changed[-1] + 1 :][: len(names)]
    assert [(record.run, record.kind, record.step) for record in after] == [
        (run, "checkpoint_last", 4) for run in names
    ]


def test_a_pause_of_all_runs_that_comes_between_their_steps_finds_all_at_the_same_step(race, tiny, monkeypatch):
    names, took = ("mad", "variance"), []
    script = Script({(run, 0): ["pause"] for run in names} | {(run, 1): ["resume"] for run in names})
    own = TrainingRun.take_step

    def take_step(run, batch):
        took.append(run.id)
        return own(run, batch)

    class Late:
        def take(self, run):
            return script.take(run) if took.count("mad") >= 4 else []

    monkeypatch.setattr(TrainingRun, "take_step", take_step)
    result = race(tiny(*names), commands=Late())
    paused = [change.step for change in result.sink.of(StateChange) if change.state is RunState.PAUSED]
    assert paused == [4, 4]


def test_gamma_and_decay_go_on_as_if_they_had_been_so_from_step_0(race, tiny):
    script = Script({("mad", 3): [("gamma", 3.0)], ("mad", 6): [("decay_rate", 0.5)]})
    result = race(tiny(decay_every="1", decay_rate="0.1"), commands=script)
    gamma = column(result, "mad", "gamma")
    # gamma_0 exp(-rate t): 1 and 0.1 up to step 2, then 3 and 0.1, from step 5 on 3 and 0.5
    expected = [math.exp(-0.1 * step) for step in range(3)]
    expected += [3 * math.exp(-0.1 * step) for step in (3, 4)]
    expected += [3 * math.exp(-0.5 * step) for step in (5, 6, 7)]
    np.testing.assert_allclose(gamma, expected, rtol=1e-6)
    assert knob_events(result, "mad") == [(3, "gamma", 3.0, 1.0), (5, "decay_rate", 0.5, 0.1)]


def test_a_weighting_wished_starts_afresh_on_the_history_there_is(race, tiny):
    result = race(tiny("bayesian"), commands=Script({("bayesian", 5): [("weighting", "mad")]}))
    assert knob_events(result, "bayesian") == [(5, "weighting", "mad", "bayesian")]
    weights, losses = (result.telemetry("bayesian")[:, columns] for columns in (slice(3, 6), slice(0, 3)))
    # MAD has no memory of its own, so its weights are those of a run that never had another.
    as_mad = replay(losses, tiny("mad").runs[0].fusion)
    np.testing.assert_allclose(weights[5:], as_mad[5:], rtol=1e-6)
    assert not np.allclose(weights[4], as_mad[4], rtol=1e-3)


def test_a_weighting_with_a_memory_of_its_own_begins_it_anew(race, tiny):
    script = Script({("bayesian", 5): [("weighting", "mad"), ("weighting", "bayesian")]})
    config = tiny("bayesian", prior="compound")
    weights, config = race(config, commands=script).telemetry("bayesian"), config.runs[0].fusion
    untouched = replay(weights[:, :3], config)
    np.testing.assert_allclose(weights[:5, 3:6], untouched[:5], rtol=1e-6)
    # A prior that begins anew is uniform, and with a uniform prior the Bayesian rule is MAD, eq. (8) and (6).
    as_mad = replay(weights[:, :3], config.replace(weighting="mad"))
    np.testing.assert_allclose(weights[5, 3:6], as_mad[5], rtol=1e-6)
    assert not np.allclose(weights[5, 3:6], untouched[5], rtol=1e-3)


def test_only_the_run_that_was_wished_changes(race, tiny, assert_same_bits):
    result = race(tiny("mad", "variance"), commands=Script({("mad", 3): [("lr", 0.5), ("weighting", "fixed")]}))
    alone = race(tiny("variance"))
    np.testing.assert_array_equal(result.telemetry("variance"), alone.telemetry("variance"))
    assert_same_bits(result.network("variance"), alone.network("variance"))
    assert result.sink.events("variance", "knob") == []


def test_a_knob_turned_while_paused_is_stored_at_once_with_the_step_it_will_act_on(race, tiny):
    script = Script({("mad", 2): ["pause"], ("mad", 3): [("lr", 0.5)], ("mad", 6): ["resume"]})
    result = race(tiny(), commands=script)
    kinds = [
        record.state.value if isinstance(record, StateChange) else record.kind
        for record in result.sink.records
        if isinstance(record, StateChange | Event)
    ]
    assert kinds == ["running", "paused", "knob", "running", "finished"]
    assert knob_events(result, "mad") == [(2, "lr", 0.5, 1e-3)]
    np.testing.assert_array_equal(column(result, "mad", "lr"), np.float32([1e-3] * 2 + [0.5] * 6))


@pytest.mark.parametrize(
    ("run", "command", "reason"),
    [
        ("mad", ("lr", -1), "lr: input should be greater than 0, got -1."),
        ("mad", ("lr", "fast"), "lr: input should be a valid number"),
        ("mad", ("lr", None), "lr: input should be a valid number"),
        ("mad", ("gamma", math.nan), "gamma: input should be a finite number"),
        ("mad", ("weighting", "madd"), "Unknown weighting 'madd'. Choose one of: fixed, variance, mad, bayesian,"),
        ("mad", ("filters", 3), "Unknown live setting 'filters'. Choose one of: gamma, decay_rate, lr, weighting."),
        ("mad", (), "Unknown live setting 'None'"),
        ("mad,auxiliary=none", ("gamma", 3), "gamma: this run has no auxiliary loss"),
    ],
)
def test_a_wish_that_cannot_work_is_refused_with_the_reason_and_changes_nothing(race, tiny, run, command, reason):
    config = tiny(run)
    (label,) = [each.label for each in config.runs]
    result = race(config, commands=Script({(label, 2): [command]}))
    (event,) = result.sink.events(label, "refused")
    assert event.step == 2
    assert event.data["reason"].startswith(reason)
    assert result.sink.events(label, "knob") == []
    np.testing.assert_array_equal(result.telemetry(label), race(config).telemetry(label))


def test_a_knob_set_to_what_it_stands_at_changes_nothing_and_is_not_stored(race, tiny):
    script = Script({("bayesian", 5): [("weighting", "bayesian"), ("lr", "0.001")]})
    result = race(tiny("bayesian"), commands=script)
    assert result.sink.of(Event, "bayesian") == []
    np.testing.assert_array_equal(result.telemetry("bayesian"), race(tiny("bayesian")).telemetry("bayesian"))


def test_changes_known_beforehand_act_at_their_step_as_wishes_do_and_are_not_stored_again(race, tiny):
    changes = {
        "mad": [
            SettingChange(2, "weighting", "variance"),
            SettingChange(5, "lr", 0.5),
            SettingChange(5, "gamma", 2.0),
            SettingChange(9, "lr", 1.0),
        ]
    }
    foreseen = race(tiny("mad", "fixed"), scheduled=changes)
    commands = {("mad", 2): [("weighting", "variance")], ("mad", 6): [("lr", 0.5), ("gamma", 2.0)]}
    commanded = race(tiny("mad", "fixed"), commands=Script(commands))
    np.testing.assert_array_equal(foreseen.telemetry("mad"), commanded.telemetry("mad"))
    assert foreseen.sink.events("mad", "knob") == []
    assert foreseen.runs["mad"].progress.changes == commanded.runs["mad"].progress.changes == tuple(changes["mad"][:3])


def test_a_change_known_beforehand_comes_before_a_wish_of_the_same_step(race, tiny):
    script = Script({("mad", 3): [("lr", 0.25)]})
    result = race(tiny(), commands=script, scheduled={"mad": [SettingChange(3, "lr", 0.5)]})
    assert knob_events(result, "mad") == [(3, "lr", 0.25, 0.5)]
    assert [change.value for change in result.runs["mad"].progress.changes] == [0.5, 0.25]


def test_a_change_known_beforehand_that_cannot_work_fails_that_run_alone(race, tiny):
    result = race(tiny("mad", "variance"), scheduled={"mad": [SettingChange(3, "weighting", "gone")]})
    assert result.states == {"mad": RunState.FAILED, "variance": RunState.FINISHED}
    assert result.sink.reason("mad").startswith("Unknown weighting 'gone'.")
    assert len(result.telemetry("mad")) == 3


def test_a_stopped_run_takes_no_further_step_and_leaves_a_checkpoint(race, tiny):
    result = race(tiny("mad", "variance"), commands=Script({("mad", 2): ["stop"]}))
    assert result.states == {"mad": RunState.STOPPED, "variance": RunState.FINISHED}
    assert len(result.telemetry("mad")) == result.runs["mad"].step == 2
    last = result.sink.of(Artifact, "mad")[-1]
    assert (last.kind, last.step) == ("checkpoint_last", 2)
    assert (result.runs["mad"].folder / last.path).stat().st_size == last.bytes


def test_a_checkpoint_that_cannot_be_written_fails_that_run_alone(race, tiny):
    def change(runs):
        folder = runs["mad"].folder
        folder.parent.mkdir(parents=True)
        folder.write_text("a file is in the way")

    result = race(tiny("mad", "variance"), change=change)
    assert result.states == {"mad": RunState.FAILED, "variance": RunState.FINISHED}


def test_four_classes_train(race, tiny):
    result = race(tiny(dataset="phantom-4"))
    assert result.states == {"mad": RunState.FINISHED}
    metrics = result.sink.of(EpochMetrics)[0].metrics
    assert {"dice/cyst", "dice/benign", "dice/malignant"} <= metrics.keys()


def test_bfloat16_trains_with_losses_and_weights_in_full_precision(race, tiny):
    result, full = race(tiny(precision="bfloat16")), race(tiny())
    assert result.states == {"mad": RunState.FINISHED}
    assert np.isfinite(result.telemetry("mad")).all()
    assert not np.array_equal(result.telemetry("mad"), full.telemetry("mad"))
    np.testing.assert_allclose(result.telemetry("mad")[0], full.telemetry("mad")[0], rtol=0.05)
    assert {tensor.dtype for tensor in result.network("mad").values()} == {torch.float32, torch.int64}


def test_a_network_of_the_zoo_trains(race, tiny):
    result = race(tiny(model="smp:Unet/resnet18", epochs="1"))
    assert result.states == {"mad": RunState.FINISHED}


@pytest.mark.parametrize("name", [name for name in MODELS if not name.startswith("smp:")])
def test_every_network_with_attention_raced_with_another_equals_itself_alone(race, tiny, assert_same_bits, name):
    chosen = {"model": name, "attention": "gate", "filters": "2"}
    together, alone = race(tiny("mad", "cov", **chosen)), race(tiny("cov", **chosen))
    assert together.states == {"mad": RunState.FINISHED, "cov": RunState.FINISHED}
    np.testing.assert_array_equal(together.telemetry("cov"), alone.telemetry("cov"))
    assert_same_bits(together.network("cov"), alone.network("cov"))


def test_events_of_a_run_carry_its_id(race, tiny, spoil):
    result = race(tiny("mad", "variance"), change=lambda runs: spoil(runs["mad"], "ce", math.inf, {1}))
    assert {event.run for event in result.sink.of(Event)} == {"mad"}
