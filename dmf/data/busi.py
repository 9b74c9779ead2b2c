"""Breast Ultrasound Images (BUSI): benign and malignant lesions, and normal breasts."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from pydantic import Field

from dmf.data.base import NO_MASK, BrokenDataError, Case, Dataset, Pixels, Problem, RawPair
from dmf.data.files import natural, read_grey, size_problems
from dmf.data.listing import unspeakable, unspeakable_problem
from dmf.errors import DataError
from dmf.options import Options

ARCHIVE = "Dataset_BUSI_with_GT"
MASK = re.compile(r"(?P<image>.+)_mask(_\d+)?")


@dataclass(frozen=True)
class _Folder:
    """What lies in one class folder; kept while the folder does not change, so nobody changes it."""

    path: Path
    images: list[Path]
    masks: dict[str, list[Path]]  # stem of the image -> its masks
    others: list[Path]
    unspeakable: list[Path]


class BusiOptions(Options):
    """Which images are read."""

    normal: bool = Field(False, description="Also take the normal images, which hold no lesion.")


class Busi(Dataset):
    """Reads ``Dataset_BUSI_with_GT`` as it is downloaded; ``root`` is that folder or the one above.

    An image ``benign (1).png`` has masks ``benign (1)_mask.png``, ``benign (1)_mask_1.png``, ...; the truth is their
    union, lesion from half of the grey range on. A case is an image, as no patient numbers exist; its label is the
    name of its folder.

    Reference:
        Al-Dhabyani et al., Dataset of breast ultrasound images, Data in Brief 28 (2020),
        https://doi.org/10.1016/j.dib.2019.104863
    """

    name = "busi"
    title = "Breast Ultrasound Images (BUSI)"
    class_names = ("background", "lesion")
    how_to_get = (
        "Run `dmf data get busi`, or fetch https://www.kaggle.com/datasets/sabahesaraki/"
        "breast-ultrasound-images-dataset in a browser and unpack it, so that the folder "
        f"{ARCHIVE} with benign, malignant and normal below lies in data/raw/busi; or set the root to where it lies."
    )
    licence = (
        "Unsettled: the article is under CC BY 4.0; re-hosts of the images state CC0 1.0 or leave it open. "
        "Cite the article."
    )
    citation = (
        "W. Al-Dhabyani, M. Gomaa, H. Khaled, A. Fahmy. Dataset of breast ultrasound images. "
        "Data in Brief 28 (2020) 104863, https://doi.org/10.1016/j.dib.2019.104863"
    )
    kaggle = ("sabahesaraki/breast-ultrasound-images-dataset", "aryashah2k/breast-ultrasound-images-dataset")
    declares = BusiOptions

    @property
    def labels(self) -> tuple[str, ...]:
        """The class folders that are read."""
        return ("benign", "malignant", "normal") if self.options["normal"] else ("benign", "malignant")

    def cases(self) -> list[Case]:
        """Images by folder, then by number; a missing mask shows when the case is loaded."""
        cases = [
            Case(image.stem, folder.path.name, image=image, masks=tuple(folder.masks.get(image.stem, ())))
            for folder in self._folders()
            for image in folder.images
        ]
        if not cases:
            raise BrokenDataError([Problem(str(self.root), "holds no images", self.how_to_get)])
        return cases

    def problems(self) -> list[Problem]:
        """Class folders that are missing or empty, and masks without an image."""
        problems = []
        for folder in self._folders():
            if not folder.path.is_dir():
                problems.append(Problem(str(folder.path), "is missing", "Unpack the whole archive again."))
            elif not folder.images:
                problems.append(Problem(str(folder.path), "holds no images", "Unpack the whole archive again."))
            problems += [unspeakable_problem(file) for file in folder.unspeakable]
            known = {image.stem for image in folder.images}
            for stem, masks in folder.masks.items():
                if stem not in known:
                    remedy = f"Put {stem}.png beside it, or remove the mask."
                    problems += [Problem(str(mask), "is a mask without an image", remedy) for mask in masks]
        return problems

    def remarks(self) -> list[str]:
        """Files that are not read."""
        return [f"{file}: not a PNG of this dataset, not read" for folder in self._folders() for file in folder.others]

    def load(self, case: Case) -> RawPair:
        """Image (H, W) and the union of its masks, 1 inside a lesion."""
        if case.image is None:
            raise DataError(f"Case {case.id!r} has no image file; take cases from cases() of dataset {self.name!r}.")
        problems: list[Problem] = []
        notes: list[str] = []
        if not case.masks:
            remedy = f"Put {case.image.stem}_mask.png beside it, or remove the image."
            problems.append(Problem(str(case.image), "has no mask", remedy, kind=NO_MASK))
        levels: dict[Path, Pixels] = {}
        for file in (case.image, *case.masks):
            try:
                grey = read_grey(file)
            except BrokenDataError as error:
                problems += error.problems
                continue
            levels[file] = grey.pixels
            notes += grey.notes
        image = levels.pop(case.image, None)
        for file, level in levels.items():
            problems += _mask_problems(file, level, image)
        if problems or image is None:
            raise BrokenDataError(problems)
        lesion = np.any([level > 127 for level in levels.values()], axis=0)
        if case.label != "normal" and not lesion.any():
            notes.append(f"{case.id}: labelled {case.label}, but its mask marks no lesion")
        return RawPair(image, lesion.astype(np.uint8), tuple(notes))

    @property
    def base(self) -> Path:
        """The folder that holds the class folders."""
        return self.root / ARCHIVE if (self.root / ARCHIVE).is_dir() else self.root

    def _folders(self) -> list[_Folder]:
        return [_scan(path, _changed(path)) for path in (self.base / label for label in self.labels)]


def _mask_problems(file: Path, levels: Pixels, image: Pixels | None) -> list[Problem]:
    problems = size_problems(file, levels, image)
    highest = int(levels.max())
    if 0 < highest <= 127:
        what = f"is nowhere brighter than {highest} of 255, so no pixel would count as lesion"
        problems.append(Problem(str(file), what, "Save the mask with 0 outside and 255 inside."))
    return problems


def _changed(path: Path) -> int | None:
    """When files came into a folder or left it, in ns; None where there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


@lru_cache(maxsize=16)  # preparing asks for the cases, their fingerprint and what is wrong with them
def _scan(path: Path, changed: int | None) -> _Folder:
    images: list[Path] = []
    masks: dict[str, list[Path]] = {}
    others: list[Path] = []
    strange: list[Path] = []
    for file in sorted(path.iterdir(), key=natural) if path.is_dir() else ():
        match = MASK.fullmatch(file.stem)
        if unspeakable(file.name):
            strange.append(file)
        elif file.name.startswith(".") or file.suffix.lower() != ".png":
            others.append(file)
        elif match:
            masks.setdefault(match["image"], []).append(file)
        else:
            images.append(file)
    return _Folder(path, images, masks, others, strange)
