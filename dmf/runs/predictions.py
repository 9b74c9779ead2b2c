"""Where the probabilities of a run are: in its own file, or in a folder made elsewhere that is read in place."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from dmf.errors import DataError
from dmf.probabilities import Pixels, Probabilities, ProbabilityFile
from dmf.runs.schema import artifacts, case_scores, experiments, runs

SUFFIXES = (".png", ".npy")  # in letters of either size
MASKS, PROBABILITIES = "masks", "probabilities"  # what the pictures of a model hold


class PredictionFolder:
    """Predictions of one model in a folder; implements ``dmf.probabilities.Probabilities``, at original sizes.

    Args:
        folder: Has one file per case, named as the case.
        cases: Their ids.
        values: What masks hold for each class, background first.
        sizes: (N, 2) height and width of each case's image.
        pictures: What its PNGs hold, ``masks`` or ``probabilities``; see :func:`pictures_hold`.
        epoch, split: What the scores of these predictions are stored under.

    Raises:
        DataError: If the folder is not there.
    """

    size = None

    def __init__(
        self,
        folder: Path,
        cases: Sequence[str],
        values: Sequence[int],
        sizes: NDArray[np.int64],
        pictures: str,
        *,
        epoch: int = 0,
        split: str = "test",
    ) -> None:
        self.folder, self.cases, self.values, self.pictures = Path(folder), tuple(cases), tuple(values), pictures
        self.epoch, self.split = epoch, split
        self._sizes = dict(zip(self.cases, map(tuple, sizes.tolist()), strict=True))
        if not self.folder.is_dir():
            raise DataError(f"The predictions in {self.folder} are not there any more. Put the folder back.")

    @property
    def classes(self) -> int:
        """How many classes there are but the background."""
        return len(self.values) - 1

    def read(self, case: str) -> Pixels:
        """(classes, H, W) uint8 of one case.

        Raises:
            DataError: If there is no such case, or its file is missing, unusable, or not of the size of its image.
        """
        if case not in self.cases:
            raise DataError(f"{self.folder} holds predictions of {len(self.cases)} cases, but not of {case!r}.")
        for suffix in (*SUFFIXES, *map(str.upper, SUFFIXES)):
            file = self.folder / f"{case}{suffix}"
            if file.is_file():
                pixels = read_prediction(file, self.values, self.pictures)
                if pixels.shape[1:] != self._sizes[case]:  # it was replaced since
                    (height, width), (true_height, true_width) = pixels.shape[1:], self._sizes[case]
                    raise DataError(
                        f"{file} is {width} x {height} pixels, but its image is {true_width} x {true_height}. Bring it "
                        "back to the size of its image."
                    )
                return pixels
        raise DataError(f"The prediction of {case!r} in {self.folder} is not there any more. Put the file back.")


def probabilities(
    connection: Connection, run: str, which: Literal["best", "last"], folder: Path
) -> Probabilities | None:
    """See ``RunStore.probabilities``; ``folder`` is where the files of the run are."""
    rows = {row.kind: row for row in connection.execute(select(artifacts).where(artifacts.c.run == run))}
    if "predictions_folder" in rows:
        return _imported(connection, run, Path(rows["predictions_folder"].path))
    kept = rows.get(f"probabilities_{which}")
    if kept is None and which == "last" and _is_best_last(rows):
        kept = rows["probabilities_best"]
    return None if kept is None else ProbabilityFile(folder / kept.path)


def pictures_hold(files: Sequence[Path], values: Sequence[int]) -> str:
    """What the PNGs of a model hold: ``masks``, or ``probabilities`` where levels are not all among ``values``.

    Of all together, because a picture of probabilities that are all near 0 looks like a mask with the values 0 and 1.
    Of more than two classes only masks can be pictures.

    Raises:
        DataError: If one cannot be read.
    """
    pictures = (file for file in files if file.suffix.lower() == ".png")
    return (
        MASKS if len(values) > 2 or all(np.isin(_picture(file), values).all() for file in pictures) else PROBABILITIES
    )


def read_prediction(file: Path, values: Sequence[int], pictures: str) -> Pixels:
    """A prediction as 255 times the probability of each class but the background, (C-1, H, W) uint8.

    A PNG is a mask of ``values``, or, with two classes, holds the probability of the second: 0..1 as 0..255, or as
    0..65535 with 16 bits; ``pictures`` says which. A NumPy file holds probabilities 0..1 in floating point: (H, W) or
    (1, H, W) of the second of two classes, (C-1, H, W) of all but the background, or (C, H, W) of all.

    Raises:
        DataError: If it cannot be read, or holds something else; says what was expected.
    """
    if file.suffix.lower() == ".npy":
        return _from_array(file, len(values))
    return _from_picture(_picture(file), file, values, pictures)


def _from_array(file: Path, classes: int) -> Pixels:
    try:
        stored = np.load(file, mmap_mode="r", allow_pickle=False)  # mapped: a header cannot ask for more than is there
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{file} cannot be read as a NumPy array ({error}). Save it with numpy.save.") from error
    shape = stored.shape
    fits = len(shape) == 3 and shape[0] in (classes - 1, classes)
    if not (fits or (len(shape) == 2 and classes == 2)) or not math.prod(shape):
        wanted = "(H, W), (1, H, W) or (2, H, W)" if classes == 2 else f"({classes - 1}, H, W) or ({classes}, H, W)"
        raise DataError(f"{file} has shape {shape}, expected {wanted}: one probability per class and pixel.")
    if stored.dtype.kind != "f":
        raise DataError(f"{file} holds {stored.dtype}, expected probabilities 0..1 in floating point.")
    maps = np.asarray(stored, np.float64).reshape(-1, *shape[-2:])[-(classes - 1) :]
    if not np.isfinite(maps).all():
        raise DataError(f"{file} holds values that are not numbers, expected probabilities 0..1. Save it without them.")
    if not ((maps >= 0) & (maps <= 1)).all():
        raise DataError(
            f"{file} holds values from {maps.min():g} to {maps.max():g}, expected probabilities 0..1. Take the sigmoid "
            "or the softmax of logits first."
        )
    return np.asarray((maps * 255).round(), np.uint8)


def _picture(file: Path) -> NDArray[Any]:
    """(H, W) of 8 or 16 bits."""
    import cv2

    try:
        content = np.frombuffer(file.read_bytes(), np.uint8)
        stored: NDArray[Any] | None = cv2.imdecode(content, cv2.IMREAD_UNCHANGED) if len(content) else None
    except (OSError, cv2.error) as error:
        raise DataError(f"{file} cannot be read ({error}).") from error
    if stored is None:
        raise DataError(f"{file} cannot be read as an image; it is empty, damaged or of another format.")
    if stored.ndim == 3 and not np.ptp(stored[..., :3], axis=2).any():
        stored = stored[..., 0]
    if stored.ndim != 2 or stored.dtype not in (np.uint8, np.uint16):
        raise DataError(f"{file} is coloured, expected a grey PNG of 8 or 16 bits: one number per pixel.")
    return stored


def _from_picture(stored: NDArray[Any], file: Path, values: Sequence[int], pictures: str) -> Pixels:
    if pictures == MASKS and np.isin(stored, values).all():  # else it was replaced since
        return np.stack([(stored == value) * np.uint8(255) for value in values[1:]])
    if len(values) > 2:
        levels = np.unique(stored)
        strange = ", ".join(map(str, levels[~np.isin(levels, values)][:6]))
        raise DataError(
            f"{file} holds {strange}, but the classes are the values {', '.join(map(str, values))}. Save masks with "
            "these values, or probabilities of every class as .npy (C, H, W)."
        )
    if stored.dtype == np.uint16:
        stored = (stored / 257).round()  # 65535 / 255; one half stays one half
    return np.asarray(stored, np.uint8)[None]


def _imported(connection: Connection, run: str, folder: Path) -> PredictionFolder | None:
    query = (
        select(
            experiments.c.config,
            runs.c.config.label("own"),
            case_scores.c.cases,
            case_scores.c.sizes,
            case_scores.c.epoch,
        )
        .select_from(runs.join(experiments).join(case_scores))
        .where(runs.c.id == run, case_scores.c.split == "test")
    )
    row = connection.execute(query.order_by(case_scores.c.epoch.desc())).first()
    if row is None:
        return None
    sizes = np.frombuffer(row.sizes, "<i8").reshape(-1, 2)
    return PredictionFolder(folder, row.cases, row.config["values"], sizes, row.own["pictures"], epoch=row.epoch)


def _is_best_last(rows: dict[str, Any]) -> bool:
    best, last = rows.get("probabilities_best"), rows.get("checkpoint_last")
    return best is not None and last is not None and bool(best.epoch == last.epoch)
