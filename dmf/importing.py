"""Predictions made elsewhere become finished runs: scored here, read in place, never copied."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmf.data import BrokenDataError, Case, Folder, Problem
from dmf.data.bounds import refuse_large_cases
from dmf.data.folder import suggest_options
from dmf.errors import ConfigError, DataError
from dmf.paths import refuse_impossible, refuse_outside
from dmf.probabilities import found
from dmf.records import Artifact, CaseScores, EpochMetrics, Event, Record, RunState, StateChange
from dmf.runs import RunStore, new_owner
from dmf.runs.prediction_files import MASKS, SUFFIXES, VOLUMES, match, pictures_hold, read_prediction, split_name
from dmf.tasks.segmentation.metrics import summarise
from dmf.tasks.segmentation.metrics.labels import label_counts
from dmf.tasks.segmentation.metrics.scores import Absent

PREDICTIONS = "predictions"
LAYOUT = (
    "Expected are images/, masks/ and predictions/<model>/ side by side, with one mask and, for each model, one "
    "prediction for every image, of the same name: a mask or grey probabilities as a picture or NIfTI, or "
    "probabilities 0..1 as .npy."
)
MOST_NAMED = 10  # files a message lists
MOST_RUNS = 64  # models of one experiment
EPOCH = 0  # under which scores are stored: nothing was trained here
ABSENT: Absent = "ignore"  # what a class scores that is in neither truth nor prediction
METHOD = "imported"  # where pages show by which rule a run was weighted


@dataclass(frozen=True)
class Model:
    """Predictions of one model.

    Attributes:
        files: By the id of their case.
        pictures: What the pictures among them hold; see :func:`dmf.runs.prediction_files.pictures_hold`.
        counts: (cases, classes, 3) int64 true positives, false positives, false negatives in original pixels.
    """

    name: str
    folder: Path
    files: dict[str, Path]
    pictures: str
    counts: NDArray[np.int64]


def import_predictions(store: RunStore, folder: Path | str, name: str | None = None) -> str:
    """Open a folder of predictions as an experiment with one finished run per model.

    The folder has ``images/``, ``masks/`` and ``predictions/<model>/``; what a prediction may be is said by
    :func:`dmf.runs.prediction_files.read_prediction`. All images count as test images. A pixel is found where its
    probability is at least one half; scores count pixels of the original images. The folder must stay where it is.

    Args:
        store: Where the runs are kept.
        folder: The folder.
        name: Of the experiment; default that of the folder.

    Returns:
        The id of the experiment.

    Raises:
        BrokenDataError: If something is missing, of another size, unreadable or out of range; names it. Nothing is
            stored then.
        ConfigError: If the folder was imported already, holds too many models, or the name cannot be.
        StoreError: If the store refuses.
    """
    refuse_impossible(Path(folder).expanduser(), "The folder", "folder")
    root = Path(folder).expanduser().resolve()  # whatever way leads there, it is one folder
    refuse_outside(root)
    _refuse_twice(store, root)
    dataset, cases, models = _find(root)
    sizes = _count(dataset, cases, models)
    settings = {"dataset": dataset.name, "root": str(root), "dataset_options": _changed(dataset)}
    experiment = store.create_experiment(
        # Sections are there, though empty, as in every configuration.
        {
            **{"name": name or root.name, "recorded": True, "imported": True, "values": list(dataset.values)},
            **{"data": settings, "model": {}, "training": {"absent": ABSENT}},
        },
        name=name or root.name,
        labels=[model.name for model in models],
        run_configs=[_run_config(model) for model in models],
        environment={},
    )
    runs = [run.id for run in experiment.runs]
    owner = new_owner("import")
    store.claim(runs, owner)
    ids = tuple(case.id for case in cases)
    for run, model in zip(runs, models, strict=True):
        store.write(list(_records(run, model, ids, sizes, dataset.class_names)), owner)
    store.release(runs, owner)
    return experiment.id


def _refuse_twice(store: RunStore, root: Path) -> None:
    for experiment in store.experiments(1_000_000, archived=True):
        if experiment.is_imported and experiment.config["data"]["root"] == str(root):
            raise ConfigError(
                f"{root} is imported already, as experiment {experiment.id!r}. Open that, or delete its runs to read "
                "the folder again.",
                "folder",
            )


def _find(root: Path) -> tuple[Folder, list[Case], list[Model]]:
    """The dataset, its cases and the files of each model; no picture is read but the masks.

    Raises:
        BrokenDataError: With all that is missing or does not belong.
    """
    plain = Folder(root)
    try:
        base = root / plain.discovered().base
    except BrokenDataError as error:
        raise BrokenDataError([Problem(one.where, one.what, LAYOUT) for one in error.problems]) from error
    refuse_large_cases(plain, plain.cases())
    dataset = Folder(root, 0, **suggest_options(plain.mask_files()))
    cases = dataset.cases()
    problems = dataset.problems()
    above = base / PREDICTIONS
    if not above.is_dir():
        raise _refused([Problem(str(above), "is missing", LAYOUT), *problems])
    folders = sorted(place for place in above.iterdir() if place.is_dir() and not place.name.startswith("."))
    if not folders:
        raise _refused([Problem(str(above), "holds no folder of a model", LAYOUT), *problems])
    if len(folders) > MOST_RUNS:
        raise ConfigError(f"{above} holds {len(folders)} models; at most {MOST_RUNS} are read at once.", "folder")
    known = {case.id for case in cases}
    models = []
    for place in folders:
        files, wrong = _files(place, known)
        problems += wrong
        try:
            held = pictures_hold(list(files.values()), dataset.values)
        except DataError:
            held = MASKS  # which file it is and why is said when all are read
        counts = np.zeros((len(cases), len(dataset.values), 3), np.int64)
        models.append(Model(place.name, place, files, held, counts))
    if problems:
        raise _refused(problems)
    return dataset, cases, models


def _files(folder: Path, cases: set[str]) -> tuple[dict[str, Path], list[Problem]]:
    """Predictions by case, and what is missing, comes twice or belongs to no image."""
    matched = match(folder, cases)
    unread = {split_name(name)[0] for name in matched.unread}
    missing = sorted(case for case in cases - matched.files.keys() if case.rpartition("/")[2] not in unread)
    problems = (
        (missing, "has no prediction of", "Put a .png or .npy of the same name as the image there for each."),
        (matched.unread, "has predictions of a kind that is not read:", f"Save them as one of {', '.join(SUFFIXES)}."),
        (matched.strange, "has predictions without an image:", "Name them as their images, or remove them."),
        (matched.twice, "has a second prediction of the same image:", "Keep one."),
    )
    return matched.files, [
        Problem(str(folder), f"{what} {_list(names)}", remedy) for names, what, remedy in problems if names
    ]


def _count(dataset: Folder, cases: Sequence[Case], models: Sequence[Model]) -> NDArray[np.int64]:
    """Fill the counts of each model; returns heights and widths (cases, 2).

    Raises:
        BrokenDataError: With every file that cannot be used, the first ones by name.
    """
    problems: list[Problem] = []
    sizes = np.zeros((len(cases), 2), np.int64)
    highest = dict.fromkeys((model.name for model in models), 0)
    for place, case in enumerate(cases):
        try:
            truth = dataset.load(case).mask
        except BrokenDataError as error:
            problems += error.problems
            continue
        sizes[place] = truth.shape
        for model in models:
            try:
                pixels = read_prediction(model.files[case.id], dataset.values, model.pictures)
            except DataError as error:
                problems.append(_as_problem(model.files[case.id], error))
                continue
            if pixels.shape[1:] != truth.shape:
                (height, width), (true_height, true_width) = pixels.shape[1:], truth.shape
                what = f"is {width} x {height} pixels, but its image is {true_width} x {true_height}"
                remedy = "Bring the prediction back to the size of its image first."
                if pixels.shape[:0:-1] == truth.shape and split_name(model.files[case.id].name)[1] in VOLUMES:
                    remedy = "NIfTI has x before y: transpose the array before it is saved."
                problems.append(Problem(str(model.files[case.id]), what, remedy))
                continue
            highest[model.name] = max(highest[model.name], int(pixels.max(initial=0)))
            model.counts[place] = label_counts(found(pixels), truth, len(dataset.values))
    for model in models:
        if 0 < highest[model.name] < len(dataset.values) and not problems:
            what = f"is nowhere brighter than {highest[model.name]} of 255, so nothing would count as found"
            values = " and ".join(map(str, dataset.values))
            problems.append(Problem(str(model.folder), what, f"Save masks with the values of the true ones: {values}."))
    if problems:
        raise _refused(problems)
    return sizes


def _refused(problems: Sequence[Problem]) -> BrokenDataError:
    more = len(problems) - MOST_NAMED
    rest = [Problem("And more", f"there are {more} other problems of this kind", LAYOUT)] if more > 0 else []
    return BrokenDataError([*problems[:MOST_NAMED], *rest])


def _as_problem(file: Path, error: DataError) -> Problem:
    what, _, remedy = str(error).removeprefix(f"{file} ").partition(". ")
    return Problem(str(file), what.rstrip("."), remedy or "Save it again.")


def _records(
    run: str, model: Model, cases: tuple[str, ...], sizes: NDArray[np.int64], class_names: Sequence[str]
) -> Iterator[Record]:
    metrics = summarise(model.counts, sizes.prod(1), class_names, ABSENT)
    yield Event(run, 0, "prepared", {"device": "made elsewhere", "class_names": list(class_names)})
    yield CaseScores(run, EPOCH, "test", cases, model.counts, sizes)
    yield EpochMetrics(run, EPOCH, 0, "test", len(cases), metrics)
    yield Artifact(run, "predictions_folder", EPOCH, 0, str(model.folder), 0)
    yield StateChange(run, 0, RunState.FINISHED)


def _run_config(model: Model) -> dict[str, Any]:
    """What every page asks of a run; it was not weighted here."""
    return {
        **{"weighting": METHOD, "auxiliary": "none", "terms": [], "weights": None, "history_min": 2, "sum_to": "1"},
        "pictures": model.pictures,
    }


def _changed(dataset: Folder) -> dict[str, Any]:
    return {option: value for option, value in dataset.options.items() if value != dataset.defaults[option]}


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST_NAMED])
    return shown if len(names) <= MOST_NAMED else f"{shown} and {len(names) - MOST_NAMED} more"
