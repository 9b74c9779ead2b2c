"""Results of groups of runs: what is summarised, what is tested, and what of runs without scores."""

import numpy as np
import pytest

from dmf.analysis.group_results import group_results
from dmf.records import CaseScores, EpochMetrics
from dmf.runs import ExperimentRow, RunStore

CASES = tuple(f"case-{number}" for number in range(8))


def score(store: RunStore, run: str, hits: int) -> None:
    """Of 100 lesion pixels per image ``hits``, and one more from image to image, are found; nothing is made up."""
    found = hits + np.arange(len(CASES))
    lesion = np.stack([found, 0 * found, 100 - found], 1)
    rest = np.stack([0 * found + 900, 100 - found, 0 * found], 1)
    dice = float((2 * found / (found + 100)).mean())
    values = {"cb_dice": dice, "lesion_dice_per_image": dice}
    counts = np.stack([rest, lesion], 1).astype(np.int64)
    store.write(
        [
            EpochMetrics(run, 1, 10, "test", len(CASES), values),
            CaseScores(run, 1, "test", CASES, counts, np.full((len(CASES), 2), 32)),
        ],
        "me",
    )


def test_one_seed_is_tested_image_by_image(store: RunStore, experiment: ExperimentRow) -> None:
    variance, mad = experiment.runs
    score(store, variance.id, 50)
    score(store, mad.id, 70)
    pairs = [(variance, experiment), (mad, experiment)]
    results = group_results(store, pairs, {"variance": [variance.id], "mad": [mad.id]}, "variance")
    assert set(results.summary["metric"]) == {"cb_dice", "lesion_dice_per_image"}
    # A score of the whole split cannot be tested with one seed.
    assert list(results.comparisons) == [
        "lesion_dice_per_image"
    ]  # a score of the whole split cannot be tested with one seed
    table = results.comparisons["lesion_dice_per_image"].table.set_index("group")
    # Dice of an image is 2 f / (f + 100) with f found pixels: 50..57 against 70..77.
    expected = np.mean([2 * found / (found + 100) for found in range(70, 78)])
    assert table.loc["mad", "mean"] == pytest.approx(expected)
    assert table.loc["mad", "n"] == len(CASES)
    assert table.loc["mad", "p"] < 0.05
    assert table.loc["mad", "effect"] == 1  # higher on every image


def test_runs_without_scores_are_said_to_have_none(store: RunStore, experiment: ExperimentRow) -> None:
    pairs = [(run, experiment) for run in experiment.runs]
    results = group_results(store, pairs, {run.label: [run.id] for run in experiment.runs}, experiment.runs[0].label)
    assert results.summary.empty
    assert results.comparisons["lesion_dice_per_image"].table.empty
    assert results.comparisons["lesion_dice_per_image"].sentence
