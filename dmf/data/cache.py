"""Arrays kept on disk between runs, written whole or not at all, and never held in memory as a whole by us.

A file is an uncompressed ``.npz``. It is written row by row, and read back as memory maps, so that what is prepared may
be larger than what is free.
"""

import os
import shutil
import struct
import tempfile
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar

import numpy as np
from numpy.lib import format as npy
from numpy.typing import DTypeLike, NDArray

from dmf.errors import DataError

CHUNK = 2**20  # bytes read at once
MAPPED = 2**20  # arrays of at least so many bytes stay on disk; smaller ones are read
LOCAL_HEADER = 30  # bytes of a zip's header before a member, without its name and extra field
DAMAGE = (OSError, ValueError, KeyError, EOFError, NotImplementedError, struct.error, zipfile.BadZipFile)


class _Closable(Protocol):
    def close(self) -> None: ...


Closable = TypeVar("Closable", bound=_Closable)


@dataclass(frozen=True)
class Planned:
    """An array that is going to be written row by row: its shape, the rows first, and its type."""

    shape: tuple[int, ...]
    dtype: DTypeLike


class RowWriter:
    """Takes rows of several arrays by turns; the first array goes straight into the file, the others wait beside it."""

    def __init__(self, path: Path, plans: Mapping[str, Planned], streams: Mapping[str, IO[bytes]]) -> None:
        self._path, self._plans, self._streams = path, plans, streams
        for name, plan in plans.items():
            header = {"descr": npy.dtype_to_descr(np.dtype(plan.dtype)), "fortran_order": False, "shape": plan.shape}
            npy.write_array_header_1_0(streams[name], header)

    def append(self, **rows: NDArray[Any]) -> None:
        """The next row of each array.

        Raises:
            ValueError: If a row is not of the shape that was planned.
            DataError: If it cannot be written.
        """
        for name, row in rows.items():
            plan = self._plans[name]
            if row.shape != plan.shape[1:]:
                raise ValueError(f"A row of {name!r} must have shape {plan.shape[1:]}, got {row.shape}.")
            with telling(self._path):
                self._streams[name].write(np.ascontiguousarray(row, dtype=plan.dtype).tobytes())


def read_arrays(path: Path, names: Sequence[str]) -> dict[str, NDArray[Any]] | None:
    """The arrays of a cache file; None where there is none, or, with a warning, where it is damaged.

    Every byte is compared with the checksum of the file. Large arrays are memory maps: they may be written to, which
    changes nothing on disk.
    """
    if not path.exists():
        return None
    try:
        with zipfile.ZipFile(path) as file:
            for name in names:
                with file.open(f"{name}.npy") as member:
                    while member.read(CHUNK):  # raises where the checksum differs
                        pass
        return map_arrays(path, names)
    except DAMAGE as error:
        warnings.warn(f"Cache file {path} is damaged ({error}); preparing its images again.", stacklevel=4)
        return None


def map_arrays(path: Path, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """The arrays of a cache file that is known to be whole, as :func:`read_arrays` gives them."""
    with path.open("rb") as stream, zipfile.ZipFile(stream) as file:
        return {name: _array(path, stream, file.getinfo(f"{name}.npy")) for name in names}


def _array(path: Path, stream: IO[bytes], member: zipfile.ZipInfo) -> NDArray[Any]:
    if member.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{member.filename} is compressed")
    stream.seek(member.header_offset)
    name, extra = struct.unpack_from("<HH", stream.read(LOCAL_HEADER), 26)
    stream.seek(name + extra, os.SEEK_CUR)
    npy.read_magic(stream)
    shape, is_fortran, dtype = npy.read_array_header_1_0(stream)
    if dtype.hasobject or is_fortran:
        raise ValueError(f"{member.filename} holds no plain array")
    size = int(np.prod(shape)) * dtype.itemsize
    if size < MAPPED:
        return np.frombuffer(bytearray(stream.read(size)), dtype).reshape(shape)
    # Copy on write: torch wants arrays that may be written to, and nobody may change the file.
    return np.asarray(np.memmap(path, dtype, mode="c", offset=stream.tell(), shape=shape))


@contextmanager
def writing(path: Path, plans: Mapping[str, Planned]) -> Iterator[RowWriter]:
    """Write arrays row by row beside the target, then rename: a reader sees the whole file or none.

    Args:
        path: The file; another writer of the same file does not mix with this one.
        plans: What is going to be written, the largest array first.

    Raises:
        DataError: If the file cannot be written.
    """
    first, *others = plans
    with ExitStack() as stack:
        with telling(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".part")
            part = Path(name)
            stack.callback(part.unlink, missing_ok=True)
            target = _closing(stack, os.fdopen(handle, "wb"))
            file = _closing(stack, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED))
            waiting = {
                other: _closing(stack, tempfile.TemporaryFile(dir=path.parent))  # noqa: SIM115 the stack closes it
                for other in others
            }
            member = _closing(stack, file.open(f"{first}.npy", "w", force_zip64=True))
            writer = RowWriter(path, plans, {first: member, **waiting})
        yield writer
        with telling(path):
            member.close()
            for other, stream in waiting.items():
                stream.seek(0)
                with file.open(f"{other}.npy", "w", force_zip64=True) as place:
                    shutil.copyfileobj(stream, place, CHUNK)
            file.close()
            target.close()
            part.replace(path)


def _closing(stack: ExitStack, stream: Closable) -> Closable:
    """Close it at the end; where that fails, something failed before, and that is what is told."""

    def close() -> None:
        with suppress(OSError, ValueError):
            stream.close()

    stack.callback(close)
    return stream


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write whole arrays as :func:`writing` does.

    Raises:
        DataError: If the file cannot be written.
    """
    with writing(path, {name: Planned(array.shape, array.dtype) for name, array in arrays.items()}) as writer:
        for name, array in arrays.items():
            for row in array:
                writer.append(**{name: np.asarray(row)})


@contextmanager
def telling(path: Path) -> Iterator[None]:
    """Say in our words what a system says that cannot write ``path``.

    Raises:
        DataError: With its folder and the way out.
    """
    try:
        yield
    except OSError as error:
        raise DataError(
            f"Cannot write the prepared images to {path.parent}: {error.strerror}. "
            "Free some space, or set DMF_HOME to a folder that can be written."
        ) from error
