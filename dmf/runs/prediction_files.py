"""Files of predictions made elsewhere: which image each belongs to, and what is in it."""

import math
import os
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmf.errors import DataError
from dmf.probabilities import Pixels

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff")
LOSSY = (".jpg", ".jpeg")
VOLUMES = (".nii", ".nii.gz")
ARRAY = ".npy"
SUFFIXES = (*PICTURES, *VOLUMES, ARRAY)  # in letters of either size

# What the pictures and volumes of a model hold:
MASKS = "masks"  # values of the true masks
NEAREST = "nearest"  # the same blurred by JPEG
NUMBERS = "numbers"  # numbers of classes, 0 the background
PROBABILITIES = "probabilities"  # of the second of two classes

WHOLE = 1e-3  # by which a label of NIfTI may miss a whole number: those of scaled integers do
UNSURE = 1e-3  # share of pixels in the middle between two values from which JPEGs are no masks

_AFFIX = "(?:pred(?:iction)?s?|masks?|seg(?:mentation)?s?|prob(?:abilitie)?s?|out(?:put)?s?|labels?|results?|lesions?)"
_NAMED = re.compile(rf"(?:{_AFFIX}[-_ ])?(?P<core>.+?)(?:[-_ ]{_AFFIX})*", re.IGNORECASE)
_CHANNEL = re.compile(r"(?P<core>.+)_\d{4}")  # nnU-Net numbers the channels of an image, but not of its prediction


@dataclass
class Matched:
    """Files of a model by the case they belong to.

    Attributes:
        files: By case.
        strange: Files that belong to no case.
        twice: Files that belong to a case which has another one.
        unread: Files named as a case that has none, of a kind that is not read.
    """

    files: dict[str, Path] = field(default_factory=dict)
    strange: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


def match(folder: Path, cases: Collection[str]) -> Matched:
    """Find the prediction of each case in a folder and below.

    A file is called as its image, with or without a word such as ``_pred`` or ``mask_``; folders may be left out where
    no two cases then have the same name.
    """
    known = _callable(cases)
    matched = Matched()
    others: list[tuple[str, str]] = []
    places = [Path(where, name) for where, _, names in os.walk(folder) for name in names if not name.startswith(".")]
    for file in sorted(places):
        name, suffix = split_name(file.relative_to(folder).as_posix())
        case = next((known[each] for each in _cores(name) if each in known), None)
        if suffix not in SUFFIXES:
            others += [(case, file.name)] if case is not None else []
        elif case is None:
            matched.strange.append(file.name)
        elif case in matched.files:
            matched.twice.append(file.name)
        else:
            matched.files[case] = file
    matched.unread = [name for case, name in others if case not in matched.files]
    return matched


def split_name(place: str) -> tuple[str, str]:
    """A path without its suffix, and the suffix in small letters; ``.nii.gz`` is one."""
    compressed = re.fullmatch(r"(.+)(\.nii\.gz)", place, re.IGNORECASE)
    if compressed:
        return compressed[1], compressed[2].lower()
    path = PurePosixPath(place)
    return path.with_suffix("").as_posix(), path.suffix.lower()


def pictures_hold(files: Sequence[Path], values: Sequence[int]) -> str:
    """What the pictures and volumes of a model hold, one of the words above.

    Of all together, because a picture of probabilities that are all near 0 looks like a mask with the values 0 and 1.
    Of more than two classes only masks can be pictures.

    Raises:
        DataError: If one cannot be read.
    """
    kept = [file for file in files if _suffix(file) != ARRAY]
    are_values = are_numbers = True
    is_lossy = False
    sure = unsure = 0
    quarter = abs(values[-1] - values[0]) / 4
    middle = (values[-1] + values[0]) / 2
    for file in kept:
        stored, may_number = _stored(file)
        is_lossy |= _suffix(file) in LOSSY
        are_values &= stored.dtype.kind != "f" and bool(np.isin(stored, values).all())
        are_numbers &= stored.dtype.kind != "f" and may_number
        are_numbers &= bool((stored >= 0).all() and (stored < len(values)).all())
        between = int((np.abs(stored - middle) < quarter).sum())
        sure, unsure = sure + stored.size - between, unsure + between
    if are_values:
        return MASKS
    if are_numbers:
        return NUMBERS
    if is_lossy and (len(values) > 2 or unsure < UNSURE * (sure + unsure)):
        return NEAREST
    return MASKS if len(values) > 2 else PROBABILITIES


