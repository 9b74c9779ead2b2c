"""Counts, shares and pixels of real scans equal what NumPy and Pillow alone make of the same files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from dmf.config import DataConfig
from dmf.data import Busi, Folder, check, prepare

SIDE, CASES = 128, 40


def nearest(mask: np.ndarray, side: int) -> np.ndarray:
    """The pixel whose square holds the centre of each new one."""
    rows, columns = (((np.arange(side) + 0.5) * length / side).astype(int) for length in mask.shape)
    return mask[rows][:, columns]


def area(image: np.ndarray, side: int) -> np.ndarray:
    """The mean over what each new pixel covers, parts of pixels by their part."""
    across = [np.zeros((side, length)) for length in image.shape]
    for weights, length in zip(across, image.shape, strict=True):
        edges = np.linspace(0, length, side + 1)
        for new in range(side):
            old = np.arange(length)
            weights[new] = (np.minimum(old + 1, edges[new + 1]) - np.maximum(old, edges[new])).clip(0) * side / length
    return across[0] @ image @ across[1].T


def grey(file: Path) -> np.ndarray:
    image = Image.open(file)
    return np.asarray(image if image.mode == "L" else image.convert("L"))


def test_prepared_scans_equal_an_independent_computation(shared: Callable[[str], Path]) -> None:
    root = shared("BUSI")
    dataset = Busi(root)
    data = prepare(dataset, DataConfig(dataset="busi", root=str(root), image_size=SIDE, limit=CASES))
    assert len(data.cases) == CASES
    for n, case in enumerate(data.cases):
        assert case.image is not None
        folder, stem = case.image.parent, case.image.stem
        masks = [grey(file) > 127 for file in folder.glob(f"{stem}_mask*.png")]
        lesion = np.any(masks, axis=0)
        assert tuple(data.sizes[n]) == lesion.shape
        np.testing.assert_array_equal(data.targets[n], nearest(lesion, SIDE), err_msg=case.id)
        image = grey(case.image).astype(float)
        if min(image.shape) >= SIDE:  # smaller ones are enlarged, by another rule
            np.testing.assert_allclose(data.images[n, 0], area(image, SIDE), atol=1.01, err_msg=case.id)


def test_shares_of_a_folder_equal_an_independent_count(shared: Callable[[str], Path], tmp_path: Path) -> None:
    """The same scans as a folder of one's own; masks of several parts are joined."""
    counted = np.zeros(2, np.int64)
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for n, case in enumerate(Busi(shared("BUSI")).cases()[:12]):
        assert case.image is not None
        lesion = np.any([grey(file) > 127 for file in case.masks], axis=0)
        counted += np.bincount(lesion.ravel(), minlength=2)
        (tmp_path / "images" / f"{n}.png").symlink_to(case.image)
        Image.fromarray(lesion).save(tmp_path / "masks" / f"{n}.png")  # one bit a pixel
    report = check(Folder(tmp_path))
    assert report.cases == 12
    np.testing.assert_allclose(list(report.class_shares.values()), counted / counted.sum(), rtol=1e-12)
