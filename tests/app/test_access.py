"""What the pages stand on: one store, one manager, and checks that start nothing."""

import sys
from pathlib import Path

import pytest

import dmf.jobs
from app import access
from dmf.config import FusionConfig


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DMF_HOME", str(tmp_path))
    monkeypatch.setenv("DMF_STORE", f"sqlite:///{tmp_path / 'runs.sqlite'}")
    return tmp_path


def test_a_store_is_opened_once_and_the_environment_names_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = access.store()
    assert first.file == home / "runs.sqlite"
    assert access.store() is first
    monkeypatch.setenv("DMF_STORE", f"sqlite:///{home / 'other.sqlite'}")
    assert access.store().file == home / "other.sqlite"


def test_there_is_one_manager_per_store_even_when_modules_are_loaded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first = access.manager()
    assert access.manager() is first
    monkeypatch.delitem(sys.modules, "app.access")
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

    access._end(Manager())
    assert said == ["stop", "busy?", "busy?", "busy?"]


def test_a_form_that_can_work_becomes_a_configuration() -> None:
    checked = access.check({"epochs": "3", "history_min": 5}, ["mad"], ["fixed,weights=1:0:0"], "name")
    assert checked.problems == {}
    assert checked.config.name == "name"
    assert checked.config.training.epochs == 3
    assert checked.config.runs[0].fusion == FusionConfig(weighting="mad", history_min=5)
    assert checked.config.runs[1].label == "fixed weights=1:0:0"
    # 70, 15 and 15 % of 256 images in batches of 8.
    assert checked.images == {"train": 179, "validation": 39, "test": 38, "steps_per_epoch": 22}


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"epochs": 0}, "epochs"),
        ({"split": "0.5:0.2:0.2"}, "split"),
        ({"weights": "1:0"}, "weights"),
        ({"device": "cuda:7"}, "device"),
        ({"model": "unett"}, "model"),
        ({"image_size": 100}, "image_size"),
        ({"batch_size": 180}, "batch_size"),
        ({"limit": 4, "batch_size": 8}, "batch_size"),
        ({"dataset": "busi"}, "dataset"),
        ({"dataset_options": {"images": "many"}}, "dataset_options"),
        ({"precision": "tf32", "device": "cpu"}, "precision"),
    ],
)
def test_what_cannot_work_names_its_field(values: dict, field: str) -> None:
    checked = access.check(values, ["mad"], [], "")
    assert checked.config is None
    assert list(checked.problems) == [field]


def test_looking_at_a_form_downloads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from dmf import build

    seen: list[bool] = []
    monkeypatch.setattr(build, "validate", lambda config: seen.append(config.model.pretrained))
    access.check({"model": "smp:unet/resnet18", "pretrained": True}, ["mad"], [], "downloads nothing")
    assert seen == [False]
