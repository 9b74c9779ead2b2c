"""Cases with what runs predict there: large, small, over a training, and on a sheet."""

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd
import streamlit as st

from app.access.inspecting import original_of, stamp_of
from app.access.kept_samples import samples_of
from app.access.pixels import decode, decode_grey, inside, truth_at, window_of
from app.access.predict_image import network_sees
from app.access.reading import pictures, store
from app.tasks.segmentation.access.cases import probabilities_of
from app.tasks.segmentation.views import CaseView, Growth, Prediction, SegmentedRun
from app.views import Which
from dmf.data.original import Original
from dmf.errors import DataError, DMFError
from dmf.probabilities import Pixels, found
from dmf.records import IGNORE, CaseScores
from dmf.tasks.segmentation.inspection import cases as inspection
from dmf.tasks.segmentation.inspection import sheet
from dmf.tasks.segmentation.metrics.boundary import restore

LineColors: TypeAlias = tuple[Sequence[tuple[int, int, int]], Sequence[tuple[int, int, int]]]

COMPUTED = "computed just now by its best network"
ANOTHER = "another image has this name in its dataset"
GIF_SIDE, GIF_PACE = 224, 350  # px, ms


def view_case(runs: Sequence[SegmentedRun], case: str, which: Which, *, compute: bool = False) -> CaseView:
    """A case as large as there is: image, truth, and what each run predicts.

    Where the dataset is not here, samples that were kept stand in; the note then says so. Runs whose image of this name
    is another one, as simulated ones of another seed are, or that know other classes, show nothing.

    Args:
        runs: Whose predictions; one at least.
        case: Which case.
        which: Which of their networks.
        compute: Where probabilities of the best network were not kept, have it look at the image now.

    Raises:
        StoreError: If the store cannot be read.
    """
    originals, problem = _originals(runs, case)
    first, image, truth = _shown(runs, case, originals)
    shown = originals.get(first.id)
    note = "" if shown is not None else problem
    if shown is None and image is not None:
        note = f"The original image cannot be shown, so this is the sample that was kept. {problem}"
    predictions = []
    for run in runs:
        own = originals.get(run.id)
        if run.classes != first.classes or (own is not None and not _is_same(own, image, truth)):
            predictions.append(Prediction(run.id, note=ANOTHER))
        elif compute and which == "best" and own is not None and _may_compute(run, case):
            predictions.append(_computed(run, own))
        else:
            predictions.append(_kept(run, case, which, truth))
    return CaseView(
        case,
        label="" if shown is None else shown.label or "",
        image=image,
        truth=truth,
        spacing=None if shown is None else shown.spacing,
        is_original=bool(originals),
        classes=first.classes,
        absent=first.absent,
        predictions=tuple(predictions),
        note=note,
    )


def _shown(
    runs: Sequence[SegmentedRun], case: str, originals: Mapping[str, Original]
) -> tuple[SegmentedRun, Pixels | None, Pixels | None]:
    """Whose image and truth are shown, and these: the first that lies in a dataset here, else one that was kept."""
    for run in runs:
        if run.id in originals:
            return run, originals[run.id].image, originals[run.id].truth
    return _sampled(runs, case)


def _originals(runs: Sequence[SegmentedRun], case: str) -> tuple[dict[str, Original], str]:
    """By run; and why some are missing."""
    here, problem = {}, ""
    for run in runs:
        try:
            here[run.id] = original_of(run, case)
        except DMFError as error:
            problem = problem or str(error)
    return here, problem


def _sampled(runs: Sequence[SegmentedRun], case: str) -> tuple[SegmentedRun, Pixels | None, Pixels | None]:
    """The image and truth that were kept with one of the runs, and with which."""
    for run in runs:
        shared = {row.kind: row.id for row in samples_of(run, case) if row.run is None}
        if {"image", "truth"} <= set(shared):
            pngs = pictures([shared["image"], shared["truth"]])
            return run, decode(pngs[shared["image"]]), decode_grey(pngs[shared["truth"]])
    return runs[0], None, None


