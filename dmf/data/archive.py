"""From a zip that someone uploads to a dataset that can be chosen, or to a report of what is wrong with it."""

import os
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from dmf.data.base import BrokenDataError, Dataset, OptionValue, Problem
from dmf.data.bus_synthetic import BusSynthetic
from dmf.data.busc import Busc
from dmf.data.busi import Busi
from dmf.data.check import Report, check
from dmf.data.coco import Coco
from dmf.data.cvat import Cvat
from dmf.data.ddti import Ddti
from dmf.data.dicom import Dicom
from dmf.data.folder import Folder
from dmf.data.labelme import Labelme
from dmf.data.layouts import Layout, recognise
from dmf.data.names import role
from dmf.data.nifti import Volumes
from dmf.data.paired import PairedImages
from dmf.data.paired_volumes import PairedVolumes
from dmf.data.pets import Pets
from dmf.data.suggesting import suggest
from dmf.data.unzip import LIMITS, ArchiveError, Limits, open_archive
from dmf.paths import raw_folder

READERS: dict[str, type[Dataset]] = {
    each.name: each
    for each in (
        *(Busi, Busc, BusSynthetic, Pets, Folder, Volumes, Dicom, Coco, Labelme, Cvat, Ddti),
        *(PairedImages, PairedVolumes),
    )
}
UNPACKING = ".unpacking-"  # begins the name of a folder that is being filled; its host, process and a word follow
OWNER = re.compile(re.escape(UNPACKING) + r"(?P<host>.+)-(?P<process>\d+)-[^-]*")
OLD = 24 * 3600  # seconds after which a folder is left behind whose owner cannot be asked
MOST_LISTED = 20  # files left out that a report names


@dataclass(frozen=True)
class Unpacked:
    """A dataset that came out of an archive.

    Attributes:
        dataset: Name of the dataset that reads it.
        root: Folder it lies in now.
        options: Options under which its masks can be read; only those that differ from the defaults.
        report: What it holds; its notes name the files of the archive that were left out.
    """

    dataset: str
    root: Path
    options: dict[str, OptionValue]
    report: Report


def unpack(
    archive: Path | BinaryIO,
    name: str,
    *,
    options: Mapping[str, OptionValue] | None = None,
    limits: Limits = LIMITS,
    on_progress: Callable[[int, int], None] | None = None,
) -> Unpacked:
    """Unpack a zip of any dataset that is understood, :data:`dmf.data.layouts.KNOWN`.

    The layout says which it is. Pictures are written into a temporary folder, every case is loaded as training would
    load it, and only a dataset without problems takes its place: ``data/raw/<dataset>``, or ``data/raw/folder/<name>``
    for images of one's own. Otherwise nothing is left behind.

    Args:
        archive: The zip, as a file or as an open stream.
        name: Name of the archive, e.g. of the uploaded file; may say what it holds, and names a folder of one's own.
        options: Options that settle what its files leave open.
        limits: How much it may hold.
        on_progress: Called with (steps done, steps in all); half of them unpack files, the other half check cases.

    Raises:
        ArchiveError: With everything that was wrong, file by file.
    """
    if isinstance(archive, Path):
        try:
            stream = archive.open("rb")
        except OSError as error:
            raise ArchiveError(
                [Problem(str(archive), f"cannot be opened ({error.strerror})", "Check the path.")]
            ) from error
        with stream:
            return unpack(stream, name, options=options, limits=limits, on_progress=on_progress)
    with open_archive(archive, name, limits) as opened:
        layout = recognise(opened.files, PurePosixPath(name).stem, options, opened.read)
        if isinstance(layout, Problem):
            raise ArchiveError([replace(layout, where=name)])
        root = _place(layout, name)
        with _temporary(root) as part:
            places = {file: part / file.relative_to(layout.base) for file in layout.files}
            opened.extract(places, _half(on_progress))
            dataset, report = _checked(layout.dataset, part, options or {}, _half(on_progress, second=True))
            left_out = _left_out([file for file in opened.files if file not in places])
            _move(part, root)
    report = replace(report, root=str(root), notes=(*report.notes, *left_out))
    changed = {option: value for option, value in dataset.options.items() if value != dataset.defaults[option]}
    return Unpacked(layout.dataset, root, changed, report)


def uploaded() -> list[Path]:
    """Folders of one's own that came out of archives, by name; each is a root of the dataset ``folder``."""
    home = raw_folder(Folder.name)
    if not home.is_dir():
        return []
    # A folder that is being unpacked begins with a dot; images may also have been put there by hand.
    return sorted(each for each in home.iterdir() if each.is_dir() and each.name[0] != "." and role(each.name) is None)


