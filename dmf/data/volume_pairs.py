"""Which volumes of a folder are images and which are their masks, told from names; what a table beside them says."""

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
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
MASK = re.compile(r"(?P<core>.+)[-_. ](?:masks?|segm?|segmentation|labels?|gt|lesion|tumou?r|roi)", re.IGNORECASE)
IMAGE = re.compile(r"(?P<core>.+)[-_. ](?:image|img|orig|volume)", re.IGNORECASE)
ROLE_FIRST = re.compile(
    r"(?:(?P<image>volume|image|img|scan)|segmentation|seg|mask|label)[-_](?P<core>.+)", re.IGNORECASE
)
DERIVED = re.compile(r"(?:_(?:label|desc)-[A-Za-z0-9]+)+$")  # what BIDS adds to the name of an image for its mask


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
    by_folder: dict[tuple[str, ...], list[PurePosixPath]] = defaultdict(list)
    for file in volumes:
        by_folder[file.parts[:-1]].append(file)
    for folder, files in by_folder.items():
        cores = _mask_cores(folder, files)
        masks |= {("", folder, core): file for file, core in cores.items()}
        for file in files:
            if file not in cores:
                core, channel = _image_name(stem(file.name), set(cores.values()))
                images["", folder, core][channel] = file
    return images, masks


def _mask_cores(folder: tuple[str, ...], files: Sequence[PurePosixPath]) -> dict[PurePosixPath, str]:
    """The masks of one folder, and what each shares with the names of its image."""
    first = {file: match for file in files if (match := ROLE_FIRST.fullmatch(stem(file.name)))}
    imaged = {match["core"] for match in first.values() if match["image"]}
    # LiTS: segmentation-0 beside volume-0.
    cores = {file: match["core"] for file, match in first.items() if not match["image"] and match["core"] in imaged}
    if cores:
        return cores
    # BIDS, as in ATLAS: sub-1_T1w beside sub-1_label-L_desc-T1lesion_mask.
    cores = {
        file: DERIVED.sub("", match["core"]) for file in files if (match := MASK.fullmatch(stem(file.name))) is not None
    }
    others = [stem(file.name) for file in files if file not in cores]
    if len(cores) == 1 and folder and others and all(name.startswith(f"{folder[-1]}_") for name in others):
        # One case of BraTS 2020 has its mask under the name of another time: W39_1998.09.19_Segm.
        return dict.fromkeys(cores, folder[-1])
    return cores


def _image_name(name: str, cores: Collection[str]) -> tuple[str, str]:
    """What an image shares with the name of its mask, and the name of its channel; empty where it has but one."""
    if name in cores:
        return name, ""
    first = ROLE_FIRST.fullmatch(name)
    if first and first["image"] and first["core"] in cores:
        return first["core"], ""
    shorter = IMAGE.fullmatch(name)
    # BraTS: patient_flair and patient_t1 beside patient_seg.
    owner = max((core for core in cores if name.startswith(f"{core}_")), key=len, default="")
    if not owner:
        return (name if shorter is None else shorter["core"]), ""
    return owner, name[len(owner) + 1 :] if shorter is None else ""


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