def _is_same(original: Original, image: Pixels | None, truth: Pixels | None) -> bool:
    if image is None or truth is None:
        return False
    return np.array_equal(original.image, image) and np.array_equal(original.truth, truth)


def _kept(run: SegmentedRun, case: str, which: Which, truth: Pixels | None) -> Prediction:
    kept, problem = probabilities_of(run, which)
    if kept is not None and case in kept.cases:
        try:
            return _placed(run, truth, maps=kept.read(case))
        except DMFError as error:
            problem = str(error)
    own = [row for row in samples_of(run, case) if row.run == run.id and row.kind == "prediction"]
    if own:
        labels = decode_grey(pictures([own[-1].id])[own[-1].id])
        return _placed(run, truth, labels=labels, note=f"sample of epoch {own[-1].epoch}, without probabilities")
    if kept is not None and not problem:
        problem = "probabilities are kept of its test images only"
    return Prediction(run.id, note=problem or "no prediction was kept")


def _placed(
    run: SegmentedRun,
    truth: Pixels | None,
    *,
    maps: Pixels | None = None,
    labels: Pixels | None = None,
    note: str = "",
) -> Prediction:
    """A prediction with the truth in its pixels."""
    pixels = labels if maps is None else maps[0]
    if truth is None or pixels is None:
        return Prediction(run.id, maps, labels, note=note)
    size, image = (pixels.shape[0], pixels.shape[1]), (truth.shape[0], truth.shape[1])
    return Prediction(run.id, maps, labels, truth_at(truth, size, run.fit), window_of(image, size, run.fit), note)


def _may_compute(run: SegmentedRun, case: str) -> bool:
    """Whether nothing was kept of an image that the run is judged by; one that it learned from shows little."""
    kept, _ = probabilities_of(run, "best")
    if not run.has_network or (kept is not None and case in kept.cases):
        return False
    return any(case in scores.cases for split in ("test", "validation") for scores in _last_scores(run, split))


def _last_scores(run: SegmentedRun, split: str) -> list[CaseScores]:
    return store().case_scores(run.id, split)[-1:]


def _computed(run: SegmentedRun, original: Original) -> Prediction:
    try:
        return _placed(run, original.truth, maps=network_sees(run, original.image), note=COMPUTED)
    except DMFError as error:
        return Prediction(run.id, note=str(error))


def case_numbers(
    runs: Sequence[SegmentedRun], view: CaseView, titles: Mapping[str, str], threshold: float
) -> pd.DataFrame:
    """One row per run with scores and boundary distances, measured in the pixels of the original image.

    See :func:`dmf.tasks.segmentation.inspection.cases.case_numbers`. Runs without probabilities have no row; none has
    one where the original is not here.
    """
    rows = []
    for run, prediction in zip(runs, view.predictions, strict=True):
        if view.is_original and not (view.image is None or view.truth is None) and prediction.probabilities is not None:
            measured = inspection.case_numbers(
                prediction.probabilities,
                Original(view.image, view.truth, view.spacing, None),
                run.fit,
                threshold,
                run.absent,
            )
            rows.append({"run": titles[run.id], **vars(measured)})
    return pd.DataFrame(rows)


def kept_picture(run: SegmentedRun, case: str, which: Which, draw: Callable[..., str]) -> str:
    """A small picture of a case, made once; empty where its image is not here.

    Args:
        run: Whose prediction it shows.
        case: Which case.
        which: Which of its networks.
        draw: Makes it of image, truth and prediction, each (H, W) of any size; the last two may be None.
    """
    return _small(run, draw, str(store().url), run.id, case, which, stamp_of([run]))


@st.cache_data(max_entries=4096, show_spinner=False)
def _small(
    _run: SegmentedRun, _draw: Callable[..., str], url: str, id: str, case: str, which: Which, stamp: tuple[object, ...]
) -> str:
    view = view_case([_run], case, which)
    (prediction,) = view.predictions
    if view.image is None:
        return ""
    labels = _labels(prediction)
    return _draw(view.image, view.truth, None if labels is None else inside(labels, prediction.window))


