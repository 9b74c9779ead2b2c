import cv2
import numpy as np
import pytest


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "mine"
    mask = np.zeros((4, 6), np.uint8)
    mask[1:3, 1:3] = 255
    for place in ("images", "masks", "predictions/good", "predictions/empty"):
        (root / place).mkdir(parents=True)
        pixels = mask * 0 if place.endswith("empty") else mask
        (root / place / "a.png").write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    return root


def test_import_tells_what_was_read(dmf, store, folder):
    result = dmf("import", folder, "--name", "two models")
    assert (result.status, result.out) == (0, "")
    (experiment,) = store.experiments()
    assert experiment.name == "two models"
    assert f"Experiment {experiment.id}: 1 images" in result.err
    for run, dice in zip(experiment.runs, ("0.000", "1.000"), strict=True):
        line = next(line for line in result.err.splitlines() if run.id in line)
        assert run.label in line
        assert dice in line


def test_import_prints_one_document(dmf, store, folder):
    document = dmf("import", folder, "--json").json()
    assert (document["experiment"], document["images"]) == (store.experiments()[0].id, 1)
    assert [(run["label"], round(run["test"]["lesion_dice"], 6)) for run in document["runs"]] == [
        ("empty", 0),
        ("good", 1),
    ]


def test_a_folder_that_cannot_be_used_exits_with_2(dmf, store, folder):
    (folder / "predictions" / "good" / "a.png").unlink()
    result = dmf("import", folder)
    assert (result.status, result.out) == (2, "")
    assert "has no prediction of a" in result.err
    assert store.experiments() == []


def test_imported_runs_are_listed_and_not_resumed(dmf, store, folder):
    id = dmf("import", folder, "--json").json()["experiment"]
    assert [row["state"] for row in dmf("runs", "--json").json()] == ["finished", "finished"]
    result = dmf("resume", id)
    assert result.status == 1
    assert "was imported: its predictions were made elsewhere" in result.err
    assert len(result.err.strip().splitlines()) == 1
