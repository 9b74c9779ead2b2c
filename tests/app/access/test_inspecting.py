"""What the page Inspect reads: of trained runs, of runs without probabilities, and of files people bring."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from app.access import inspecting
from dmf.errors import DataError
from dmf.probabilities import found
from dmf.records import Event
from dmf.runs import RunStore


def trained(store: RunStore, experiment: Any) -> list[str]:
    from dmf.jobs import Job, create_experiment

    made = create_experiment(store, experiment)
    Job(store, made, "test").train()
    return [run.id for run in made.runs]


@pytest.fixture
def runs(store: RunStore, tiny: Any) -> list[inspecting.InspectedRun]:
    ids = trained(store, tiny("mad", "variance"))
    here, missing = inspecting.inspected_runs([*ids, "r-gone"])
    assert missing == ["r-gone"]
    return here


def test_a_run_knows_its_classes_and_whether_its_network_is_here(runs: list[inspecting.InspectedRun]) -> None:
    assert [run.classes for run in runs] == [("lesion",)] * 2
    assert all(run.has_network for run in runs)
    assert (runs[0].fit, runs[0].absent) == ("stretch", "one")


def test_a_case_is_shown_at_its_original_size_with_each_prediction(
    store: RunStore, runs: list[inspecting.InspectedRun]
) -> None:
    scores = store.case_scores(runs[0].id, "test")[-1]
    view = inspecting.view_case(runs, scores.cases[0], "best")
    assert view.image is not None
    assert view.truth is not None
    assert view.image.shape[:2] == view.truth.shape == tuple(scores.sizes[0])
    first = view.predictions[0]
    assert first.probabilities is not None
    assert first.truth is not None
    mask, truth = found(first.probabilities) > 0, first.truth > 0
    counts = [(mask & truth).sum(), (mask & ~truth).sum(), (~mask & truth).sum()]
    assert counts == scores.counts[0, 1].tolist()  # what the grid says is what the picture shows


def test_numbers_are_measured_at_original_size(runs: list[inspecting.InspectedRun], store: RunStore) -> None:
    case = store.case_scores(runs[0].id, "test")[-1].cases[0]
    view = inspecting.view_case(runs, case, "best")
    rows = inspecting.case_numbers(runs, view, {run.id: run.id for run in runs}, 0.0)
    assert rows["run"].tolist() == [run.id for run in runs]
    assert view.truth is not None
    assert rows["recall"].tolist() == pytest.approx([1.0, 1.0])  # at threshold 0 everything is found
    assert rows["precision"][0] == pytest.approx((view.truth > 0).mean())


def test_the_best_network_looks_at_an_image_of_which_nothing_was_kept(
    runs: list[inspecting.InspectedRun], store: RunStore
) -> None:
    scores = store.case_scores(runs[0].id, "validation")
    case = scores[-1].cases[0]
    kept = inspecting.view_case(runs[:1], case, "best").predictions[0]
    assert kept.probabilities is None
    assert kept.labels is not None
    now = inspecting.view_case(runs[:1], case, "best", compute=True).predictions[0]
    assert now.note == inspecting.COMPUTED
    assert now.probabilities is not None
    assert now.truth is not None
    best = next(artifact.epoch for artifact in store.artifacts(runs[0].id) if artifact.kind == "checkpoint_best")
    counts = next(row for row in scores if row.epoch == best).counts[0, 1]
    mask, truth = found(now.probabilities) > 0, now.truth > 0
    assert [(mask & truth).sum(), (mask & ~truth).sum(), (~mask & truth).sum()] == counts.tolist()


def test_why_there_are_no_probabilities_is_said(store: RunStore, tiny: Any) -> None:
    ids = trained(store, tiny("mad", keep_probabilities="none"))
    (run,), _ = inspecting.inspected_runs(ids)
    assert "`keep_probabilities` was 'none'" in inspecting.missing_probabilities(run, "best")
    store.write([Event(run.id, 8, "not_kept", {"reason": "They take more than 64 MB."})], None)
    assert "They take more than 64 MB. Raise" in inspecting.missing_probabilities(run, "best")


def test_runs_with_probabilities_miss_none(runs: list[inspecting.InspectedRun]) -> None:
    assert [inspecting.missing_probabilities(run, "best") for run in runs] == ["", ""]


def test_a_prediction_grows_from_the_untrained_network_on(runs: list[inspecting.InspectedRun]) -> None:
    case = inspecting.grown_cases(runs)[0]
    image, truth, grown = inspecting.growth(runs, case)
    assert image.shape == truth.shape == (32, 32)
    assert {run: sorted(epochs) for run, epochs in grown.items()} == {run.id: [0, 1, 2] for run in runs}
    gif = inspecting.growth_gif(runs, {run.id: "run" for run in runs}, case)
    assert gif.startswith(b"GIF89a")


def test_an_image_without_samples_does_not_grow(runs: list[inspecting.InspectedRun]) -> None:
    with pytest.raises(DataError, match="No sample of gone was kept"):
        inspecting.growth(runs, "gone")


@pytest.mark.parametrize(("kind", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_a_contact_sheet_is_a_picture_or_a_page(
    runs: list[inspecting.InspectedRun], store: RunStore, kind: Any, start: bytes
) -> None:
    cases = store.case_scores(runs[0].id, "test")[-1].cases[:2]
    made = inspecting.contact_sheet(runs, {run.id: "run" for run in runs}, "best", cases, kind)
    assert made.startswith(start)


def test_reliability_is_read_from_what_was_kept(runs: list[inspecting.InspectedRun]) -> None:
    everywhere = inspecting.reliability_of(runs[0], "best", None)
    around = inspecting.reliability_of(runs[0], "best", 2)
    assert 0 <= everywhere.error <= 1
    assert around.count.sum() < everywhere.count.sum()


def test_room_is_told_with_what_bounds_it(runs: list[inspecting.InspectedRun]) -> None:
    assert all(room > 0 for room in inspecting.stored_megabytes(runs).values())
    assert set(inspecting.kept_limits(runs).values()) == {64.0}


def test_a_network_looks_at_a_picture_of_any_size(runs: list[inspecting.InspectedRun]) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (50, 90, 3), np.uint8)
    image, maps, window = inspecting.try_network(runs[0], cv2.imencode(".png", picture)[1].tobytes())
    np.testing.assert_array_equal(image, picture[..., ::-1])  # OpenCV writes blue first
    assert (maps.shape, maps.dtype, window) == ((1, 32, 32), np.uint8, None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"GIF89a....", "neither PNG nor JPEG"),
        (b"\x89PNG\r\n\x1a\n\0\0", "damaged"),
        (cv2.imencode(".png", np.zeros((3, 50), np.uint8))[1].tobytes(), "only 50 × 3 pixels"),
        # A PNG whose header says 100,000 x 100,000 pixels.
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (100_000).to_bytes(4, "big") * 2, "10000 million pixels"),
    ],
)
def test_what_is_no_picture_is_refused(runs: list[inspecting.InspectedRun], content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        inspecting.try_network(runs[0], content)


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
    runs, _ = inspecting.inspected_runs(inspecting.bring_predictions(str(tmp_path / "mine"), ""))
    assert [(run.run.label, run.has_network) for run in runs] == [("good", False), ("poor", False)]
    view = inspecting.view_case(runs, "a", "best", compute=True)
    assert view.image is not None
    assert view.image.shape == (20, 30)
    rows = inspecting.case_numbers(runs, view, {run.id: run.run.label for run in runs}, 0.5)
    # Moved by 5 of 10 columns: 50 of 100 pixels are found, so Dice is 2 * 50 / 200.
    assert dict(zip(rows["run"], rows["dice"], strict=True)) == pytest.approx({"good": 1.0, "poor": 0.5})
    with pytest.raises(DataError, match="images"):
        inspecting.bring_predictions(str(tmp_path / "nothing"), "")


def test_a_padded_image_lies_in_the_middle_of_what_the_network_sees() -> None:
    truth = np.zeros((50, 100), np.uint8)
    assert inspecting._window(truth, (32, 32), "pad") == (0, 8, 32, 16)  # 50 / 100 * 32 = 16 rows, (32 - 16) / 2 above
    assert inspecting._window(truth, (32, 32), "stretch") is None


def test_small_pictures_show_what_lies_under_the_image(runs: list[inspecting.InspectedRun], store: RunStore) -> None:
    case = store.case_scores(runs[0].id, "test")[-1].cases[0]
    seen = []

    def draw(image: Any, truth: Any, prediction: Any) -> str:
        seen.append((image.shape, truth.shape, prediction.shape))
        return "picture"

    assert inspecting.kept_picture(runs[0], case, "best", draw) == "picture"
    assert inspecting.kept_picture(runs[0], case, "best", draw) == "picture"
    assert seen == [((128, 128), (128, 128), (32, 32))]  # drawn once
