"""What training recorded, read back: metrics, events, pictures, scores, files. Functions of a connection."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import Connection, func, select

from dmf.records import Artifact, CaseScores
from dmf.runs.rows import EventRow, SampleRow
from dmf.runs.schema import artifacts, case_scores, events, samples
from dmf.runs.schema import epoch_metrics as metrics_table

if TYPE_CHECKING:
    import pandas as pd

_METRIC_COLUMNS = ("run", "epoch", "step", "split", "images", "metric", "value")


def epoch_metrics(
    connection: Connection, run_ids: Sequence[str], metrics: Sequence[str] | None, split: str | None, since: int
) -> "pd.DataFrame":
    """See ``RunStore.epoch_metrics``."""
    import pandas as pd

    table = metrics_table
    query = select(*(table.c[name] for name in _METRIC_COLUMNS)).where(table.c.run.in_(run_ids))
    if since > 0:
        query = query.where(table.c.epoch >= since)
    if metrics is not None:
        query = query.where(table.c.metric.in_(metrics))
    if split is not None:
        query = query.where(table.c.split == split)
    rows = connection.execute(query.order_by(table.c.run, table.c.epoch, table.c.split, table.c.metric))
    frame = pd.DataFrame([tuple(row) for row in rows], columns=list(_METRIC_COLUMNS))
    return frame.astype({"epoch": "int64", "step": "int64", "images": "int64", "value": "float64"})


def events_after(connection: Connection, run_ids: Sequence[str], after_id: int) -> list[EventRow]:
    """Events in the order of writing, later than event ``after_id``."""
    query = select(events).where(events.c.run.in_(run_ids), events.c.id > after_id).order_by(events.c.id)
    return [EventRow(**row._mapping) for row in connection.execute(query)]


def state_events(connection: Connection, more_than: int) -> list[EventRow]:
    """Changes of state of all runs that have more than so many, in the order of writing."""
    is_state = events.c.kind == "state"
    many = select(events.c.run).where(is_state).group_by(events.c.run).having(func.count() > more_than)
    query = select(events).where(is_state, events.c.run.in_(many)).order_by(events.c.id)
    return [EventRow(**row._mapping) for row in connection.execute(query)]


def samples_of(connection: Connection, experiment: str, since: int) -> list[SampleRow]:
    """Pictures of an experiment from an epoch on, without their bytes, by epoch, case, kind and run."""
    columns = [column for column in samples.c if column.name != "png"]
    order = (samples.c.epoch, samples.c.case, samples.c.kind, samples.c.run, samples.c.part)
    chosen = (samples.c.experiment == experiment, samples.c.epoch >= since)
    rows = connection.execute(select(*columns).where(*chosen).order_by(*order))
    return [SampleRow(**row._mapping) for row in rows]


def pngs(connection: Connection, ids: Sequence[int]) -> dict[int, bytes]:
    """Those of these pictures that there are, as PNG by their id."""
    rows = connection.execute(select(samples.c.id, samples.c.png).where(samples.c.id.in_(ids)))
    return {row.id: row.png for row in rows}


def case_scores_of(connection: Connection, run: str, split: str) -> list[CaseScores]:
    """Scores per case on one split, by epoch."""
    table = case_scores
    query = select(table).where(table.c.run == run, table.c.split == split).order_by(table.c.epoch)
    return [
        CaseScores(
            run=row.run,
            epoch=row.epoch,
            split=row.split,
            cases=tuple(row.cases),
            counts=np.frombuffer(row.counts, "<i8").reshape(len(row.cases), row.classes, 3) if row.classes else None,
            sizes=np.frombuffer(row.sizes, "<i8").reshape(len(row.cases), 2),
            scores={name: np.array(values, np.float64) for name, values in (row.scores or {}).items()},
        )
        for row in connection.execute(query)
    ]


def artifacts_of(connection: Connection, run: str) -> list[Artifact]:
    """Files of a run, by kind."""
    rows = connection.execute(select(artifacts).where(artifacts.c.run == run).order_by(artifacts.c.kind))
    return [Artifact(**row._mapping) for row in rows]
