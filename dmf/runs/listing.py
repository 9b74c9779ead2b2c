"""What a table of all runs needs and their rows do not hold. Functions of a connection."""

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Connection, and_, func, select, union_all

from dmf.runs.schema import artifacts, epoch_metrics, samples

if TYPE_CHECKING:
    import pandas as pd

LARGEST = sys.float_info.max
_COLUMNS = ("run", "epoch", "split", "metric", "value")


def best_metrics(
    connection: Connection, metrics: Sequence[str], headline: str, others: Mapping[str, tuple[str, bool]]
) -> "pd.DataFrame":
    """See ``RunStore.best_metrics``. Of a run with a best network a look at its keys, however many epochs it has."""
    import pandas as pd

    table = epoch_metrics
    kept = select(artifacts.c.run, artifacts.c.epoch).where(artifacts.c.kind == "checkpoint_best")
    score = table.alias()
    is_number = score.c.value.between(-LARGEST, LARGEST)  # neither null nor infinite
    without = score.c.run.not_in(select(kept.subquery().c.run))
    deciding: dict[tuple[str, bool], list[str]] = {}
    for run, decides in others.items():
        deciding.setdefault(decides, []).append(run)
    chosen = [(headline, False, score.c.run.not_in(others))]
    chosen += [(metric, lower, score.c.run.in_(runs)) for (metric, lower), runs in deciding.items()]
    firsts = []
    for metric, lower, of in chosen:
        order = (score.c.value if lower else score.c.value.desc(), score.c.epoch)
        place = func.row_number().over(partition_by=score.c.run, order_by=order)
        ranked = (
            select(score.c.run, score.c.epoch, place.label("place"))
            .where(score.c.metric == metric, score.c.split == "validation", score.c.epoch > 0, is_number, without, of)
            .subquery()
        )
        firsts.append(select(ranked.c.run, ranked.c.epoch).where(ranked.c.place == 1))
    best = union_all(kept, *firsts).subquery()
    at_best = and_(
        table.c.run == best.c.run,
        table.c.epoch == best.c.epoch,
        table.c.split.in_(("validation", "test")),
        table.c.metric.in_(metrics),
    )
    query = (
        select(*(table.c[name] for name in _COLUMNS))
        .select_from(best.join(table, at_best))
        .order_by(table.c.run, table.c.split, table.c.metric)
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
    totals = {run: int(total) for run, total in rows}
    return {run: totals.get(run, 0) for run in run_ids}
