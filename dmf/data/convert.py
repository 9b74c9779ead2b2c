"""Any dataset as a plain folder: images, masks, and tables of classes and cases."""

import colorsys
import csv
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from dmf.data.base import IGNORE, Case, Dataset, OptionValue, Pixels
from dmf.data.check import notes_once
from dmf.data.meaning import MOST_CLASSES
from dmf.data.pairs import UNLABELLED
from dmf.data.prepare import choose_cases
from dmf.errors import ConfigError, DataError

IMAGES, MASKS = "images", "masks"
CLASSES, CASES = "classes.csv", "cases.csv"
TURN = 0.618  # of the colour wheel from one class to the next: neighbours are far apart however many there are


@dataclass(frozen=True)
class Converted:
    """A dataset that was written as a folder.

    Attributes:
        root: The folder.
        cases: How many there are.
        options: Of the dataset ``folder``, under which it reads the same; only those that differ from the defaults.
        notes: What was unusual about the files, how it was read, and what a folder cannot keep.
    """

    root: Path
    cases: int
    options: Mapping[str, OptionValue]
    notes: tuple[str, ...]


def convert(dataset: Dataset, output: Path, *, on_progress: Callable[[int, int], None] | None = None) -> Converted:
    """Write every case as ``images/<id>.png`` and ``masks/<id>.png``, without loss: the pixels that ``load`` gives.

    Images have 8 bits per channel, grey or colour, as training reads them. Masks hold 0 and 255 where there are two
    classes, else the class numbers; pixels of no class hold 255. ``classes.csv`` has value, name and colour of each
    class, ``cases.csv`` image, label, group and part of a split of each case; a label is a folder below ``images`` too.

    Args:
        dataset: What to write.
        output: The folder; must be empty or absent. It is there whole, or not at all.
        on_progress: Called with (cases done, cases in all).

    Raises:
        ConfigError: If ``output`` is not empty, or lies where the dataset is read, or its targets are no classes.
        DataError: If the dataset has problems, a case cannot be loaded, or the folder cannot be written.
    """
    if dataset.target != "classes":
        raise ConfigError(
            f"Dataset {dataset.name!r} has images to be made, no classes, so there are no masks to write. Convert a "
            "dataset for segmentation.",
            "dataset",
        )
    _refuse_output(dataset, output)
    cases = choose_cases(dataset, None)
    names = _file_names(cases)
    values = _values(dataset)
    table = np.zeros(256, np.uint8)
    table[: len(values)] = values
    table[IGNORE] = IGNORE
    notes = list(dataset.remarks())
    spacings = set()
    with _whole(output) as part:
        for place, (case, name) in enumerate(zip(cases, names, strict=True)):
            pair = dataset.load(case)
            notes += pair.notes
            spacings.add(pair.spacing or dataset.spacing)
            for folder, pixels in ((IMAGES, pair.image), (MASKS, table[pair.mask])):
                _write_png(part / folder / f"{name}.png", pixels)
            if on_progress is not None:
                on_progress(place + 1, len(cases))
        _write_classes(part / CLASSES, dataset, values)
        _write_cases(part / CASES, cases, names)
    if len(spacings) > 1:
        notes.append("pixels have different sizes in mm from image to image, which a folder cannot keep")
    spacing = spacings.pop() if len(spacings) == 1 else None
    return Converted(output, len(cases), _options(dataset, cases, values, spacing), tuple(notes_once(notes)))


def _refuse_output(dataset: Dataset, output: Path) -> None:
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise ConfigError(f"{output} is there already and is never overwritten. Choose another folder.", "output")
    if dataset.needs_download and dataset.root.resolve() in (output.resolve(), *output.resolve().parents):
        raise ConfigError(f"{output} lies in {dataset.root}, which is read. Choose a folder elsewhere.", "output")
    if len(dataset.class_names) > MOST_CLASSES:
        raise ConfigError(
            f"Dataset {dataset.name!r} has {len(dataset.class_names)} classes, but a folder may have {MOST_CLASSES} at "
            "most. Choose some by an option of the dataset.",
            "dataset_options",
        )


