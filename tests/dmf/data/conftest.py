import json
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


@pytest.fixture
def fake_busc(tmp_path: Path, write_png: Callable[[Path, NDArray[np.generic]], None]) -> Path:
    """A small BUSC as its archive unpacks: 3 pairs of 128 x 128 pixels, a square of 32 x 32 marked in each."""
    rng = np.random.default_rng(1)
    root = tmp_path / "busc"
    base = root / "BUSC Dataset" / "BUSC_Dataset" / "Segmentation"
    for stem in ("benign_2", "benign_10", "malignant_1"):
        mask = np.zeros((128, 128), dtype=np.uint8)
        mask[32:64, 32:64] = 255
        write_png(base / "images" / f"{stem}.png", rng.integers(0, 256, (128, 128), dtype=np.uint8))
        write_png(base / "masks" / f"{stem}.png", mask)
    return root


@pytest.fixture
def fake_bus_synthetic(tmp_path: Path, write_png: Callable[[Path, NDArray[np.generic]], None]) -> Path:
    """A small BUS synthetic as its archive unpacks: 4 pairs of 128 x 128, masks that rise from 0 to 255 by column."""
    rng = np.random.default_rng(2)
    root = tmp_path / "bus_synthetic"
    base = root / "BUS Synthetic Dataset" / "BUS_synthetic_dataset"
    ramp = np.tile(np.linspace(0, 255, 128).round().astype(np.uint8), (128, 1))
    for number in (1, 2, 10, 500):
        write_png(base / "images" / f"{number}.png", rng.integers(0, 256, (128, 128), dtype=np.uint8))
        write_png(base / "masks" / f"{number}.png", ramp)
    (base.parent / "readme.txt").write_text("Please cite us.")
    return root


@pytest.fixture
def fake_pets(tmp_path: Path, write_png: Callable[[Path, NDArray[np.generic]], None]) -> Path:
    """Small pets as their two archives unpack: a cat, a dog and a PNG called JPEG; hidden files and tables beside."""
    rng = np.random.default_rng(3)
    root = tmp_path / "pets"
    trimap = np.full((30, 40), 2, dtype=np.uint8)
    trimap[5:25, 10:30] = 3
    trimap[8:22, 13:27] = 1
    for stem in ("Abyssinian_1", "beagle_2", "Bombay_10"):
        photo = rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)
        (root / "images").mkdir(parents=True, exist_ok=True)
        suffix = ".png" if stem == "Bombay_10" else ".jpg"
        (root / "images" / f"{stem}.jpg").write_bytes(cv2.imencode(suffix, photo)[1].tobytes())
        write_png(root / "annotations" / "trimaps" / f"{stem}.png", trimap)
    (root / "images" / "Abyssinian_100.mat").write_bytes(b"MATLAB")
    (root / "annotations" / "trimaps" / "._beagle_2.png").write_bytes(b"resource fork")
    for table in ("list", "trainval", "test"):
        (root / "annotations" / f"{table}.txt").write_text("Abyssinian_1 1 1 1")
    return root


@pytest.fixture
def fake_folder(tmp_path: Path, write_png: Callable[[Path, NDArray[np.generic]], None]) -> Path:
    """A folder of one's own: two pairs of 20 x 30 pixels, the second below a folder and with ``_mask`` in its name."""
    rng = np.random.default_rng(4)
    root = tmp_path / "own"
    mask = np.zeros((20, 30), dtype=np.uint8)
    mask[5:10, 10:20] = 255
    for stem, suffix in (("a", ""), ("left/b", "_mask")):
        write_png(root / "images" / f"{stem}.png", rng.integers(0, 256, (20, 30), dtype=np.uint8))
        write_png(root / "masks" / f"{stem}{suffix}.png", mask)
    return root


class Counting(Dataset):
    """Six plain cases of 8 x 12 pixels; remembers how often one was loaded."""

    name = "counting"
    title = "Counting"
    class_names = ("background", "lesion")
    how_to_get = "Nothing to get."
    licence = "None."
    citation = "None."

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


def _square(left: float, top: float, side: float) -> list[tuple[float, float]]:
    return [(left, top), (left + side, top), (left + side, top + side), (left, top + side)]


@pytest.fixture
def square() -> Callable[[float, float, float], list[tuple[float, float]]]:
    """Corners of a square, which covers ``side`` x ``side`` pixels from (left, top) on."""
    return _square


