"""Which dataset an archive holds, told from the names in it."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from dmf.data.busi import MASK
from dmf.data.files import PICTURES
from dmf.data.pairs import IMAGES, MASKS

BUSI_LABELS = ("benign", "malignant", "normal")
TRIMAPS = ("annotations", "trimaps")
KNOWN = (
    "BUSI: benign, malignant and normal with name.png beside name_mask.png; Oxford pets: images beside "
    "annotations/trimaps; BUSC, BUS synthetic and any other: a folder images beside a folder masks"
)


@dataclass(frozen=True)
class Layout:
    """What an archive holds.

    Attributes:
        dataset: Name of the dataset that reads it.
        base: Folder of the archive that becomes the root of the dataset.
        files: Pictures of the dataset, as paths in the archive; all below ``base``.
    """

    dataset: str
    base: PurePosixPath
    files: tuple[PurePosixPath, ...]


def recognise(names: Iterable[PurePosixPath], hint: str = "") -> Layout | str:
    """The layout of an archive, or in words why there is none.

    Args:
        names: Files of the archive.
        hint: Name of the archive, which may say what is in it.
    """
    pictures = [name for name in names if name.suffix.lower() in PICTURES]
    for find in (_busi, _pets):
        layout = find(pictures)
        if layout:
            return layout
    return _pairs(pictures, hint)


def _busi(pictures: Sequence[PurePosixPath]) -> Layout | None:
    stems: dict[PurePosixPath, set[str]] = defaultdict(set)
    for name in pictures:
        if name.parent.name in BUSI_LABELS:
            stems[name.parent].add(name.stem)
    for folder, inside in sorted(stems.items()):
        if any((match := MASK.fullmatch(stem)) and match["image"] in inside for stem in inside):
            base = folder.parent
            return Layout("busi", base, _below(pictures, [base / label for label in BUSI_LABELS]))
    return None


def _pets(pictures: Sequence[PurePosixPath]) -> Layout | None:
    for name in pictures:
        if name.parts[-3:-1] == TRIMAPS:
            base = name.parents[2]
            return Layout("pets", base, _below(pictures, [base / "images", base.joinpath(*TRIMAPS)]))
    return None


def _pairs(pictures: Sequence[PurePosixPath], hint: str) -> Layout | str:
    folders = {folder for name in pictures for folder in name.parents}
    images: dict[PurePosixPath, list[PurePosixPath]] = defaultdict(list)
    masks: dict[PurePosixPath, list[PurePosixPath]] = defaultdict(list)
    for folder in sorted(folders):
        for kind, known in ((images, IMAGES), (masks, MASKS)):
            if folder.name.lower() in known:
                kind[folder.parent].append(folder)
    bases = sorted(images.keys() & masks.keys(), key=lambda base: (len(base.parts), base))
    if not bases:
        labels = {name.parent.name.lower() for name in pictures}
        if {"benign", "malignant"} & labels:
            return f"holds images by class but no masks beside them. What is understood: {KNOWN}"
        return f"holds no dataset that is understood. What is understood: {KNOWN}"
    base = bases[0]
    rivals = [other for other in bases if len(other.parts) == len(base.parts)]
    if len(rivals) > 1:
        return f"holds several datasets ({', '.join(map(str, rivals))}); put each into an archive of its own"
    for same in (images[base], masks[base]):
        if len(same) > 1:
            return f"holds {' and '.join(map(str, same))}; leave only one of them in"
    words = [set(re.split(r"[^a-z]+", part.lower())) for part in (*base.parts, hint)]
    if any({"bus", "synthetic"} <= each for each in words):
        dataset = "bus_synthetic"
    else:
        dataset = "busc" if any("busc" in each for each in words) else "folder"
    return Layout(dataset, base, _below(pictures, [*images[base], *masks[base]]))


def _below(pictures: Iterable[PurePosixPath], folders: Sequence[PurePosixPath]) -> tuple[PurePosixPath, ...]:
    wanted = set(folders)
    return tuple(name for name in pictures if not wanted.isdisjoint(name.parents))
