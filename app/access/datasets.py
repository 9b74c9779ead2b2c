"""Datasets: which there are, what they hold, how they split, and those that someone brings."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from app.views import Facts, ImportedDataset, Picture, Preview, Question, Source, Split
from app.views.datasets import Options
from app.visitors import owner_only
from dmf.config import DataConfig
from dmf.config_text import from_text
from dmf.data import (
    DATASETS,
    LIMITS,
    BrokenDataError,
    Case,
    Dataset,
    Problem,
    Report,
    answers,
    build_dataset,
    check,
    find_duplicates,
    findings,
    hash_cases,
    is_here,
    keep_answers,
    preprocess,
    split_cases,
    sweep_unpacking,
    unpack,
    uploaded,
)
from dmf.data.filtering import histogram
from dmf.data.folder import Folder
from dmf.data.headers import header_of
from dmf.data.intensity import eight_bits
from dmf.data.layouts import recognise
from dmf.data.listing import listing
from dmf.data.suggesting import suggest
from dmf.errors import DataError, DMFError
from dmf.probabilities import Pixels
from dmf.tasks import TASKS, find_task

Progress = Callable[[int, int], None]

KEPT = 32  # reports kept
THUMBNAIL = 320  # longest side of a small picture, in pixels
SPLITS = ("train", "validation", "test")


def limits() -> str:
    """How much an uploaded archive may hold, in words."""
    return str(LIMITS)


@owner_only
def sources() -> list[Source]:
    """Every dataset by name, then the folders that were uploaded."""
    _sweep()
    return [*(Source(name) for name in DATASETS), *(Source(Folder.name, str(root)) for root in uploaded())]


@st.cache_resource(show_spinner=False)
def _sweep() -> None:
    """Once in the life of the dashboard, remove what uploads left behind whose program was killed."""
    sweep_unpacking()


@owner_only
def find_source(key: str) -> Source:
    """The dataset of a text from the URL.

    Raises:
        UnknownNameError: If no dataset has this name.
        ConfigError: If it cannot lie in this folder, or no folder can be called so.
    """
    name, _, root = key.partition("@")
    DATASETS[name]  # raises
    source = Source(name, root or None)
    _build(source)  # raises
    return source


def with_options(source: Source) -> Source:
    """The same with the options that its files ask for, and those that someone chose for them."""
    if source.options:
        return source
    try:
        dataset = _build(source)
        chosen = answers(source.dataset, dataset.root)
        return replace(source, options=_suggested(source, tuple(chosen.items()), _names(dataset)))
    except (DMFError, OSError):
        return source  # what is wrong is told when the dataset is looked at


def _names(dataset: Dataset) -> str:
    """A text that is another one as soon as a file is."""
    try:
        return hashlib.sha256(dataset.fingerprint().encode()).hexdigest()
    except BrokenDataError as error:
        return str(error)


@st.cache_data(max_entries=16, show_spinner=False)
def _suggested(source: Source, chosen: Options, stamp: str) -> Options:
    root = None if source.root is None else Path(source.root)
    try:
        return tuple(suggest(source.dataset, root, dict(chosen)).items())
    except BrokenDataError:
        return chosen  # what is still open is asked


def questions(source: Source) -> list[Question]:
    """What is open about the files of a dataset, that which stops training first.

    Raises:
        ConfigError: If an option is wrong.
    """
    dataset = _build(source)
    if not is_here(dataset):
        return []
    chosen = tuple(answers(source.dataset, dataset.root).items())
    return _questions(dataset, source, chosen, _names(dataset))


@st.cache_data(max_entries=16, show_spinner=False)
def _questions(_dataset: Dataset, source: Source, chosen: Options, stamp: str) -> list[Question]:
    try:
        _dataset.cases()
        problems = _dataset.problems()
    except BrokenDataError as error:
        problems = list(error.problems)
    must = [Question(problem.what, "", problem.options, must=True) for problem in problems if problem.options]
    doubts = [
        Question(doubt.what, doubt.decided, doubt.options, must=False)
        for doubt in _dataset.doubts()
        if doubt.options and not doubt.is_settled(dict(chosen))
    ]
    return [*must, *doubts]


@owner_only
def settle(source: Source, answer: str) -> Source:
    """Choose an option for the files of a dataset, from now on.

    Args:
        source: Which dataset.
        answer: Options as typed, such as ``masks=1st_manual``.

    Returns:
        The same with all options that follow.

    Raises:
        DataError: If it cannot be kept.
    """
    chosen = from_text(DataConfig, "dataset_options", answer)
    keep_answers(source.dataset, _build(source).root, chosen)
    return with_options(replace(source, options=()))


def facts(source: Source) -> Facts:
    """What is known about a dataset without looking into its files."""
    dataset = _build(source)
    return Facts(
        dataset.title,
        dataset.licence,
        dataset.citation,
        dataset.how_to_get,
        dataset.class_names,
        is_here(dataset),
        str(dataset.root) if dataset.needs_download else "",
        dataset.pixel_type is np.uint8,
        next(name for name in TASKS if find_task(name).target == dataset.target),
    )


def _build(source: Source, seed: int = 0) -> Dataset:
    return build_dataset(DataConfig(**source.settings), seed)


@dataclass(frozen=True)
class _Opened:
    """A dataset with its cases; ``stamp`` is another one as soon as a file is."""

    dataset: Dataset
    cases: dict[str, Case]
    stamp: str


def _open(source: Source, seed: int) -> _Opened:
    dataset = _build(source, seed)
    return _opened(dataset, source, seed if not dataset.needs_download else 0, str(dataset.root.absolute()))


@st.cache_resource(ttl=3, max_entries=8, show_spinner=False)
def _opened(_dataset: Dataset, source: Source, seed: int, root: str) -> _Opened:
    cases = {case.id: case for case in _dataset.cases()}
    text = f"{source} {seed} {root}\n{_dataset.fingerprint()}"
    return _Opened(_dataset, cases, hashlib.sha256(text.encode()).hexdigest())


def cases(source: Source, seed: int = 0) -> list[str]:
    """Names of all cases.

    Raises:
        BrokenDataError: If there are none.
    """
    return list(_open(source, seed).cases)


def is_listed(source: Source, seed: int = 0) -> bool:
    """Whether it is clear which images there are."""
    try:
        return bool(cases(source, seed))
    except DataError:
        return False


def picture(source: Source, seed: int, case: str) -> Picture:
    """A case, small.

    Raises:
        DataError: If it cannot be loaded, or is not there any more.
    """
    opened = _open(source, seed)
    return _picture(opened, _case(opened, case).id, opened.stamp)


@st.cache_data(max_entries=256, show_spinner=False)
def _picture(_opened: _Opened, case: str, stamp: str) -> Picture:
    record = _opened.cases[case]
    dataset = _opened.dataset
    pair = dataset.load(record)
    height, width = pair.mask.shape[:2]
    scale = min(1.0, THUMBNAIL / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))

    def small(pixels: NDArray[Any], how: int) -> Pixels:
        return np.asarray(cv2.resize(pixels, size, interpolation=how), np.uint8)

    image = small(eight_bits(pair.image, dataset.white), cv2.INTER_AREA)
    if dataset.target == "image":
        target = small(eight_bits(pair.mask, dataset.target_white), cv2.INTER_AREA)
        return Picture(case, record.label, image, None, target)
    return Picture(case, record.label, image, small(pair.mask, cv2.INTER_NEAREST_EXACT))


def _case(opened: _Opened, case: str) -> Case:
    try:
        return opened.cases[case]
    except KeyError:
        raise DataError(f"Case {case!r} is not in this dataset any more. Choose another one.") from None


def examples(source: Source, seed: int, count: int) -> list[Picture]:
    """Cases spread over the whole dataset; those that cannot be loaded are left out.

    Raises:
        BrokenDataError: If there are no cases.
    """
    names = cases(source, seed)
    pictures = []
    for position in np.unique(np.linspace(0, len(names) - 1, count).round().astype(int)):
        try:
            pictures.append(picture(source, seed, names[position]))
        except DataError:
            continue  # looking at every case tells what is wrong with it
    return pictures


@owner_only
def look(source: Source, seed: int, on_progress: Progress | None = None) -> Report:
    """Load every case and hash its picture; what was found is kept until a file changes.

    Args:
        source: Which dataset.
        seed: Decides what is simulated; files do not depend on it.
        on_progress: Called with (steps done, steps in all); half of them check, the other half seek look-alikes.
    """

    def part(second: bool) -> Progress:
        return lambda done, total: on_progress(done + total * second, 2 * total) if on_progress else None

    try:
        opened = _open(source, seed)
    except BrokenDataError:
        return check(_build(source, seed))  # which says the same, and is over at once
    report = check(opened.dataset, on_progress=part(second=False))
    if report.is_sound:
        hash_cases(opened.dataset, list(opened.cases.values()), on_progress=part(second=True))
    kept = _reports()
    kept[opened.stamp] = report
    for stamp in list(kept)[:-KEPT]:
        kept.pop(stamp, None)
    return report


def seen(source: Source, seed: int) -> Report | None:
    """What looking found, if these very files were looked at."""
    try:
        return _reports().get(_open(source, seed).stamp)
    except DataError:
        return None


@st.cache_resource(show_spinner=False)
def _reports() -> dict[str, Report]:
    return {}


def split(source: Source, seed: int, *, keep_together: bool) -> Split:
    """Which case trains, validates and tests.

    Args:
        source: Which dataset.
        seed: Of the split, and of what is simulated.
        keep_together: Whether pictures that look the same stay in one split.

    Raises:
        DataError: If there are too few cases, or one cannot be loaded.
    """
    opened = _open(source, seed)
    return _split(opened, opened.stamp, seed, keep_together)


@st.cache_data(max_entries=16, show_spinner=False)
def _split(_opened: _Opened, stamp: str, seed: int, keep_together: bool) -> Split:
    dataset, cases = _opened.dataset, list(_opened.cases.values())
    config = DataConfig(dataset=dataset.name, duplicates="group" if keep_together else "keep")
    indices = split_cases(dataset, cases, config, seed)
    split_of = {int(n): name for name in SPLITS for n in getattr(indices, name)}
    sizes = [_size(case, _reports().get(stamp)) for case in cases]
    frame = pd.DataFrame(
        {
            "case": [case.id for case in cases],
            "label": [case.label for case in cases],
            "split": [split_of[n] for n in range(len(cases))],
            "width": pd.array([size and size[1] for size in sizes], dtype="Int64"),
            "height": pd.array([size and size[0] for size in sizes], dtype="Int64"),
        }
    )
    counts = {name: dict(Counter(cases[n].label for n in getattr(indices, name))) for name in SPLITS}
    return Split(frame, counts, tuple(findings(cases, find_duplicates(hash_cases(dataset, cases)), indices)))


def _size(case: Case, report: Report | None) -> tuple[int, int] | None:
    """Height and width of the picture, as its file says, or as that of all where it is made."""
    if case.image is not None:
        header = header_of(case.image)
        return None if header is None else header.size
    if report and report.heights and report.widths and len({*report.heights}) == len({*report.widths}) == 1:
        return report.heights[0], report.widths[0]
    return None


def preview(source: Source, seed: int, case: str, settings: Mapping[str, Any]) -> Preview:
    """One image on its way to the network.

    Args:
        source: Which dataset.
        seed: Decides what is simulated.
        case: Its name.
        settings: Fields of the data configuration that prepare images.

    Raises:
        DataError: If the case cannot be loaded.
        ConfigError: If the filter does not take such images.
    """
    opened = _open(source, seed)
    return _preview(opened, _case(opened, case).id, DataConfig(**source.settings, **settings), opened.stamp)


@st.cache_data(max_entries=16, show_spinner=False, hash_funcs={DataConfig: lambda config: config.model_dump_json()})
def _preview(_opened: _Opened, case: str, config: DataConfig, stamp: str) -> Preview:
    stored = _opened.dataset.load(_opened.cases[case]).image
    preprocessed = preprocess(stored, config)
    image, filtered, resized = (
        eight_bits(pixels, _opened.dataset.white) for pixels in (stored, preprocessed.filtered, preprocessed.resized)
    )
    pictures = {"as it is": image, "after the filter": filtered, "as the network sees it": resized}
    if not config.filter:
        del pictures["after the filter"]
    frames = [
        pd.DataFrame({"picture": name, "intensity": range(256), "share": 100 * histogram(pixels) / pixels.size})
        for name, pixels in pictures.items()
    ]
    return Preview(image, filtered, resized, pd.concat(frames, ignore_index=True))


@owner_only
def bring_archive(
    archive: BinaryIO, name: str, on_progress: Progress | None = None, chosen: Sequence[str] = ()
) -> ImportedDataset:
    """Unpack an uploaded zip; it becomes a dataset, or nothing of it is kept.

    Args:
        archive: The open stream.
        name: What it is called.
        on_progress: Called with (steps done, steps in all).
        chosen: Options, as typed, that settle what its names leave open.

    Raises:
        ArchiveError: With all that was wrong, file by file.
    """
    options = from_text(DataConfig, "dataset_options", ",".join(chosen))
    unpacked = unpack(archive, name, options=options, on_progress=on_progress)
    root = str(unpacked.root) if unpacked.dataset == Folder.name else None
    if options:
        keep_answers(unpacked.dataset, unpacked.root, options)
    return ImportedDataset(with_options(Source(unpacked.dataset, root)), unpacked.report)


@owner_only
def bring_folder(path: str) -> Source:
    """The dataset in a folder of this machine, which is read in place.

    Raises:
        BrokenDataError: If there is no such folder, or nothing in it that is understood.
        ConfigError: If no folder can be called so.
    """
    base = Path(path).expanduser()
    _build(Source(Folder.name, str(base)))  # refuses what no folder can be called
    if not base.is_dir():
        raise BrokenDataError([Problem(path, "is no folder on this machine", "Check the path.")])
    listed = listing(base, most=LIMITS.files)
    if len(listed.files) > LIMITS.files:
        what = f"holds more than {LIMITS.files:,} files"
        raise BrokenDataError([Problem(path, what, "Give the folder of the dataset itself.")])
    answered = answers(Folder.name, base)
    layout = recognise(listed.files, base.name, answered, read=lambda file: (base / file).read_bytes())
    if not isinstance(layout, Problem):
        return with_options(Source(layout.dataset, str((base / layout.base).absolute())))
    if layout.options:  # asked once it is shown
        return with_options(Source(Folder.name, str(base.absolute())))
    raise BrokenDataError([replace(layout, where=path), *listed.problems])
