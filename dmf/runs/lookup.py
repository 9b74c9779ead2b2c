"""Experiments and runs as rows of the tables become rows for readers. Functions of a connection."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, exists, select, true

from dmf.errors import RunNotFoundError
from dmf.records import RunState
from dmf.runs.rows import SILENT, ExperimentRow, RunRow
from dmf.runs.schema import experiments, runs
from dmf.runs.watching import Watch
from dmf.runs.writing import run_not_found


def one_run(connection: Connection, id: str, watch: Watch) -> RunRow:
    """One run.

    Raises:
        RunNotFoundError: If no run has this id.
    """
    return _run_row(table_row(connection, id), watch)


def table_row(connection: Connection, id: str) -> Any:
    """One run as the table holds it.

    Raises:
        RunNotFoundError: If no run has this id.
    """
    row = connection.execute(select(runs).where(runs.c.id == id)).one_or_none()
    if row is None:
        raise run_not_found(id)
    return row


def newest_runs(connection: Connection, limit: int, offset: int, watch: Watch, *, archived: bool) -> list[RunRow]:
    """See ``RunStore.runs``."""
    order = (runs.c.created.desc(), runs.c.experiment.desc(), runs.c.position)
    rows = connection.execute(select(runs).where(_listed(archived)).order_by(*order).limit(limit).offset(offset))
    return [_run_row(row, watch) for row in rows]


def one_experiment(connection: Connection, id: str, watch: Watch, where: str) -> ExperimentRow:
    """One experiment with its runs; ``where`` names the store in messages.

    Raises:
        RunNotFoundError: If no experiment has this id.
    """
    rows = matching_experiments(connection, experiments.c.id == id, watch)
    if not rows:
        of = connection.scalar(select(runs.c.experiment).where(runs.c.id == id))
        way_out = "`dmf runs` lists what there is." if of is None else f"That is a run; its experiment is {of!r}."
        raise RunNotFoundError(f"No experiment {id!r} in {where}. {way_out}")
    return rows[0]


def newest_experiments(
    connection: Connection, limit: int, offset: int, watch: Watch, *, archived: bool
) -> list[ExperimentRow]:
    """See ``RunStore.experiments``."""
    order = (experiments.c.created.desc(), experiments.c.id.desc())
    chosen = select(experiments.c.id)
    if not archived:
        chosen = chosen.where(exists().where(runs.c.experiment == experiments.c.id, _listed(archived)))
    page = connection.scalars(chosen.order_by(*order).limit(limit).offset(offset)).all()
    return matching_experiments(connection, experiments.c.id.in_(page), watch, archived=archived)


def matching_experiments(
    connection: Connection, where: ColumnElement[bool], watch: Watch, *, archived: bool = True
) -> list[ExperimentRow]:
    """Experiments with their runs, those that are archived only on demand; newest first, in two queries."""
    order = (experiments.c.created.desc(), experiments.c.id.desc())
    rows: Sequence[Any] = connection.execute(select(experiments).where(where).order_by(*order)).all()
    members: dict[str, list[RunRow]] = {row.id: [] for row in rows}
    query = select(runs).where(runs.c.experiment.in_(members), _listed(archived)).order_by(runs.c.position)
    for row in connection.execute(query):
        members[row.experiment].append(_run_row(row, watch))
    return [
        ExperimentRow(**dict(row._mapping) | {"tags": tuple(row.tags), "runs": tuple(members[row.id])}) for row in rows
    ]


def _listed(archived: bool) -> ColumnElement[bool]:
    return true() if archived else ~runs.c.archived


def _run_row(row: Any, watch: Watch) -> RunRow:
    values = dict(row._mapping)
    values |= {"state": RunState(values["state"]), "tags": tuple(values["tags"])}
    if values["state"].is_active and watch.is_silent(row):
        # Only shown: its owner may still come back. Whoever takes it over marks it.
        values |= {"state": RunState.INTERRUPTED, "reason": SILENT, "owner": None, "ended": values["heartbeat"]}
    return RunRow(**values)
