"""Checks of a form, which start nothing."""

import pytest

from app import access
from dmf.config import FusionConfig


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
