"""Settings asked for through the store, and what whoever trains answers."""

import threading
import time
from types import SimpleNamespace

import pytest

from app import access
from app.access import live_settings
from app.views import SettingsChanged
from dmf.config import FusionConfig
from dmf.records import Event, RunState, StateChange
from dmf.runs import ExperimentRow


@pytest.fixture
def experiment() -> ExperimentRow:
    """Three running runs: two with an auxiliary loss, one without."""
    fusions = [FusionConfig(), FusionConfig(weighting="mad", gamma=3.0), FusionConfig(auxiliary="none")]
    store = access.store()
    made = store.create_experiment(
        {"training": {"lr": 0.01}},
        name="e",
        labels=["a", "b", "c"],
        run_configs=[fusion.recorded() for fusion in fusions],
        environment={},
    )
    ids = [run.id for run in made.runs]
    store.claim(ids, "me")
    store.write([StateChange(id, 0, RunState.RUNNING) for id in ids], "me")
    return store.experiment(made.id)


@pytest.fixture
def answering(experiment: ExperimentRow):
    """Someone who follows every command at step 5, but takes no learning rate above 1."""
    store, over = access.store(), threading.Event()

    def obey() -> None:
        while not over.wait(0.02):
            commands = store.pending_commands([run.id for run in experiment.runs])
            store.mark_taken([command.id for command in commands])
            for command in commands:
                data = {"field": command.field, "value": command.value, "before": None, "reason": "too high"}
                kind = "refused" if command.field == "lr" and command.value > 1 else "knob"
                store.write([Event(command.run, 0, kind, data)], "me")

    thread = threading.Thread(target=obey)
    thread.start()
    yield
    over.set()
    thread.join()


def ids(experiment: ExperimentRow) -> list[str]:
    return [run.id for run in experiment.runs]


def test_only_what_differs_is_asked_for_and_the_answers_come_back(experiment, answering) -> None:
    turned = access.change_settings(experiment.id, ids(experiment), {"gamma": 3.0, "lr": 0.01})
    # Run a stands at 1, b at 3 already, c has no auxiliary loss; all are at 0.01.
    assert turned.asked == ("gamma",)
    assert [(event.run, event.kind, event.data["value"]) for event in turned.events] == [
        (experiment.runs[0].id, "knob", 3.0)
    ]
    assert turned.unanswered == ()
    assert access.change_settings(experiment.id, ids(experiment), {"gamma": 3.0}) == SettingsChanged()


def test_a_refusal_is_an_answer(experiment, answering) -> None:
    turned = access.change_settings(experiment.id, [experiment.runs[1].id], {"lr": 9.0})
    assert [(event.kind, event.data["reason"]) for event in turned.events] == [("refused", "too high")]


def test_what_cannot_work_is_said_by_knob_and_nothing_is_asked(experiment) -> None:
    turned = access.change_settings(experiment.id, ids(experiment), {"gamma": -1.0, "lr": 0.0, "weighting": "mad"})
    assert turned.problems == {"gamma": "must be at least 0, got -1.0.", "lr": "must be above 0, got 0.0."}
    assert access.store().pending_commands(ids(experiment)) == []


def test_without_an_auxiliary_loss_there_is_nothing_to_turn(experiment) -> None:
    turned = access.change_settings(experiment.id, [experiment.runs[2].id], {"gamma": 2.0})
    assert "no auxiliary loss" in turned.problems["gamma"]


def test_nobody_waits_for_ever(experiment, monkeypatch) -> None:
    monkeypatch.setattr(live_settings, "ANSWER_SECONDS", 0.1)
    turned = access.change_settings(experiment.id, [experiment.runs[0].id], {"lr": 0.5, "gamma": 2.0})
    assert (turned.asked, turned.unanswered) == (("lr", "gamma"), ("lr", "gamma"))


def test_what_is_queued_is_not_waited_for(experiment, monkeypatch) -> None:
    store = access.store()
    fusion = FusionConfig().recorded()
    queued = store.create_experiment({}, name="q", labels=["a"], run_configs=[fusion], environment={})
    waited: list[float] = []
    monkeypatch.setattr(live_settings, "time", SimpleNamespace(monotonic=time.monotonic, sleep=waited.append))
    turned = access.change_settings(queued.id, [queued.runs[0].id], {"lr": 0.5})
    assert turned.unanswered == ("lr",)
    assert waited == []


def test_runs_that_have_ended_are_left_alone(experiment) -> None:
    access.store().write([StateChange(run, 0, RunState.FINISHED) for run in ids(experiment)], "me")
    assert access.change_settings(experiment.id, ids(experiment), {"lr": 0.5}) == SettingsChanged()


def test_a_run_that_ends_between_look_and_click_is_left_alone(experiment, monkeypatch) -> None:
    before = access.follow(experiment.id)
    access.store().write([StateChange(run, 0, RunState.FINISHED) for run in ids(experiment)], "me")
    monkeypatch.setattr(live_settings, "follow", lambda id: before)
    assert access.change_settings(experiment.id, ids(experiment), {"lr": 0.5}) == SettingsChanged()
