"""What the page Inspect reads: images of a split, what runs predict there, and numbers about single predictions."""

import io
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from app.access.reading import pictures, store
from dmf.analysis import inspection, sheet
from dmf.data.filtering import square
from dmf.errors import DataError, DMFError, RunNotFoundError
from dmf.metrics.boundary import restore
from dmf.metrics.calibration import Reliability
from dmf.probabilities import Probabilities, found
from dmf.runs import ExperimentRow, RunRow, RunStore, SampleRow

if TYPE_CHECKING:
    from dmf.build import Original, Trained

Pixels = NDArray[np.uint8]
Which = Literal["best", "last"]
Window = tuple[float, float, float, float]

COMPUTED = "computed just now by its best network"
GIF_SIDE, GIF_PACE = 224, 350  # px, ms
LEAST_SIDE, MOST_PIXELS = 8, 40_000_000  # of a picture to try a network on


@dataclass(frozen=True)
class InspectedRun:
    """A chosen run.

    Attributes:
        classes: Names of the classes but the background.
        has_network: Whether a network of it is kept here.
    """

    run: RunRow
    experiment: ExperimentRow
    classes: tuple[str, ...]
    has_network: bool

    @property
    def id(self) -> str:
        """Of the run."""
        return self.run.id

    def setting(self, section: str, name: str, default: Any = None) -> Any:
        """A setting of its experiment; ``default`` where nobody recorded it."""
        return (self.experiment.config.get(section) or {}).get(name, default)

    @property
    def fit(self) -> Literal["stretch", "pad"]:
        """How images were made square."""
        return "pad" if self.setting("data", "fit") == "pad" else "stretch"

    @property
    def absent(self) -> str:
        """What a class scores that is in neither truth nor prediction."""
        return str(self.setting("training", "absent", "one"))


@dataclass(frozen=True, eq=False)
class Prediction:
    """What one run says of a case.

    Attributes:
        probabilities: (C-1, H, W), 255 times the probability of each class but the background; None where not kept.
        labels: (H, W) class numbers of a kept sample, where there are no probabilities.
        truth: (H, W) class numbers in the pixels of the prediction.
        window: Left, top, width and height of the image within these pixels; None for all of it.
        note: Why something is missing, or what it is instead.
    """

    run: str
    probabilities: Pixels | None = None
    labels: Pixels | None = None
    truth: Pixels | None = None
    window: Window | None = None
    note: str = ""


@dataclass(frozen=True, eq=False)
class CaseView:
    """A case with what is predicted there.

    Attributes:
        image: (H, W) or (H, W, 3) at its original size, or as the network saw it where only that was kept.
        truth: (H, W) class numbers.
        spacing: Height and width of a pixel in mm, where known.
        note: What is missing, and the way out.
    """

    case: str
    label: str
    image: Pixels | None
    truth: Pixels | None
    spacing: tuple[float, float] | None
    predictions: tuple[Prediction, ...]
    note: str = ""


def inspected_runs(ids: Sequence[str]) -> tuple[list[InspectedRun], list[str]]:
    """Chosen runs as of now, and those ids that no run has (any more).

    Raises:
        StoreError: If the store cannot be read.
    """
    here = store()
    here.sweep_interrupted()
    here_now, missing = [], []
    for id in ids:
        try:
            run = here.run(id)
            experiment = here.experiment(run.experiment)
        except RunNotFoundError:
            missing.append(id)
            continue
        kinds = {file.kind for file in here.artifacts(id)}
        has_network = not experiment.is_recorded and bool(kinds & {"checkpoint_best", "checkpoint_last"})
        here_now.append(InspectedRun(run, experiment, _classes(here, run), has_network))
    return here_now, missing


def _classes(here: RunStore, run: RunRow) -> tuple[str, ...]:
    for event in reversed(here.events([run.id])):
        if event.kind == "prepared" and event.data.get("class_names"):
            return tuple(event.data["class_names"][1:])
    for split in ("test", "validation"):
        scores = here.case_scores(run.id, split)
        if scores:
            count = scores[-1].counts.shape[1] - 1
            return ("lesion",) if count == 1 else tuple(f"class {number + 1}" for number in range(count))
    return ("lesion",)