def _half(on_progress: Callable[[int, int], None] | None, *, second: bool = False) -> Callable[[int, int], None]:
    """Progress of one of two parts, as that of the whole."""

    def tell(done: int, total: int) -> None:
        if on_progress is not None:
            on_progress(done + total * second, 2 * total)

    return tell


def _place(layout: Layout, name: str) -> Path:
    """Where the dataset will lie."""
    if layout.dataset != Folder.name:
        root = raw_folder(layout.dataset)
    else:
        words = re.sub(r"[^A-Za-z0-9]+", "-", PurePosixPath(name).stem).strip("-").lower()[:60]
        root = raw_folder(Folder.name) / (words or "upload")
    if root.exists() and not (root.is_dir() and not any(root.iterdir())):
        raise _in_the_way(root, named=layout.dataset == Folder.name)
    return root


def _in_the_way(root: Path, *, named: bool = False) -> ArchiveError:
    way = "give the archive another name" if named else "unpack the archive yourself and open that folder by its path"
    remedy = f"Remove that folder first, or {way}."
    return ArchiveError([Problem(str(root), "is there already and is never overwritten", remedy)])


@contextmanager
def _temporary(root: Path) -> Iterator[Path]:
    """A folder beside the root that is gone afterwards, whatever happens, unless it was renamed."""
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        sweep_unpacking(root.parent)
        folder = Path(tempfile.mkdtemp(dir=root.parent, prefix=f"{UNPACKING}{socket.gethostname()}-{os.getpid()}-"))
    except OSError as error:
        raise _unwritable(root.parent, error) from error
    try:
        yield folder
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep_unpacking(folder: Path | None = None) -> list[Path]:
    """Remove what uploads left behind whose program was killed; those of programs that run stay.

    Args:
        folder: Where to look; by default wherever uploads are unpacked.

    Returns:
        What was removed.
    """
    places = [folder] if folder is not None else [raw_folder(Folder.name), raw_folder(Folder.name).parent]
    removed = []
    for place in places:
        for left in sorted(place.glob(f"{UNPACKING}*")) if place.is_dir() else ():
            if not _is_owned(left):
                shutil.rmtree(left, ignore_errors=True)
                removed.append(left)
    return removed


def _is_owned(folder: Path) -> bool:
    """Whether the program that unpacks into a folder may still run: on another machine, or its process is there."""
    match = OWNER.fullmatch(folder.name)
    if match is None:  # of an older version, which named no owner
        return time.time() - folder.stat().st_mtime < OLD
    if match["host"] != socket.gethostname():
        return time.time() - folder.stat().st_mtime < OLD
    try:
        os.kill(int(match["process"]), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):  # there, but someone else's
        return True
    return True


def _unwritable(folder: Path, error: OSError) -> ArchiveError:
    remedy = "Free some space, or set DMF_HOME to a folder that can be written."
    return ArchiveError([Problem(str(folder), f"cannot be written ({error.strerror})", remedy)])


def _checked(
    name: str, part: Path, options: Mapping[str, OptionValue], on_progress: Callable[[int, int], None] | None
) -> tuple[Dataset, Report]:
    """The dataset and its report, without problems; its files are named as they lie in the dataset."""
    try:
        dataset = READERS[name](part, 0, **suggest(name, part, options))
        report = check(dataset, on_progress=on_progress)
    except BrokenDataError as error:
        raise ArchiveError([_relative(problem, part) for problem in error.problems]) from error
    if not report.is_sound:
        raise ArchiveError([_relative(problem, part) for problem in report.problems])
    return dataset, replace(report, notes=tuple(note.replace(f"{part}{os.sep}", "") for note in report.notes))


def _relative(problem: Problem, part: Path) -> Problem:
    def shorten(text: str) -> str:
        return text.replace(f"{part}{os.sep}", "").replace(str(part), "the archive")

    return replace(problem, where=shorten(problem.where), what=shorten(problem.what), remedy=shorten(problem.remedy))


def _left_out(files: Sequence[PurePosixPath]) -> list[str]:
    notes = [f"{file}: not part of the dataset, left out" for file in files[:MOST_LISTED]]
    return [*notes, *([f"{len(files) - MOST_LISTED} more files left out"] if len(files) > MOST_LISTED else [])]


def _move(part: Path, root: Path) -> None:
    part.chmod(0o755)  # temporary folders are made for their owner alone
    try:
        if root.is_dir():
            root.rmdir()
        part.rename(root)
    except OSError as error:  # someone else was faster
        raise _in_the_way(root) from error
