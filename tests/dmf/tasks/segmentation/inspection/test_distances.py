"""Distances between outlines, image by image."""

import math

import numpy as np
import pytest

from dmf.data.original import Original
from dmf.errors import DataError
from dmf.probabilities import write_probabilities
from dmf.records import Artifact
from dmf.runs import ExperimentRow, RunStore
from dmf.tasks.segmentation.inspection.distances import case_distances


def pixel(row: int, column: int) -> np.ndarray:
    mask = np.zeros((9, 9), np.uint8)
    mask[row, column] = 1
    return mask


NOTHING = np.zeros((9, 9), np.uint8)
PAIRS = {
    "three rows apart": (pixel(4, 1), pixel(1, 1)),
    "the same": (pixel(1, 1), pixel(1, 1)),
    "missed": (NOTHING, pixel(1, 1)),
    "made up": (pixel(1, 1), NOTHING),
    "neither": (NOTHING, NOTHING),
}
"""Case to what was found and what is there."""


@pytest.fixture
def run(store: RunStore, experiment: ExperimentRow) -> str:
    """A run with probabilities of all of these images."""
    run = experiment.runs[0].id
    path = store.artifact_folder(run) / "probabilities-best.zip"
    maps = np.stack([255 * found for found, _ in PAIRS.values()])[:, None]
    size = write_probabilities(path, epoch=3, split="test", cases=tuple(PAIRS), probabilities=maps)
    store.write([Artifact(run, "probabilities_best", 3, 3, path.name, size)], "me")
    return run


def measured(store: RunStore, run: str, spacing: tuple[float, float] | None, without: str = ""):
    def original(case: str) -> Original:
        return Original(NOTHING, PAIRS[case][1], None if case == without else spacing, None)

    return case_distances(store, run, "best", "test", original)


@pytest.mark.parametrize(("spacing", "unit", "rows"), [(None, "px", 3.0), ((0.5, 0.25), "mm", 1.5)])
def test_what_was_missed_or_made_up_is_the_worst_and_nothing_has_no_distance(
    store: RunStore, run: str, spacing: tuple[float, float] | None, unit: str, rows: float
) -> None:
    distances = measured(store, run, spacing)
    assert (distances.unit, distances.missed) == (unit, {"missed", "made up"})
    assert distances.values["three rows apart"] == rows
    assert distances.values["the same"] == 0
    assert (
        distances.values["missed"]
        == distances.values["made up"]
        == max(value for value in distances.values.values() if not math.isnan(value))
    )
    # From corner to corner of 9 x 9 pixels.
    height, width = spacing or (1, 1)
    assert distances.values["missed"] == pytest.approx(math.hypot(9 * height, 9 * width))
    assert math.isnan(distances.values["neither"])


def test_all_are_in_pixels_where_the_spacing_of_one_is_unknown(store: RunStore, run: str) -> None:
    distances = measured(store, run, (0.5, 0.5), without="the same")
    assert (distances.unit, distances.values["three rows apart"]) == ("px", 3.0)


def test_images_whose_probabilities_were_not_kept_are_refused(store: RunStore, run: str) -> None:
    with pytest.raises(DataError, match=r"where probabilities of validation images were kept, and run 'r-.*has none"):
        case_distances(store, run, "best", "validation", pytest.fail)
    with pytest.raises(DataError, match=r"none of its last network\. Choose another order or the test"):
        case_distances(store, run, "last", "test", pytest.fail)
