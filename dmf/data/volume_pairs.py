"""Which volumes of a folder are images and which are their masks, told from names; what a table beside them says."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from dmf.data.base import BrokenDataError, Problem
from dmf.data.files import natural
from dmf.data.names import LABELLED, Sides, a
from dmf.data.volumes import is_volume, stem

ROLE = re.compile(
    r"(?:(?P<image>images?|imgs?|volumes?|scans?)|masks?|labels?|segmentations?|segs?|gts?|annotations?|anns?)"
    r"(?P<part>tr|ts)?",
    re.IGNORECASE,
)
CHANNEL = re.compile(r"(?P<core>.+)_(?P<channel>\d{4})")  # how nnU-Net numbers the channels of an image
MASK = re.compile(r"(?P<core>.+)[-_. ](?:masks?|seg|segmentation|labels?|gt|lesion|tumou?r|roi)", re.IGNORECASE)
IMAGE = re.compile(r"(?P<core>.+)[-_. ](?:image|img|orig|volume)", re.IGNORECASE)


@dataclass(frozen=True)
class Pair:
    """An image and its mask.

    Attributes:
        id: Path of the image below the folder, without suffix, channel and the folders that say what it is.
        channels: Its files by the name of the channel; a single one is called "".
        mask: Its mask; None where there is none.
        folders: Folders around it that do not say what it is.
    """

    id: str
    channels: dict[str, Path]
    mask: Path | None
    folders: tuple[str, ...]


@dataclass
class Pairs:
    """What was found, what is wrong with it, and what is not read."""

    pairs: list[Pair] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Sheet:
    """What ``dataset.json`` of nnU-Net or the Decathlon says: names of classes in order, and of channels."""

    classes: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()


def find_pairs(root: Path, files: Sequence[PurePosixPath], sides: Sides = LABELLED) -> Pairs:
    """Pair volumes by their names: in folders of images and of masks, or image and mask beside one another.

    Args:
        root: The folder.
        files: All files, relative to it.
        sides: What is paired; but images and masks are told by folders called so alone.
    """
    volumes = sorted(
        (file for file in files if is_volume(file.name)), key=lambda file: (file.parent, natural(Path(file)))
    )
    images, masks = _by_folder(volumes, ROLE if sides == LABELLED else _named(sides))
    if not masks and sides == LABELLED:
        images, masks = _beside(volumes)
    pairs = Pairs()
    left = dict(masks)
    for key, channels in images.items():
        mask = left.pop(key, None)
        pairs.pairs.append(
            Pair(
                "/".join((*key[1], key[2])),
                {name: root / file for name, file in channels.items()},
                None if mask is None else root / mask,
                key[1],
            )
        )
    without = [pair.id for pair in pairs.pairs if pair.mask is None]
    # nnU-Net keeps images to predict in imagesTs, which have no masks.
    tests = {"/".join((*key[1], key[2])) for key in images if key[0] == "ts"}
    if without and set(without) <= tests and len(without) < len(pairs.pairs):
        pairs.pairs = [pair for pair in pairs.pairs if pair.mask is not None]
        pairs.remarks.append(
            f"{len(without)} {sides.image}s of {sides.image_option}Ts have no {sides.mask}s and are left out"
        )
    for file in left.values():
        remedy = f"Put its {sides.image} among the {sides.image}s, or remove the {sides.mask}."
        pairs.problems.append(Problem(str(root / file), f"is {a(sides.mask)} without {a(sides.image)}", remedy))
    return pairs


def _named(sides: Sides) -> re.Pattern[str]:
    """Folders called as the sides are, also in the plural and with a part of a split."""
    return re.compile(rf"(?:(?P<image>{sides.image}s?)|{sides.mask}s?)(?P<part>tr|ts)?", re.IGNORECASE)


_Key = tuple[str, tuple[str, ...], str]  # part (tr, ts or none), folders, name


def _by_folder(
    volumes: Iterable[PurePosixPath], role: re.Pattern[str]
) -> tuple[dict[_Key, dict[str, PurePosixPath]], dict[_Key, PurePosixPath]]:
    images: dict[_Key, dict[str, PurePosixPath]] = defaultdict(dict)
    masks: dict[_Key, PurePosixPath] = {}
    names: dict[tuple[str, tuple[str, ...]], set[str]] = defaultdict(set)
    loose: list[tuple[str, tuple[str, ...], PurePosixPath]] = []
    for file in volumes:
        roles = [role.fullmatch(folder) for folder in file.parts[:-1]]
        says = next((match for match in reversed(roles) if match), None)
        if says is None:
            continue
        folders = tuple(folder for folder, match in zip(file.parts[:-1], roles, strict=True) if match is None)
        part = (says["part"] or "").lower()
        if not says["image"]:
            loose.append((part, folders, file))
            continue
        channel = CHANNEL.fullmatch(stem(file.name))
        name = channel["core"] if channel else stem(file.name)
        images[part, folders, name][channel["channel"] if channel else ""] = file
        names[part, folders].add(name)
    for part, folders, file in loose:
        name = stem(file.name)
        shorter = MASK.fullmatch(name)
        if name not in names[part, folders] and shorter:
            name = shorter["core"]
        masks[part, folders, name] = file
    return images, masks


def _beside(
    volumes: Iterable[PurePosixPath],
) -> tuple[dict[_Key, dict[str, PurePosixPath]], dict[_Key, PurePosixPath]]:
    images: dict[_Key, dict[str, PurePosixPath]] = defaultdict(dict)
    masks: dict[_Key, PurePosixPath] = {}
    others: list[PurePosixPath] = []
    for file in volumes:
        says = MASK.fullmatch(stem(file.name))
        if says:
            masks["", file.parts[:-1], says["core"]] = file
        else:
            others.append(file)
    for file in others:
        name = stem(file.name)
        shorter = IMAGE.fullmatch(name)
        # BraTS: patient_flair and patient_t1 beside patient_seg.
        owner = next(
            (key for key in masks if key[1] == file.parts[:-1] and name.startswith(f"{key[2]}_") and key[2] != name),
            None,
        )
        if ("", file.parts[:-1], name) in masks or owner is None:
            core = name if ("", file.parts[:-1], name) in masks or shorter is None else shorter["core"]
            images["", file.parts[:-1], core][""] = file
        else:
            channel = name[len(owner[2]) + 1 :]
            images[owner][channel if shorter is None else ""] = file
    return images, masks


def read_sheet(root: Path, files: Sequence[PurePosixPath]) -> Sheet:
    """What a ``dataset.json`` beside the images says; nothing where there is none, or it says something else.

    Raises:
        BrokenDataError: If it is no JSON.
    """
    sheets = [file for file in files if file.name == "dataset.json"]
    if len(sheets) != 1:
        return Sheet()
    try:
        document = json.loads((root / sheets[0]).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        remedy = "Correct or remove the file."
        raise BrokenDataError([Problem(str(root / sheets[0]), "cannot be read as JSON", remedy)]) from error
    if not isinstance(document, dict):
        return Sheet()
    return Sheet(
        _in_order(document.get("labels")), _in_order(document.get("channel_names") or document.get("modality"))
    )


def _in_order(names: object) -> tuple[str, ...]:
    """Names numbered from 0, as ``{"0": "liver"}`` or ``{"liver": 0}``; nothing where they are something else."""
    if not isinstance(names, dict):
        return ()
    if all(str(key).isdigit() and isinstance(value, str) for key, value in names.items()):
        names = {value: int(key) for key, value in names.items()}
    if not all(isinstance(value, int) for value in names.values()) or sorted(names.values()) != list(range(len(names))):
        return ()
    return tuple(str(name) for name in sorted(names, key=lambda name: names[name]))
