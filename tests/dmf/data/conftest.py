from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dmf.data import Case, Dataset, RawPair

SHARED = Path(__file__).parents[4] / "shared" / "data"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keeps every test away from the data of whoever runs it."""
    folder = tmp_path / "home"
    monkeypatch.setenv("DMF_HOME", str(folder))
    return folder


@pytest.fixture
def shared() -> Callable[[str], Path]:
    def find(name: str) -> Path:
        if not (SHARED / name).is_dir():
            pytest.skip(f"needs the real images in {SHARED / name}")
        return SHARED / name

    return find


@pytest.fixture
def write_png() -> Callable[[Path, NDArray[np.generic]], None]:
    def write(path: Path, pixels: NDArray[np.generic]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())

    return write


@pytest.fixture
def fake_busi(tmp_path: Path, write_png: Callable[[Path, NDArray[np.generic]], None]) -> Path:
    """A small BUSI with the names, folders and modes of the real one; 60 x 80 pixels.

    Benign 1, 2 and 10, of which 2 has two masks, the second as RGBA; malignant 1 and 2; normal 1 with an RGB mask.
    """
    rng = np.random.default_rng(0)
    root = tmp_path / "raw" / "Dataset_BUSI_with_GT"
    for label, number in (
        ("benign", 10),
        ("benign", 1),
        ("benign", 2),
        ("malignant", 1),
        ("malignant", 2),
        ("normal", 1),
    ):
        stem = root / label / f"{label} ({number})"
        grey = rng.integers(0, 256, (60, 80), dtype=np.uint8)
        write_png(stem.with_name(f"{stem.name}.png"), np.dstack([grey] * 3))
        mask = np.zeros((60, 80), dtype=np.uint8)
        if label == "normal":
            write_png(stem.with_name(f"{stem.name}_mask.png"), np.dstack([mask] * 3))
            continue
        mask[10:20, 30:50] = 255
        write_png(stem.with_name(f"{stem.name}_mask.png"), mask)
    second = np.zeros((60, 80, 4), dtype=np.uint8)
    second[..., 3] = 255
    second[40:45, 5:15, :3] = 255
    write_png(root / "benign" / "benign (2)_mask_1.png", second)
    return root


class Counting(Dataset):
    """Six plain cases of 8 x 12 pixels; remembers how often one was loaded."""

    name = "counting"
    title = "Counting"
    class_names = ("background", "lesion")
    how_to_get = "Nothing to get."

    def __init__(self, *args: object, **options: bool | int | float | str) -> None:
        super().__init__(*args, **options)
        self.loads = 0

    def cases(self) -> list[Case]:
        return [Case(f"c{number}", "benign") for number in range(6)]

    def load(self, case: Case) -> RawPair:
        self.loads += 1
        image = np.full((8, 12), 10 * int(case.id[1:]), dtype=np.uint8)
        mask = np.zeros((8, 12), dtype=np.uint8)
        mask[2:6, 4:8] = 1
        return RawPair(image, mask)


@pytest.fixture
def counting() -> type[Counting]:
    return Counting
