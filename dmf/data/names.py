"""What names of folders and files say: which hold images, which masks, which part of a split, what goes together."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from dmf.data.base import SplitName

Kind: TypeAlias = Literal["image", "mask"]

IMAGES = ("images", "image")  # the commonest names, compared without regard to case
LABELS = ("benign", "malignant", "normal")  # folders that say what an image shows, and not which dataset it is of
COMPANIONS = frozenset({".csv", ".tsv", ".txt", ".json", ".xml"})  # suffixes of tables, lists and outlines
PREDICTIONS = "predictions"  # a folder of what networks found, for `dmf import`; neither images nor truths

_PARTS: dict[str, SplitName] = {
    **dict.fromkeys(("train", "training", "trn", "tr"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "tst", "ts"), "test"),
}
_PART = "|".join(sorted(_PARTS, key=len, reverse=True))
_IMAGE = "(?:original|orig|raw|jpeg|input)?(?:images?|imgs?)|originals?|orig|frames?|pictures?|photos?|scans?|inputs?"
_MASK = (
    "(?:binary|lesion|segmentation|seg|gt|groundtruth)?masks?|labels?|groundtruths?|gts?|truths?|trimaps?|manuals?"
    "|annotations?|annots?|anns?|segs?|segmentations?|segmentationclass"
)
_ROLE = re.compile(
    rf"\d*(?:st|nd|rd|th)?(?P<before>{_PART})?(?:set)?(?:(?P<image>{_IMAGE})|(?P<mask>{_MASK}))\d*(?P<after>{_PART})?(?:set)?"
)
_WHOLE_PART = re.compile(rf"(?P<part>{_PART})(?:set|data|dataset|split|cases)?")
_LIST = re.compile(rf"(?P<part>{_PART})(?:set|list|files|names|images|ids|split)?")

_SEPARATOR = "[-_. ]"
_AFFIX = (
    r"masks?|segmentations?|seg|gt|groundtruth|ground_truth|truth|labels?|tumou?r|lesion|annotations?|anno|ann|manual\d?"
    r"|trimap|roi"
)
_SUFFIX = re.compile(
    rf"(?P<core>.+?){_SEPARATOR}(?:{_AFFIX})(?:{_SEPARATOR}?\(?(?P<number>\d{{1,3}})\)?)?", re.IGNORECASE
)
_PREFIX = re.compile(
    rf"(?:{_AFFIX}){_SEPARATOR}(?P<core>.+?)(?:{_SEPARATOR}\(?(?P<number>\d{{1,3}})\)?)?", re.IGNORECASE
)
_IMAGE_AFFIXES = (
    re.compile(rf"(?:images?|img|im|original|orig){_SEPARATOR}(?P<core>.+)", re.IGNORECASE),
    re.compile(rf"(?P<core>.+){_SEPARATOR}(?:images?|img|im|original|orig|training|train|test)", re.IGNORECASE),
)
CHANNEL = re.compile(r"(?P<core>.+)_(?P<channel>\d{4})")  # nnU-Net numbers the channels of a case


@dataclass(frozen=True)
class Sides:
    """What both sides of a pair are called.

    Attributes:
        image, mask: In sentences; an ``s`` makes several of them.
        image_option, mask_option: Options that name the folder of each.
    """

    image: str = "image"
    mask: str = "mask"
    image_option: str = "images"
    mask_option: str = "masks"


def a(word: str) -> str:
    """A word with its article."""
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


LABELLED = Sides()
SYNTHESIS = Sides("source", "target", "source", "target")


@dataclass(frozen=True)
class Role:
    """What a folder is for.

    Attributes:
        kind: Whether it holds images or masks.
        part: The part of a split that its name says, as in ``imagesTr``; None where it says none.
        rest: That word as it is written, empty where there is none.
    """

    kind: Kind
    part: SplitName | None = None
    rest: str = ""


def role(folder: str) -> Role | None:
    """What a folder called so is for; None where the name does not say."""
    match = _ROLE.fullmatch(_squashed(folder))
    if match is None:
        return None
    word = match["before"] or match["after"] or ""
    kind: Kind = "image" if match["image"] else "mask"
    start = folder.lower().rfind(word) if match["after"] and not match["before"] else folder.lower().find(word)
    return Role(kind, _PARTS.get(word), folder[start : start + len(word)] if word else "")


def part(text: str) -> SplitName | None:
    """The part of a split that a folder or a cell of a table names as a whole; None where it names none."""
    match = _WHOLE_PART.fullmatch(_squashed(text))
    # Two letters alone are an abbreviation only beside another word, as in imagesTr.
    return _PARTS[match["part"]] if match and (len(match["part"]) > 2 or match["part"] == "tr") else None


def listed_part(stem: str) -> SplitName | None:
    """The part of a split that a text file called so lists; None where it lists none."""
    match = _LIST.fullmatch(_squashed(stem))
    return _PARTS[match["part"]] if match and len(match["part"]) > 2 else None


def cores(mask: str) -> Iterator[tuple[str, int]]:
    """Names of the image that a mask called so may belong to, the likeliest first, and the number it bears, else 0."""
    yield mask, 0
    for pattern in (_SUFFIX, _PREFIX):
        match = pattern.fullmatch(mask)
        if match is None:
            continue
        if match["number"] and pattern is _PREFIX:  # mask_01_2 is first of all the mask of 01_2
            yield mask[match.start("core") :], 0
        yield match["core"], int(match["number"] or 0)


def aliases(image: str) -> Iterator[str]:
    """What a mask may call an image beside its own name: without ``_0000``, ``image_`` and the like."""
    channel = CHANNEL.fullmatch(image)
    if channel:
        yield channel["core"]
    for pattern in _IMAGE_AFFIXES:
        match = pattern.fullmatch(image)
        if match:
            yield match["core"]


def _squashed(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", name.lower())
