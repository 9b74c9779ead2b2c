"""Checks of a form, which start nothing."""

import pytest

from app import access
from dmf.config import FusionConfig


def test_a_form_that_can_work_becomes_a_configuration() -> None:
    checked = access.check({"epochs": "3", "history_min": 5}, ["mad", "fixed,weights=1:0:0"], "name")
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
    checked = access.check(values, ["mad"], "")
    assert checked.config is None
    assert list(checked.problems) == [field]


def test_looking_at_a_form_downloads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from dmf import build

    seen: list[bool] = []
    monkeypatch.setattr(build, "validate", lambda config: seen.append(config.model.pretrained))
    access.check({"model": "smp:unet/resnet18", "pretrained": True}, ["mad"], "downloads nothing")
    assert seen == [False]


def test_runs_that_cannot_work_are_named_by_their_place_and_the_rest_is_still_checked() -> None:
    runs = ["mad", "bayesian,gamma=-1", "mad,auxiliary=cbdice", "fixed,terms=", "mad"]
    checked = access.check({"epochs": 0}, runs, "")
    assert checked.config is None
    assert list(checked.problems) == ["epochs"]
    assert checked.rows[1] == ("gamma", "must be at least 0, got -1.")
    assert checked.rows[3] == ("terms", "a value is missing.")
    assert checked.rows[4] == (None, "the same as run 1; change or remove one of them.")
    assert checked.images["train"] == 179
    field, sentence = checked.rows[2]
    assert field == "auxiliary"
    assert "Did you mean 'cb-dice'?" in sentence
    assert 0 not in checked.rows


def test_a_run_that_differs_in_name_only_is_noted() -> None:
    checked = access.check({"gamma": 2.0}, ["mad", "mad,gamma=2"], "")
    assert checked.notes == {1: "Trains just as run 1 does."}
    assert [run.label for run in checked.config.runs] == ["mad", "mad gamma=2"]


def test_common_settings_that_cannot_work_are_told_at_their_field_not_at_every_run() -> None:
    checked = access.check({"weights": "1:0", "history_min": 200}, ["mad", "variance"], "")
    assert "weights" in checked.problems
    assert checked.rows == {}
    checked = access.check({"image_size": 100}, ["mad", "variance,gamma=3"], "")
    assert list(checked.problems) == ["image_size"]
    assert checked.rows == {}
