"""The queue as a page lists it."""

import sys
import types
from types import SimpleNamespace

import pytest

from app import access
from dmf.config import FusionConfig
from dmf.errors import RunFinishedError, RunNotFoundError
from dmf.records import RunState, StateChange

HERE = "dashboard on host (process 7, ab12)"
FUSION = FusionConfig().recorded()


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process has a manager, named ``HERE``."""
    process = types.ModuleType("_dmf_process")
    process.managers = {str(access.store().url): SimpleNamespace(owner=HERE, trouble=lambda id: f"trouble of {id}")}
    monkeypatch.setitem(sys.modules, "_dmf_process", process)


def waiting(name: str, owner: str | None = HERE, device: str = "cpu") -> str:
    store = access.store()
    config = {"training": {"device": device}}
    made = store.create_experiment(config, name=name, labels=["a"], run_configs=[FUSION], environment={})
    if owner is not None:
        store.claim([made.runs[0].id], owner)
    return made.id


def train(id: str, owner: str = HERE) -> None:
    store = access.store()
    store.write([StateChange(store.experiment(id).runs[0].id, 0, RunState.RUNNING)], owner)


def test_what_trains_comes_first_and_only_what_waits_here_can_be_moved(here: None) -> None:
    elsewhere = waiting("elsewhere", "dmf train on other (process 9, cd34)", "cuda:1")
    first, second, third = waiting("first"), waiting("second"), waiting("third")
    train(second)
    entries = access.queue()
    assert [entry.experiment.id for entry in entries] == [second, elsewhere, first, third]
    assert [entry.owner for entry in entries] == [
        *("this dashboard", "dmf train on other (process 9)", "this dashboard", "this dashboard"),
    ]
    assert [entry.device for entry in entries] == ["cpu", "cuda:1", "cpu", "cpu"]
    assert [entry.is_queued for entry in entries] == [False, True, True, True]
    assert [(entry.can_go_earlier, entry.can_go_later) for entry in entries] == [
        *((False, False), (False, False), (False, True), (True, False)),
    ]


def test_moving_and_cancelling_act_on_the_one_named(here: None) -> None:
    first, second, third = waiting("first"), waiting("second"), waiting("third")
    access.move(third, -1)
    assert [entry.experiment.id for entry in access.queue()] == [first, third, second]
    access.cancel(third)
    assert [entry.experiment.id for entry in access.queue()] == [first, second]
    with pytest.raises(RunFinishedError):
        access.cancel(third)
    with pytest.raises(RunFinishedError):
        access.move(third, 1)
    with pytest.raises(RunNotFoundError):
        access.cancel("e-none")


def test_owners_are_named_for_people(here: None) -> None:
    assert access.owner_in_words(HERE) == "this dashboard"
    assert access.owner_in_words("dashboard on host (process 8, ef56)") == "another dashboard on host (process 8)"
    assert access.owner_in_words("dmf resume on host (process 9, 0000)") == "dmf resume on host (process 9)"
    assert access.owner_in_words("someone") == "someone"


def test_trouble_is_asked_of_who_trains_here(here: None) -> None:
    assert access.trouble("e-1") == "trouble of e-1"


def test_only_looking_makes_no_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "_dmf_process", raising=False)
    assert access.trouble("e-1") is None
    assert access.owner_in_words(HERE) == "another dashboard on host (process 7)"
    assert "_dmf_process" not in sys.modules


def test_what_nobody_has_claimed_yet_has_no_owner() -> None:
    waiting("new", owner=None)
    (entry,) = access.queue()
    assert entry.owner == ""
