"""Settings changed while a run trains survive its end: the continued run equals one that was never interrupted.

The uninterrupted run is given, from a file, the changes that the store holds of the interrupted one.
"""

import queue
import random
import shutil
from contextlib import suppress

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from dmf.jobs import Job, create_experiment, job
from dmf.live_settings import changes_of, read_events, write_events
from dmf.records import Command, Event, RunState, SettingChange
from dmf.runs import RunStore
from dmf.training import checkpoint, lockstep

STEPS = 12  # 3 epochs of 4
RACE = ("bayesian", "mad,auxiliary=none")
FIRST, SECOND = "bayesian", "mad auxiliary=none"


class Crash(BaseException):
    """The process dies: nothing below catches this."""


class Script:
    """Commands heard by a run when it has taken so many steps, each once, whatever becomes of the job that heard it."""

    def __init__(self, commands):
        self.commands = {key: list(given) for key, given in commands.items()}
        self.labels, self.steps = {}, {}

    def take(self, run):
        key = (self.labels[run], self.steps.get(run, 0))
        return [
            Command(0, run, "set", *command) if isinstance(command, tuple) else Command(0, run, command)
            for command in self.commands.pop(key, ())
        ]


@pytest.fixture
def play(monkeypatch):
    """Trains with commands at exact steps; ``at(job, runs)`` is called at every turn and may raise Crash."""

    def go(store, experiment, script, at=lambda job, runs: None):
        class Scripted:
            def __init__(self, *_):
                self.lost = frozenset()

            def take(self, run):
                return script.take(run)

            def close(self):
                pass

        training = Job(store, experiment, "me")
        script.labels = {run.id: run.label for run in experiment.runs}
        script.steps = {}
        own = lockstep.Lockstep._begin

        def begin(self, lane):
            script.steps[lane.run.id] = lane.run.step
            own(self, lane)

        def on_step(runs):
            script.steps |= {run.id: run.step for run in runs}
            at(training, runs)

        with monkeypatch.context() as patch:
            patch.setattr(job, "StoreCommands", Scripted)
            patch.setattr(lockstep.Lockstep, "_begin", begin)
            training.train(on_step)

    return go


@pytest.fixture
def assert_as_if_uninterrupted(tiny, tmp_path):
    def check(store, id, *texts):
        experiment = store.experiment(id)
        changes = {run.label: changes_of(store.events([run.id])) for run in experiment.runs}
        write_events(tmp_path / "events.json", changes)
        whole_store = RunStore(tmp_path / "uninterrupted" / "runs.sqlite")
        whole = create_experiment(whole_store, tiny(*RACE, epochs="3"), read_events(tmp_path / "events.json"))
        Job(whole_store, whole, "another").train()
        for run, other in zip(experiment.runs, whole_store.experiment(whole.id).runs, strict=True):
            assert run.state is other.state is RunState.FINISHED, run.reason
            telemetry, expected = store.telemetry(run.id), whole_store.telemetry(other.id)
            np.testing.assert_array_equal(telemetry.steps, np.arange(STEPS))
            assert telemetry.values.tobytes() == expected.values.tobytes()
            here, there = (
                each.artifact_folder(row.id) / "last.safetensors" for each, row in ((store, run), (whole_store, other))
            )
            for name, tensor in load_file(there).items():
                assert torch.equal(load_file(here)[name], tensor), name
            applied = [checkpoint.load(file, experiment_fingerprint(file))[1].changes for file in (here, there)]
            assert applied[0] == applied[1] == changes[run.label]
        whole_store.close()
        shutil.rmtree(tmp_path / "uninterrupted")

    return check


def experiment_fingerprint(file):
    from safetensors import safe_open

    with safe_open(file, framework="pt") as opened:
        return opened.metadata()["fingerprint"]


def dies_at(step):
    def at(job, runs):
        if runs[0].step >= step:
            raise Crash

    return at


def changes(store, id):
    return [changes_of(store.events([run.id])) for run in store.experiment(id).runs]


CHANGE = [("weighting", "mad"), ("lr", 0.01)]
OTHER = [("weighting", "variance"), ("lr", 0.03)]


