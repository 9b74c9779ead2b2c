"""What can be said of single images: a table of all of a split, numbers of one, and how far to trust probabilities."""

import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dmf.analysis.case_scores import scores_to_look_at
from dmf.errors import DataError
from dmf.probabilities import Pixels, Probabilities, found, lesion
from dmf.records import IGNORE, CaseScores
from dmf.runs import RunStore
from dmf.tasks.segmentation.metrics.boundary import Empty, boundary_distances, restore
from dmf.tasks.segmentation.metrics.calibration import Reliability, lesion_box, level_reliability
from dmf.tasks.segmentation.metrics.imbalance import PrecisionRecall, precision_recall
from dmf.tasks.segmentation.metrics.info import ABSENT_SENTENCES, BEFORE_STORED
from dmf.tasks.segmentation.metrics.labels import label_counts
from dmf.tasks.segmentation.metrics.per_image import IMAGE_SCORES, image_scores
from dmf.tasks.segmentation.metrics.scores import Absent

Which = Literal["best", "last"]
Fit = Literal["stretch", "pad"]

COLUMNS = {
    **{"run": "object", "case": "object", "epoch": "int64", "dice": "float64", "iou": "float64"},
    **{"precision": "float64", "recall": "float64"},
    **{"lesion_share": "float64", "label": "object", "height": "int64", "width": "int64", "disagreement": "float64"},
}

PREDICTIONS = "1 - Dice between the predictions of two runs, averaged over all pairs of runs"
SPREAD = "highest minus lowest Dice of the runs"
NOTHING = "nothing: one run has none to disagree with"

_KNOWN_LABELS = re.compile(r"(?<![a-z])(benign|malignant|normal)(?![a-z])", re.IGNORECASE)


class Original(Protocol):
    """What is needed of a case at its original size; ``dmf.build.original_case`` reads one."""

    @property
    def truth(self) -> Pixels: ...

    @property
    def spacing(self) -> tuple[float, float] | None: ...


@dataclass(frozen=True)
class CaseNumbers:
    """Scores of one prediction, in the pixels of the original image.

    Attributes:
        dice, iou, precision, recall: Means over the classes but the background; NaN where all of them were left out.
        hausdorff95, average: 95 % Hausdorff distance and average surface distance between the outlines of all these
            classes together; NaN where ``empty`` is not None.
        unit: Of the distances: ``mm`` where the spacing of pixels is known, else ``px``.
        empty: Which of the two found nothing: ``truth``, ``prediction`` or ``both``; None if neither.
    """

    dice: float
    iou: float
    precision: float
    recall: float
    hausdorff95: float
    average: float
    unit: Literal["px", "mm"]
    empty: Empty | None


def cases_table(
    store: RunStore,
    run_ids: Sequence[str],
    split: str = "test",
    labels: Mapping[str, Mapping[str, str]] | None = None,
) -> pd.DataFrame:
    """One row per run and image of a split, in the order of the runs, then of the images; none of a run without scores.

    Columns:
        - ``run``, ``case``, ``epoch``: whose score it is: at the epoch that was tested; of another split at the latest
          epoch that it was scored at where the run was not tested yet;
        - ``dice``, ``iou``, ``precision``, ``recall``: means over the classes but the background; NaN where all of them
          were left out;
        - ``lesion_share``: pixels of these classes in truth, of all;
        - ``label``: what the image shows (benign, malignant, ...), from ``labels`` or else the id of the case; None
          where neither tells;
        - ``height``, ``width`` of the original image in pixels;
        - ``disagreement``: between the runs on this image, 0 where they are alike; NaN where fewer than two have it.
          ``attrs["disagreement"]`` says what it is: :data:`PREDICTIONS` where probabilities of all runs, at the epoch
          in the table, can be read, else :data:`SPREAD`; :data:`NOTHING` for one run.

    Args:
        store: Where the runs are.
        run_ids: Which runs.
        split: ``test`` or ``validation``.
        labels: Run to case to what the image shows, as ``dmf.build.case_labels`` gives it.

    Raises:
        StoreError: If the store cannot be read.
    """
    scored: dict[str, CaseScores] = {}
    rows: list[dict[str, Any]] = []
    for run in run_ids:
        scores = scores_to_look_at(store, run, split)
        if scores is not None:
            scored[run] = scores
            rows += _rows(scores, _absent(store, run), (labels or {}).get(run, {}))
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
    table["label"] = pd.Series([row["label"] for row in rows], dtype=object)  # None, where pandas would have NaN
    if len(run_ids) < 2:
        table.attrs["disagreement"] = NOTHING
    elif between := _between_predictions([_file_of(store, run, scores) for run, scores in scored.items()]):
        table["disagreement"] = table["case"].map(between)
        table.attrs["disagreement"] = PREDICTIONS
    else:
        dice = table.groupby("case")["dice"]
        table["disagreement"] = (dice.transform("max") - dice.transform("min")).where(dice.transform("count") > 1)
        table.attrs["disagreement"] = SPREAD
    return table


