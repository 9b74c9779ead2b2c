"""Which program wrote the annotation files of a folder, from what they hold."""

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath

MOST_READ = 20  # files of a kind that are looked into; thousands of labelme are all alike

# What each format has to hold somewhere, in any order: enough to choose a reader, which then checks the whole.
_SIGNS: dict[str, dict[str, tuple[bytes, ...]]] = {
    ".json": {
        "coco": (b'"images"', b'"annotations"', b'"categories"'),
        "labelme": (b'"shapes"', b'"imagePath"'),
    },
    ".xml": {
        "cvat": (b"<annotations", b"<image "),
        "ddti": (b"<case", b"<mark"),
    },
}


def is_annotation(file: PurePosixPath) -> bool:
    """Whether a file may hold outlines, by its name."""
    return file.suffix.lower() in _SIGNS and not file.name.startswith(".")


def annotation_format(files: Iterable[PurePosixPath], read: Callable[[PurePosixPath], bytes]) -> str | None:
    """Name of the dataset that reads most of the annotation files; None where there are none.

    Args:
        files: All files, of which those that hold no annotations by their names are left alone.
        read: Gives the content of one of them.
    """
    formats: Counter[str] = Counter()
    looked: Counter[str] = Counter()
    for file in files:
        suffix = file.suffix.lower()
        if not is_annotation(file) or looked[suffix] >= MOST_READ:
            continue
        looked[suffix] += 1
        content = read(file)
        for name, signs in _SIGNS[suffix].items():
            formats[name] += all(sign in content for sign in signs)
    best = max(formats, key=lambda name: formats[name], default=None)
    return best if best is not None and formats[best] else None
