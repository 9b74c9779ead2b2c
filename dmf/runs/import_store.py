"""Experiments of one store are copied into another, under the ids that they have. Functions of two connections."""

import shutil
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from sqlalchemy import Connection, Table, select

from dmf.errors import StoreError
from dmf.records import RunState
from dmf.runs.engine import one_at_a_time
from dmf.runs.queueing import next_place
from dmf.runs.schema import artifacts, case_scores, epoch_metrics, events, experiments, meta, runs, samples
from dmf.runs.schema import telemetry as telemetry_table

FolderOf: TypeAlias = Callable[[str], Path]

_ADOPTED = "adopted"  # in `meta` once something was copied, so that what was deleted is not copied again by itself
_OF_A_RUN = (telemetry_table, epoch_metrics, case_scores, events)
_LOOKED_AT = ("probabilities_best", "probabilities_last", "checkpoint_best")  # files that are copied
_GIVEN_ANEW = (events, samples)  # their ids are numbers of the store that they are in


def is_untouched(connection: Connection) -> bool:
    """See ``RunStore.is_untouched``."""
    is_empty = connection.scalar(select(experiments.c.id).limit(1)) is None
    return is_empty and connection.scalar(select(meta.c.value).where(meta.c.key == _ADOPTED)) is None


def adopt(
    source: Connection,
    target: Connection,
    only: Collection[str] | None,
    *,
    source_folder: FolderOf,
    target_folder: FolderOf,
) -> list[str]:
    """See ``RunStore.adopt``; returns the ids of the experiments that were copied.

    The folders are those of the files of a run.
    """
    one_at_a_time(target, "adopt")
    present = set(target.scalars(select(experiments.c.id)))
    rows = source.execute(select(experiments).order_by(experiments.c.created)).all()
    copied: list[str] = []
    files: list[Any] = []
    for row in rows:
        ids = _at_rest(source, row.id)
        if row.id in present or not ids or (only is not None and row.id not in only):
            continue
        target.execute(experiments.insert().values({**row._mapping, "place": next_place(target)}))
        _copy(source, target, runs, runs.c.id.in_(ids))
        for table in _OF_A_RUN:
            _copy(source, target, table, table.c.run.in_(ids))
        _copy(source, target, samples, samples.c.experiment == row.id)
        to_look_at = artifacts.c.run.in_(ids) & artifacts.c.kind.in_(_LOOKED_AT)
        _copy(source, target, artifacts, to_look_at)
        files += source.execute(select(artifacts).where(to_look_at)).all()
        copied.append(row.id)
    _copy_files(files, source_folder, target_folder)
    if copied and target.scalar(select(meta.c.value).where(meta.c.key == _ADOPTED)) is None:
        target.execute(meta.insert().values(key=_ADOPTED, value="yes"))
    return copied


def _at_rest(source: Connection, experiment: str) -> Sequence[str]:
    """Ids of the runs of an experiment; none if one of them may still change."""
    states = source.execute(select(runs.c.id, runs.c.state).where(runs.c.experiment == experiment)).all()
    return [] if any(RunState(row.state).is_active for row in states) else [row.id for row in states]


def _copy_files(files: Sequence[Any], source_folder: FolderOf, target_folder: FolderOf) -> None:
    """Copy files between the folders of their runs; where one cannot be, none is left behind."""
    copied: list[Path] = []
    try:
        for file in files:
            place = target_folder(file.run) / file.path
            place.parent.mkdir(parents=True, exist_ok=True)
            copied.append(place)
            shutil.copyfile(source_folder(file.run) / file.path, place)
    except OSError as error:
        for place in copied:
            place.unlink(missing_ok=True)
        raise StoreError(
            f"Cannot copy {error.filename2 or error.filename}: {error.strerror or error}. Nothing was taken over; make "
            "room, or let the folder be written, and try again."
        ) from error


def _copy(source: Connection, target: Connection, table: Table, where: object) -> None:
    rows = [dict(row._mapping) for row in source.execute(select(table).where(where))]  # type: ignore[arg-type]
    for row in rows:
        if table in _GIVEN_ANEW:
            del row["id"]
    if rows:
        target.execute(table.insert(), rows)
