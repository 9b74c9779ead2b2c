"""What a network believes of every pixel: the class probabilities of a split's images, kept compactly in one file.

A file is a zip archive of one deflated member per case and ``index.json``. Eight bits per probability tell 0.4 % apart,
more than a threshold or a calibration curve needs; the many pixels near 0 or 1 take almost no room.
"""

import json
import os
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dmf.errors import DataError

Pixels: TypeAlias = NDArray[np.uint8]

FORMAT = 1
LESION = 128  # of 255: what is stored of a probability of one half, and so the least that counts as found
_INDEX = "index.json"
_ERRORS = (OSError, zipfile.BadZipFile, zlib.error, EOFError, LookupError, ValueError, TypeError, RuntimeError)


class TooLargeError(DataError):
    """The file would take more bytes than it may."""


class Probabilities(Protocol):
    """Class probabilities of the images of one split, read one case at a time.

    Attributes:
        epoch: After which epoch the network was as it is here.
        split: Of which split the images are.
        cases: Their ids.
        classes: How many classes are kept: all but the background.
        size: Height and width of each map in pixels; None where the cases differ.
    """

    @property
    def epoch(self) -> int: ...

    @property
    def split(self) -> str: ...

    @property
    def cases(self) -> tuple[str, ...]: ...

    @property
    def classes(self) -> int: ...

    @property
    def size(self) -> tuple[int, int] | None: ...

    def read(self, case: str) -> Pixels:
        """(classes, H, W) of one case: 255 times the probability of each class but the background, rounded."""


def write_probabilities(
    path: Path,
    *,
    epoch: int,
    split: str,
    cases: Sequence[str],
    probabilities: Iterable[Pixels],
    most: int | None = None,
) -> int:
    """Write the maps of a split beside the target, then rename: a reader sees the whole file or none.

    Args:
        path: The file; its folder is made where there is none.
        epoch: After which epoch the network was as it is now.
        split: Of which split the images are.
        cases: N ids, each once.
        probabilities: (N, C-1, H, W), or N maps (C-1, H, W) one after another: uint8, 255 times the probability of
            classes 1..C-1, rounded. Class 0, the background, has the rest.
        most: Bytes the file may have; None for any number.

    Returns:
        The bytes of the file.

    Raises:
        ValueError: If there is not one map per case, a case comes twice, or maps differ in shape or are not as above.
        TooLargeError: If it would take more than ``most`` bytes. Nothing is left then.
        DataError: If the file cannot be written. Nothing is left then.
    """
    if len(set(cases)) < len(cases):
        raise ValueError("`cases` must name each case once.")
    path = Path(path)
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            shape = None
            number = 0
            for number, pixels in enumerate(probabilities, start=1):
                shape = shape or pixels.shape
                if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape != shape or 0 in shape:
                    raise ValueError(
                        f"`probabilities` must be maps (C-1, H, W) of uint8, all of one shape, got {pixels.shape} of "
                        f"{pixels.dtype} after {shape}."
                    )
                _add(archive, _member(number - 1), pixels.tobytes())
                if most is not None and archive.fp is not None and archive.fp.tell() > most:
                    raise TooLargeError(f"{path.name} would take more than {most} bytes.")
            if number != len(cases) or shape is None:
                raise ValueError(f"Pass one map per case and at least one, got {number} maps for {len(cases)} cases.")
            index = {"format": FORMAT, "epoch": epoch, "split": split, "shape": shape, "cases": list(cases)}
            _add(archive, _INDEX, json.dumps(index).encode())
        size = draft.stat().st_size
        if most is not None and size > most:
            raise TooLargeError(f"{path.name} would take {size} bytes, more than {most}.")
        draft.replace(path)
        return size
    except OSError as error:
        raise DataError(
            f"Cannot write {path}: {error.strerror or error}. Check the folder and the free space of its disk."
        ) from error
    finally:
        with suppress(OSError):
            draft.unlink()


class ProbabilityFile:
    """A file that :func:`write_probabilities` wrote; implements :class:`Probabilities`.

    It is opened anew for each case, so that it can be kept, shared by threads and deleted at any time.

    Args:
        path: The file.

    Raises:
        DataError: If it is missing, damaged or of another format.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        try:
            with zipfile.ZipFile(self.path) as archive:
                index: dict[str, Any] = json.loads(archive.read(_INDEX))
            if index["format"] != FORMAT:
                raise DataError(
                    f"Probabilities {self.path} have format {index['format']!r}, expected {FORMAT}; a newer version of "
                    "this program wrote them."
                )
            self.epoch, self.split, self.cases = int(index["epoch"]), str(index["split"]), tuple(index["cases"])
            self.classes, height, width = (int(side) for side in index["shape"])
        except DataError:
            raise
        except FileNotFoundError as error:
            raise DataError(f"No probabilities at {self.path}; the file was deleted or moved.") from error
        except _ERRORS as error:
            raise self._damaged(error) from error
        self.size: tuple[int, int] = (height, width)
        self._place = {case: number for number, case in enumerate(self.cases)}

    def read(self, case: str) -> Pixels:
        """(classes, H, W) uint8 of one case.

        Raises:
            DataError: If there is no such case, or the file is damaged or gone.
        """
        if case not in self._place:
            raise DataError(f"{self.path} holds {len(self.cases)} cases of the {self.split} split, but not {case!r}.")
        try:
            with zipfile.ZipFile(self.path) as archive:
                content = archive.read(_member(self._place[case]))
            return np.frombuffer(content, np.uint8).reshape(self.classes, *self.size)
        except _ERRORS as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> DataError:
        return DataError(f"Probabilities {self.path} are damaged ({error}). Train the run again to get them back.")


def found(pixels: Pixels, threshold: float = 0.5) -> Pixels:
    r"""The class of every pixel at a threshold.

    A pixel is found where the probability of all classes but the background, together, is at least ``threshold``; it
    gets the likeliest of these classes. With two classes and 0.5 that is the class that the network decides for.

    Args:
        pixels: (C-1, H, W) uint8, 255 times the probability.
        threshold: 0..1.

    Returns:
        (H, W) uint8 class numbers.

    Raises:
        ValueError: If ``threshold`` is outside 0..1.
    """
    if not 0 <= threshold <= 1:
        raise ValueError(f"`threshold` must be from 0 to 1, got {threshold}.")
    is_found = lesion(pixels) >= threshold * 255
    return np.asarray(is_found * (pixels.argmax(0) + 1), np.uint8)


def lesion(pixels: Pixels) -> Pixels:
    """(H, W) uint8: 255 times the probability of all classes but the background together."""
    if len(pixels) == 1:
        return np.asarray(pixels[0])
    return np.asarray(np.minimum(pixels.sum(0, dtype=np.uint16), 255), np.uint8)  # rounded one by one, they pass 255


def _member(number: int) -> str:
    return f"{number:06d}"


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    # A fixed date, so that the same maps give the same file.
    archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