@pytest.mark.parametrize(
    ("commands", "death"),
    [
        # before the checkpoint at 4; and at its step, after it was written
        ({(FIRST, 2): CHANGE, (SECOND, 4): OTHER}, 6),
        # at the step of the checkpoint, before it was written; and while paused, after it was written
        ({(FIRST, 5): [*CHANGE, "pause", "resume"], (SECOND, 5): ["pause", *OTHER, "resume"]}, 7),
        # one before and one after; and after the checkpoint: applied again at its step
        ({(FIRST, 5): [CHANGE[0], "pause", CHANGE[1], "resume"], (SECOND, 6): OTHER}, 7),
        ({(FIRST, 2): CHANGE, (FIRST, 6): [("weighting", "bayesian")], (FIRST, 9): [("gamma", 0.1)]}, 7),  # all of it
        ({(FIRST, 0): CHANGE, (SECOND, 6): [("weighting", "variance"), ("weighting", "fixed")]}, 7),
        ({(FIRST, 6): [("gamma", 3), ("decay_rate", 1), ("gamma", 2)]}, 7),
        (
            {
                **{(FIRST, 1): [("weighting", "uncertainty")], (FIRST, 6): CHANGE},
                **{(SECOND, 2): [("weighting", "famo")], (SECOND, 6): [("weighting", "imtl-l"), ("lr", 0.01)]},
            },
            7,
        ),
    ],
)
def test_a_run_whose_settings_changed_goes_on_bit_for_bit(  # noqa: PLR0917
    store, tiny, play, assert_as_if_uninterrupted, commands, death
):
    experiment, script = create_experiment(store, tiny(*RACE, epochs="3")), Script(commands)
    with pytest.raises(Crash):
        play(store, experiment, script, dies_at(death))
    assert any(changes(store, experiment.id))
    play(store, store.experiment(experiment.id), script)
    assert sum(map(len, changes(store, experiment.id))) == sum(
        isinstance(command, tuple) for given in commands.values() for command in given
    )
    assert_as_if_uninterrupted(store, experiment.id)


def test_a_change_that_waits_for_its_step_again_comes_before_one_wished_then(
    store, tiny, play, assert_as_if_uninterrupted
):
    experiment, script = create_experiment(store, tiny(*RACE, epochs="3")), Script({(FIRST, 6): [("lr", 0.5)]})
    with pytest.raises(Crash):
        play(store, experiment, script, dies_at(7))
    # Back at step 4 the user changes it at 5, before the stored change acts again, and at 6, after it.
    script.commands = {(FIRST, 5): [("lr", 0.25)], (FIRST, 6): [("lr", 0.125)]}
    with pytest.raises(Crash):
        play(store, store.experiment(experiment.id), script, dies_at(7))
    play(store, store.experiment(experiment.id), script)
    assert changes(store, experiment.id)[0] == (
        SettingChange(5, "lr", 0.25),
        SettingChange(6, "lr", 0.5),
        SettingChange(6, "lr", 0.125),
    )
    assert_as_if_uninterrupted(store, experiment.id)


def test_a_run_that_never_came_to_a_checkpoint_applies_its_changes_from_the_start(
    store, tiny, play, assert_as_if_uninterrupted, monkeypatch
):
    monkeypatch.setattr(lockstep.Lockstep, "_save", lambda self, lane: None)
    experiment, script = create_experiment(store, tiny(*RACE, epochs="3")), Script({(FIRST, 1): CHANGE})
    with pytest.raises(Crash):
        play(store, experiment, script, dies_at(3))
    monkeypatch.undo()
    play(store, store.experiment(experiment.id), script)
    assert_as_if_uninterrupted(store, experiment.id)


def test_changes_known_beforehand_and_wishes_survive_together(store, tiny, play, assert_as_if_uninterrupted):
    beforehand = {
        FIRST: [
            SettingChange(9, "lr", 0.25),
            SettingChange(2, "weighting", "variance"),
            SettingChange(6, "weighting", "fixed"),
        ]
    }
    experiment = create_experiment(store, tiny(*RACE, epochs="3"), beforehand)
    script = Script({(FIRST, 3): [("lr", 0.5)], (FIRST, 6): [("weighting", "mad")], (SECOND, 1): [("lr", 0.1)]})
    for death in (3, 7):
        with pytest.raises(Crash):
            play(store, store.experiment(experiment.id), script, dies_at(death))
    play(store, store.experiment(experiment.id), script)
    assert [change.step for change in changes(store, experiment.id)[0]] == [2, 3, 6, 6, 9]
    assert_as_if_uninterrupted(store, experiment.id)


