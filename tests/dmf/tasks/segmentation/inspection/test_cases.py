"""A table of images, numbers of one, and how far to trust probabilities."""

import json
import math
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from dmf.config import ExperimentConfig, TrainingConfig
from dmf.errors import DataError
from dmf.probabilities import write_probabilities
from dmf.records import Artifact, CaseScores
from dmf.runs import ExperimentRow, RunStore
from dmf.tasks.segmentation.inspection.cases import (
    COLUMNS,
    NOTHING,
    PREDICTIONS,
    SPREAD,
    case_numbers,
    cases_table,
    reliability_of,
)
from dmf.tasks.segmentation.metrics.calibration import reliability

CASES = ("malignant (2)", "benign (1)")
SIZES = np.array([[60, 80], [50, 40]])
# 100 pixels. Malignant: 20 of lesion, 10 found, 10 missed, 10 too many: Dice 20/40, IoU 10/30.
# Benign: none in truth, none found: 1 by convention.
COUNTS = np.array([[[70, 10, 10], [10, 10, 10]], [[100, 0, 0], [0, 0, 0]]])


@dataclass
class Drawn:
    """An original of truth alone."""

    truth: np.ndarray
    spacing: tuple[float, float] | None = None


@pytest.fixture
def runs(experiment: ExperimentRow) -> list[str]:
    return [run.id for run in experiment.runs]


def score(store, run, counts=COUNTS, *, epoch=3, split="test", cases=CASES):
    store.write([CaseScores(run, epoch, split, cases, np.array(counts), SIZES[: len(cases)])], "me")


def keep(store, run, maps, *, epoch=3, which="best", cases=CASES):
    name = f"probabilities-{which}.zip"
    path = store.artifact_folder(run) / name
    size = write_probabilities(path, epoch=epoch, split="test", cases=cases, probabilities=np.array(maps, np.uint8))
    store.write([Artifact(run, f"probabilities_{which}", epoch, epoch, name, size)], "me")
    return path


def test_void_pixels_count_in_no_number_of_an_image() -> None:
    # The lesion is columns 2 and 3; column 3 and the last row are void. Found are 2 to 4 and the last row.
    truth = np.zeros((6, 6), np.uint8)
    truth[:, 2:4] = 1
    truth[:, 3] = truth[5] = 255
    prob = np.zeros((1, 6, 6), np.uint8)
    prob[0, :5, 2:5] = prob[0, 5] = 255
    found = case_numbers(prob, Drawn(truth))
    # In 25 pixels: 5 found, 5 made up (column 4), none missed.
    assert (found.dice, found.precision, found.recall) == pytest.approx((10 / 15, 0.5, 1))
    assert found.hausdorff95 == 2  # from column 4 to column 2
    with pytest.raises(ValueError, match="has class 3, but"):
        case_numbers(prob, Drawn(np.full((6, 6), 3, np.uint8)))


def test_void_pixels_are_left_out_of_the_reliability(store: RunStore, runs: list[str]) -> None:
    truth = np.array([[1, 0], [255, 255]], np.uint8)
    keep(store, runs[0], [[[[255, 0], [255, 255]]]], cases=CASES[:1])
    curve = reliability_of(store, runs[0], "best", None, lambda _: Drawn(truth))
    assert (curve.error, curve.count.sum()) == (0, 2)
    by_hand = reliability([np.array([[1.0, 0.0], [1.0, 1.0]])], [truth == 1], voids=[truth == 255])
    np.testing.assert_array_equal(by_hand.count, curve.count)