def read_prediction(file: Path, values: Sequence[int], pictures: str) -> Pixels:
    """A prediction as 255 times the probability of each class but the background, (C-1, H, W) uint8.

    A picture or a NIfTI file is a mask of ``values``, or, with two classes, holds the probability of the second: 0..1
    as 0..255, as 0..65535 with 16 bits, or in floating point; ``pictures`` says which. NIfTI, whose first axis is the
    horizontal one, and a palette of colours may also hold the numbers of classes. A NumPy file holds probabilities 0..1
    in floating point: (H, W) or (1, H, W) of the second of two classes, (C-1, H, W) of all but the background, or
    (C, H, W) of all.

    Raises:
        DataError: If it cannot be read, or holds something else; says what was expected.
    """
    if _suffix(file) == ARRAY:
        return _from_array(file, len(values))
    stored, _ = _stored(file)
    if stored.dtype.kind == "f":
        return _from_floats(stored, file, values)
    if pictures == NUMBERS and (stored >= 0).all() and (stored < len(values)).all():
        return np.stack([(stored == number) * np.uint8(255) for number in range(1, len(values))])
    if pictures == NEAREST and _suffix(file) in LOSSY:
        stored = _nearest(stored, file, values)
    if pictures in (MASKS, NEAREST) and np.isin(stored, values).all():  # else it was replaced since
        return np.stack([(stored == value) * np.uint8(255) for value in values[1:]])
    return _from_levels(stored, file, values)


def _callable(cases: Collection[str]) -> dict[str, str]:
    """Every name a prediction may call a case by; whole names first, then without folders or number of a channel."""
    known = {case: case for case in cases}
    short: dict[str, set[str]] = {}
    for case in cases:
        channel = _CHANNEL.fullmatch(case)
        for name in {case.rpartition("/")[2], *([channel["core"]] if channel else [])}:
            short.setdefault(name, set()).add(case)
    return {name: next(iter(owners)) for name, owners in short.items() if len(owners) == 1} | known


def _cores(name: str) -> Iterator[str]:
    """What a prediction may mean by its name, the likeliest first."""
    path = PurePosixPath(name)
    for place in (path, PurePosixPath(path.name)):
        yield place.as_posix()
        named = _NAMED.fullmatch(place.name)
        if named:
            yield place.with_name(named["core"]).as_posix()


def _suffix(file: Path) -> str:
    return split_name(file.name)[1]


def _stored(file: Path) -> tuple[NDArray[Any], bool]:
    """One number per pixel (H, W), whole as it is stored or floating point that is not whole; and whether by its format
    it may be the number of a class.
    """
    return (_volume(file), True) if _suffix(file) in VOLUMES else _picture(file)


def _picture(file: Path) -> tuple[NDArray[Any], bool]:
    from dmf.data.base import BrokenDataError
    from dmf.data.decode import read_picture
    from dmf.data.files import levels_of

    try:
        picture = read_picture(file)
    except BrokenDataError as error:
        raise DataError(f"{file} {error.problems[0].what}. Save it again.") from error
    levels = levels_of(picture)
    if levels is not None and not (picture.pixels.dtype.kind == "f" and levels.max(initial=0) <= 1):
        return levels, levels is picture.indices
    if picture.pixels.ndim == 2:
        return picture.pixels, False  # floating point up to 1 is a probability
    raise DataError(f"{file} is coloured, expected a grey picture: one number per pixel.")


def _volume(file: Path) -> NDArray[Any]:
    import nibabel
    from nibabel.filebasedimages import ImageFileError

    try:
        numbers = np.asanyarray(nibabel.load(file).dataobj)  # type: ignore[attr-defined]
    # Of damaged files nibabel raises whatever its parsers and those of gzip raise.
    except (ImageFileError, OSError, ValueError, EOFError, KeyError, TypeError, OverflowError, MemoryError) as error:
        raise DataError(f"{file} cannot be read as NIfTI ({' '.join(str(error).split())}). Save it again.") from error
    if numbers.dtype.kind not in "biuf":
        raise DataError(f"{file} holds {numbers.dtype}, expected labels or probabilities.")
    plane = [side for side in numbers.shape if side != 1]
    if len(plane) > 2 or numbers.ndim < 2:
        raise DataError(f"{file} has shape {numbers.shape}, expected one picture: its width and its height.")
    flat = numbers.reshape(numbers.shape[:2]) if math.prod(numbers.shape[2:]) == 1 else numbers.reshape(plane)
    flat = np.ascontiguousarray(flat.T)  # x before y
    if flat.dtype.kind != "f":
        return flat.astype(np.int64)
    whole = np.rint(flat)
    is_whole = np.isfinite(flat).all() and (np.abs(flat - whole) < WHOLE).all()
    return whole.astype(np.int64) if is_whole else flat


