"""The runs that come with the program: what they are, and how they come into a store."""

import hashlib
import zipfile
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from dmf import examples
from dmf.errors import StoreError, UnknownNameError
from dmf.examples import FILE, MEMBER, SCENES_FILE, TAG, TOUR_TAG, add_examples, open_scenes, scene_stem
from dmf.examples.make import EPOCHS, METHODS, NAME, STEM, SYNTHESIS_NAME, SYNTHESIS_STEM
from dmf.records import RunState
from dmf.runs import RunStore
from dmf.scenes import SCENES

ID, SYNTHESIS = f"e-{STEM}", f"e-{SYNTHESIS_STEM}"


def test_the_files_are_small() -> None:
    files = [resources.files(examples).joinpath(name) for name in (FILE, SCENES_FILE)]
    assert sum(len(file.read_bytes()) for file in files) < 4e6


def test_the_file_knows_nothing_of_a_machine_beyond_its_environment(tmp_path: Path) -> None:
    with resources.files(examples).joinpath(FILE).open("rb") as file, zipfile.ZipFile(file) as archive:
        archive.extractall(tmp_path)
        names = set(archive.namelist())
    kept = RunStore(tmp_path / MEMBER)
    assert all(run.owner is None for run in kept.runs())
    files = [file for run in kept.runs() for file in kept.artifacts(run.id)]
    assert {f"artifacts/{file.run}/{file.path}" for file in files} == names - {MEMBER}
    assert {file.kind for file in files} <= {"probabilities_best", "probabilities_last", "checkpoint_best"}
    kept.close()


def test_their_predictions_are_looked_at_image_by_image(store: RunStore) -> None:
    add_examples(store)
    for run in store.experiment(ID).runs:
        (scores,) = store.case_scores(run.id, "test")
        best, last = (store.probabilities(run.id, which) for which in ("best", "last"))
        assert best is not None
        assert (last is None) == (best.epoch == EPOCHS)  # then it is kept once
        for kept in filter(None, (best, last)):
            assert set(kept.cases) == set(scores.cases)
            assert kept.read(scores.cases[0]).shape == (1, 64, 64)
    for run in (run for id in (ID, SYNTHESIS) for run in store.experiment(id).runs):
        (network,) = [file for file in store.artifacts(run.id) if file.kind == "checkpoint_best"]
        content = (store.artifact_folder(run.id) / network.path).read_bytes()
        assert hashlib.sha256(content).hexdigest() == network.sha256


def test_four_finished_runs_with_all_that_was_recorded_come_into_the_store(store: RunStore) -> None:
    assert add_examples(store) == [SYNTHESIS, ID]
    experiment, other = store.experiments()
    assert other.id == SYNTHESIS  # the race of the first task stands first
    assert experiment.name == NAME
    assert [run.id for run in experiment.runs] == [f"r-{STEM}-{place:02d}" for place in range(1, 5)]
    assert [run.config["weighting"] for run in experiment.runs] == list(METHODS)
    assert len(store.samples(ID)) > 100
    for run in experiment.runs:
        assert run.state is RunState.FINISHED
        assert run.tags == (TAG,)
        assert run.config["auxiliary"] == "cb-dice"
        assert len(store.telemetry(run.id).steps) == run.summary["step"] + 1 >= 150
        assert run.summary["metrics"]["test"]["lesion_dice"] > 0.5
        (scores,) = store.case_scores(run.id, "test")
        assert len(scores.cases) >= 10
        assert [event.kind for event in store.events([run.id])] == ["prepared", "state", "state"]
    assert store.sample_png(store.samples(ID)[0].id).startswith(b"\x89PNG")


def test_two_of_them_make_a_late_image_of_an_early_one(store: RunStore) -> None:
    add_examples(store)
    experiment = store.experiment(SYNTHESIS)
    assert (experiment.name, experiment.task) == (SYNTHESIS_NAME, "synthesis")
    alone, cov = experiment.runs
    assert {run.state for run in experiment.runs} == {RunState.FINISHED}
    assert {run.tags for run in experiment.runs} == {(TAG,)}
    fixed, moving = (store.telemetry(run.id) for run in (alone, cov))
    weights = [f"weight_{term}" for term in ("l1", "ssim", "gradient")]
    places = [fixed.columns.index(name) for name in weights]
    assert np.array_equal(fixed.values[:, places], np.tile([1.0, 0.0, 0.0], (len(fixed.steps), 1)))
    np.testing.assert_allclose(moving.values[:, places].sum(1), 1, atol=1e-6)
    assert np.ptp(moving.values[:, places], axis=0).min() > 0.05
    for run in experiment.runs:
        scores = store.epoch_metrics([run.id], metrics=["psnr"], split="validation").set_index("epoch")["value"]
        assert scores[scores.index > 0].max() > scores[0]
        (cases,) = store.case_scores(run.id, "test")
        assert cases.scores["psnr"].mean() == pytest.approx(run.summary["metrics"]["test"]["psnr"])
    assert len({row.case for row in store.samples(SYNTHESIS)}) == 4


def test_adding_them_twice_does_nothing(store: RunStore) -> None:
    add_examples(store)
    assert add_examples(store) == []
    assert len(store.runs()) == 6


def test_they_come_by_themselves_only_into_a_store_without_experiments(store: RunStore) -> None:
    store.create_experiment({}, name="Own", labels=["a"], run_configs=[{}], environment={})
    assert add_examples(store, if_new=True) == []
    assert add_examples(store) == [SYNTHESIS, ID]


def test_deleted_ones_come_back_only_when_asked_for(store: RunStore) -> None:
    assert add_examples(store, if_new=True) == [SYNTHESIS, ID]
    store.delete_runs([run.id for run in store.runs()])
    assert store.experiments() == []
    assert add_examples(store, if_new=True) == []
    assert add_examples(store) == [SYNTHESIS, ID]


def test_a_file_that_cannot_be_read_is_told(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examples, "FILE", "gone.zip")
    with pytest.raises(
        StoreError, match=r"gone\.zip of the package dmf\.examples, cannot be read: .*Install dmf again"
    ):
        add_examples(store)


def test_the_scenes_of_the_tour_are_archived_runs_in_a_store_of_their_own(tmp_path: Path) -> None:
    scenes = open_scenes(tmp_path)
    assert scenes.experiments() == []
    kept = scenes.experiments(archived=True)
    assert {experiment.id for experiment in kept} == {f"e-{scene_stem(name)}" for name in SCENES}
    for run in (run for experiment in kept for run in experiment.runs):
        assert run.tags == (TAG, TOUR_TAG)
        assert run.owner is None
        assert scenes.artifacts(run.id) == []
    scenes.close()


def test_scenes_that_cannot_be_read_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examples, "SCENES_FILE", "gone.zip")
    with pytest.raises(StoreError, match=r"gone\.zip of the package dmf\.examples, cannot be read"):
        open_scenes(tmp_path)


def test_only_scenes_have_ids_of_scenes() -> None:
    with pytest.raises(UnknownNameError, match="Unknown scene 'priors'"):
        scene_stem("priors")
