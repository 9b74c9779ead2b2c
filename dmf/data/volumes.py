"""Volumes as slices: in canonical orientation, one slice in memory at a time, whatever order the file keeps them in.

A NIfTI file that is not compressed is read where it lies. Of any other, or along another axis, the slices are laid out
once in a temporary file on disk, so that a volume is decompressed once and never lies in memory as a whole.
"""

import math
import re
import tempfile
import threading
import weakref
import zlib
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dmf.data.base import BrokenDataError, Problem
from dmf.data.cache import telling
from dmf.errors import DataError
from dmf.paths import cache_folder

Axis: TypeAlias = Literal["sagittal", "coronal", "axial"]
Numbers: TypeAlias = NDArray[np.integer | np.floating]

AXES: dict[str, int] = {"sagittal": 0, "coronal": 1, "axial": 2}  # of canonical voxels: right, anterior, superior
NIFTI = (".nii", ".nii.gz")
META = (".mha", ".mhd", ".nrrd", ".nhdr")
SUFFIXES = (*NIFTI, *META)
VOXELS = frozenset({".raw", ".zraw"})  # beside an .mhd or .nhdr
BLOCK = 4 * 2**20  # bytes decompressed at once
LARGEST = 4 * 2**30  # bytes of a volume; a header that says more is damaged, or made to do harm
MOST_OPEN = 4  # volumes; an image and its mask are two
MILLIMETRES = {"meter": 1000.0, "mm": 1.0, "micron": 0.001, "unknown": 1.0}
TOLERANCE = 0.1  # of a voxel, by which the corners of a mask may lie elsewhere than those of its image
COMPRESSED = re.compile(rb"CompressedData\s*=\s*True|^encoding:\s*(?:gz|gzip|bz2|bzip2)\s*$", re.IGNORECASE | re.M)
AGAIN = "Fetch the file again, or remove the image with its mask."

_open: "OrderedDict[tuple[object, ...], Slices]" = OrderedDict()
_geometries: dict[tuple[object, ...], "Geometry"] = {}
_opening = threading.Lock()


