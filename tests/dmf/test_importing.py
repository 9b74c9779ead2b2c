"""A folder of predictions opens as finished runs, or is refused with all that is wrong and nothing stored."""

import cv2
import nibabel
import numpy as np
import pytest

from dmf import build
from dmf.errors import ConfigError, DataError, RunFinishedError
from dmf.importing import import_predictions
from dmf.jobs import Job
from dmf.records import RunState

# A mask of 4 of 24 pixels, and one of another size without anything.
TRUTH = np.zeros((4, 6), np.uint8)
TRUTH[1:3, 1:3] = 255
EMPTY = np.zeros((5, 5), np.uint8)


def png(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())


def npy(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, pixels)


@pytest.fixture
def folder(tmp_path):
    """Two images; "masks" finds half of the first and nothing else, "odds" finds all in floating point."""
    root = tmp_path / "mine"
    for case, truth in (("benign (1)", TRUTH), ("benign (2)", EMPTY)):
        png(root / "images" / f"{case}.png", np.full(truth.shape, 90, np.uint8))
        png(root / "masks" / f"{case}.png", truth)
        half = truth.copy()
        half[2] = 0
        png(root / "predictions" / "masks" / f"{case}.png", half)
        npy(root / "predictions" / "odds" / f"{case}.npy", (truth / 255 * 0.8).astype(np.float32))
    return root


def refused(store, folder, message, error=DataError):
    with pytest.raises(error, match=message) as caught:
        import_predictions(store, folder)
    assert store.experiments(archived=True) == []
    return str(caught.value)


def test_every_model_becomes_a_finished_run_with_scores(store, folder):
    experiment = store.experiment(import_predictions(store, folder))
    assert (experiment.name, experiment.is_imported, experiment.is_recorded) == ("mine", True, True)
    assert [(run.label, run.state, run.owner) for run in experiment.runs] == [
        ("masks", RunState.FINISHED, None),
        ("odds", RunState.FINISHED, None),
    ]
    (scores,) = store.case_scores(experiment.runs[0].id, "test")
    assert scores.cases == ("benign (1)", "benign (2)")
    # First image: 2 of 4 found, 20 background; second: all 25 are background.
    assert scores.counts.tolist() == [[[20, 2, 0], [2, 0, 2]], [[25, 0, 0], [0, 0, 0]]]
    assert scores.sizes.tolist() == [[4, 6], [5, 5]]
    test = experiment.runs[0].summary["metrics"]["test"]
    assert test["lesion_dice"] == pytest.approx(2 * 2 / (2 * 2 + 2))
    assert test["accuracy"] == pytest.approx(47 / 49)  # of 24 + 25 pixels
    assert experiment.runs[1].summary["metrics"]["test"]["lesion_dice"] == pytest.approx(1)


def test_its_probabilities_are_read_in_place_and_at_original_size(store, folder):
    first, second = store.experiment(import_predictions(store, folder)).runs
    masks, odds = store.probabilities(first.id, "best"), store.probabilities(second.id, "last")
    assert (odds.split, odds.cases, odds.classes, odds.size) == ("test", ("benign (1)", "benign (2)"), 1, None)
    assert odds.epoch == store.case_scores(second.id, "test")[0].epoch
    assert odds.read("benign (1)").max() == 204  # 0.8 * 255
    assert masks.read("benign (2)").shape == (1, 5, 5)
    assert store.stored_bytes([first.id]) == {first.id: 0}
    assert not store.artifact_folder(first.id).exists()