def _nearest(stored: NDArray[Any], file: Path, values: Sequence[int]) -> NDArray[Any]:
    ordered = np.sort(np.asarray(values))
    if np.diff(ordered).min() < 16:
        raise DataError(
            f"{file} is a JPEG, which cannot keep the values {', '.join(map(str, values))} apart. Save it as PNG."
        )
    bounds = (ordered[1:] + ordered[:-1]) / 2
    return np.asarray(ordered[np.searchsorted(bounds, stored, side="right")])


def _from_array(file: Path, classes: int) -> Pixels:
    try:
        stored = np.load(file, mmap_mode="r", allow_pickle=False)  # mapped: a header cannot ask for more than is there
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{file} cannot be read as a NumPy array ({error}). Save it with numpy.save.") from error
    if not isinstance(stored, np.ndarray):  # what it is goes by the content, not by the name
        stored.close()
        raise DataError(f"{file} is an archive of arrays (.npz) under another name. Save one array with numpy.save.")
    shape = stored.shape
    fits = len(shape) == 3 and shape[0] in (classes - 1, classes)
    if not (fits or (len(shape) == 2 and classes == 2)) or not math.prod(shape):
        wanted = "(H, W), (1, H, W) or (2, H, W)" if classes == 2 else f"({classes - 1}, H, W) or ({classes}, H, W)"
        raise DataError(f"{file} has shape {shape}, expected {wanted}: one probability per class and pixel.")
    if stored.dtype.kind != "f":
        raise DataError(f"{file} holds {stored.dtype}, expected probabilities 0..1 in floating point.")
    return _checked(np.asarray(stored, np.float64).reshape(-1, *shape[-2:])[-(classes - 1) :], file)


def _from_floats(stored: NDArray[Any], file: Path, values: Sequence[int]) -> Pixels:
    if len(values) > 2:
        raise DataError(
            f"{file} holds numbers that are not whole, but the classes are the values {', '.join(map(str, values))}. "
            "Save masks with these values, or probabilities of every class as .npy (C, H, W)."
        )
    return _checked(stored[None].astype(np.float64), file)


def _checked(maps: NDArray[np.float64], file: Path) -> Pixels:
    """255 times probabilities (C-1, H, W)."""
    if not np.isfinite(maps).all():
        raise DataError(f"{file} holds values that are not numbers, expected probabilities 0..1. Save it without them.")
    if not ((maps >= 0) & (maps <= 1)).all():
        raise DataError(
            f"{file} holds values from {maps.min():g} to {maps.max():g}, expected probabilities 0..1. Take the sigmoid "
            "or the softmax of logits first."
        )
    return np.asarray((maps * 255).round(), np.uint8)


def _from_levels(stored: NDArray[Any], file: Path, values: Sequence[int]) -> Pixels:
    """The probability of the second of two classes as grey levels."""
    levels = np.unique(stored)
    highest = 65535 if stored.dtype == np.uint16 else 255
    if len(values) > 2 or levels[0] < 0 or levels[-1] > highest:
        strange = ", ".join(map(str, levels[~np.isin(levels, values)][:6]))
        raise DataError(
            f"{file} holds {strange}, but the classes are the values {', '.join(map(str, values))}. Save masks with "
            "these values, or probabilities of every class as .npy (C, H, W)."
        )
    if _suffix(file) in VOLUMES and levels[-1] <= 1:
        stored = stored * 255  # labels, beside files of the same model that hold probabilities
    if stored.dtype == np.uint16:
        stored = (stored / 257).round()  # 65535 / 255; one half stays one half
    return np.asarray(stored, np.uint8)[None]
