"""What is read of runs of image synthesis: their scores image by image, and what they make of an image."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

import numpy as np
import pandas as pd
import streamlit as st

from app.access.inspecting import original_of, stamp_of
from app.access.kept_samples import samples_of
from app.access.pixels import decode
from app.access.predict_image import network_makes
from app.access.reading import pictures, store
from app.tasks.synthesis.views import CaseView, Image, Output
from app.views import InspectedRun
from dmf.analysis.case_scores import scores_to_look_at
from dmf.data.original import Original
from dmf.errors import DMFError
from dmf.runs import RunStore

ANOTHER = "another image has this name in its dataset"
SCORES = ("psnr", "ssim", "rmse", "mae", "nmse")
APART = "how far the PSNR of the runs differs there, in dB"


def case_table(runs: Sequence[InspectedRun], split: str) -> pd.DataFrame:
    """One row per run and image: run, case, label, epoch, every score of the image, and disagreement.

    Args:
        runs: Whose scores.
        split: ``test`` or ``validation``.
    """
    here = store()
    return _case_table(here, str(here.url), tuple(run.id for run in runs), split, stamp_of(runs))


@st.cache_data(max_entries=16, show_spinner=False)
def _case_table(
    _store: RunStore, url: str, ids: tuple[str, ...], split: str, stamp: tuple[object, ...]
) -> pd.DataFrame:
    from dmf.build import case_labels

    parts = []
    for id in ids:
        scored = scores_to_look_at(_store, id, split)
        if scored is None:
            continue
        labels: Mapping[str, str] = {}
        with suppress(DMFError):  # the dataset is not here
            labels = case_labels(_store.experiment(_store.run(id).experiment).config)
        scores = {name: scored.scores.get(name, np.full(len(scored.cases), np.nan)) for name in SCORES}
        label = [labels.get(case) for case in scored.cases]
        parts.append(pd.DataFrame({"run": id, "case": scored.cases, "label": label, "epoch": scored.epoch, **scores}))
    if not parts:
        return pd.DataFrame(columns=["run", "case", "label", "epoch", *SCORES, "disagreement"])
    table = pd.concat(parts, ignore_index=True)
    by_case = table.groupby("case")["psnr"]
    table["disagreement"] = (by_case.transform("max") - by_case.transform("min")).where(by_case.transform("count") > 1)
    table.attrs["disagreement"] = APART
    return table


def view_case(runs: Sequence[InspectedRun], case: str) -> CaseView:
    """A case as the networks see it: source, target, and what each run makes of it.

    Outputs are made anew by the best network of each run. Where network or dataset are not here, the last sample that
    was kept of the case stands in, and the note says so. Runs whose image of this name is another one show nothing.

    Args:
        runs: Whose outputs; one at least.
        case: Which case.

    Raises:
        StoreError: If the store cannot be read.
    """
    first: Original | None = None
    source: Image | None = None
    target: Image | None = None
    outputs: list[Output] = []
    for run in runs:
        original, problem = _original(run, case)
        first = first or original
        if original is not None and first is not None and not _is_same(original, first):
            outputs.append(Output(run.id, note=ANOTHER))
            continue
        pair = _made(run, original) if original is not None and run.has_network else None
        if pair is None:
            pair = _sampled(run, case, problem or "its network is not here (any more)")
        own_source, output = pair
        outputs.append(output)
        if source is None and own_source is not None:
            source, target = own_source, output.target
    note = (
        "" if source is not None else "Nothing of this image is here: neither its dataset and a network, nor samples."
    )
    return CaseView(case, (first.label or "") if first else "", source, target, tuple(outputs), note)


def _original(run: InspectedRun, case: str) -> tuple[Original | None, str]:
    try:
        return original_of(run, case), ""
    except DMFError as error:
        return None, str(error)


def _is_same(one: Original, other: Original) -> bool:
    return np.array_equal(one.image, other.image) and np.array_equal(one.truth, other.truth)


def _made(run: InspectedRun, original: Original) -> tuple[Image | None, Output] | None:
    try:
        images = network_makes(run, original)
    except DMFError:
        return None
    return _picture(images.source), Output(run.id, _picture(images.output), _picture(images.target))


def _sampled(run: InspectedRun, case: str, problem: str) -> tuple[Image | None, Output]:
    """What was kept of the case while the run trained, in 8 bits."""
    rows = samples_of(run, case)
    shared = {row.kind: row.id for row in rows if row.run is None}
    own = [row for row in rows if row.run == run.id and row.kind == "prediction"]
    if not {"image", "truth"} <= shared.keys():
        return None, Output(run.id, note=problem)
    pngs = pictures([shared["image"], shared["truth"], *(row.id for row in own[-1:])])
    source, target = (decode(pngs[shared[kind]]) / 255 for kind in ("image", "truth"))
    if not own:
        return source, Output(run.id, target=target, note=problem)
    note = f"sample of epoch {own[-1].epoch} in 8 bits; {problem}"
    return source, Output(run.id, decode(pngs[own[-1].id]) / 255, target, note)


def _picture(planes: Image) -> Image:
    """(C, S, S) as (S, S) or (S, S, 3); of other numbers of channels the first."""
    return planes.transpose(1, 2, 0) if planes.shape[0] == 3 else planes[0]


def small_output(run: InspectedRun, case: str, side: int) -> Image | None:
    """What a run makes of a case, at most ``side`` pixels wide; None where it is not known."""
    return _small(run, case, side, str(store().url), run.id, stamp_of([run]))


@st.cache_data(max_entries=4096, show_spinner=False)
def _small(_run: InspectedRun, case: str, side: int, url: str, id: str, stamp: tuple[object, ...]) -> Image | None:
    import cv2

    (output,) = view_case([_run], case).outputs
    if output.image is None:
        return None
    scale = side / max(output.image.shape[:2])
    if scale >= 1:
        return output.image
    size = tuple(max(1, round(length * scale)) for length in output.image.shape[1::-1])
    return np.asarray(cv2.resize(output.image, size, interpolation=cv2.INTER_AREA))
