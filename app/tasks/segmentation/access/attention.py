"""What is read of where runs of segmentation look: maps of attention that were kept with samples."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from app.access.kept_samples import sampled_cases, samples_of
from app.access.pixels import decode_grey
from app.access.reading import pictures
from app.tasks.segmentation.views import Attention, AttentionMap, Looked, SegmentedRun
from dmf.errors import DataError
from dmf.records import IGNORE
from dmf.runs import SampleRow

KIND = "attention"


def attended_epochs(runs: Sequence[SegmentedRun]) -> dict[str, list[int]]:
    """Case to the epochs of which maps of attention were kept; empty where no run has attention."""
    kept: dict[str, set[int]] = {}
    for run in runs:
        for case in sampled_cases([run]):
            epochs = {row.epoch for row in _of(run, case, KIND)}
            if epochs:
                kept.setdefault(case, set()).update(epochs)
    return {case: sorted(epochs) for case, epochs in kept.items()}


def attention_at(runs: Sequence[SegmentedRun], case: str, epoch: int) -> Attention:
    """A sample with where each run looked after an epoch; a run that is not there yet shows how far it came.

    Runs without attention, or that saw another image under this name, are left out.

    Raises:
        DataError: If image or truth were not kept.
    """
    shown: tuple[bytes, bytes] | None = None
    classes: tuple[str, ...] = ()
    looked: dict[str, Looked] = {}
    for run in runs:
        own = _shared(run, case)
        if own is None or not _of(run, case, KIND):
            continue
        if shown is None:
            shown, classes = own, run.classes
        own_look = _looked(run, case, epoch)
        if (own, run.classes) == (shown, classes) and own_look is not None:
            looked[run.id] = own_look
    if shown is None:
        raise DataError(f"No sample of {case} was kept with these runs. Choose another image.")
    return Attention(*shown, ("background", *classes), looked)


def shares_over_training(runs: Sequence[SegmentedRun]) -> pd.DataFrame:
    """How much of what passes lies on the lesion: columns run, part, epoch and share, 0..1.

    It is the mean over the kept samples that show a lesion.
    """
    rows = [
        {"run": run.id, "part": row.part, "epoch": row.epoch, "share": row.score}
        for run in runs
        for case in sampled_cases([run])
        for row in _of(run, case, KIND)
        if row.score is not None
    ]
    frame = pd.DataFrame(rows, columns=["run", "part", "epoch", "share"])
    return frame.groupby(["run", "part", "epoch"], sort=False, as_index=False)["share"].mean()


def lesion_shares(runs: Sequence[SegmentedRun]) -> list[float]:
    """Share of the pixels that is lesion, in the mean over the kept samples that show one; one for each set of them."""
    means = {}
    for run in runs:
        truths = [own[1] for case in sampled_cases([run]) if (own := _shared(run, case)) is not None]
        shares = [float(np.mean((truth > 0) & (truth != IGNORE))) for truth in map(decode_grey, truths)]
        shown = [share for share in shares if share > 0]
        if shown:
            means[run.experiment.id] = sum(shown) / len(shown)
    return sorted(set(means.values()))


def _of(run: SegmentedRun, case: str, kind: str) -> list[SampleRow]:
    return [row for row in samples_of(run, case) if row.run == run.id and row.kind == kind]


def _shared(run: SegmentedRun, case: str) -> tuple[bytes, bytes] | None:
    """Image and truth of a case as they were kept."""
    ids = {row.kind: row.id for row in samples_of(run, case) if row.run is None}
    if not {"image", "truth"} <= set(ids):
        return None
    pngs = pictures([ids["image"], ids["truth"]])
    return pngs[ids["image"]], pngs[ids["truth"]]


def _looked(run: SegmentedRun, case: str, epoch: int) -> Looked | None:
    predictions = [row for row in _of(run, case, "prediction") if row.epoch <= epoch]
    if not predictions:
        return None
    newest = predictions[-1]
    maps = [row for row in _of(run, case, KIND) if row.epoch == newest.epoch]
    pngs = pictures([newest.id, *(row.id for row in maps)])
    return Looked(
        newest.epoch,
        pngs[newest.id],
        newest.score,
        tuple(AttentionMap(row.part, decode_grey(pngs[row.id]), row.score) for row in maps),
    )