def test_a_row_tells_the_scores_the_lesion_and_the_size_of_an_image(store: RunStore, runs: list[str]) -> None:
    score(store, runs[0])
    table = cases_table(store, runs[:1])
    assert list(table.columns) == list(COLUMNS)
    first, second = table.to_dict("records")
    assert first["dice"] == pytest.approx(20 / 40)
    assert first["iou"] == pytest.approx(10 / 30)
    assert first["lesion_share"] == 20 / 100
    assert (first["run"], first["case"], first["epoch"]) == (runs[0], "malignant (2)", 3)
    assert (first["label"], first["height"], first["width"]) == ("malignant", 60, 80)
    assert (second["dice"], second["lesion_share"], second["label"]) == (1, 0, "benign")
    assert table["disagreement"].isna().all()
    assert table.attrs["disagreement"] == NOTHING


def test_an_empty_store_of_scores_gives_an_empty_table(store: RunStore, runs: list[str]) -> None:
    table = cases_table(store, runs)
    assert len(table) == 0
    assert list(table.columns) == list(COLUMNS)
    assert cases_table(store, []).attrs["disagreement"] == NOTHING


def test_a_run_without_scores_has_no_row(store: RunStore, runs: list[str]) -> None:
    score(store, runs[0])
    assert set(cases_table(store, [*runs, "r-0"])["run"]) == {runs[0]}


def test_validation_is_shown_at_the_epoch_that_was_tested(store: RunStore, runs: list[str]) -> None:
    for epoch in (1, 2, 3):
        score(store, runs[0], epoch=epoch, split="validation")
    assert set(cases_table(store, runs[:1], "validation")["epoch"]) == {3}  # the latest, before it is tested
    score(store, runs[0], epoch=2)
    assert set(cases_table(store, runs[:1], "validation")["epoch"]) == {2}


def test_labels_given_win_over_what_the_name_tells_and_a_name_may_tell_nothing(store, runs) -> None:
    score(store, runs[0], cases=("malignant (2)", "phantom-1"))
    assert list(cases_table(store, runs[:1])["label"]) == ["malignant", None]
    labels = {runs[0]: {"phantom-1": "cyst"}}
    assert list(cases_table(store, runs[:1], labels=labels)["label"]) == ["malignant", "cyst"]


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_runs_of_earlier_versions_keep_what_their_absent_classes_scored(version) -> None:
    store = Path(__file__).parents[4] / "data" / "stores" / version / "runs.sqlite"
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
        configs = [json.loads(text) for (text,) in connection.execute("select config from experiments")]
    assert {ExperimentConfig.model_validate(config).training.absent for config in configs} == {"one"}
    assert TrainingConfig().absent == "ignore"


@pytest.mark.parametrize(("absent", "expected"), [("one", 1.0), ("zero", 0.0), ("ignore", math.nan)])
def test_an_absent_lesion_scores_as_the_runs_configuration_says(store, absent, expected) -> None:
    row = store.create_experiment(
        {"training": {"absent": absent}}, name="e", labels=["a"], run_configs=[{}], environment={}
    )
    store.claim([row.runs[0].id], "me")
    score(store, row.runs[0].id)
    assert cases_table(store, [row.runs[0].id])["dice"][1] == pytest.approx(expected, nan_ok=True)


def test_without_probabilities_runs_disagree_by_the_spread_of_their_dice(store: RunStore, runs: list[str]) -> None:
    score(store, runs[0])
    better = COUNTS.copy()
    better[0] = [[80, 0, 0], [20, 0, 0]]  # all found: Dice 1
    score(store, runs[1], better)
    table = cases_table(store, runs)
    assert table.attrs["disagreement"] == SPREAD
    np.testing.assert_allclose(table["disagreement"], [0.5, 0, 0.5, 0], atol=1e-8)


def test_an_image_of_one_run_alone_has_no_spread(store: RunStore, runs: list[str]) -> None:
    score(store, runs[0])
    score(store, runs[1], COUNTS[:1], cases=CASES[:1])
    assert cases_table(store, runs)["disagreement"].isna().tolist() == [False, True, False]


