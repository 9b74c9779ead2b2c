"""Cases with what runs predict there, large, small, over a training and on a sheet."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from app.access import inspecting, kept_samples
from app.tasks.segmentation.access import bringing, viewing
from app.tasks.segmentation.access.cases import segmented
from app.tasks.segmentation.views import SegmentedRun
from app.theme import line_colors
from dmf.errors import DataError
from dmf.probabilities import found
from dmf.runs import RunStore


def test_a_case_is_shown_at_its_original_size_with_each_prediction(store: RunStore, runs: list[SegmentedRun]) -> None:
    scores = store.case_scores(runs[0].id, "test")[-1]
    view = viewing.view_case(runs, scores.cases[0], "best")
    assert view.image is not None
    assert view.truth is not None
    assert view.image.shape[:2] == view.truth.shape == tuple(scores.sizes[0])
    first = view.predictions[0]
    assert first.probabilities is not None
    assert first.truth is not None
    mask, truth = found(first.probabilities) > 0, first.truth > 0
    counts = [(mask & truth).sum(), (mask & ~truth).sum(), (~mask & truth).sum()]
    assert counts == scores.counts[0, 1].tolist()  # what the grid says is what the picture shows


def test_numbers_are_measured_at_original_size(runs: list[SegmentedRun], store: RunStore) -> None:
    case = store.case_scores(runs[0].id, "test")[-1].cases[0]
    view = viewing.view_case(runs, case, "best")
    rows = viewing.case_numbers(runs, view, {run.id: run.id for run in runs}, 0.0)
    assert rows["run"].tolist() == [run.id for run in runs]
    assert view.truth is not None
    assert rows["recall"].tolist() == pytest.approx([1.0, 1.0])  # at threshold 0 everything is found
    assert rows["precision"][0] == pytest.approx((view.truth > 0).mean())


def test_the_best_network_looks_at_an_image_of_which_nothing_was_kept(
    runs: list[SegmentedRun], store: RunStore
) -> None:
    scores = store.case_scores(runs[0].id, "validation")
    case = scores[-1].cases[0]
    kept = viewing.view_case(runs[:1], case, "best").predictions[0]
    assert kept.probabilities is None
    assert kept.labels is not None
    now = viewing.view_case(runs[:1], case, "best", compute=True).predictions[0]
    assert now.note == viewing.COMPUTED
    assert now.probabilities is not None
    assert now.truth is not None
    best = next(artifact.epoch for artifact in store.artifacts(runs[0].id) if artifact.kind == "checkpoint_best")
    counts = next(row for row in scores if row.epoch == best).counts[0, 1]
    mask, truth = found(now.probabilities) > 0, now.truth > 0
    assert [(mask & truth).sum(), (mask & ~truth).sum(), (~mask & truth).sum()] == counts.tolist()


def test_a_prediction_grows_from_the_untrained_network_on(runs: list[SegmentedRun]) -> None:
    case = kept_samples.sampled_cases(runs)[0]
    seen = viewing.growth(runs, case)
    assert seen.image.shape == seen.truth.shape == (32, 32)
    assert {run: sorted(epochs) for run, epochs in seen.labels.items()} == {run.id: [0, 1, 2] for run in runs}
    gif = viewing.growth_gif(runs, {run.id: "run" for run in runs}, case, colors=line_colors(2))
    assert gif.startswith(b"GIF89a")


def test_an_image_without_samples_does_not_grow(runs: list[SegmentedRun]) -> None:
    with pytest.raises(DataError, match="No sample of gone was kept"):
        viewing.growth(runs, "gone")


@pytest.mark.parametrize(("kind", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_a_contact_sheet_is_a_picture_or_a_page(
    runs: list[SegmentedRun], store: RunStore, kind: Any, start: bytes
) -> None:
    cases = store.case_scores(runs[0].id, "test")[-1].cases[:2]
    made = viewing.contact_sheet(runs, {run.id: "run" for run in runs}, "best", cases, kind, colors=line_colors(2))
    assert made.startswith(start)


def test_a_contact_sheet_says_where_there_is_no_prediction(
    runs: list[SegmentedRun], store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []
    make = viewing.sheet.contact_sheet
    monkeypatch.setattr(viewing.sheet, "contact_sheet", lambda rows, *a, **k: given.extend(rows) or make(rows, *a, **k))
    case = store.case_scores(runs[0].id, "test")[-1].cases[0]
    for file in store.artifact_folder(runs[1].id).glob("probabilities-*.zip"):
        file.unlink()
    viewing.contact_sheet(runs, {run.id: "run" for run in runs}, "best", [case], "png", colors=line_colors(2))
    first, second = given[0][3]
    assert first is not None
    assert second is None


def test_predictions_made_elsewhere_open_as_runs(store: RunStore, tmp_path: Path) -> None:
    truth = np.zeros((20, 30), np.uint8)
    truth[5:15, 5:15] = 255
    for part in ("images", "masks", "predictions/good", "predictions/poor"):
        (tmp_path / "mine" / part).mkdir(parents=True)
    for name in ("a", "b"):
        cv2.imwrite(str(tmp_path / "mine/images" / f"{name}.png"), np.full((20, 30), 90, np.uint8))
        cv2.imwrite(str(tmp_path / "mine/masks" / f"{name}.png"), truth)
        cv2.imwrite(str(tmp_path / "mine/predictions/good" / f"{name}.png"), truth)
        cv2.imwrite(str(tmp_path / "mine/predictions/poor" / f"{name}.png"), np.roll(truth, 5, 1))
    runs = segmented(inspecting.inspected_runs(bringing.bring_predictions(str(tmp_path / "mine"), ""))[0])
    assert [(run.run.label, run.has_network) for run in runs] == [("good", False), ("poor", False)]
    view = viewing.view_case(runs, "a", "best", compute=True)
    assert view.image is not None
    assert view.image.shape == (20, 30)
    rows = viewing.case_numbers(runs, view, {run.id: run.run.label for run in runs}, 0.5)
    # Moved by 5 of 10 columns: 50 of 100 pixels are found, so Dice is 2 * 50 / 200.
    assert dict(zip(rows["run"], rows["dice"], strict=True)) == pytest.approx({"good": 1.0, "poor": 0.5})
    with pytest.raises(DataError, match="images"):
        bringing.bring_predictions(str(tmp_path / "nothing"), "")


def test_small_pictures_show_what_lies_under_the_image(runs: list[SegmentedRun], store: RunStore) -> None:
    case = store.case_scores(runs[0].id, "test")[-1].cases[0]
    seen = []

    def draw(image: Any, truth: Any, prediction: Any) -> str:
        seen.append((image.shape, truth.shape, prediction.shape))
        return "picture"

    assert viewing.kept_picture(runs[0], case, "best", draw) == "picture"
    assert viewing.kept_picture(runs[0], case, "best", draw) == "picture"
    assert seen == [((128, 128), (128, 128), (32, 32))]  # drawn once


def test_images_of_one_name_that_differ_are_not_mixed_up(
    runs: list[SegmentedRun], trained_runs: dict[str, list[str]], store: RunStore
) -> None:
    (other,) = segmented(
        inspecting.inspected_runs(trained_runs["another seed"])[0]
    )  # simulated anew, under the same names
    case = next(case for case in store.case_scores(runs[0].id, "test")[-1].cases)
    view = viewing.view_case([*runs, other], case, "best", compute=True)
    assert [prediction.note for prediction in view.predictions] == ["", "", viewing.ANOTHER]
    assert view.predictions[2].probabilities is None
    grown_case = kept_samples.sampled_cases(runs)[0]
    assert set(viewing.growth([*runs, other], grown_case).labels) == {run.id for run in runs}


def test_an_image_that_a_network_learned_from_is_not_looked_at(runs: list[SegmentedRun], store: RunStore) -> None:
    judged = {case for split in ("test", "validation") for case in store.case_scores(runs[0].id, split)[-1].cases}
    learned = next(f"phantom-{number:05d}" for number in range(24) if f"phantom-{number:05d}" not in judged)
    view = viewing.view_case(runs[:1], learned, "best", compute=True)
    assert view.image is not None
    assert view.predictions[0].probabilities is None


def test_where_the_dataset_is_gone_the_kept_sample_stands_in(
    runs: list[SegmentedRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Any:
        raise DataError("The dataset is not here.")

    monkeypatch.setattr(viewing, "original_of", refuse)
    case = kept_samples.sampled_cases(runs)[0]
    view = viewing.view_case(runs, case, "best", compute=True)
    assert view.note.endswith("this is the sample that was kept. The dataset is not here.")
    assert view.image is not None
    assert view.image.shape == (32, 32)
    assert "without probabilities" in view.predictions[0].note
    assert viewing.case_numbers(runs, view, {run.id: "" for run in runs}, 0.5).empty
    gone = viewing.view_case(runs, "gone", "best")
    assert (gone.image, gone.note) == (None, "The dataset is not here.")