@pytest.fixture
def put_json() -> Callable[[Path, object], Path]:
    def put(path: Path, document: object) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document))
        return path

    return put


@pytest.fixture
def fake_coco(tmp_path: Path, write_png: Callable[..., None], put_json: Callable[..., Path]) -> Path:
    """20 x 30 pixels: ``a`` has a lesion of 4 x 4 and a cyst of 4 x 4 over a quarter of it, ``b`` has none."""
    root = tmp_path / "coco"
    for stem in "ab":
        write_png(root / "images" / f"{stem}.png", np.full((20, 30), 90, dtype=np.uint8))
    corners = [np.ravel(_square(*place, 4)).tolist() for place in ((2, 3), (4, 5))]
    put_json(
        root / "instances.json",
        {
            "images": [
                {"id": 7, "file_name": "a.png", "height": 20, "width": 30},
                {"id": 8, "file_name": "b.png", "height": 20, "width": 30},
            ],
            "categories": [{"id": 5, "name": "cyst"}, {"id": 2, "name": "lesion"}],
            "annotations": [
                {"id": 1, "image_id": 7, "category_id": 2, "segmentation": [corners[0]], "iscrowd": 0},
                {"id": 2, "image_id": 7, "category_id": 5, "segmentation": [corners[1]], "iscrowd": 0},
            ],
        },
    )
    return root


@pytest.fixture
def fake_labelme(tmp_path: Path, write_png: Callable[..., None], put_json: Callable[..., Path]) -> Path:
    """As ``fake_coco``, drawn in labelme: a JSON file beside each picture."""
    root = tmp_path / "labelme"
    shapes = [
        {"label": label, "points": _square(*place, 4), "shape_type": "polygon", "group_id": None, "flags": {}}
        for label, place in (("lesion", (2, 3)), ("cyst", (4, 5)))
    ]
    for stem in "ab":
        write_png(root / f"{stem}.png", np.full((20, 30), 90, dtype=np.uint8))
        own = shapes if stem == "a" else []
        size = {"imageHeight": 20, "imageWidth": 30, "imageData": None}
        put_json(root / f"{stem}.json", {"version": "5", "shapes": own, "imagePath": f"{stem}.png"} | size)
    return root


@pytest.fixture
def fake_cvat(tmp_path: Path, write_png: Callable[..., None]) -> Path:
    """As ``fake_coco``, exported from CVAT with the cyst first in the file but above the lesion."""
    root = tmp_path / "cvat"
    for stem in "ab":
        write_png(root / "images" / f"{stem}.png", np.full((20, 30), 90, dtype=np.uint8))
    (root / "annotations.xml").write_text(
        """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta><task><labels><label><name>lesion</name></label><label><name>cyst</name></label></labels></task></meta>
  <image id="0" name="a.png" width="30" height="20">
    <polygon label="cyst" z_order="1" points="4.00,5.00;8.00,5.00;8.00,9.00;4.00,9.00"></polygon>
    <polygon label="lesion" z_order="0" points="2.00,3.00;6.00,3.00;6.00,7.00;2.00,7.00"></polygon>
  </image>
  <image id="1" name="b.png" width="30" height="20"></image>
</annotations>"""
    )
    return root


@pytest.fixture
def fake_ddti(tmp_path: Path, write_png: Callable[..., None], put_json: Callable[..., Path]) -> Path:
    """Case 1 with a nodule of 4 x 4 in its first picture and none in its second, case 2 with two nodules in one."""
    root = tmp_path / "ddti"
    for stem in ("1_1", "1_2", "2_1"):
        write_png(root / f"{stem}.jpg", np.full((20, 30), 90, dtype=np.uint8))
    for case, outlines in ((1, [(2, 3)]), (2, [(2, 3), (10, 3)])):
        drawn = [
            {"points": [{"x": x, "y": y} for x, y in _square(*place, 4)], "annotation": {}, "regionType": "freehand"}
            for place in outlines
        ]
        (root / f"{case}.xml").write_text(
            f"<case><number>{case}</number><age>50</age><sex>F</sex><tirads>4a</tirads>"
            f"<mark><image>1</image><svg>{json.dumps(drawn)}</svg></mark></case>"
        )
    return root
