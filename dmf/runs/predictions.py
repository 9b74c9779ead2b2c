"""Where the probabilities of a run are: in its own file, or in a folder made elsewhere that is read in place."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from dmf.errors import DataError
from dmf.probabilities import Pixels, Probabilities, ProbabilityFile
from dmf.runs.prediction_files import SUFFIXES, match, read_prediction
from dmf.runs.schema import artifacts, case_scores, experiments, runs


class PredictionFolder:
    """Predictions of one model in a folder; implements ``dmf.probabilities.Probabilities``, at original sizes.

    Args:
        folder: Has one file per case, named as the case.
        cases: Their ids.
        values: What masks hold for each class, background first.
        sizes: (N, 2) height and width of each case's image.
        pictures: What its pictures hold; see :func:`dmf.runs.prediction_files.pictures_hold`.
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
        self._files: dict[str, Path] = {}
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
        file = self._file(case)
        pixels = read_prediction(file, self.values, self.pictures)
        if pixels.shape[1:] != self._sizes[case]:  # it was replaced since
            (height, width), (true_height, true_width) = pixels.shape[1:], self._sizes[case]
            raise DataError(
                f"{file} is {width} x {height} pixels, but its image is {true_width} x {true_height}. Bring it back to "
                "the size of its image."
            )
        return pixels

    def _file(self, case: str) -> Path:
        # Most are called as their case; only for others the folder is listed, and again once a file is gone.
        for suffix in (*SUFFIXES, *map(str.upper, SUFFIXES)):
            file = self.folder / f"{case}{suffix}"
            if file.is_file():
                return file
        if case not in self._files or not self._files[case].is_file():
            self._files = match(self.folder, self.cases).files
        if case not in self._files:
            raise DataError(f"The prediction of {case!r} in {self.folder} is not there any more. Put the file back.")
        return self._files[case]


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