def _file_names(cases: Sequence[Case]) -> list[str]:
    """Where each case goes: its id in one name, below its label, as folders are labels."""
    names = []
    for case in cases:
        label = "" if case.label == UNLABELLED else case.label
        own = case.id.removeprefix(f"{label}/").replace("/", "_")
        # A label may be a path, as folders below one another are.
        names.append("/".join([*(_word(part) for part in label.split("/") if part), own]))
    folded: dict[str, str] = {}
    for name, case in zip(names, cases, strict=True):
        other = folded.setdefault(name.casefold(), case.id)
        if other != case.id:
            raise DataError(f"Cases {other!r} and {case.id!r} would be one file on some systems. Rename one of them.")
    return names


def _word(label: str) -> str:
    """A label as a folder that every system takes, and that says no more than it."""
    return label.replace("\\", "-").replace(":", "-").strip(" .") or "-"


def _values(dataset: Dataset) -> tuple[int, ...]:
    """What a mask holds for each class; two classes are to be seen with the naked eye."""
    count = len(dataset.class_names)
    return (0, 255) if count == 2 and dataset.ignore is None else tuple(range(count))


def _options(
    dataset: Dataset, cases: Sequence[Case], values: Sequence[int], spacing: tuple[float, float] | None
) -> dict[str, OptionValue]:
    options: dict[str, OptionValue] = {"names": ":".join(_names(dataset))}
    if tuple(values) != (0, 255):
        options["values"] = ":".join(map(str, values))
    if dataset.ignore is not None:
        options["ignore"] = str(IGNORE)
    if dataset.in_channels == 3:
        options["rgb"] = True
    if spacing is not None:
        options["spacing"] = ":".join(f"{side:.10g}" for side in spacing)
    if any(case.group for case in cases):
        options["group"] = f"{CASES}:group"
    if any(case.split for case in cases):
        options["split"] = f"{CASES}:split"
    return options


def _names(dataset: Dataset) -> list[str]:
    """Names of the classes without the signs that part options."""
    names = [name.translate(str.maketrans(":,=", "---")).strip() for name in dataset.class_names]
    if len(set(names)) < len(names):
        raise DataError(f"Classes of {dataset.name!r} differ only in signs that part options: {', '.join(names)}.")
    return names


def _write_classes(file: Path, dataset: Dataset, values: Sequence[int]) -> None:
    rows = [
        (value, name, _colour(number)) for number, (value, name) in enumerate(zip(values, _names(dataset), strict=True))
    ]
    if dataset.ignore is not None:
        rows.append((IGNORE, "(no class)", "#ffffff"))
    _write_table(file, ("value", "name", "colour"), rows)


def _write_cases(file: Path, cases: Sequence[Case], names: Sequence[str]) -> None:
    rows = [
        (f"{name}.png", case.label, case.group or "", case.split or "") for case, name in zip(cases, names, strict=True)
    ]
    _write_table(file, ("image", "label", "group", "split"), rows)


def _write_table(file: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _colour(number: int) -> str:
    """Black for the background, then colours far apart."""
    if number == 0:
        return "#000000"
    return "#" + "".join(f"{round(255 * part):02x}" for part in colorsys.hsv_to_rgb((number - 1) * TURN % 1, 0.8, 1))


def _write_png(file: Path, pixels: Pixels) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    stored = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if pixels.ndim == 3 else pixels
    # To memory, then by Python: OpenCV cannot open names outside the system's code page on Windows.
    file.write_bytes(cv2.imencode(".png", stored)[1].tobytes())


@contextmanager
def _whole(output: Path) -> Iterator[Path]:
    """A folder beside the output that takes its place at the end, or is gone, whatever happens.

    Raises:
        DataError: If something cannot be written.
    """
    part: Path | None = None
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=output.parent, prefix=".converting-"))
        yield part
        part.chmod(0o777 & ~_umask())  # temporary folders are made for their owner alone
        if output.is_dir():
            output.rmdir()
        part.rename(output)
    except OSError as error:
        raise DataError(
            f"{output} cannot be written ({error.strerror}). Free some space, or choose another folder."
        ) from error
    finally:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
