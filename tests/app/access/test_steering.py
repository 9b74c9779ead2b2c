"""One manager, whatever is reloaded."""

import sys
from typing import Any

import pytest

import dmf.jobs
from app import access
from app.access import steering
from dmf.config import FusionConfig
from dmf.records import RunState, StateChange
from dmf.runs import ExperimentRow


def test_there_is_one_manager_per_store_even_when_modules_are_loaded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first = access.manager()
    assert access.manager() is first
    for name in ("app.access", "app.access.steering", "app.access.reading"):
        monkeypatch.delitem(sys.modules, name)
    from app import access as again

    assert again.manager() is first


def test_a_manager_of_an_older_class_goes_on_while_it_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    old = access.manager()

    class Reloaded(dmf.jobs.JobManager):
        """The class as it is after an edit."""

    monkeypatch.setattr(dmf.jobs, "JobManager", Reloaded)
    monkeypatch.setattr(old, "is_busy", lambda: True)
    assert access.manager() is old
    monkeypatch.setattr(old, "is_busy", lambda: False)
    assert type(access.manager()) is Reloaded


def test_an_ending_server_stops_what_trains_and_waits_for_it() -> None:
    said: list[str] = []

    class Manager:
        def stop_all(self) -> None:
            said.append("stop")

        def is_busy(self) -> bool:
            said.append("busy?")
            return len(said) < 4

    steering._end(Manager())
    assert said == ["stop", "busy?", "busy?", "busy?"]


def queued() -> ExperimentRow:
    fusion = FusionConfig().recorded()
    made = access.store().create_experiment({}, name="q", labels=["a", "b"], run_configs=[fusion] * 2, environment={})
    access.store().claim([run.id for run in made.runs], "someone")
    return made


def test_stopping_what_waits_takes_it_out_of_the_queue() -> None:
    waits = queued()
    access.command(waits.id, "stop")
    found = access.store().experiment(waits.id)
    assert [(run.state, run.reason, run.owner) for run in found.runs] == [(RunState.STOPPED, "", None)] * 2


def test_what_began_between_look_and_click_is_asked_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = queued()
    cancel = access.store().cancel

    def too_late(id: str, reason: str) -> list[str]:
        access.store().write([StateChange(run.id, 0, RunState.RUNNING) for run in waits.runs], "someone")
        return cancel(id, reason)

    monkeypatch.setattr(access.store(), "cancel", too_late)
    access.command(waits.id, "stop")
    commands = access.store().pending_commands([run.id for run in waits.runs])
    assert [(command.run, command.name) for command in commands] == [(run.id, "stop") for run in waits.runs]


def test_a_wish_for_a_run_that_ended_meanwhile_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    made = queued()
    store, first = access.store(), made.runs[0].id
    store.write([StateChange(run.id, 0, RunState.RUNNING) for run in made.runs], "someone")
    add = store.add_commands

    def after_the_first_ended(commands: Any) -> Any:
        store.write([StateChange(first, 0, RunState.FINISHED)], "someone")
        return add(commands)

    monkeypatch.setattr(store, "add_commands", after_the_first_ended)
    access.command(made.id, "pause")
    assert [command.run for command in store.pending_commands([run.id for run in made.runs])] == [made.runs[1].id]


def test_a_button_waits_until_every_run_it_means_has_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    made = queued()
    store, (first, second) = access.store(), (run.id for run in made.runs)
    store.write([StateChange(run, 0, RunState.RUNNING) for run in (first, second)], "someone")
    monkeypatch.setattr(steering, "ANSWER_SECONDS", 30)
    looks: list[int] = []
    look = store.experiment

    def answering(id: str) -> ExperimentRow:
        looks.append(1)
        if len(looks) in (3, 5):  # the first look is the button's own
            store.write([StateChange(first if len(looks) == 3 else second, 0, RunState.PAUSED)], "someone")
        return look(id)

    monkeypatch.setattr(store, "experiment", answering)
    access.command(made.id, "pause")
    assert len(looks) == 5