def test_with_probabilities_runs_disagree_by_their_predictions(store: RunStore, runs: list[str]) -> None:
    # Case 1: two pixels against one of them: Dice 2/3. Case 2: neither finds anything: alike.
    keep(store, runs[0], [[[[200, 130], [0, 0]]], [[[127, 0], [0, 0]]]])
    keep(store, runs[1], [[[[255, 0], [0, 0]]], [[[0, 0], [0, 0]]]])
    for run in runs:
        score(store, run)
    table = cases_table(store, runs)
    assert table.attrs["disagreement"] == PREDICTIONS
    np.testing.assert_allclose(table["disagreement"], [1 / 3, 0, 1 / 3, 0])


def test_three_runs_disagree_by_the_mean_of_their_pairs_over_the_classes_they_find(store: RunStore) -> None:
    row = store.create_experiment({}, name="e", labels=["a", "b", "c"], run_configs=[{}] * 3, environment={})
    ids = [run.id for run in row.runs]
    store.claim(ids, "me")
    # Classes 1 and 2 of two pixels. a: 1 2, b: 1 2, c: 1 1. Between a and c: class 1 has Dice 2/3, class 2 has 0.
    one_two, one_one = [[[255, 0]], [[0, 255]]], [[[255, 255]], [[0, 0]]]
    counts = np.array([[[0, 0, 0], [1, 0, 0], [1, 0, 0]]])
    for run, maps in zip(ids, (one_two, one_two, one_one), strict=True):
        keep(store, run, [maps], cases=CASES[:1])
        score(store, run, counts, cases=CASES[:1])
    far = (1 / 3 + 1) / 2
    assert cases_table(store, ids)["disagreement"][0] == pytest.approx((0 + far + far) / 3)


def test_probabilities_of_another_epoch_or_that_cannot_be_read_do_not_count(store: RunStore, runs: list[str]) -> None:
    maps = np.random.default_rng(0).integers(0, 256, (2, 1, 32, 32))
    for run in runs:
        score(store, run)
        keep(store, run, maps, epoch=2)
    assert cases_table(store, runs).attrs["disagreement"] == SPREAD
    paths = [keep(store, run, maps, which="last") for run in runs]
    assert cases_table(store, runs).attrs["disagreement"] == PREDICTIONS
    content = bytearray(paths[1].read_bytes())
    content[500] ^= 255  # inside the first case
    paths[1].write_bytes(content)
    assert cases_table(store, runs).attrs["disagreement"] == SPREAD
    paths[1].unlink()
    assert cases_table(store, runs).attrs["disagreement"] == SPREAD


def test_numbers_of_one_prediction_by_hand() -> None:
    truth = np.zeros((8, 8), np.uint8)
    truth[2:4, 2:4] = 1  # 4 pixels
    prob = np.zeros((1, 8, 8), np.uint8)
    prob[0, 2:4, 3:5] = 200  # the same, one pixel to the right: 2 hit, 2 missed, 2 too many
    prob[0, 0, 0] = 100
    found = case_numbers(prob, Drawn(truth))
    assert (found.dice, found.iou) == (pytest.approx(4 / 8), pytest.approx(2 / 6))
    assert (found.precision, found.recall) == (pytest.approx(0.5), pytest.approx(0.5))
    # Half of the outline pixels of either lie on the other's, half one pixel away.
    assert (found.hausdorff95, found.average, found.unit, found.empty) == (1, 0.5, "px", None)
    low = case_numbers(prob, Drawn(truth), threshold=0.3)  # 76.5: the corner counts too
    assert low.precision == pytest.approx(2 / 5)
    high = case_numbers(prob, Drawn(truth), threshold=0.9)
    assert (high.dice, high.empty) == (0, "prediction")
    assert math.isnan(high.hausdorff95)


def test_distances_are_in_millimetres_where_the_spacing_is_known() -> None:
    truth = np.zeros((8, 8), np.uint8)
    truth[2:4, 2:4] = 1
    prob = np.roll(truth, 1, axis=1)[None] * np.uint8(255)
    found = case_numbers(prob, Drawn(truth, (3.0, 0.2)))
    assert (found.hausdorff95, found.average, found.unit) == (pytest.approx(0.2), pytest.approx(0.1), "mm")


