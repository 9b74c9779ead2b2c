"""DICOM files: what their headers say that is needed and names nobody, and the levels of one frame.

Of a header only what :data:`TAGS` lists is read. What a patient is called is not among it, and the warnings of pydicom,
which may quote a header, are not let through.
"""

import hashlib
import logging
import math
import struct
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dmf.data.base import BrokenDataError, Problem

Levels: TypeAlias = NDArray[np.integer | np.floating]

SUFFIXES = frozenset({".dcm", ".dicom", ".ima", ".dic"})
SEGMENTATION = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")  # binary or fractional, label map
IMPLICIT = "1.2.840.10008.1.2"  # transfer syntax of a file that states none
DOSE = "1.2.840.10008.5.1.4.1.1.481.2"  # numbers on a grid, no picture
TAGS = (
    *("SOPClassUID", "SOPInstanceUID", "PatientID", "StudyInstanceUID", "SeriesInstanceUID", "Rows", "Columns"),
    *("NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation", "BitsStored", "PixelRepresentation"),
    *("RescaleSlope", "RescaleIntercept", "ModalityLUTSequence", "PixelPaddingValue", "SequenceOfUltrasoundRegions"),
    *("PixelSpacing", "ImagerPixelSpacing", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
    *("SegmentationType", "SegmentSequence", "MaximumFractionalValue", "ReferencedSeriesSequence"),
)
GROUPS: list[Any] = [
    "PerFrameFunctionalGroupsSequence",
    "SharedFunctionalGroupsSequence",
]  # the first holds for one frame each
CENTIMETRES, PLANE = 3, 1  # of a region of an ultrasound picture: its unit, and that it is a picture in space
AGAIN = "Fetch the file again, or remove it."
# pydicom raises what its parsers raise; struct.error is none of the built-in ones.
DAMAGE = (OSError, EOFError, ValueError, RuntimeError, LookupError, TypeError, AttributeError, ArithmeticError)

_quiet = threading.RLock()
_headers: dict[tuple[object, ...], "Header"] = {}


@dataclass(frozen=True, eq=False)
class Header:
    """What is known about a file before its pixels.

    Attributes:
        path: The file.
        kind: ``image``, ``segmentation``, or ``other`` for what holds no picture.
        uid: Of this instance.
        patient, study, series: Short hashes of their identifiers; empty where there are none.
        frames, height, width: Of its pixels.
        is_colour: Whether its frames are decoded to red, green and blue.
        is_inverted: Whether its largest value is black (MONOCHROME1).
        bounds: Smallest and largest value its bits can hold, rescaled.
        is_deep: Whether its levels need a scale: more than 8 bits, signed, or rescaled.
        spacing: Height and width of a pixel in mm; None where the file does not say.
        notes: What was unusual about it.
        syntax: Transfer syntax, i.e. how the pixels are compressed.
        dataset: The elements of :data:`TAGS` of a segmentation; None for images, of which there may be many.
    """

    path: Path
    kind: str
    uid: str
    patient: str
    study: str
    series: str
    frames: int
    height: int
    width: int
    is_colour: bool
    is_inverted: bool
    bounds: tuple[float, float]
    is_deep: bool
    spacing: tuple[float, float] | None
    notes: tuple[str, ...]
    syntax: str
    dataset: Any


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM by its name, or, where it has none that says what it is, by its first bytes."""
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return True
    if suffix and not suffix[1:].isdigit():
        return False
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def read_header(path: Path) -> Header:
    """What a file says before its pixels; remembered until it changes.

    Raises:
        BrokenDataError: If it is no DICOM, or damaged.
    """
    import pydicom

    with reading(path):
        status = path.stat()
        key = (path, status.st_mtime_ns, status.st_size)
        if key not in _headers:
            dataset = pydicom.dcmread(path, stop_before_pixels=True, force=True, specific_tags=list(TAGS))
            if "SOPClassUID" not in dataset and "Rows" not in dataset:
                raise ValueError
            _headers[key] = _header(path, dataset)
        return _headers[key]


def read_frame(header: Header, frame: int) -> Levels:
    """One frame: (H, W, 3) uint8 red, green, blue, or (H, W) rescaled levels, NaN where it is padded.

    Nothing is inverted, and no window is applied.

    Raises:
        BrokenDataError: If the pixels cannot be decoded.
    """
    from pydicom import Dataset
    from pydicom.pixels.processing import apply_color_lut, apply_modality_lut
    from pydicom.pixels.utils import pixel_array

    with reading(header.path):
        dataset = Dataset()  # gets what describes the pixels: group 0028, and these
        pixels = pixel_array(header.path, ds_out=dataset, specific_tags=GROUPS, index=frame)
        if str(dataset.PhotometricInterpretation) == "PALETTE COLOR":
            pixels = apply_color_lut(pixels, dataset)
            return np.asarray(pixels >> 8 if pixels.dtype == np.uint16 else pixels, np.uint8)  # entries of 16 bits
        if header.is_colour:
            depth = int(dataset.BitsStored)
            return np.asarray(pixels if depth <= 8 else pixels >> (depth - 8), np.uint8)
        padding = dataset.get("PixelPaddingValue")
        levels = np.asarray(apply_modality_lut(pixels, _rescaling(dataset, frame)))
        if padding is not None and (pixels == padding).any():
            levels = np.where(pixels == padding, np.nan, levels.astype(np.float32))
        return levels


def undecodable(headers: Sequence[Header]) -> list[Problem]:
    """One problem for all files whose compression nothing installed can undo."""
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import UID

    syntaxes: dict[str, list[Header]] = {}
    for header in headers:
        syntaxes.setdefault(header.syntax, []).append(header)
    unread: dict[str, list[Header]] = {}
    unknown: dict[str, list[Header]] = {}
    for syntax, files in syntaxes.items():
        try:
            if not get_decoder(syntax).is_available:
                unread[UID(syntax).name] = files
        except NotImplementedError:
            unknown[UID(syntax).name] = files
    problems = []
    for affected, remedy in (
        (unread, "Install what decodes them: pip install 'dmf[dicom]'."),
        (unknown, "Save them in another transfer syntax, such as Explicit VR Little Endian."),
    ):
        if affected:
            files = [header for each in affected.values() for header in each]
            what = f"and {len(files) - 1} more are compressed" if len(files) > 1 else "is compressed"
            what += f" as {', '.join(sorted(affected))}, which nothing installed here can decode"
            problems.append(Problem(str(files[0].path), what, remedy))
    return problems


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what goes wrong with a file into a problem that quotes nothing of its header, and let no warning through."""
    import pydicom

    logger = logging.getLogger("pydicom")
    with _quiet, warnings.catch_warnings(), pydicom.config.disable_value_validation():
        warnings.simplefilter("ignore")
        was_disabled, logger.disabled = logger.disabled, True
        try:
            yield
        except BrokenDataError:
            raise
        except FileNotFoundError:
            raise BrokenDataError([Problem(str(path), "is missing", "Put the file back.")]) from None
        except (*DAMAGE, struct.error):
            what = "cannot be read as DICOM, it is damaged or of another format"
            raise BrokenDataError([Problem(str(path), what, AGAIN)]) from None  # its cause may quote the header
        finally:
            logger.disabled = was_disabled


def _header(path: Path, dataset: Any) -> Header:
    kind = "image"
    if str(dataset.get("SOPClassUID", "")) in SEGMENTATION:
        kind = "segmentation"
    elif "Rows" not in dataset or str(dataset.get("SOPClassUID", "")) == DOSE:
        kind = "other"
    photometric = str(dataset.get("PhotometricInterpretation", "MONOCHROME2"))
    bits, is_signed = int(dataset.get("BitsStored", 8)), int(dataset.get("PixelRepresentation", 0)) == 1
    is_colour = int(dataset.get("SamplesPerPixel", 1)) == 3 or photometric == "PALETTE COLOR"
    scaled = _rescaling(dataset, 0)
    slope, intercept = float(scaled.get("RescaleSlope", 1)), float(scaled.get("RescaleIntercept", 0))
    lowest, highest = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if is_signed else (0, 2**bits - 1)
    bounds = sorted((lowest * slope + intercept, highest * slope + intercept))
    is_rescaled = (slope, intercept) != (1, 0) or "ModalityLUTSequence" in dataset
    spacing, notes = _spacing(path, dataset)
    meta = getattr(dataset, "file_meta", {})
    return Header(
        path,
        kind,
        str(dataset.get("SOPInstanceUID", "")),
        hash_of(dataset.get("PatientID")),
        hash_of(dataset.get("StudyInstanceUID")),
        hash_of(dataset.get("SeriesInstanceUID")),
        int(dataset.get("NumberOfFrames") or 1),
        int(dataset.get("Rows", 0)),
        int(dataset.get("Columns", 0)),
        is_colour,
        photometric == "MONOCHROME1",
        (bounds[0], bounds[1]),
        not is_colour and (bits > 8 or is_signed or is_rescaled),
        spacing,
        notes,
        str(meta.get("TransferSyntaxUID", IMPLICIT)),
        dataset if kind == "segmentation" else None,
    )


def hash_of(identifier: object) -> str:
    """Twelve hexadecimal digits that tell identifiers apart and name nobody; empty where there is no identifier."""
    text = str(identifier or "").strip()
    return hashlib.sha256(f"dmf patient {text}".encode()).hexdigest()[:12] if text else ""


def _rescaling(dataset: Any, frame: int) -> Any:
    """The elements that say how stored values become levels: those of the frame where it has its own."""
    for name, place in zip(GROUPS, (frame, 0), strict=True):
        groups = dataset.get(name) or ()
        own = groups[place].get("PixelValueTransformationSequence") if place < len(groups) else None
        if own:
            return own[0]
    return dataset


def _spacing(path: Path, dataset: Any) -> tuple[tuple[float, float] | None, tuple[str, ...]]:
    """Height and width of a pixel in mm, and what is odd about them."""
    regions = dataset.get("SequenceOfUltrasoundRegions") or ()
    for region in regions:
        units = region.get("PhysicalUnitsXDirection"), region.get("PhysicalUnitsYDirection")
        if region.get("RegionSpatialFormat", PLANE) != PLANE or units != (CENTIMETRES, CENTIMETRES):
            continue
        spacing = _positive([abs(region.get("PhysicalDeltaY", 0)) * 10, abs(region.get("PhysicalDeltaX", 0)) * 10])
        ends = region.get("RegionLocationMaxX1", 0), region.get("RegionLocationMaxY1", 0)
        if spacing and (ends[0] >= dataset.get("Columns", 0) or ends[1] >= dataset.get("Rows", 0)):
            note = (
                "its region of ultrasound reaches beyond the picture, which was cut or resized since its mm were stated"
            )
            return spacing, (f"{path.name}: {note}",)
        if spacing:
            return spacing, ()
    if regions:
        return None, ()  # seconds and velocities; other elements do not hold for ultrasound with regions
    for name in GROUPS:
        groups = dataset.get(name) or ()
        measures = groups[0].get("PixelMeasuresSequence") if groups else None
        if measures and _positive(measures[0].get("PixelSpacing")):
            return _positive(measures[0].get("PixelSpacing")), ()
    if _positive(dataset.get("PixelSpacing")):
        return _positive(dataset.get("PixelSpacing")), ()
    at_detector = _positive(dataset.get("ImagerPixelSpacing"))
    return at_detector, (f"{path.name}: its mm are those at the detector",) if at_detector else ()


def _positive(sides: Any) -> tuple[float, float] | None:
    if not sides or len(sides) != 2:
        return None
    height, width = (float(side) for side in sides)
    return (height, width) if all(math.isfinite(side) and side > 0 for side in (height, width)) else None