def _stamp(runs: Sequence[InspectedRun]) -> tuple[Any, ...]:
    """Another one as soon as a run has recorded more."""
    return tuple((run.id, run.run.attempt, run.run.summary["step"], run.run.state.value) for run in runs)


def case_table(runs: Sequence[InspectedRun], split: str) -> pd.DataFrame:
    """One row per run and image, see :func:`dmf.analysis.inspection.cases_table`."""
    here = store()
    return _case_table(here, str(here.url), tuple(run.id for run in runs), split, _stamp(runs))


@st.cache_data(max_entries=16, show_spinner=False)
def _case_table(_store: RunStore, url: str, ids: tuple[str, ...], split: str, stamp: Any) -> pd.DataFrame:
    from dmf.build import case_labels

    labels = {}
    for id in ids:
        with suppress(DMFError):  # the dataset is not here; then the ids of its cases may tell
            labels[id] = case_labels(_store.experiment(_store.run(id).experiment).config)
    return inspection.cases_table(_store, ids, split, labels)


def view_case(runs: Sequence[InspectedRun], case: str, which: Which, *, compute: bool = False) -> CaseView:
    """A case as large as there is: image, truth, and what each run predicts.

    Where the dataset is not here, samples that were kept stand in; the note then says so.

    Args:
        runs: Whose predictions.
        case: Which case.
        which: Which of their networks.
        compute: Where probabilities of the best network were not kept, have it look at the image now.

    Raises:
        StoreError: If the store cannot be read.
    """
    original, problem = None, ""
    for run in runs:
        try:
            original = _original(run, case)
            break
        except DMFError as error:
            problem = problem or str(error)
    samples = {run.experiment.id: _samples(run.experiment.id, case) for run in runs}
    image = truth = None
    label, spacing = "", None
    if original is not None:
        image, truth, label, spacing, problem = (
            original.image,
            original.truth,
            original.label or "",
            original.spacing,
            "",
        )
    else:
        kept = next((rows for rows in samples.values() if any(row.kind == "image" for row in rows)), [])
        shared = {row.kind: row.id for row in kept if row.run is None}
        if "image" in shared and "truth" in shared:
            pngs = pictures(list(shared.values()))
            image, truth = _decode(pngs[shared["image"]]), _grey(pngs[shared["truth"]])
            problem = f"The original image cannot be shown, so this is the sample that was kept. {problem}"
    said = tuple(
        _computed(run, original)
        if compute and which == "best" and original is not None and _can_compute(run, case)
        else _predict(run, case, which, truth, samples[run.experiment.id])
        for run in runs
    )
    return CaseView(case, label, image, truth, spacing, said, problem)


def kept_picture(run: InspectedRun, case: str, which: Which, draw: Callable[..., str]) -> str:
    """A small picture of a case, made once; empty where its image is not here.

    Args:
        run: Whose prediction it shows.
        case: Which case.
        which: Which of its networks.
        draw: Makes it of image, truth and prediction, each (H, W) of any size; the last two may be None.
    """
    return _small(run, draw, str(store().url), run.id, case, which, _stamp([run]))


@st.cache_data(max_entries=4096, show_spinner=False)
def _small(
    _run: InspectedRun, _draw: Callable[..., str], url: str, id: str, case: str, which: Which, stamp: Any
) -> str:
    view = view_case([_run], case, which)
    (prediction,) = view.predictions
    if view.image is None:
        return ""
    if prediction.probabilities is None:
        return _draw(view.image, view.truth, _inside(prediction.labels, prediction.window))
    return _draw(view.image, view.truth, _inside(found(prediction.probabilities), prediction.window))


def _inside(pixels: Pixels | None, window: Window | None) -> Pixels | None:
    if pixels is None or window is None:
        return pixels
    left, top, wide, high = (round(side) for side in window)
    return pixels[top : top + high, left : left + wide]


def _original(run: InspectedRun, case: str) -> "Original":
    return _read_original(run, run.experiment.id, case)


@st.cache_resource(max_entries=48, show_spinner=False, ttl=600)
def _read_original(_run: InspectedRun, experiment: str, case: str) -> "Original":
    from dmf.build import original_case

    return original_case(_run.experiment.config, case)