@dataclass(frozen=True, eq=False)
class Geometry:
    """How a volume lies in space.

    Attributes:
        shape: Voxels towards right, anterior and superior.
        affine: (4, 4) position in mm (right, anterior, superior) of such a voxel.
        stored: For each of the three, the axis of the file, and whether it runs the other way there.
        channels: Values per voxel.
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]
    stored: tuple[tuple[int, bool], ...]
    channels: int

    def spacing(self, axis: Axis) -> tuple[float, float]:
        """Height and width of a pixel in mm of slices along an axis."""
        sides = np.sqrt((self.affine[:3, :3] ** 2).sum(axis=0))
        columns, rows = (other for other in range(3) if other != AXES[axis])
        return float(sides[rows]), float(sides[columns])

    def apart(self, other: "Geometry") -> float:
        """The most that a corner of this volume is from the same corner of another of equal shape, in its voxels."""
        corners = np.array(np.meshgrid(*((0, side - 1) for side in self.shape), indexing="ij")).reshape(3, -1)
        moved = (self.affine - other.affine) @ np.vstack([corners, np.ones(corners.shape[1])])
        smallest = np.sqrt((self.affine[:3, :3] ** 2).sum(axis=0)).min()
        return float(np.sqrt((moved[:3] ** 2).sum(axis=0)).max() / smallest)


class Source(ABC):
    """A file of a volume. ``shape`` and ``affine`` are as stored; voxels are read in blocks along its last axis.

    Attributes:
        shape: Voxels along the three axes of the file.
        affine: (4, 4) position in mm (right, anterior, superior) of a voxel.
        channels: Values per voxel.
        dtype: Type of the values, scaled as the file says.
        is_random: Whether any block can be read at the same cost.
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]
    channels: int
    dtype: np.dtype[Any]
    is_random: bool

    @abstractmethod
    def read(self, start: int, stop: int, channel: int) -> Numbers:
        """Voxels (I, J, stop - start) of one channel."""

    @property
    def step(self) -> int:
        """Planes along the last axis that are read at once."""
        return max(1, BLOCK // (self.shape[0] * self.shape[1] * self.channels * 8))


class Nifti(Source):
    """A NIfTI file by nibabel; nothing but its header is read when it is opened."""

    def __init__(self, path: Path) -> None:
        import nibabel

        # The header's complaints go to a logger of nibabel's; what cannot be used is refused below.
        image: Any = nibabel.load(path, mmap=False, keep_file_open=True)
        self._data = image.dataobj
        shape = tuple(int(side) for side in image.shape)
        self.shape = (*shape[:3], *(1,) * (3 - len(shape)))  # type: ignore[assignment]
        self._rank = len(shape)
        self.channels = math.prod(shape[3:])
        stored = np.dtype(image.get_data_dtype())
        is_scaled = (self._data.slope, self._data.inter) != (1, 0)
        self.dtype = np.dtype(np.float32) if is_scaled or stored.kind == "f" else stored
        unit = image.header.get_xyzt_units()[0] if hasattr(image.header, "get_xyzt_units") else "mm"
        self.affine = np.diag([*(MILLIMETRES.get(unit, 1.0),) * 3, 1.0]) @ image.affine
        self.is_random = not str(path).endswith(".gz")

    def read(self, start: int, stop: int, channel: int) -> Numbers:
        if self._rank < 3:
            block = self._data[:].reshape(self.shape)
        elif self._rank == 3:
            block = self._data[:, :, start:stop]
        else:
            extra = np.unravel_index(channel, self._data.shape[3:], order="F")
            block = self._data[(slice(None), slice(None), slice(start, stop), *map(int, extra))]
        return np.asarray(block, dtype=self.dtype)


class Itk(Source):
    """A MetaImage or NRRD file by SimpleITK, which reads compressed ones as a whole."""

    def __init__(self, path: Path) -> None:
        import SimpleITK as sitk  # noqa: N813 as everyone calls it

        self._sitk, self._reader = sitk, sitk.ImageFileReader()
        self._reader.SetFileName(str(path))
        self._reader.ReadImageInformation()
        size = self._reader.GetSize()
        self._rank = rank = len(size)
        if rank > 3:
            raise ValueError(f"{rank} dimensions")
        self.shape = (*size, *(1,) * (3 - rank))
        self.channels = self._reader.GetNumberOfComponents()
        one = sitk.Image([1] * rank, self._reader.GetPixelID(), self.channels)
        self.dtype = sitk.GetArrayViewFromImage(one).dtype
        sides, origin, turn = np.ones(3), np.zeros(3), np.eye(3)
        sides[:rank], origin[:rank] = self._reader.GetSpacing(), self._reader.GetOrigin()
        turn[:rank, :rank] = np.reshape(self._reader.GetDirection(), (rank, rank))
        to_ras = np.diag([-1.0, -1.0, 1.0])  # ITK counts towards left and posterior
        self.affine = np.eye(4)
        self.affine[:3, :3] = to_ras @ turn @ np.diag(sides)
        self.affine[:3, 3] = to_ras @ origin
        with path.open("rb") as file:
            self.is_random = COMPRESSED.search(file.read(4096)) is None

    @property
    def step(self) -> int:
        """All planes where the file is compressed: each call would decompress it anew."""
        return super().step if self.is_random else self.shape[2]

    def read(self, start: int, stop: int, channel: int) -> Numbers:
        if self._rank == 3:
            self._reader.SetExtractIndex([0, 0, start])
            self._reader.SetExtractSize([*self.shape[:2], stop - start])
        self._image = self._reader.Execute()  # kept, as the view does not own its pixels
        voxels = self._sitk.GetArrayViewFromImage(self._image)
        voxels = voxels[..., channel] if self.channels > 1 else voxels
        return np.asarray(voxels.reshape(stop - start, self.shape[1], self.shape[0]).T)


class Slices:
    """Slices of one channel of a volume along one axis, as pictures.

    Rows run downwards to posterior (axial) or inferior, columns to the patient's left or, in sagittal slices, to
    posterior: the way radiologists hang them. Slices are counted towards right, anterior or superior.
    """

    def __init__(self, source: Source, axis: Axis, channel: int = 0) -> None:
        self.geometry = geometry_of(source)
        self._source, self._channel = source, channel
        self._axis, self._turned = self.geometry.stored[AXES[axis]]
        columns, rows = (self.geometry.stored[other] for other in range(3) if other != AXES[axis])
        self._is_across = columns[0] > rows[0]
        self._flips = (slice(None, None, 1 if rows[1] else -1), slice(None, None, 1 if columns[1] else -1))
        first, second = (side for other, side in enumerate(source.shape) if other != self._axis)
        self._plane = (second, first)  # what varies fastest in the file is last
        self._count = source.shape[self._axis]
        self._lock = threading.Lock()
        self._laid: IO[bytes] | None = None
        if not (source.is_random and self._axis == 2):
            self._laid = self._lay_out()
            weakref.finalize(self, self._laid.close)
            del self._source  # with the file that it holds open

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Numbers:
        """One slice (H, W), of the type that the file keeps."""
        if not 0 <= index < self._count:
            raise IndexError(index)
        place = self._count - 1 - index if self._turned else index
        with self._lock:  # files have one position
            if self._laid is None:
                plane = self._source.read(place, place + 1, self._channel)[:, :, 0].T
            else:
                size = self._dtype.itemsize * math.prod(self._plane)
                self._laid.seek(place * size)
                plane = np.frombuffer(self._laid.read(size), self._dtype).reshape(self._plane)
        return np.ascontiguousarray((plane.T if self._is_across else plane)[self._flips])

    def _lay_out(self) -> IO[bytes]:
        """The planes one after another in a file of their own, which is gone when it is closed."""
        folder = cache_folder()
        source, depth = self._source, self._source.shape[2]
        self._dtype = source.dtype
        with telling(folder / "slices"):
            folder.mkdir(parents=True, exist_ok=True)
            laid = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 closed with the slices
        try:
            for start in range(0, depth, source.step):
                block = source.read(start, min(start + source.step, depth), self._channel)
                with telling(folder / "slices"):
                    self._append(laid, block.astype(self._dtype, copy=False), start)
        except BaseException:
            laid.close()
            raise
        return laid

    def _append(self, laid: IO[bytes], block: Numbers, start: int) -> None:
        if self._axis == 2:
            for plane in range(block.shape[2]):
                laid.write(np.ascontiguousarray(block[:, :, plane].T).data)
            return
        row = self._dtype.itemsize * self._plane[1]
        for place in range(self._count):  # every block holds some rows of every plane
            laid.seek(place * row * self._plane[0] + start * row)
            laid.write(np.ascontiguousarray(block.take(place, axis=self._axis).T).data)


def is_volume(name: str) -> bool:
    """Whether a file called so is one of these."""
    return name.lower().endswith(SUFFIXES)


def stem(name: str) -> str:
    """A file's name without its suffix, ``.nii.gz`` being one."""
    return next((name[: -len(suffix)] for suffix in SUFFIXES if name.lower().endswith(suffix)), name)


def geometry_of(source: Source) -> Geometry:
    """How a file lies in space, brought into canonical order: right, anterior, superior.

    Raises:
        ValueError: If its affine does not say, or it holds no real numbers.
    """
    from nibabel.orientations import io_orientation

    if source.dtype.kind not in "iuf":
        raise ValueError(f"voxels of type {source.dtype}, not one number each")
    if math.prod(source.shape) * source.dtype.itemsize * source.channels > LARGEST:
        raise ValueError(f"{' x '.join(map(str, source.shape))} voxels, more than {LARGEST // 2**30} GiB")
    if not np.isfinite(source.affine).all() or abs(np.linalg.det(source.affine[:3, :3])) < 1e-12:
        raise ValueError("an affine that no voxels can lie by")
    to_canonical = io_orientation(source.affine)  # for each stored axis, the canonical one and its direction
    stored: list[tuple[int, bool]] = [(0, False)] * 3
    turn = np.zeros((4, 4))
    turn[3, 3] = 1
    for axis, (canonical, direction) in enumerate(to_canonical):
        stored[int(canonical)] = (axis, direction < 0)
        turn[axis, int(canonical)] = direction
        turn[axis, 3] = source.shape[axis] - 1 if direction < 0 else 0
    first, second, third = (source.shape[axis] for axis, _ in stored)
    return Geometry((first, second, third), source.affine @ turn, tuple(stored), source.channels)


def read_geometry(path: Path) -> Geometry:
    """How a volume lies in space, from its header alone.

    Raises:
        BrokenDataError: If the file cannot be used.
    """
    with _reading(path):
        key = _stamp(path)
        if key not in _geometries:
            _geometries[key] = geometry_of(_source(path))
        return _geometries[key]


def open_slices(path: Path, axis: Axis, channel: int = 0) -> Slices:
    """The slices of a file; the last few files stay open.

    Raises:
        BrokenDataError: If the file cannot be used.
        DataError: If there is no space for its slices on disk.
    """
    with _reading(path):
        key = (*_stamp(path), axis, channel)
        with _opening:
            slices = _open.pop(key, None) or Slices(_source(path), axis, channel)
            _open[key] = slices
            while len(_open) > MOST_OPEN:
                _open.popitem(last=False)
        return slices


def read_slice(path: Path, axis: Axis, index: int, channel: int = 0) -> Numbers:
    """One slice (H, W) of a file.

    Raises:
        BrokenDataError: If the file cannot be used.
    """
    slices = open_slices(path, axis, channel)
    with _reading(path):
        return slices[index]


def _stamp(path: Path) -> tuple[object, ...]:
    """What another file, or another state of it, does not have."""
    status = path.stat()
    return path, status.st_mtime_ns, status.st_size


def _source(path: Path) -> Source:
    return Nifti(path) if path.name.lower().endswith(NIFTI) else Itk(path)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn whatever a library raises for a damaged file into a problem of that file."""
    kind = "NIfTI" if path.name.lower().endswith(NIFTI) else "MetaImage or NRRD"
    try:
        yield
    except DataError:
        raise
    except ModuleNotFoundError as error:
        raise BrokenDataError(
            [Problem(str(path), f"is a {kind} file, which needs SimpleITK", "Install it: pip install 'dmf[itk]'.")]
        ) from error
    except FileNotFoundError as error:
        raise BrokenDataError([Problem(str(path), "is missing", "Put the file back.")]) from error
    # nibabel raises errors of many kinds, SimpleITK RuntimeError.
    except (OSError, EOFError, ValueError, RuntimeError, ArithmeticError, LookupError, TypeError, zlib.error) as error:
        raise BrokenDataError([_unreadable(path, kind, error)]) from error
    except Exception as error:
        if not type(error).__module__.startswith("nibabel"):
            raise
        raise BrokenDataError([_unreadable(path, kind, error)]) from error


def _unreadable(path: Path, kind: str, error: Exception) -> Problem:
    lines = [line.strip() for line in str(error).replace(str(path), path.name).splitlines() if line.strip()]
    reason = f": {lines[-1][:200].rstrip('.')}" if lines else ""
    return Problem(str(path), f"cannot be read as {kind}, it is damaged or of another format{reason}", AGAIN)
