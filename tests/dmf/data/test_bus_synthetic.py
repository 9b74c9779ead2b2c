from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dmf.data import BrokenDataError, BusSynthetic, check
from dmf.errors import ConfigError

WritePng = Callable[[Path, NDArray[np.generic]], None]


def test_pairs_are_found_where_the_archive_puts_them(fake_bus_synthetic: Path) -> None:
    inner = fake_bus_synthetic / "BUS Synthetic Dataset" / "BUS_synthetic_dataset"
    for root in (fake_bus_synthetic, inner.parent, inner):
        assert [case.id for case in BusSynthetic(root).cases()] == ["1", "2", "10", "500"]


@pytest.mark.parametrize(("threshold", "columns"), [(0.5, 64), (1.0, 1), (0.25, 96)])
def test_the_threshold_decides_what_is_lesion(fake_bus_synthetic: Path, threshold: float, columns: int) -> None:
    # Column c holds round(255 c / 127). From half on: c >= 64 (63 -> 126, 64 -> 129), so 64 columns; from 1 on: the
    # last; from a quarter on (63.75): c >= 32 (31 -> 62, 32 -> 64), so 96.
    dataset = BusSynthetic(fake_bus_synthetic, threshold=threshold)
    assert dataset.load(dataset.cases()[0]).mask.sum() == 128 * columns


def test_the_threshold_in_use_is_said(fake_bus_synthetic: Path) -> None:
    report = check(BusSynthetic(fake_bus_synthetic))
    assert report.is_sound
    assert report.notes[0] == "masks are probabilities: lesion from grey level 128 of 255 on (threshold 0.5)"
    assert (
        BusSynthetic(fake_bus_synthetic).fingerprint() != BusSynthetic(fake_bus_synthetic, threshold=1.0).fingerprint()
    )


def test_a_mask_that_never_reaches_the_threshold_is_noted(fake_bus_synthetic: Path, write_png: WritePng) -> None:
    masks = fake_bus_synthetic / "BUS Synthetic Dataset" / "BUS_synthetic_dataset" / "masks"
    write_png(masks / "1.png", np.full((128, 128), 100, dtype=np.uint8))
    dataset = BusSynthetic(fake_bus_synthetic)
    pair = dataset.load(dataset.cases()[0])
    assert pair.notes == ("1.png: nowhere brighter than 100 of 255, so no pixel counts as lesion",)


@pytest.mark.parametrize("threshold", [0.0, 1.5, -1.0])
def test_a_threshold_out_of_range_is_refused(threshold: float) -> None:
    with pytest.raises(
        ConfigError, match="'threshold' of dataset 'bus_synthetic' takes a number above 0 and of at most 1"
    ):
        BusSynthetic(threshold=threshold)


def test_an_absent_folder_says_what_to_fetch(home: Path) -> None:
    with pytest.raises(BrokenDataError, match=r"raw/bus_synthetic: is missing\. Run `dmf data get bus_synthetic`"):
        BusSynthetic().cases()
    assert BusSynthetic().remarks() == []
