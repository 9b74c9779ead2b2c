"""What visitors may train: small races on simulated images, one at a time, which are theirs alone to stop."""

from types import SimpleNamespace

import pytest

from app import access
from app.access import steering, visitor_races
from dmf.config import ExperimentConfig
from dmf.config_text import experiment
from dmf.errors import ConfigError, VisitorError
from dmf.records import RunState
from dmf.runs import new_owner

STEPS = 2000


@pytest.fixture(autouse=True)
def shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Visitors may train; nobody has started anything."""
    monkeypatch.setenv("DMF_SHARE", "http://192.168.1.20:8501")
    monkeypatch.setenv("DMF_VISITOR_STEPS", str(STEPS))
    visitor_races._races().clear()


@pytest.fixture(autouse=True)
def queued(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Experiments wait, and are not trained; their ids."""
    ids: list[str] = []

    def launch(config: ExperimentConfig, changes: object) -> str:
        store = access.store()
        labels = [run.label for run in config.runs]
        configs = [run.fusion.recorded() for run in config.runs]
        made = store.create_experiment({}, name="", labels=labels, run_configs=configs, environment={})
        store.claim([run.id for run in made.runs], new_owner("dashboard"))
        ids.append(made.id)
        return made.id

    monkeypatch.setattr(steering, "manager", lambda: SimpleNamespace(launch=launch))
    return ids


def small(**settings: object) -> ExperimentConfig:
    return experiment({"epochs": 2, **settings}, runs=("mad",))


@pytest.mark.parametrize(
    ("settings", "field", "words"),
    [
        ({"epochs": 1000}, "epochs", "visitors have 2,000. Choose fewer epochs or fewer runs."),
        ({"image_size": 512}, "image_size", "Visitors leave image_size as it is, at 128."),
        ({"filters": 256}, "filters", "Visitors leave filters as it is"),
        ({"root": "/etc"}, "root", "Visitors leave root as it is, at None."),
        ({"dataset_options": "images=100000"}, "dataset_options", "Visitors leave dataset_options as it is"),
        ({"dataset": "busi"}, "dataset", "Visitors train on simulated images."),
        ({"pretrained": True, "model": "smp:unet/resnet18"}, "model", "Visitors leave"),
        ({"seeds": "0,1"}, "seeds", "Visitors"),
    ],
)
def test_what_is_too_large_or_not_theirs_is_refused_by_its_field(
    settings: dict[str, object], field: str, words: str, queued: list[str]
) -> None:
    with pytest.raises(ConfigError) as refused:
        access.start(small(**settings))
    assert words in str(refused.value)
    assert refused.value.field == field
    assert queued == []


def test_the_form_says_so_before_anything_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.access.checking._check", lambda *_: pytest.fail("nothing is to be looked at"))
    checked = access.check({"dataset": "folder", "root": "/etc"}, ["mad"], "")
    assert checked.config is None
    assert checked.problems == {"root": "Visitors leave root as it is, at None."}


def test_each_has_one_place_in_the_queue(queued: list[str]) -> None:
    first = access.start(small())
    assert queued == [first]
    assert access.is_own(first)
    with pytest.raises(VisitorError, match="You have a race that trains or waits already"):
        access.start(small())
    assert access.cancel(first) is None
    assert access.start(small()) != first


def test_there_are_not_more_places_than_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitor_races, "MOST_RACES", 1)
    access.start(small())
    monkeypatch.setattr(visitor_races, "_visitor", lambda: "192.168.1.77")
    with pytest.raises(VisitorError, match="1 races of visitors wait already"):
        access.start(small())


def test_a_visitor_stops_their_own_race_and_does_nothing_else_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    own = access.start(small())
    for word in ("pause", "resume", "step"):
        with pytest.raises(VisitorError):
            access.command(own, word)
    with pytest.raises(VisitorError):
        access.move(own, -1)
    assert access.command(own, "stop")
    assert [run.state for run in access.store().experiment(own).runs] == [RunState.STOPPED]


def test_nobody_else_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    own = access.start(small())
    monkeypatch.setattr(visitor_races, "_visitor", lambda: "192.168.1.77")
    assert not access.is_own(own)
    for refused in (lambda: access.command(own, "stop"), lambda: access.cancel(own)):
        with pytest.raises(VisitorError):
            refused()


def test_without_steps_visitors_start_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DMF_VISITOR_STEPS")
    with pytest.raises(VisitorError, match="Visitors watch, inspect"):
        access.start(small())


def test_the_owner_has_no_limits(monkeypatch: pytest.MonkeyPatch, queued: list[str]) -> None:
    for module in ("app.visitors", "app.access.steering"):
        monkeypatch.setattr(f"{module}.may_change", lambda: True)
    access.start(small(epochs=1000))
    access.start(small(epochs=1000))
    assert len(queued) == 2
