"""Loss histories in and weights out as CSV: a header of loss names, then one row per step."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dmf.errors import DataError


def read_losses(path: Path) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Read loss names and values (S, K). Empty cells and ``nan`` are steps whose loss was not finite.

    Raises:
        DataError: If the file is missing, empty, has no or a repeated name in its header, or holds something that is not
            a number; names the line.
    """
    if not path.is_file():
        raise DataError(f"No file {path}. Give a CSV file: a header of loss names, then one row of losses per step.")
    try:
        table = pd.read_csv(path, header=None, dtype=str, skip_blank_lines=True, skipinitialspace=True)
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not a CSV file with one column per loss: {error}.") from error
    names = tuple(str(name).strip() for name in table.iloc[0])
    if all(_is_number(name) for name in names):
        raise DataError(f"{path} begins with numbers ({', '.join(names)}). Its first line must name the losses.")
    if table.iloc[0].isna().any() or len(set(names)) < len(names):
        raise DataError(f"{path}: every loss in the header needs a name of its own, got {', '.join(names)}.")
    cells = table.iloc[1:]
    if cells.empty:
        raise DataError(f"{path} has a header but no rows; expected one row of losses per step.")
    values = cells.apply(pd.to_numeric, errors="coerce")
    given = cells.notna() & ~cells.apply(lambda column: column.str.strip().str.lower().isin(["nan", ""]))
    wrong = given & values.isna()
    if wrong.to_numpy().any():
        row, column = np.argwhere(wrong.to_numpy())[0]
        raise DataError(
            f"{path}, line {row + 2}: {cells.iloc[row, column]!r} in column {names[column]!r} is not a number."
        )
    return names, values.to_numpy(dtype=np.float64)


def write_weights(path: Path, names: tuple[str, ...], weights: NDArray[np.float64]) -> None:
    """Write weights (S, K) under the header ``names``, with as many digits as float64 needs to round-trip."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(weights, columns=list(names)).to_csv(path, index=False)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.lower() != "nan"