def case_numbers(
    prob: Pixels, original: Original, fit: Fit = "stretch", threshold: float = 0.5, absent: Absent = "ignore"
) -> CaseNumbers:
    """Score one prediction against the truth, after bringing it to the size of the original image.

    What counts as found at ``threshold`` is said by :func:`dmf.probabilities.found`.

    Args:
        prob: (C-1, S, S), or (C-1, H, W) at original size: uint8, 255 times the probability of classes 1..C-1.
        original: The case; class numbers in its truth are below C, or 255 at void pixels, which count nowhere.
        fit: How the image was made square.
        threshold: 0..1.
        absent: What a class scores that is in neither truth nor prediction.

    Raises:
        ValueError: If ``prob`` is neither square nor of original size, a class number is too high, or ``threshold``
            is outside 0..1.
    """
    truth, classes = original.truth, len(prob) + 1
    void = truth == IGNORE
    highest = truth.max(initial=0, where=~void)
    if highest >= classes:
        raise ValueError(f"`original` has class {highest}, but `prob` has classes up to {classes - 1}.")
    label = at_original(found(prob, threshold), truth, fit)
    counts = label_counts(label, truth, classes)[None]
    scores = {name: float(image_scores(counts, name, absent)[0]) for name in IMAGE_SCORES}
    outline = boundary_distances(label > 0, truth > 0, original.spacing, void=void)
    return CaseNumbers(
        dice=scores["lesion_dice"],
        iou=scores["lesion_iou"],
        precision=scores["lesion_precision"],
        recall=scores["lesion_recall"],
        hausdorff95=outline.hausdorff95,
        average=outline.average,
        unit=outline.unit,
        empty=outline.empty,
    )


def reliability_of(
    store: RunStore, run: str, which: Which, margin: int | None, originals: Callable[[str], Original]
) -> Reliability:
    """Whether the lesion probability of a run means what it says, over the pixels of the original test images.

    Void pixels are left out.

    The lesion is all classes but the background together. See
    :func:`dmf.tasks.segmentation.metrics.calibration.reliability`.

    Args:
        store: Where the run is.
        run: Its id.
        which: Its ``best`` or its ``last`` network.
        margin: None takes all pixels; a number only the box around the lesion, so many original pixels wider.
        originals: Gives the original of a case by its id.

    Raises:
        RunNotFoundError: If there is no such run.
        DataError: If no such probabilities were kept, or they or an original cannot be read.
        ValueError: If ``margin`` is below 0.
    """
    if margin is not None and margin < 0:
        raise ValueError(f"`margin` must be at least 0 pixels, got {margin}.")
    return level_reliability(*_level_counts(store, run, which, originals, margin=margin))


def precision_recall_of(
    store: RunStore, run: str, which: Which, number: int | None, originals: Callable[[str], Original]
) -> PrecisionRecall:
    """Precision against recall of a class over the pixels of the original test images; void ones are left out.

    See :func:`dmf.tasks.segmentation.metrics.imbalance.precision_recall`.

    Args:
        store: Where the run is.
        run: Its id.
        which: Its ``best`` or its ``last`` network.
        number: Of the class, from 1; None is all but the background together.
        originals: Gives the original of a case by its id.

    Raises:
        RunNotFoundError: If there is no such run.
        DataError: If no such probabilities were kept, or they or an original cannot be read.
    """
    pixels, members, _ = _level_counts(store, run, which, originals, number=number)
    return precision_recall(pixels, members)


