"""Which dataset an archive holds, told from the names in it."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from os.path import commonprefix
from pathlib import PurePosixPath

from dmf.data.base import OptionValue, Problem
from dmf.data.busi import MASK
from dmf.data.dicom_files import SUFFIXES as DICOM_SUFFIXES
from dmf.data.discovery import HERE, Discovered, discover
from dmf.data.files import PICTURES
from dmf.data.names import LABELS, SYNTHESIS, listed_part
from dmf.data.sniffing import annotation_format, is_annotation
from dmf.data.suggesting import CLASS_TABLE
from dmf.data.tables import LISTS, TABLES
from dmf.data.volumes import VOXELS, is_volume

TRIMAPS = ("annotations", "trimaps")
KNOWN = (
    "BUSI: benign, malignant and normal with name.png beside name_mask.png; Oxford pets: images beside "
    "annotations/trimaps; BUSC, BUS synthetic and any other: a folder images beside a folder masks, under these or "
    "other usual names, or name.png beside name_mask.png; volumes (NIfTI, MetaImage, NRRD); DICOM files; pictures with "
    "outlines of COCO, labelme, CVAT or DDTI; image synthesis: pictures or volumes in a folder source beside a folder "
    "target"
)


@dataclass(frozen=True)
class Layout:
    """What an archive holds.

    Attributes:
        dataset: Name of the dataset that reads it.
        base: Folder of the archive that becomes the root of the dataset.
        files: Pictures of the dataset and tables beside them, as paths in the archive; all below ``base``.
    """

    dataset: str
    base: PurePosixPath
    files: tuple[PurePosixPath, ...]


def recognise(
    names: Iterable[PurePosixPath],
    hint: str = "",
    options: Mapping[str, OptionValue] | None = None,
    read: Callable[[PurePosixPath], bytes] | None = None,
) -> Layout | Problem:
    """The layout of an archive or a folder, or why there is none.

    Args:
        names: All its files.
        hint: Its name, which may say what is in it.
        options: Options of the dataset that say which files are meant.
        read: Gives the content of a file, to tell annotation files apart where no masks are found.
    """
    files = [name for name in names if not _is_hidden(name)]
    pictures = [name for name in files if name.suffix.lower() in PICTURES]
    given = options or {}
    images, masks, group = (str(given.get(option, "")) for option in ("images", "masks", "group"))
    own = (None if images or masks else _synthesis(files, pictures)) or _volumes(files, pictures)
    if own:
        return own
    if not (images or masks):
        for find in (_busi, _pets):
            layout = find(pictures)
            if layout:
                return layout
    pairs = _pairs(files, hint, discover(files, images=images, masks=masks, together=bool(group)))
    if isinstance(pairs, Problem) and read is not None and pictures:
        return _annotated(files, pictures, read) or pairs
    return pairs


def _is_hidden(name: PurePosixPath) -> bool:
    return name.name.startswith(".") or any(folder.startswith((".", "__")) for folder in name.parts[:-1])


def _synthesis(files: Sequence[PurePosixPath], pictures: Sequence[PurePosixPath]) -> Layout | None:
    """Pictures or volumes in folders called source and target."""
    volumes = [name for name in files if is_volume(name.name)]
    for dataset, inside in (("paired-volumes", volumes), ("paired", pictures)):
        matching = [name for name in inside if _side(name) is not None]
        if len({_side(name) for name in matching}) < 2:
            continue
        above = [name.parts[: _place_of_side(name)] for name in matching]
        base = PurePosixPath(*commonprefix(above))  # noqa: RUF071 of parts, not letters
        beside = {name for name in files if _is_companion(name) or name.suffix.lower() in VOXELS}
        wanted = {*matching, *_below([*beside], [base])}
        return Layout(dataset, base, tuple(name for name in files if name in wanted))
    return None


def _place_of_side(name: PurePosixPath) -> int:
    """Which of its parts is called after a side; -1 where none is."""
    words = (SYNTHESIS.image, SYNTHESIS.mask)
    return next((n for n in reversed(range(len(name.parts) - 1)) if name.parts[n].lower() in words), -1)


def _side(name: PurePosixPath) -> str | None:
    place = _place_of_side(name)
    return None if place < 0 else name.parts[place].lower()


def _volumes(files: Sequence[PurePosixPath], pictures: Sequence[PurePosixPath]) -> Layout | None:
    """Volumes, or DICOM files, where there are any; masks of DICOM files may be pictures beside them."""
    volumes = [name for name in files if is_volume(name.name)]
    if volumes and len(volumes) >= len(pictures):
        kept = [name for name in files if is_volume(name.name) or name.suffix.lower() in VOXELS]
        return Layout("nifti", HERE, (*kept, *(name for name in files if name.name == CLASS_TABLE)))
    dicoms = [name for name in files if name.suffix.lower() in DICOM_SUFFIXES]
    return Layout("dicom", HERE, (*dicoms, *pictures)) if dicoms else None


def _busi(pictures: Sequence[PurePosixPath]) -> Layout | None:
    stems: dict[PurePosixPath, set[str]] = defaultdict(set)
    for name in pictures:
        if name.parent.name in LABELS:
            stems[name.parent].add(name.stem)
    for folder, inside in sorted(stems.items()):
        if any((match := MASK.fullmatch(stem)) and match["image"] in inside for stem in inside):
            base = folder.parent
            return Layout("busi", base, _below(pictures, [base / label for label in LABELS]))
    return None


def _pets(pictures: Sequence[PurePosixPath]) -> Layout | None:
    for name in pictures:
        if name.parts[-3:-1] == TRIMAPS:
            base = name.parents[2]
            return Layout("pets", base, _below(pictures, [base / "images", base.joinpath(*TRIMAPS)]))
    return None


def _pairs(files: Sequence[PurePosixPath], hint: str, discovered: Discovered) -> Layout | Problem:
    if not discovered.entries:
        problem = discovered.problems[0]
        return replace(problem, remedy=problem.remedy or f"What is understood: {KNOWN}.")
    base = discovered.base
    companions = [name for name in files if _is_companion(name)]
    # A table above the images belongs to them as well as one beside them.
    above = [name.parent for name in companions if name.parent in base.parents]
    base = min([base, *above], key=lambda folder: len(folder.parts))
    words = [set(re.split(r"[^a-z]+", part.lower())) for part in (*discovered.base.parts, hint)]
    if any({"bus", "synthetic"} <= each for each in words):
        dataset = "bus_synthetic"
    else:
        dataset = "busc" if any("busc" in each for each in words) else "folder"
    wanted = {*discovered.files, *(_below(companions, [base]) if dataset == "folder" else ())}
    return Layout(dataset, base, tuple(name for name in files if name in wanted))


def _annotated(
    files: Sequence[PurePosixPath], pictures: Sequence[PurePosixPath], read: Callable[[PurePosixPath], bytes]
) -> Layout | None:
    """Pictures with outlines in files beside or above them."""
    outlines = [name for name in files if is_annotation(name)]
    dataset = annotation_format(outlines, read)
    if dataset is None:
        return None
    wanted = {*pictures, *outlines}
    base = PurePosixPath(*commonprefix([name.parent.parts for name in wanted]))  # noqa: RUF071 of parts, not letters
    return Layout(dataset, base, tuple(name for name in files if name in wanted))


def _is_companion(name: PurePosixPath) -> bool:
    """Whether a file may say to whom images belong, how they are split, or what classes are called."""
    if name.suffix.lower() in TABLES:
        return True
    return name.name.lower() == CLASS_TABLE or (name.suffix.lower() in LISTS and listed_part(name.stem) is not None)


def _below(pictures: Iterable[PurePosixPath], folders: Sequence[PurePosixPath]) -> tuple[PurePosixPath, ...]:
    wanted = set(folders)
    return tuple(name for name in pictures if not wanted.isdisjoint(name.parents))