def _samples(experiment: str, case: str) -> list[SampleRow]:
    return [row for row in store().samples(experiment) if row.case == case]


def _predict(
    run: InspectedRun, case: str, which: Which, truth: Pixels | None, samples: Sequence[SampleRow]
) -> Prediction:
    kept, problem = _probabilities(run, which)
    if kept is not None and case in kept.cases:
        try:
            maps = kept.read(case)
            size = (maps.shape[1], maps.shape[2])
            return Prediction(run.id, maps, None, _truth_at(truth, size, run.fit), _window(truth, size, run.fit))
        except DMFError as error:
            problem = str(error)
    own = [row for row in samples if row.run == run.id and row.kind == "prediction"]
    if own:
        labels = _grey(pictures([own[-1].id])[own[-1].id])
        size = (labels.shape[0], labels.shape[1])
        note = f"sample of epoch {own[-1].epoch}, without probabilities"
        return Prediction(
            run.id, None, labels, _truth_at(truth, size, run.fit), _window(truth, size, run.fit), note=note
        )
    if kept is not None:
        problem = "probabilities are kept of the test images only" if kept.cases else problem
    return Prediction(run.id, note=problem or "no prediction was kept")


def _can_compute(run: InspectedRun, case: str) -> bool:
    kept, _ = _probabilities(run, "best")
    return run.has_network and (kept is None or case not in kept.cases)


def _computed(run: InspectedRun, original: "Original") -> Prediction:
    try:
        maps = _trained(run, run.id, _stamp([run])).predict(original.image)
    except DMFError as error:
        return Prediction(run.id, note=str(error))
    size = (maps.shape[1], maps.shape[2])
    truth = _truth_at(original.truth, size, run.fit)
    return Prediction(run.id, maps, None, truth, _window(original.truth, size, run.fit), COMPUTED)


