"""The files of the example runs are made by a script."""

import zipfile
from pathlib import Path

import pytest

from dmf.build import validate
from dmf.config import ExperimentConfig
from dmf.examples import FILE, MEMBER, SCENES_FILE, TAG, TOUR_TAG, make, scene_stem
from dmf.examples.make import STEM, Example, config
from dmf.records import SettingChange
from dmf.runs import RunStore
from dmf.scenes import SCENES


def small(chosen: ExperimentConfig) -> ExperimentConfig:
    return chosen.model_copy(
        update={
            "data": chosen.data.model_copy(update={"limit": 20, "image_size": 32}),
            "model": chosen.model.model_copy(update={"filters": 4}),
            "training": chosen.training.model_copy(update={"epochs": 2}),
        }
    )


def opened(file: Path, folder: Path) -> RunStore:
    zipfile.ZipFile(file).extractall(folder)
    return RunStore(folder / MEMBER)


def test_short_trainings_become_files_with_the_ids_they_always_have(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = config(), make.scenes()[1]
    scene = Example(two.stem, small(two.config), {"mad": (SettingChange(1, "lr", 0.1),)}, two.tags, two.is_archived)
    monkeypatch.setattr(make, "first_day", lambda: [Example(STEM, small(one))])
    monkeypatch.setattr(make, "scenes", lambda: [scene])
    make.main([str(tmp_path)])
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith(f"Wrote {tmp_path / FILE}, 0.")
    assert told[1].startswith(f"Wrote {tmp_path / SCENES_FILE}, 0.")

    made = opened(tmp_path / FILE, tmp_path / "one")
    (experiment,) = made.experiments()
    assert experiment.id == f"e-{STEM}"
    assert {run.experiment for run in experiment.runs} == {experiment.id}
    assert {run.tags for run in experiment.runs} == {(TAG,)}
    assert len(made.telemetry(f"r-{STEM}-04").steps) == 2  # 14 of 20 images train: one batch of 8 in each epoch
    assert {sample.run for sample in made.samples(experiment.id)} == {None, *(run.id for run in experiment.runs)}
    for run in experiment.runs:
        kinds = {file.kind for file in made.artifacts(run.id)}
        assert {"probabilities_best", "checkpoint_best"} <= kinds
        assert "checkpoint_last" not in kinds
        assert made.probabilities(run.id, "best").cases
    made.close()

    made = opened(tmp_path / SCENES_FILE, tmp_path / "two")
    assert made.experiments() == []
    (experiment,) = made.experiments(archived=True)
    assert experiment.id == f"e-{scene_stem('spike')}"
    assert {run.tags for run in experiment.runs} == {(TAG, TOUR_TAG)}
    assert not any(made.artifacts(run.id) for run in experiment.runs)
    assert [event.data["value"] for event in made.events(["r-" + two.stem + "-02"]) if event.kind == "knob"] == [0.1]
    made.close()


def test_a_new_store_has_a_race_of_each_task_that_can_be_trained() -> None:
    assert [example.config.task for example in make.first_day()] == ["synthesis", "segmentation"]
    for example in make.first_day():
        validate(example.config)
        assert example.config.training.device == "cpu"


def test_every_scene_is_made_as_it_is_told_but_on_the_cpu() -> None:
    for example, (name, scene) in zip(make.scenes(), SCENES.items(), strict=True):
        told = scene.preset.config()
        assert example.stem == scene_stem(name)
        assert example.changes == scene.changes
        assert example.config.training.device == "cpu"
        assert example.config.runs == told.runs
        assert example.config.model_copy(update={"training": told.training}) == told
