"""What a dataset is: a list of cases, and a way to load one of them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import create_model

from dmf import records
from dmf.data.intensity import Range
from dmf.errors import DataError
from dmf.options import Options, default_of
from dmf.paths import raw_folder

OptionValue: TypeAlias = bool | int | float | str
Pixels: TypeAlias = NDArray[np.uint8]
SplitName: TypeAlias = Literal["train", "validation", "test"]

IGNORE = records.IGNORE
NO_MASK = "no mask"  # kind of problem: an image whose truth is missing; said once for all of them where there are many


@dataclass(frozen=True)
class Case:
    """One image and its truth.

    Attributes:
        id: Unique within the dataset.
        label: What the image shows, e.g. its class folder; not what is segmented.
        group: Cases of one group (a patient) never straddle a split; None for a case of its own.
        page: Which page of its files, where they hold several; None where each is one picture.
        split: Where the files themselves say which part it belongs to; None where it is dealt.
        image: File of the image; None where the image is made, not read.
        masks: Files whose union is the truth; empty where the truth is made, or where the file is missing.
    """

    id: str
    label: str
    group: str | None = None
    image: Path | None = None
    masks: tuple[Path, ...] = ()
    split: SplitName | None = None
    page: int | None = None


@dataclass(frozen=True)
class RawPair:
    """An image and its truth at original size.

    Attributes:
        image: (H, W) or (H, W, C) uint8; of the ``pixel_type`` of a dataset that has another.
        mask: (H, W) uint8, the class number of each pixel; :data:`IGNORE` where it belongs to none. Of a dataset whose
            ``target`` is an image, that image: (H, W) or (H, W, C) of its ``pixel_type``.
        notes: What was unusual about the files, and how it was read; nothing is wrong.
        spacing: Height and width of a pixel in mm where the file itself says; else that of the dataset holds.
    """

    image: Pixels
    mask: Pixels
    notes: tuple[str, ...] = ()
    spacing: tuple[float, float] | None = None


@dataclass(frozen=True)
class Problem:
    """Something wrong with a dataset: the file or folder to blame, what is wrong, and the way out.

    Attributes:
        options: Options of which any one puts it right, as typed, e.g. ``missing=leave``; empty where none does.
        kind: What files have in common that are wrong in the same way, so that it is said once; empty where nothing.
    """

    where: str
    what: str
    remedy: str
    options: tuple[str, ...] = ()
    kind: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}. {self.remedy}"


@dataclass(frozen=True)
class Doubt:
    """Something about the files that may be meant otherwise than it was read.

    Attributes:
        what: What was found.
        decided: How it is read now.
        options: Options that settle it, as typed, e.g. ``ignore=255``; the one that keeps what was decided among them.
    """

    what: str
    decided: str
    options: tuple[str, ...] = ()

    def is_settled(self, chosen: Mapping[str, OptionValue]) -> bool:
        """Whether what someone chose holds one of the options that settle it."""
        typed = {option: str(value).lower() if isinstance(value, bool) else value for option, value in chosen.items()}
        settled = {f"{option}={value}" for option, value in typed.items()}
        return any(way in settled or settled.issuperset(way.split(",")) for way in self.options)

    def __str__(self) -> str:
        ways = f" Settle it with {' or '.join(self.options)}." if self.options else ""
        return f"{self.what}; {self.decided}.{ways}"


@dataclass(frozen=True)
class Link:
    """An archive (.zip or .tar.gz) that can be fetched.

    Attributes:
        url: Where it lies; https.
        size: Its length in bytes; None where it is not known.
        md5: Its checksum in hexadecimal; None where none is published. It finds damage, not malice.
    """

    url: str
    size: int | None = None
    md5: str | None = None


def gathered(problems: Sequence[Problem]) -> list[Problem]:
    """Problems in their order, those of one kind and one way out as one that names the first and counts the others."""
    same: dict[tuple[str, str], list[Problem]] = {}
    for place, problem in enumerate(problems):
        same.setdefault((problem.kind, problem.remedy) if problem.kind else ("", str(place)), []).append(problem)
    return [
        first if not others else replace(first, what=f"{first.what}; {len(others)} more files likewise")
        for first, *others in same.values()
    ]


class BrokenDataError(DataError):
    """Files of a dataset cannot be used; ``problems`` has them one by one, the text has them all."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class Dataset(ABC):
    """Images with one class number per pixel; or, where ``target`` says so, with the image that is to be made of each.

    A subclass sets the class attributes, declares its options and implements :meth:`cases` and :meth:`load`. Building
    one touches no file, so that a missing dataset can still be described.

    Args:
        root: Folder the files lie in; ``data/raw/<name>`` when not given.
        seed: Seeds whatever the dataset draws at random; datasets read from files ignore it.
        **options: Options of this dataset, as ``declares`` has them; a number may stand for a text.

    Raises:
        ConfigError: For an option this dataset does not have, or a value of another type or beyond its limits.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    target: ClassVar[Literal["classes", "image"]] = "classes"  # what belongs to an image
    class_names: tuple[str, ...]  # the first is the background; may depend on the options
    in_channels: int = 1
    target_channels: int = 1  # of the image that is to be made, where the target is one
    pixel_type: ClassVar[type[np.generic]] = np.uint8  # of images and of images to be made; uint16 or float32 too
    white: float = 255.0  # value of an image that the network sees as 1; one for all images
    target_white: float = 255.0  # the same of images to be made
    spacing: tuple[float, float] | None = None  # height and width of a pixel in mm, where the files tell
    ignore: int | None = None  # IGNORE where masks may hold pixels of no class
    needs_download: ClassVar[bool] = True
    how_to_get: ClassVar[str]
    licence: ClassVar[str]
    citation: ClassVar[str]
    kaggle: ClassVar[tuple[str, ...]] = ()  # places of the same files on Kaggle, tried in this order
    links: ClassVar[tuple[Link, ...]] = ()  # archives that together hold the dataset
    declares: ClassVar[type[Options]] = Options
    defaults: ClassVar[Mapping[str, OptionValue]] = {}  # what is declared, in short; or instead of it, for types alone

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "defaults" in vars(cls):
            fields: Any = {name: (type(value), value) for name, value in cls.defaults.items()}
            cls.declares = create_model(f"{cls.__name__}Options", __base__=Options, **fields)
        cls.defaults = {name: default_of(info) for name, info in cls.declares.model_fields.items()}

    def __init__(self, root: Path | None = None, seed: int = 0, **options: OptionValue) -> None:
        self.root = raw_folder(self.name) if root is None else Path(root)
        self.seed = seed
        self.options: dict[str, OptionValue] = self.declares.settled(
            options, f"dataset {self.name!r}", "dataset_options"
        )

    def said(self, option: str) -> str:
        """What an option is, as a text without blanks around it."""
        return str(self.options[option]).strip()

    @abstractmethod
    def cases(self) -> list[Case]:
        """Every case, in an order that does not depend on the machine.

        Raises:
            BrokenDataError: If there is nothing to list; says what to fetch and where to put it.
        """

    @abstractmethod
    def load(self, case: Case) -> RawPair:
        """Read or make one case.

        Raises:
            BrokenDataError: If files are missing, unreadable or of the wrong size; names every one and the way out.
        """

    def problems(self) -> list[Problem]:
        """What is wrong with the folders as a whole, beyond what loading each case would say."""
        return []

    def sum_up(self, problems: Sequence[Problem]) -> list[Problem]:
        """Problems of single cases, those of one kind said once for all of them."""
        return gathered(problems)

    def remarks(self) -> list[str]:
        """What is unusual about the folders, though nothing is wrong."""
        return []

    def doubts(self) -> list[Doubt]:
        """What may be meant otherwise than it is read, with the options that settle it."""
        return []

    def scale(self, kind: np.dtype[Any]) -> Range | None:
        """Which stored values are black and white in every image; None for all that the bits of a file can hold.

        Args:
            kind: Type of the stored values; one and the same range holds for all images of a type.

        Raises:
            BrokenDataError: If it is taken from files that are not here.
        """
        return None

    def given_split(self) -> str:
        """The split that comes with the files and is used as it stands, in words; empty where there is none."""
        return ""

    def fingerprint(self) -> str:
        """A text that differs whenever :meth:`load` could return other pixels; the cache key depends on it."""
        lines = [self.name, *(f"{option}={self.options[option]!r}" for option in sorted(self.options))]
        for case in self.cases():
            files = [file for file in (case.image, *case.masks) if file is not None]
            lines.append(f"{case.id} {case.label} {case.group}" + (f" {case.split}" if case.split else ""))
            lines += [f"{file.name} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files]
        return "\n".join(lines)

    def identity(self) -> str:
        """:meth:`fingerprint`, with the code that loads where it is not ours: what caches go by.

        The module of a plug-in is named by the hash of its file, so what an older version made is not taken.
        """
        module = type(self).__module__
        return self.fingerprint() if module.startswith("dmf.") else f"{self.fingerprint()}\nby {module}"