def _labels(prediction: Prediction) -> Pixels | None:
    return prediction.labels if prediction.probabilities is None else found(prediction.probabilities)


def growth(runs: Sequence[SegmentedRun], case: str) -> Growth:
    """A case with what each run predicted after each epoch.

    Runs that saw another image under this name, or the same at another size, are left out.

    Raises:
        DataError: If image or truth were not kept.
    """
    first, image, truth = _sampled(runs, case)
    if image is None or truth is None:
        raise DataError(f"No sample of {case} was kept with these runs. Choose another image.")
    grown: dict[str, dict[int, Pixels]] = {}
    for run in runs:
        _, own_image, own_truth = _sampled([run], case)
        if own_image is None or own_truth is None or run.classes != first.classes:
            continue
        if np.array_equal(own_image, image) and np.array_equal(own_truth, truth):
            rows = [row for row in samples_of(run, case) if row.run == run.id and row.kind == "prediction"]
            pngs = pictures([row.id for row in rows])
            grown[run.id] = {row.epoch: decode_grey(pngs[row.id]) for row in rows}
    return Growth(image, truth, grown, first.classes, first.absent)


def growth_gif(runs: Sequence[SegmentedRun], titles: Mapping[str, str], case: str, *, colors: LineColors) -> bytes:
    """The predictions of a case over the epochs as a GIF: image, truth and each run side by side, all in step.

    Args:
        runs: Whose predictions.
        titles: Run to its title.
        case: Which case.
        colors: Of the classes from 1, in the truth and in predictions.

    Raises:
        DataError: If image or truth were not kept.
    """
    seen = growth(runs, case)
    grown = seen.labels
    shown = [run.id for run in runs if grown.get(run.id)]
    epochs = sorted({epoch for id in shown for epoch in grown[id]})
    frames = []
    for epoch in epochs:
        masks = [None, seen.truth]
        for id in shown:
            reached = [at for at in grown[id] if at <= epoch]
            masks.append(grown[id][max(reached)] if reached else np.zeros_like(seen.truth))
        frames.append(
            np.hstack(
                [
                    sheet.overlay(seen.image, mask, side=GIF_SIDE, colours=colors[place > 1])
                    for place, mask in enumerate(masks)
                ]
            )
        )
    columns = " | ".join(["image", "truth", *(titles[id] for id in shown)])
    return sheet.growth_gif(frames, [f"epoch {epoch}: {columns}" for epoch in epochs], GIF_PACE)


def contact_sheet(
    runs: Sequence[SegmentedRun],
    titles: Mapping[str, str],
    which: Which,
    cases: Sequence[str],
    kind: Literal["png", "pdf"],
    *,
    colors: LineColors,
) -> bytes:
    """Cases by rows, image, truth and runs by columns, as PNG or PDF; a run without a prediction says so.

    Args:
        runs: Whose predictions.
        titles: Run to its title.
        which: Which of their networks.
        cases: Which cases.
        kind: Of the file.
        colors: Of the classes from 1, in the truth and in predictions.

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
            labels = _labels(prediction)
            size = view.truth.shape
            masks.append(labels if labels is None or labels.shape == size else restore(labels, size, run.fit))
            scores.append(_dice(view.truth, masks[-1]))
        rows.append((case, view.image, view.truth, masks))
        dice.append(scores)
    image = sheet.contact_sheet(rows, ["Image", "Truth", *(titles[run.id] for run in runs)], dice=dice, colours=colors)
    content = io.BytesIO()
    sheet.save_sheet(image, content, kind)
    return content.getvalue()


def _dice(truth: Pixels, mask: Pixels | None) -> float | None:
    """Of all lesion classes together, without void pixels; None where there is no prediction, or nothing in either."""
    if mask is None:
        return None
    is_valid = truth != IGNORE
    is_lesion, is_found = (truth > 0) & is_valid, (mask > 0) & is_valid
    both, either = int((is_lesion & is_found).sum()), int(is_lesion.sum() + is_found.sum())
    return 2 * both / either if either else None