@pytest.mark.parametrize("spoil", ["forgotten", "another", "older"])
def test_a_checkpoint_that_disagrees_with_the_store_about_changes_is_refused(store, tiny, play, spoil):
    import sqlite3

    experiment, script = create_experiment(store, tiny(*RACE, epochs="3")), Script({(FIRST, 2): CHANGE})
    with pytest.raises(Crash):
        play(store, experiment, script, dies_at(6))
    run = experiment.runs[0].id
    if spoil == "older":  # a change before the checkpoint that it does not hold
        store.claim([run], "me")
        store.write([Event(run, 3, "knob", {"field": "lr", "value": 1.0, "before": 0.01})], "me")
        store.release([run], "me")
    with sqlite3.connect(store.file) as connection:
        if spoil == "forgotten":
            connection.execute("DELETE FROM events WHERE kind = 'knob'")
        elif spoil == "another":
            connection.execute("UPDATE events SET step = 3 WHERE kind = 'knob'")
    connection.close()
    play(store, store.experiment(experiment.id), script)
    first, second = store.experiment(experiment.id).runs
    assert (first.state, second.state) == (RunState.FAILED, RunState.FINISHED)
    assert "and the store disagree about its changes of settings" in first.reason


def test_a_checkpoint_with_a_change_this_program_does_not_know_fails_that_run_alone(store, tiny, play, monkeypatch):
    from dmf.weighting import WEIGHTINGS, FixedWeighting

    with monkeypatch.context() as patch:
        patch.setitem(WEIGHTINGS._members, "later", FixedWeighting)
        experiment = create_experiment(store, tiny(*RACE, epochs="3"))
        with pytest.raises(Crash):
            play(store, experiment, Script({(FIRST, 2): [("weighting", "later")]}), dies_at(6))
    play(store, store.experiment(experiment.id), Script({}))
    first, second = store.experiment(experiment.id).runs
    assert (first.state, second.state) == (RunState.FAILED, RunState.FINISHED)
    assert first.reason.startswith("Unknown weighting 'later'.")


def random_wishes(choice):
    values = {
        "lr": (1e-4, 1e-3, 0.01, 0.1),
        "gamma": (0, 0.5, 3),
        "decay_rate": (0, 0.3),
        "weighting": ("fixed", "variance", "mad", "bayesian", "famo", "uncertainty"),
    }
    commands = {}
    for label in (FIRST, SECOND):
        for step in choice.sample(range(STEPS), choice.randint(1, 6)):
            given = []
            for _ in range(choice.randint(1, 3)):
                field = choice.choice(list(values))
                given.append((field, choice.choice(values[field])))
            if choice.random() < 0.4:  # a checkpoint at this very step
                place = choice.randint(0, len(given))
                given[place:place] = ["pause"]
                given.append("resume")
            commands[label, step] = given
    return commands


@pytest.mark.parametrize("seed", range(4))
def test_whatever_changes_whenever_it_dies_the_outcome_is_that_of_the_stored_changes(  # noqa: PLR0917
    store, tiny, play, assert_as_if_uninterrupted, monkeypatch, seed
):
    choice = random.Random(seed)
    monkeypatch.setattr(lockstep, "DRAIN_EVERY", choice.choice((0.0, 0.25)))
    monkeypatch.setattr(lockstep, "CHECKPOINT_EVERY", choice.choice((0.0, 60.0)))
    experiment, script = create_experiment(store, tiny(*RACE, epochs="3")), Script(random_wishes(choice))
    own = checkpoint.save

    def is_open():
        return any(run.state is not RunState.FINISHED for run in store.experiment(experiment.id).runs)

    for _ in range(choice.randint(1, 4)):
        death, loses, saves = choice.randint(1, 8), choice.random() < 0.6, choice.randint(0, 12)

        def at(job, runs, death=death, loses=loses):
            nonlocal turns
            turns += 1
            if turns == death:
                if loses:  # what was not committed yet is gone
                    job._sink._queue = queue.SimpleQueue()
                raise Crash

        def save(*given, saves=saves):
            nonlocal saved
            saved += 1
            if saved == saves:
                raise Crash
            return own(*given)

        turns = saved = 0
        with monkeypatch.context() as patch:
            patch.setattr(checkpoint, "save", save)
            with suppress(Crash):
                play(store, store.experiment(experiment.id), script, at)
        if not is_open():  # it may die after its last step
            break
    if is_open():
        play(store, store.experiment(experiment.id), script)
    assert_as_if_uninterrupted(store, experiment.id)
