"""One manager, whatever is reloaded."""

import sys

import pytest

import dmf.jobs
from app import access
from app.access import steering


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
