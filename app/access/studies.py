"""Studies: how far they are, what came out, and the thread that trains one here."""

import atexit
import math
import sys
import threading
import types
from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from app.access.reading import metric_info, store
from app.views.study import StudyResults, StudyView
from app.visitors import owner_only
from dmf.analysis.best import headline_of
from dmf.errors import reason
from dmf.runs import CellRow
from dmf.studies.formats import FILES, cells_of, headings, said, written
from dmf.studies.progress import progress, state_of
from dmf.studies.results import study_table
from dmf.studies.trajectories import weight_trajectories

GOODBYE_SECONDS = 8.0  # how long the server waits for a study to stop
STUDY_FILES = FILES


@dataclass
class _Training:
    """A study that trains in a thread of this server."""

    stop: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None
    trouble: str | None = None


def study_names() -> list[str]:
    """All studies, newest first.

    Raises:
        StoreError: If the store cannot be read.
    """
    return [row.name for row in store().studies()]


def study_view(name: str) -> StudyView:
    """A study as of now.

    Raises:
        RunNotFoundError: If no study is called so.
        StoreError: If the store cannot be read.
    """
    status = progress(store(), name)
    plan = store().study(name).plan
    here = _trainings().get(_key(name))
    score = headline_of(status.cells[0].config if status.cells else {}).metric
    return StudyView(
        name=name,
        about=str(plan.get("about", "")),
        is_paused=status.paused,
        trains_here=here is not None and here.thread is not None and here.thread.is_alive(),
        cells=pd.DataFrame(
            [_cell(cell, score) for cell in status.cells],
            columns=["cell", "state", "trained", "score", "runs", "experiment"],
        ),
        score=metric_info(score).title,
        finished=status.finished,
        failed=status.counts.get("failed", 0),
        seconds_left=status.seconds_left,
        trouble=None if here is None else here.trouble,
    )


def _cell(cell: CellRow, score: str) -> dict[str, object]:
    runs = cell.experiment.runs if cell.experiment is not None else ()
    epochs = cell.config["training"]["epochs"]
    scores = [run.summary["metrics"].get("validation", {}).get(score, math.nan) for run in runs]
    known = [value for value in scores if value is not None and math.isfinite(value)]
    return {
        "cell": cell.key,
        "state": state_of(cell),
        "trained": sum(run.summary["epoch"] / epochs for run in runs) / len(runs) if runs else 0.0,
        "score": sum(known) / len(known) if known else math.nan,
        "runs": ",".join(run.id for run in runs),
        "experiment": "" if cell.experiment is None else cell.experiment.id,
    }


def study_results(name: str) -> StudyResults:
    """What came out of a study so far.

    Raises:
        RunNotFoundError: If no study is called so.
        StoreError: If the store cannot be read.
    """
    table = study_table(store(), name)
    means = pd.DataFrame(
        [(row.configuration, row.dataset, row.mean(table.metric)) for row in table.rows],
        columns=["configuration", "dataset", "mean"],
    )
    order = list(dict.fromkeys(means["configuration"])), list(dict.fromkeys(means["dataset"]))
    ranked = sorted(table.ranks.mean.items(), key=lambda pair: pair[1])
    return StudyResults(
        headings=tuple(headings(table)),
        rows=tuple(tuple(cells_of(table, row)) for row in table.rows),
        notes=tuple(said(table)),
        means=means.pivot_table(index="configuration", columns="dataset", values="mean").reindex(
            index=order[0], columns=order[1]
        ),
        metric=metric_info(table.metric).title,
        ranks=pd.DataFrame(ranked, columns=["configuration", "rank"]),
        blocks=table.ranks.blocks,
    )


def study_file(name: str, format: str) -> str:
    """The table of a study as a file.

    Args:
        name: Of the study.
        format: One of ``STUDY_FILES``.

    Raises:
        RunNotFoundError: If no study is called so.
        StoreError: If the store cannot be read.
    """
    return written(study_table(store(), name), format)


def study_weights(name: str, dataset: str, configurations: Sequence[str]) -> pd.DataFrame:
    """Weights over the steps, averaged over repeats, for ``app.charts.study_weights``.

    Args:
        name: Of the study.
        dataset: As the table calls it.
        configurations: Their names.

    Raises:
        RunNotFoundError: If no study is called so.
        StoreError: If the store cannot be read.
    """
    return pd.DataFrame(
        [
            (one.configuration, one.repeats, term, *numbers)
            for one in weight_trajectories(store(), name, dataset, configurations)
            for column, term in enumerate(one.terms)
            for numbers in zip(one.steps, *(part[:, column] for part in (one.mean, one.low, one.high)), strict=True)
        ],
        columns=["configuration", "repeats", "term", "step", "mean", "low", "high"],
    )


@owner_only
def pause_study(name: str, paused: bool) -> None:
    """Pause what trains of a study and begin nothing more, whoever trains it; or go on.

    Raises:
        StoreError: If the store refuses.
    """
    store().pause_study(name, paused)


@owner_only
def train_study(name: str, *, failed: bool = False) -> None:
    """Train what is left of a study in a thread of this server, unless one does already.

    Args:
        name: Of the study.
        failed: Also what failed.

    Raises:
        RunNotFoundError: If no study is called so.
        StoreError: If the store refuses.
    """
    store().reopen_cells(name, failed=failed)
    trainings = _trainings()
    here = trainings.get(_key(name))
    if here is not None and here.thread is not None and here.thread.is_alive():
        return
    training = trainings[_key(name)] = _Training()

    def work() -> None:
        from dmf.studies.local import LocalEngine

        try:
            LocalEngine(store(), name, stop=training.stop, kind="dashboard").run()
        except Exception as error:  # told on the page: nobody else is there to hear it
            training.trouble = reason(error)

    training.thread = threading.Thread(target=work, name=f"dmf-study-{name}", daemon=True)
    training.thread.start()


def _key(name: str) -> tuple[str, str]:
    return str(store().url), name


def _trainings() -> dict[tuple[str, str], _Training]:
    """What trains here, where neither a hot reload nor an emptied cache takes it away; as the job manager."""
    process = sys.modules.setdefault("_dmf_process", types.ModuleType("_dmf_process"))
    if "studies" not in process.__dict__:
        atexit.register(_end)
    trainings: dict[tuple[str, str], _Training] = process.__dict__.setdefault("studies", {})
    return trainings


def _end() -> None:
    """When the server ends, let what trains stop with a checkpoint rather than be cut off."""
    trainings = list(_trainings().values())
    for training in trainings:
        training.stop.set()
    for training in trainings:
        if training.thread is not None:
            training.thread.join(GOODBYE_SECONDS)
