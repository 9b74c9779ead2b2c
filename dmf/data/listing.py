"""All files below a folder, as paths that names can be told from."""

import os
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath

from dmf.data.base import Problem
from dmf.data.files import PICTURES, natural
from dmf.data.names import role

DEPTH = 3  # folders an unpacked archive may wrap around those of images and masks
MOST_FOLDERS = 10_000  # on one level; a root above so many was not meant


@dataclass
class Listing:
    """Files below a folder.

    Attributes:
        files: Relative to the folder, hidden files included, in no order.
        problems: Names that cannot be kept or shown, which are not among the files.
    """

    files: list[PurePosixPath] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def listing(root: Path, *, most: int | None = None) -> Listing:
    """What lies in a folder: all below folders of images or masks, and the rest three folders deep.

    Hidden folders are passed by, links to folders are not followed (one that leads upwards would never end), and what
    may not be looked into is left alone.

    Args:
        root: The folder; one that is missing holds nothing.
        most: Stop after so many files.
    """
    listed = Listing()
    level = [PurePosixPath()] if root.is_dir() else []
    depth = 0
    while level:
        inner: list[PurePosixPath] = []
        for folder in level:
            folders, files = _entries(root, folder)
            inner += [folder / name for name in folders]
            for name in files:
                _keep(folder / name, listed)
            if most is not None and len(listed.files) > most:
                return listed
        depth += 1
        if depth > DEPTH or len(inner) > MOST_FOLDERS:
            inner = [folder for folder in inner if any(role(name) is not None for name in folder.parts)]
        level = inner
    return listed


def _entries(root: Path, folder: PurePosixPath) -> tuple[list[str], list[str]]:
    """Names of the folders and of the files in a folder."""
    folders: list[str] = []
    files: list[str] = []
    try:
        with os.scandir(root / folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders += [] if entry.name.startswith((".", "__")) else [entry.name]
                elif entry.is_file():
                    files.append(entry.name)
    except OSError:  # forbidden, or gone meanwhile: it holds nothing of ours
        return [], []
    return sorted(folders), files


def _keep(file: PurePosixPath, listed: Listing) -> None:
    if unspeakable(str(file)):
        listed.problems.append(unspeakable_problem(file))
    else:
        listed.files.append(file)


def unspeakable_problem(file: PurePath) -> Problem:
    """What is wrong with a file whose name cannot be stored."""
    what = "has a name that is not UTF-8, so it cannot be stored or shown"
    return Problem(ascii(str(file))[1:-1], what, "Rename it, e.g. with `convmv -f latin1 -t utf8 --notest`.")


def unspeakable(text: str) -> bool:
    """Whether a text holds bytes that are no letters, as names of files written under another encoding do."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def pictures(folder: Path) -> tuple[list[Path], list[Path]]:
    """Pictures in a folder and below, by folder, then by number; and files that are none."""
    files = [Path(where) / name for where, _, names in os.walk(folder) for name in names]
    files.sort(key=lambda file: (file.parent, natural(file), file.suffix))
    readable = [not file.name.startswith(".") and file.suffix.lower() in PICTURES for file in files]
    return (
        [file for file, is_picture in zip(files, readable, strict=True) if is_picture],
        [file for file, is_picture in zip(files, readable, strict=True) if not is_picture],
    )
