"""What a table of all runs needs and their rows do not hold. Functions of a connection."""

from collections.abc import Sequence

import pandas as pd
from sqlalchemy import Connection, and_, func, select, union_all

from dmf.runs.schema import artifacts, epoch_metrics, samples

_COLUMNS = ("run", "epoch", "metric", "value")


def best_metrics(connection: Connection, metrics: Sequence[str]) -> pd.DataFrame:
    """See ``RunStore.best_metrics``. A look at the keys of each run, however many epochs it has."""
    table = epoch_metrics
    at_best = and_(
        table.c.run == artifacts.c.run,
        table.c.epoch == artifacts.c.epoch,
        table.c.split == "validation",
        table.c.metric.in_(metrics),
    )
    query = (
        select(*(table.c[name] for name in _COLUMNS))
        .select_from(artifacts.join(table, at_best))
        .where(artifacts.c.kind == "checkpoint_best")
        .order_by(table.c.run, table.c.metric)
    )
    frame = pd.DataFrame([tuple(row) for row in connection.execute(query)], columns=list(_COLUMNS))
    return frame.astype({"epoch": "int64", "value": "float64"})


def stored_bytes(connection: Connection, run_ids: Sequence[str]) -> dict[str, int]:
    """See ``RunStore.stored_bytes``. One query; it reads how long pictures are, not the pictures."""
    parts = union_all(
        *(
            select(table.c.run, func.sum(size).label("bytes")).where(table.c.run.in_(run_ids)).group_by(table.c.run)
            for table, size in ((artifacts, artifacts.c.bytes), (samples, func.length(samples.c.png)))
        )
    ).subquery()
    rows = connection.execute(select(parts.c.run, func.sum(parts.c.bytes)).group_by(parts.c.run))
    found = {run: int(total) for run, total in rows}
    return {run: found.get(run, 0) for run in run_ids}