@pytest.mark.parametrize("fit", ["stretch", "pad"])
def test_a_prediction_of_the_network_is_brought_to_the_size_of_the_original(fit) -> None:
    truth = np.zeros((8, 16), np.uint8)
    truth[4:, 8:] = 1  # the lower right quarter
    prob = np.zeros((1, 8, 8), np.uint8)
    if fit == "stretch":
        prob[0, 4:, 4:] = 255
    else:
        prob[0, 4:6, 4:] = 255  # 4 rows of image between 2 + 2 of padding
    found = case_numbers(prob, Drawn(truth), fit)
    assert (found.dice, found.hausdorff95) == (pytest.approx(1), 0)


def test_several_classes_are_averaged_and_their_outline_is_taken_together() -> None:
    truth = np.array([[0, 1, 2, 0]], np.uint8)
    prob = np.array([[[0, 255, 128, 0]], [[0, 0, 127, 0]]], np.uint8)  # class 1 twice, class 2 never
    found = case_numbers(prob, Drawn(truth))
    # Class 1: 1 hit, 1 too many: 2/3; class 2: 1 missed: 0.
    assert found.dice == pytest.approx(1 / 3)
    assert (found.hausdorff95, found.empty) == (0, None)


def test_nothing_there_and_nothing_found_is_said_apart() -> None:
    nothing = np.zeros((4, 4), np.uint8)
    found = case_numbers(nothing[None], Drawn(nothing))
    assert (math.isnan(found.dice), found.empty) == (True, "both")
    assert case_numbers(nothing[None], Drawn(nothing), absent="one").dice == 1
    assert case_numbers(nothing[None], Drawn(nothing), absent="zero").dice == 0
    assert case_numbers(nothing[None] + np.uint8(255), Drawn(nothing)).empty == "truth"


def test_a_prediction_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="`original` has class 2, but `prob` has classes up to 1"):
        case_numbers(np.zeros((1, 2, 2), np.uint8), Drawn(np.full((2, 2), 2, np.uint8)))
    with pytest.raises(ValueError, match=r"must have shape \(S, S\)"):
        case_numbers(np.zeros((1, 2, 3), np.uint8), Drawn(np.zeros((4, 4), np.uint8)))


@pytest.mark.parametrize("margin", [None, 0, 2])
def test_reliability_is_that_of_the_maps_at_original_size(store: RunStore, runs: list[str], margin) -> None:
    generator = np.random.default_rng(0)
    maps = generator.integers(0, 256, (2, 1, 16, 16), np.uint8)
    truths = {CASES[0]: np.zeros((32, 48), np.uint8), CASES[1]: np.zeros((16, 16), np.uint8)}
    truths[CASES[0]][5:20, 10:30] = generator.random((15, 20)) < 0.5
    keep(store, runs[0], maps)
    found = reliability_of(store, runs[0], "best", margin, lambda case: Drawn(truths[case]))
    grown = maps[0, 0].repeat(2, axis=0).repeat(3, axis=1)
    expected = reliability(
        [grown / 255, maps[1, 0] / 255], [truths[case].astype(bool) for case in CASES], margin=margin
    )
    np.testing.assert_allclose(found.count.sum(), expected.count.sum())
    assert found.error == pytest.approx(expected.error, abs=0.01)  # edges may differ by a level at ties
    assert found.images == expected.images == (2 if margin is None else 1)


def test_reliability_without_probabilities_or_with_a_wrong_margin_is_refused(store: RunStore, runs: list[str]) -> None:
    with pytest.raises(DataError, match="kept no probabilities of its last network"):
        reliability_of(store, runs[0], "last", None, Drawn)
    with pytest.raises(ValueError, match="`margin` must be at least 0 pixels, got -1"):
        reliability_of(store, runs[0], "last", -1, Drawn)