def test_its_images_are_read_in_place_too(store, folder):
    experiment = store.experiment(import_predictions(store, folder, name="two models"))
    assert experiment.name == "two models"
    original = build.original_case(experiment.config, "benign (1)")
    np.testing.assert_array_equal(original.truth, TRUTH // 255)
    assert original.image.max() == 90


def test_values_of_the_masks_are_found_out(store, folder):
    for case, truth in (("benign (1)", TRUTH), ("benign (2)", EMPTY)):
        classes = truth // 255
        classes[0, :2] = 2
        png(folder / "masks" / f"{case}.png", classes)
        png(folder / "predictions" / "masks" / f"{case}.png", classes)
        npy(folder / "predictions" / "odds" / f"{case}.npy", np.stack([classes == 1, classes == 2]) * np.float32(0.6))
    experiment = store.experiment(import_predictions(store, folder))
    assert experiment.config["data"]["dataset_options"] == {"values": "0:1:2"}
    for run in experiment.runs:
        assert store.case_scores(run.id, "test")[0].counts[0].tolist() == [[18, 0, 0], [4, 0, 0], [2, 0, 0]]
        assert store.probabilities(run.id, "best").classes == 2
    assert build.original_case(experiment.config, "benign (1)").truth.max() == 2


def test_a_folder_is_imported_once(store, folder):
    id = import_predictions(store, folder)
    with pytest.raises(
        ConfigError, match=rf"is imported already, as experiment '{id}'\. Open that, or delete its runs"
    ):
        import_predictions(store, folder)
    store.delete_runs([run.id for run in store.experiment(id).runs])
    assert (folder / "predictions" / "masks").is_dir()  # what is someone else's stays
    import_predictions(store, str(folder))


def test_nothing_of_it_can_be_trained(store, folder):
    experiment = store.experiment(import_predictions(store, folder))
    with pytest.raises(RunFinishedError, match="was imported: its predictions were made elsewhere") as caught:
        Job(store, experiment, "me")
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_gone_later_is_told(store, folder):
    run = store.experiment(import_predictions(store, folder)).runs[0].id
    file = store.probabilities(run, "best")
    (folder / "predictions" / "masks" / "benign (1).png").unlink()
    with pytest.raises(DataError, match=r"The prediction of 'benign \(1\)' .* is not there any more"):
        file.read("benign (1)")
    (folder / "predictions" / "masks").rename(folder / "elsewhere")
    with pytest.raises(DataError, match=r"are not there any more\. Put the folder back"):
        store.probabilities(run, "best")


@pytest.mark.parametrize("missing", ["images", "masks", "predictions"])
def test_a_missing_folder_is_named_with_what_is_expected(store, folder, missing):
    (folder / missing).rename(folder / "other")
    said = refused(store, folder, r"Expected are images/, masks/ and predictions/<model>/ side by side")
    assert (missing if missing == "predictions" else f"holds no folder of {missing} beside") in said


def test_a_folder_that_is_not_there_is_told(store, tmp_path):
    refused(store, tmp_path / "nowhere", "nowhere: is missing")


def test_a_folder_without_models_or_with_too_many_is_told(store, folder, monkeypatch):
    monkeypatch.setattr("dmf.importing.MOST_RUNS", 1)
    refused(store, folder, "holds 2 models; at most 1 are read at once", ConfigError)
    (folder / "predictions").rename(folder / "other")
    (folder / "predictions" / ".hidden").mkdir(parents=True)
    refused(store, folder, "holds no folder of a model")


def jpeg(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())


def test_predictions_as_jpeg_and_nifti_count_like_the_masks_they_were(store, tmp_path):
    truth = np.zeros((40, 60), np.uint8)
    truth[10:30, 20:40] = 255
    found = truth.copy()
    found[10] = 0  # 20 of 400 pixels are missed: Dice 760 / 780
    root = tmp_path / "mine"
    png(root / "images" / "a.png", truth // 2)
    png(root / "masks" / "a.png", truth)
    jpeg(root / "predictions" / "jpeg" / "a.jpg", found)
    volume = root / "predictions" / "nifti" / "a_pred.nii.gz"
    volume.parent.mkdir()
    nibabel.save(nibabel.Nifti1Image((found.T > 0).astype(np.uint8), np.eye(4)), volume)
    experiment = store.experiment(import_predictions(store, root))
    for run in experiment.runs:
        assert store.case_scores(run.id, "test")[0].counts[0, 1].tolist() == [380, 0, 20]
        assert set(np.unique(store.probabilities(run.id, "best").read("a"))) == {0, 255}
    nibabel.save(nibabel.Nifti1Image((found > 0).astype(np.uint8), np.eye(4)), volume)
    store.delete_runs([run.id for run in experiment.runs])
    refused(store, root, r"is 40 x 60 pixels, but its image is 60 x 40\. NIfTI has x before y: transpose")


def test_predictions_of_a_kind_that_is_not_read_are_told_so(store, folder):
    (folder / "predictions" / "odds" / "benign (2).npy").rename(folder / "predictions" / "odds" / "benign (2).mat")
    said = refused(store, folder, r"odds: has predictions of a kind that is not read: benign \(2\)\.mat\. Save them as")
    assert "has no prediction" not in said


def test_missing_predictions_are_named(store, folder):
    (folder / "predictions" / "odds" / "benign (2).npy").unlink()
    refused(store, folder, r"odds: has no prediction of benign \(2\)\. Put a \.png or \.npy of the same name")


def test_predictions_without_an_image_and_second_ones_are_named(store, folder):
    png(folder / "predictions" / "odds" / "benign (2).png", EMPTY)
    png(folder / "predictions" / "odds" / "benign_3.png", EMPTY)
    (folder / "predictions" / "odds" / ".benign_4.png").write_bytes(b"")  # hidden files are nobody's
    said = refused(store, folder, r"odds: has predictions without an image: benign_3\.png")
    assert "has a second prediction of the same image: benign (2).png" in said
    assert "benign_4" not in said


def test_a_prediction_of_another_size_is_named(store, folder):
    png(folder / "predictions" / "masks" / "benign (1).png", EMPTY)
    refused(store, folder, r"benign \(1\)\.png: is 5 x 5 pixels, but its image is 6 x 4\. Bring the prediction back")


def test_every_file_that_cannot_be_used_is_named(store, folder):
    (folder / "predictions" / "masks" / "benign (1).png").write_bytes(b"no picture")
    npy(folder / "predictions" / "odds" / "benign (2).npy", np.full((5, 5), 1.5))
    (folder / "masks" / "benign (1).png").write_bytes(b"")
    said = refused(store, folder, r"benign \(1\)\.png: is empty")
    assert "holds values from 1.5 to 1.5, expected probabilities 0..1. Take the sigmoid" in said
    png(folder / "masks" / "benign (1).png", TRUTH)
    refused(store, folder, r"masks/benign \(1\)\.png: cannot be read as an image.*\. Save it again")


def test_many_problems_are_cut_short(store, folder, monkeypatch):
    monkeypatch.setattr("dmf.importing.MOST_NAMED", 1)
    for case in (1, 2):
        (folder / "predictions" / "masks" / f"benign ({case}).png").write_bytes(b"no picture")
    said = refused(store, folder, "And more: there are 1 other problems of this kind")
    assert len(said.splitlines()) == 2
    for file in (folder / "predictions" / "odds").iterdir():
        file.unlink()
    refused(store, folder, r"has no prediction of benign \(1\) and 1 more")


def test_masks_of_zeros_and_ones_are_not_taken_for_probabilities_near_zero(store, folder):
    png(folder / "predictions" / "masks" / "benign (1).png", TRUTH // 255)
    refused(
        store,
        folder,
        "masks: is nowhere brighter than 1 of 255.*Save masks with the values of the true ones: 0 and 255",
    )


def test_probabilities_that_are_sure_of_nothing_are_not_taken_for_a_mask_of_zeros_and_ones(store, folder):
    for case, truth in (("benign (1)", TRUTH), ("benign (2)", EMPTY)):
        png(folder / "masks" / f"{case}.png", truth // 255)
        half = truth // 255
        half[2:] = 0
        png(folder / "predictions" / "masks" / f"{case}.png", half)
        png(folder / "predictions" / "odds" / f"{case}.png", np.where(truth, 200, 1).astype(np.uint8))
        (folder / "predictions" / "odds" / f"{case}.npy").unlink()
    experiment = store.experiment(import_predictions(store, folder))
    masks, odds = (store.case_scores(run.id, "test")[0].counts[:, 1].tolist() for run in experiment.runs)
    assert masks == [[2, 0, 2], [0, 0, 0]]
    assert odds == [[4, 0, 0], [0, 0, 0]]  # no pixel of the second picture, all 1 of 255, is found
    assert (store.probabilities(experiment.runs[1].id, "best").read("benign (2)") == 1).all()


def test_a_folder_is_the_same_whatever_way_leads_to_it(store, folder, tmp_path):
    import_predictions(store, folder)
    (tmp_path / "link").symlink_to(folder, target_is_directory=True)
    for way in (tmp_path / "link", folder / "images" / ".."):
        with pytest.raises(ConfigError, match="is imported already"):
            import_predictions(store, way)


def test_masks_of_which_none_can_be_read_are_refused(store, folder):
    for file in (folder / "masks").iterdir():
        file.write_bytes(b"")
    refused(store, folder, "is empty")