def _truth_at(truth: Pixels | None, size: tuple[int, int], fit: Literal["stretch", "pad"]) -> Pixels | None:
    """The truth in the pixels of a prediction, as the network was scored."""
    if truth is None or truth.shape == size:
        return truth
    if size[0] == size[1]:
        return np.ascontiguousarray(square(truth, size[0], fit, is_mask=True))
    return np.asarray(cv2.resize(truth, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)


def _window(truth: Pixels | None, size: tuple[int, int], fit: Literal["stretch", "pad"]) -> Window | None:
    """Where the image lies within the square that the network sees, in its pixels."""
    if truth is None or fit == "stretch" or size[0] != size[1] or truth.shape == size:
        return None
    side = size[0]
    high, wide = (max(1, round(length * side / max(truth.shape))) for length in truth.shape)
    return ((side - wide) // 2, (side - high) // 2, wide, high)


def _probabilities(run: InspectedRun, which: Which) -> tuple[Probabilities | None, str]:
    """The kept probabilities; without them, why there are none."""
    try:
        return store().probabilities(run.id, which), ""
    except DMFError as error:
        return None, str(error)


def missing_probabilities(run: InspectedRun, which: Which) -> str:
    """Why a run has no probabilities to look at, and the way out, in a sentence; empty where it has them."""
    kept, problem = _probabilities(run, which)
    if kept is not None:
        return ""
    if problem:
        return problem
    told = [event.data.get("reason") for event in store().events([run.id]) if event.kind == "not_kept"]
    wanted = run.setting("training", "keep_probabilities", "both")
    if run.run.state.is_active:
        problem = "Probabilities of its test images are kept when its training ends."
    elif told:
        problem = f"{told[-1]} Raise `probabilities_mb` for the next training."
    elif wanted not in ("both", which):
        problem = f"Its setting `keep_probabilities` was {wanted!r}; train it again with 'both' to see them."
    elif run.run.state.value != "finished":
        problem = "Its training did not reach its end, where probabilities are kept; resume it on the page Train."
    else:
        problem = "No probabilities of test images were kept with it; train it again to get them."
    return problem


def case_numbers(
    runs: Sequence[InspectedRun], view: CaseView, titles: Mapping[str, str], threshold: float
) -> pd.DataFrame:
    """One row per run with scores and boundary distances, measured in the pixels of the original image.

    See :func:`dmf.analysis.inspection.case_numbers`. Runs without probabilities have no row.
    """
    rows = []
    for run, prediction in zip(runs, view.predictions, strict=True):
        if prediction.probabilities is not None and view.truth is not None and view.image is not None:
            original = _original(run, view.case)
            measured = inspection.case_numbers(prediction.probabilities, original, run.fit, threshold, run.absent)
            rows.append({"run": titles[run.id], **vars(measured)})
    return pd.DataFrame(rows)


def reliability_of(run: InspectedRun, which: Which, margin: int | None) -> Reliability:
    """Reliability curve of a run, see :func:`dmf.analysis.inspection.reliability_of`.

    Raises:
        DataError: If probabilities or truths are not here.
    """
    here = store()
    return _reliability(here, run, str(here.url), run.id, which, margin, _stamp([run]))


@st.cache_data(max_entries=64, show_spinner="Reading the probabilities of all test images…")
def _reliability(
    _store: RunStore, _run: InspectedRun, url: str, id: str, which: Which, margin: int | None, stamp: Any
) -> Reliability:
    return inspection.reliability_of(_store, id, which, margin, lambda case: _original(_run, case))


def grown_cases(runs: Sequence[InspectedRun]) -> list[str]:
    """Cases whose prediction was kept at each epoch."""
    rows = [row for run in runs for row in store().samples(run.experiment.id)]
    return list(dict.fromkeys(row.case for row in rows if row.kind == "prediction"))


def growth(runs: Sequence[InspectedRun], case: str) -> tuple[Pixels, Pixels, dict[str, dict[int, Pixels]]]:
    """Image and truth of a case as the network sees it, and of each run the predicted labels by epoch.

    Raises:
        DataError: If image or truth were not kept.
    """
    rows = list({row.id: row for run in runs for row in _samples(run.experiment.id, case)}.values())
    shared = {row.kind: row.id for row in rows if row.run is None}
    if not {"image", "truth"} <= set(shared):
        raise DataError(f"No sample of {case} was kept with these runs. Choose another image.")
    own = [row for row in rows if row.run in {run.id for run in runs}]
    pngs = pictures([*shared.values(), *(row.id for row in own)])
    grown: dict[str, dict[int, Pixels]] = {}
    for row in own:
        grown.setdefault(str(row.run), {})[row.epoch] = _grey(pngs[row.id])
    return _decode(pngs[shared["image"]]), _grey(pngs[shared["truth"]]), grown


def growth_gif(runs: Sequence[InspectedRun], titles: Mapping[str, str], case: str) -> bytes:
    """The predictions of a case over the epochs as a GIF: image, truth and each run side by side, all in step.

    Raises:
        DataError: If image or truth were not kept.
    """
    image, truth, grown = growth(runs, case)
    shown = [run.id for run in runs if grown.get(run.id)]
    epochs = sorted({epoch for id in shown for epoch in grown[id]})
    frames = []
    for epoch in epochs:
        masks = [None, truth]
        for id in shown:
            reached = [at for at in grown[id] if at <= epoch]
            masks.append(grown[id][max(reached)] if reached else np.zeros_like(truth))
        frames.append(np.hstack([sheet.overlay(image, mask, side=GIF_SIDE) for mask in masks]))
    columns = " | ".join(["image", "truth", *(titles[id] for id in shown)])
    return sheet.growth_gif(frames, [f"epoch {epoch}: {columns}" for epoch in epochs], GIF_PACE)


def contact_sheet(
    runs: Sequence[InspectedRun],
    titles: Mapping[str, str],
    which: Which,
    cases: Sequence[str],
    kind: Literal["png", "pdf"],
) -> bytes:
    """Cases by rows, image, truth and runs by columns, as PNG or PDF; a run without a prediction has an empty one.

    Raises:
        DataError: If the image of a case is not here.
    """
    rows, dice = [], []
    for case in cases:
        view = view_case(runs, case, which)
        if view.image is None or view.truth is None:
            raise DataError(f"The image of {case} cannot be shown. {view.note}")
        masks, scores = [], []
        for run, prediction in zip(runs, view.predictions, strict=True):
            labels = prediction.labels if prediction.probabilities is None else found(prediction.probabilities)
            size = view.truth.shape
            fitting = labels is None or labels.shape == size
            masks.append(labels if fitting else restore(labels, size, run.fit))
            scores.append(_dice(view.truth, masks[-1]))
        rows.append((case, view.image, view.truth, [np.zeros_like(view.truth) if m is None else m for m in masks]))
        dice.append(scores)
    made = sheet.contact_sheet(rows, ["Image", "Truth", *(titles[run.id] for run in runs)], dice=dice)
    content = io.BytesIO()
    sheet.save_sheet(made, content, kind)
    return content.getvalue()


def _dice(truth: Pixels, mask: Pixels | None) -> float | None:
    """Of all lesion classes together; None without a prediction, or where there is nothing to find or found."""
    if mask is None:
        return None
    both, either = int(((truth > 0) & (mask > 0)).sum()), int((truth > 0).sum() + (mask > 0).sum())
    return 2 * both / either if either else None


def stored_megabytes(runs: Sequence[InspectedRun]) -> dict[str, float]:
    """Disk space of each run, in MB."""
    return {id: count / 1e6 for id, count in store().stored_bytes([run.id for run in runs]).items()}


def kept_limits(runs: Sequence[InspectedRun]) -> dict[str, float | None]:
    """The setting that bounds the probabilities of each run, in MB; None where nobody recorded it."""
    return {run.id: run.setting("training", "probabilities_mb") for run in runs}


def bring_predictions(folder: str, name: str) -> list[str]:
    """Open predictions made elsewhere, read in place; returns the ids of their runs.

    Raises:
        DataError: If the folder is not laid out as it should be; says how.
    """
    from dmf.importing import import_predictions

    here = store()
    return [run.id for run in here.experiment(import_predictions(here, folder, name or None)).runs]


def try_network(run: InspectedRun, content: bytes) -> tuple[Pixels, Pixels, Window | None]:
    """What the best network of a run predicts for a picture of someone's own.

    Args:
        run: Which run.
        content: A file of PNG or JPEG.

    Returns:
        The picture (H, W) or (H, W, 3), the probabilities (C-1, S, S) and where the picture lies within them.

    Raises:
        DataError: If it is no such picture, or too small or too large.
        CheckpointError: If the network is not here any more.
    """
    image = _picture(content)
    maps = _trained(run, run.id, _stamp([run])).predict(image)
    return image, maps, _window(image.reshape(image.shape[0], image.shape[1], -1)[..., 0], maps.shape[1:], run.fit)


@st.cache_resource(max_entries=4, show_spinner="Loading the network…")
def _trained(_run: InspectedRun, id: str, stamp: Any) -> "Trained":
    from dmf.build import load_trained

    return load_trained(store(), id)


def _picture(content: bytes) -> Pixels:
    expected = "Choose a PNG or JPEG file that a picture viewer opens."
    if not content.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")):
        raise DataError(f"This file is neither PNG nor JPEG. {expected}")
    from dmf.data.headers import picture_size

    size = picture_size(content)
    if size is not None and size[0] * size[1] > MOST_PIXELS:
        raise DataError(
            f"This picture has {size[0] * size[1] / 1e6:.0f} million pixels, at most {MOST_PIXELS // 10**6} million "
            "are read. Make it smaller first."
        )
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise DataError(f"This picture is damaged and cannot be read. {expected}")
    if min(image.shape[:2]) < LEAST_SIDE:
        raise DataError(f"This picture is only {image.shape[1]} × {image.shape[0]} pixels. {expected}")
    return _plain(image[..., ::-1])


def _decode(png: bytes) -> Pixels:
    return _plain(np.asarray(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR), np.uint8)[..., ::-1])


def _plain(image: Any) -> Pixels:
    """(H, W) where the three channels are alike."""
    is_grey = bool((image == image[..., :1]).all())
    return np.ascontiguousarray(image[..., 0] if is_grey else image, np.uint8)


def _grey(png: bytes) -> Pixels:
    return np.asarray(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)
