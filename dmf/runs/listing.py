"""What a table of all runs needs and their rows do not hold. Functions of a connection."""

from collections.abc import Sequence

import pandas as pd
from sqlalchemy import Connection, and_, select

from dmf.runs.schema import artifacts, epoch_metrics

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