def _level_counts(
    store: RunStore,
    run: str,
    which: Which,
    originals: Callable[[str], Original],
    *,
    margin: int | None = None,
    number: int | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """(256,) pixels by probability, (256,) those that are of a class, and over how many images.

    The class is all but the background together where no number says which.
    """
    file = store.probabilities(run, which)
    if file is None:
        raise DataError(f"Run {run!r} kept no probabilities of its {which} network. Train it with keep_probabilities.")
    fit = setting_of(store, run, "data", "fit", "stretch")
    pixels, members, images = np.zeros(256, np.int64), np.zeros(256, np.int64), 0
    for case in file.cases:
        truth, kept = originals(case).truth, file.read(case)
        is_valid = truth != IGNORE
        is_member = (truth > 0 if number is None else truth == number) & is_valid
        levels = at_original(lesion(kept) if number is None else kept[number - 1], truth, fit)
        box = (slice(None), slice(None)) if margin is None else lesion_box(is_member, margin)
        if box is not None:
            pixels += np.bincount(levels[box][is_valid[box]], minlength=256)
            members += np.bincount(levels[box][is_member[box]], minlength=256)
            images += 1
    return pixels, members, images


def at_original(pixels: Pixels, truth: Pixels, fit: Fit) -> Pixels:
    """Pixels of a network brought to those of the original image; see :func:`restore`."""
    if pixels.shape == truth.shape:
        return pixels
    height, width = truth.shape
    return restore(pixels, (height, width), fit)


def _rows(scores: CaseScores, absent: Absent, labels: Mapping[str, str]) -> list[dict[str, Any]]:
    if scores.counts is None:
        return []
    values = {name.removeprefix("lesion_"): image_scores(scores.counts, name, absent) for name in IMAGE_SCORES}
    in_truth = (
        scores.counts[:, :, 0] + scores.counts[:, :, 2]
    )  # (cases, classes); every pixel that is not void has one class
    share = in_truth[:, 1:].sum(1) / np.maximum(in_truth.sum(1), 1)
    return [
        {
            "run": scores.run,
            "case": case,
            "epoch": scores.epoch,
            **{name: value[place] for name, value in values.items()},
            "lesion_share": share[place],
            "label": labels.get(case) or _label_in(case),
            "height": scores.sizes[place, 0],
            "width": scores.sizes[place, 1],
            "disagreement": math.nan,
        }
        for place, case in enumerate(scores.cases)
    ]


def _label_in(case: str) -> str | None:
    words = _KNOWN_LABELS.search(case)
    return words[1].lower() if words else None


def setting_of(store: RunStore, run: str, section: str, name: str, default: Any) -> Any:
    """A setting of the experiment of a run; ``default`` where a program of someone's own did not record it."""
    config = store.experiment(store.run(run).experiment).config
    return (config.get(section) or {}).get(name, default)


def _absent(store: RunStore, run: str) -> Absent:
    word = setting_of(store, run, "training", "absent", BEFORE_STORED)
    return word if word in ABSENT_SENTENCES else BEFORE_STORED


def _file_of(store: RunStore, run: str, scores: CaseScores) -> Probabilities | None:
    """The kept probabilities of the network that ``scores`` are of; None without any that can be read."""
    networks: tuple[Which, ...] = ("best", "last")
    for which in networks:
        try:
            file = store.probabilities(run, which)
        except DataError:
            continue
        if file is not None and (file.epoch, file.split) == (scores.epoch, scores.split):
            return file
    return None


def _between_predictions(files: Sequence[Probabilities | None]) -> dict[str, float]:
    """Mean over pairs of runs of 1 - Dice, by case, NaN where fewer than two have it at one size; empty without files.

    Empty also where one of them cannot be read to its end.
    """
    kept = [(file, frozenset(file.cases)) for file in files if file is not None]
    if len(kept) < len(files):
        return {}
    found_by: dict[str, float] = {}
    for case in dict.fromkeys(itertools.chain.from_iterable(file.cases for file, _ in kept)):
        try:
            masks = [found(file.read(case)) for file, cases in kept if case in cases]
        except DataError:
            return {}
        pairs = [_distance(one, other) for one, other in itertools.combinations(masks, 2) if one.shape == other.shape]
        found_by[case] = float(np.mean(pairs)) if pairs else math.nan
    return found_by


def _distance(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """1 - Dice, the mean over the classes but the background that either has; 0 where neither has any."""
    distances = []
    for number in range(1, int(max(one.max(initial=0), other.max(initial=0))) + 1):
        mine, theirs = one == number, other == number
        size = int(mine.sum()) + int(theirs.sum())
        if size:
            distances.append(1 - 2 * int((mine & theirs).sum()) / size)
    return float(np.mean(distances)) if distances else 0.0
