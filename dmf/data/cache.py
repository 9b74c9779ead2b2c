"""Arrays kept on disk between runs, written whole or not at all."""

import os
import tempfile
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmf.errors import DataError


def read_arrays(path: Path, names: Sequence[str]) -> dict[str, NDArray[Any]] | None:
    """The arrays of a cache file; None where there is none, or, with a warning, where it is damaged."""
    if not path.exists():
        return None
    try:
        # Opened here, because np.load leaves a file open that is no archive.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return {name: file[name] for name in names}
    except (OSError, ValueError, KeyError, EOFError, NotImplementedError, zipfile.BadZipFile) as error:
        warnings.warn(f"Cache file {path} is damaged ({error}); preparing its images again.", stacklevel=4)
        return None


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write beside the target, then rename: a reader sees the whole file or none, and two writers cannot mix.

    Raises:
        DataError: If the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".part")
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, **arrays)  # type: ignore[arg-type]
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise DataError(
            f"Cannot write the prepared images to {path.parent}: {error.strerror}. "
            "Free some space, or set DMF_HOME to a folder that can be written."
        ) from error
