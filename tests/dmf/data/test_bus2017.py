"""BUS 2017, dataset B: as its archive unpacks."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dmf.data import BrokenDataError, Bus2017, check


@pytest.fixture
def fake_bus2017(tmp_path: Path, write_png: Callable[[Path, NDArray[np.generic]], None]) -> Path:
    """Three pairs of two sizes, a rectangle of 12 x 20 marked in each, and the document beside the folders."""
    rng = np.random.default_rng(3)
    root = tmp_path / "bus2017"
    for number in (1, 2, 10):
        size = (60 + number, 80)
        mask = np.zeros(size, np.uint8)
        mask[20:32, 30:50] = 255
        write_png(root / "BUS" / "original" / f"{number:06d}.png", rng.integers(0, 256, size, dtype=np.uint8))
        write_png(root / "BUS" / "GT" / f"{number:06d}.png", mask)
    (root / "BUS" / "DatasetB.xlsx").write_bytes(b"which are benign")
    return root


def test_pairs_are_found_from_any_folder_above(fake_bus2017: Path) -> None:
    for root in (fake_bus2017, fake_bus2017 / "BUS"):
        dataset = Bus2017(root)
        cases = dataset.cases()
        assert [case.id for case in cases] == ["000001", "000002", "000010"]
        assert {case.label for case in cases} == {"unlabelled"}
        pairs = [dataset.load(case) for case in cases]
        assert (
            [pair.image.shape for pair in pairs]
            == [pair.mask.shape for pair in pairs]
            == [(61, 80), (62, 80), (70, 80)]
        )
        assert [int(pair.mask.sum()) for pair in pairs] == [240] * 3
        assert not check(dataset).problems


def test_an_absent_folder_says_whom_to_ask(home: Path) -> None:
    with pytest.raises(BrokenDataError, match=r"raw/bus2017: is missing\. Ask its authors for it on https://"):
        Bus2017().cases()
