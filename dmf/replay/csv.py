"""Loss histories in and weights out as CSV: a header of loss names, then one row per step."""

import csv
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmf.errors import DataError
from dmf.paths import shortened, why_impossible

NO_LOSSES = ("step", "epoch", "iteration", "time", "_step", "_runtime", "_timestamp")
"""Names of columns that count or measure when a loss was, in any case of letters; the last three are those of W&B."""


def read_losses(path: Path) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Read loss names and values (S, K). Empty cells and ``nan`` are steps whose loss was not finite.

    In a file of one column an empty line is an empty cell, but not before the header or at the end; in others it is
    nothing.

    Raises:
        DataError: If the file is missing, empty, has no or a repeated name in its header or other columns than losses
            (also one called step, epoch, iteration or time, or ``_step`` and the like), or holds a row of another
            length or something that is not a number; names the line.
    """
    if why := why_impossible(path):
        raise DataError(f"The file {shortened(path)} {why}.")
    if not path.is_file():
        raise DataError(f"No file {path}. Give a CSV file: a header of loss names, then one row of losses per step.")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, skipinitialspace=True)
            return _parse(path, ((reader.line_num, [cell.strip() for cell in row]) for row in reader))
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not a CSV file with one column per loss: {error}.") from error


def write_weights(path: Path, names: tuple[str, ...], weights: NDArray[np.float64]) -> None:
    """Write weights (S, K) under the header ``names``, with as many digits as float64 needs to round-trip."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(weights.tolist())


def _parse(path: Path, lines: Iterable[tuple[int, list[str]]]) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    lines = iter(lines)
    names = tuple(next((cells for _, cells in lines if cells), ()))
    _check_header(path, names)
    values: list[list[float]] = []
    empty = 0
    for line, cells in lines:
        if not cells:
            empty += len(names) == 1
            continue
        if len(cells) != len(names):
            raise DataError(f"{path}, line {line}: expected {len(names)} losses, as in the header, got {len(cells)}.")
        for name, cell in zip(names, cells, strict=True):
            if cell and not _is_number(cell):
                raise DataError(f"{path}, line {line}: {cell!r} in column {name!r} is not a number.")
        values += [[math.nan]] * empty
        empty = 0
        values.append([float(cell or "nan") for cell in cells])
    if not values:
        raise DataError(f"{path} has a header but no rows; expected one row of losses per step.")
    return names, np.array(values, dtype=np.float64)


def _check_header(path: Path, names: tuple[str, ...]) -> None:
    if not names:
        raise DataError(f"{path} is empty. Its first line must name the losses.")
    if len(names) == 1 and any(mark in names[0] for mark in ";\t"):
        raise DataError(
            f"{path} has one column, {names[0]!r}. Separate columns by commas, and write decimals with a dot."
        )
    if "step" in names and any(name.startswith("loss_") for name in names):
        raise DataError(
            f"{path} looks like an exported run. Give the run's id instead, or keep only the columns of its losses."
        )
    if all(_is_number(name) for name in names):
        raise DataError(f"{path} begins with numbers ({', '.join(names)}). Its first line must name the losses.")
    if not all(names) or len(set(names)) < len(names):
        raise DataError(f"{path}: every loss in the header needs a name of its own, got {', '.join(map(repr, names))}.")
    for name in names:
        if name.lower() in NO_LOSSES:
            raise DataError(f"{path}: column {name!r} is not a loss. Keep only the columns of losses.")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text  # 1_000 is a number in Python only
