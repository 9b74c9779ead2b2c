"""How each kind of record enters the tables, and how a new attempt leaves them. Functions of a connection."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, assert_never

import numpy as np
from sqlalchemy import Connection, and_, delete, func, or_, select, update

from dmf.errors import NotOwnerError, RunNotFoundError, StoreError
from dmf.records import (
    Artifact,
    CaseScores,
    EpochMetrics,
    Event,
    Record,
    Sample,
    StateChange,
    TelemetryBlock,
)
from dmf.runs import telemetry
from dmf.runs.rows import SILENT_SECONDS
from dmf.runs.schema import artifacts, case_scores, epoch_metrics, events, runs, samples

EMPTY_SUMMARY: dict[str, Any] = {"step": -1, "epoch": 0, "metrics": {}, "steps_per_second": None}


def owned_runs(connection: Connection, ids: Iterable[str], owner: str | None) -> dict[str, Any]:
    """The rows of ``ids``, locked until the transaction ends, after checking that ``owner`` owns each.

    Raises:
        RunNotFoundError: If there is no such run.
        NotOwnerError: If another owns one; says who.
    """
    wanted = set(ids)
    # In one order, as everywhere, so that no two who lock several wait for each other.
    rows = connection.execute(select(runs).where(runs.c.id.in_(wanted)).order_by(runs.c.id).with_for_update())
    rows_by_id = {row.id: row for row in rows}
    for run in sorted(wanted):
        if run not in rows_by_id:
            raise run_not_found(run)
        if rows_by_id[run].owner != owner:
            raise not_owner(rows_by_id[run], owner)
    return rows_by_id


def run_not_found(run: str) -> RunNotFoundError:
    """What to tell someone who asked for a run that is not there."""
    return RunNotFoundError(f"No run {run!r} in this store. `dmf runs` lists what there is; `--store` chooses another.")


def not_owner(row: Any, owner: str | None) -> NotOwnerError:
    """What to tell someone who is not the owner of a run."""
    holder = "nobody" if row.owner is None else repr(row.owner)
    return NotOwnerError(
        f"Run {row.id!r} is {row.state} and owned by {holder}, not by {owner!r}. Stop it there first; if that owner "
        f"is gone, the run is free once its heartbeat was watched for {SILENT_SECONDS:.0f} s without a change."
    )


def in_time_of_store(records: Sequence[Record], ahead: float) -> Sequence[Record]:
    """``records`` with their times in the store's time, which is so many seconds ahead of who made them.

    Steps whose clock was set back meanwhile took no time.
    """

    def stamped(record: Record) -> Record:
        if isinstance(record, TelemetryBlock) and (ahead or record.ended < record.started):
            started = record.started + ahead
            return replace(record, started=started, ended=max(started, record.ended + ahead))
        return replace(record, time=record.time + ahead) if isinstance(record, Event) and ahead else record

    return [stamped(record) for record in records]


def write_records(connection: Connection, records: Sequence[Record], owner: str | None, now: float) -> None:
    """Store all records of a batch; see ``RunStore.write``."""
    rows = owned_runs(connection, {_checked_run(connection, record, owner) for record in records}, owner)
    summaries = {run: {**EMPTY_SUMMARY, **row.summary} for run, row in rows.items()}

    blocks: dict[str, list[TelemetryBlock]] = {}
    for record in records:
        if isinstance(record, TelemetryBlock):
            blocks.setdefault(record.run, []).append(record)
        else:
            _write_record(connection, record, rows, now)
        if isinstance(record, EpochMetrics):
            summary = summaries[record.run]
            summary["epoch"] = max(summary["epoch"], record.epoch)
            summary["metrics"] = {**summary["metrics"], record.split: dict(record.metrics)}
    for run, given in blocks.items():
        _write_telemetry(connection, rows[run], given, summaries[run])
    for run, summary in summaries.items():
        if summary != rows[run].summary:
            connection.execute(update(runs).where(runs.c.id == run).values(summary=summary))


def _checked_run(connection: Connection, record: Record, owner: str | None) -> str:
    """The run whose owner may write ``record``; for a picture shared by an experiment, one of its runs."""
    if record.run is not None:
        return record.run
    of_experiment = select(runs.c.id).where(runs.c.experiment == record.experiment)
    mine = connection.scalar(of_experiment.where(runs.c.owner == owner).limit(1))
    run = mine or connection.scalar(of_experiment.limit(1))
    if run is None:
        raise RunNotFoundError(f"No experiment {record.experiment!r} in this store. `dmf runs` lists what there is.")
    return str(run)


def _write_record(
    connection: Connection,
    record: EpochMetrics | CaseScores | Sample | Event | StateChange | Artifact,
    rows: Mapping[str, Any],
    now: float,
) -> None:
    match record:
        case EpochMetrics():
            _write_metrics(connection, record)
        case CaseScores():
            _write_scores(connection, record)
        case Sample():
            _write_sample(connection, record)
        case Event():
            add_event(connection, record, rows[record.run].attempt)
        case StateChange():
            write_state(connection, record, rows[record.run].attempt, now)
        case Artifact():
            write_artifact(connection, record)
        case _:
            assert_never(record)


def _write_telemetry(
    connection: Connection, row: Any, blocks: Sequence[TelemetryBlock], summary: dict[str, Any]
) -> None:
    for block in telemetry.coalesce(blocks):
        if block.attempt != row.attempt:
            raise StoreError(
                f"Run {row.id!r} is at attempt {row.attempt}, got telemetry of attempt {block.attempt}. "
                "Ask the store for the attempt when training starts."
            )
        summary["steps_per_second"] = telemetry.append(connection, block, summary["steps_per_second"])
        summary["step"] = block.first_step + len(block.values) - 1


def _write_metrics(connection: Connection, record: EpochMetrics) -> None:
    # An evaluation at the step of a checkpoint may be repeated after a resume: it replaces the first.
    table = epoch_metrics
    key = {"run": record.run, "epoch": record.epoch, "split": record.split}
    connection.execute(delete(table).where(*(table.c[name] == value for name, value in key.items())))
    rows = [
        {**key, "metric": name, "step": record.step, "images": record.images, "value": float(value)}
        for name, value in record.metrics.items()
    ]
    if rows:
        connection.execute(table.insert(), rows)


def _write_scores(connection: Connection, record: CaseScores) -> None:
    table = case_scores
    cases = len(record.cases)
    counts = np.empty((cases, 0, 3), np.int64) if record.counts is None else np.asarray(record.counts)
    if counts.ndim != 3 or counts.shape[::2] != (cases, 3) or record.sizes.shape != (cases, 2):
        raise ValueError(
            f"`counts` must have shape ({cases}, classes, 3) and `sizes` ({cases}, 2), "
            f"got {counts.shape} and {record.sizes.shape}."
        )
    scores = {name: np.asarray(values, np.float64) for name, values in record.scores.items()}
    for name, values in scores.items():
        if values.shape != (cases,):
            raise ValueError(f"Score {name!r} must be one number for each of {cases} cases, got {values.shape}.")
    key = {"run": record.run, "epoch": record.epoch, "split": record.split}
    connection.execute(delete(table).where(*(table.c[name] == value for name, value in key.items())))
    content = {
        "cases": record.cases,
        "classes": counts.shape[1],
        "counts": counts.astype("<i8").tobytes(),
        "sizes": record.sizes.astype("<i8").tobytes(),
        "scores": {name: values.tolist() for name, values in scores.items()} or None,
    }
    connection.execute(table.insert(), key | content)


def _write_sample(connection: Connection, record: Sample) -> None:
    table = samples
    key = {
        "experiment": record.experiment,
        "run": record.run,
        "case": record.case,
        "epoch": record.epoch,
        "kind": record.kind,
        "part": record.part,
    }
    # Column == None reads IS NULL, which pictures shared by all runs need.
    connection.execute(delete(table).where(*(table.c[name] == value for name, value in key.items())))
    connection.execute(table.insert(), key | {"step": record.step, "score": record.score, "png": record.png})


def add_event(connection: Connection, record: Event, attempt: int) -> None:
    """Store an event of the present attempt."""
    row = {"run": record.run, "attempt": attempt, "step": record.step, "kind": record.kind}
    connection.execute(events.insert(), row | {"data": record.data, "time": record.time})


def write_state(connection: Connection, change: StateChange, attempt: int, now: float) -> None:
    """Store a state on the run's row and as an event of kind "state"."""
    values: dict[str, Any] = {"state": change.state.value, "reason": change.reason}
    values["ended"] = None if change.state.is_active else now
    if change.state == "running":
        values["started"] = func.coalesce(runs.c.started, now)
    connection.execute(update(runs).where(runs.c.id == change.run).values(values))
    data = {"state": change.state.value, "reason": change.reason}
    add_event(connection, Event(change.run, change.step, "state", data, now), attempt)


def write_artifact(connection: Connection, record: Artifact) -> None:
    """Record a file of a run in place of the one of its kind."""
    table = artifacts
    key = {"run": record.run, "kind": record.kind}
    connection.execute(delete(table).where(*(table.c[name] == value for name, value in key.items())))
    row = {"epoch": record.epoch, "step": record.step, "path": record.path, "bytes": record.bytes}
    row["sha256"] = record.sha256
    connection.execute(table.insert(), key | row)


def trim_run(connection: Connection, run: str, step: int) -> None:
    """Remove what a run stored from ``step`` on, and correct its summary.

    Telemetry of ``step`` is what the new attempt writes first, so it goes. Metrics, scores and samples "at" ``step``
    describe the model that the checkpoint of ``step`` holds, so they stay; a repeated evaluation replaces them.
    Events of kind "state" stay whatever their step: they tell the story of the attempts. So do those of kind "knob":
    the new attempt applies them again when it comes to their step.
    """
    telemetry.trim(connection, run, step)
    for table in (epoch_metrics, samples, artifacts):
        connection.execute(delete(table).where((table.c.run == run) & (table.c.step > step)))
    last_epoch = connection.scalar(select(func.max(epoch_metrics.c.epoch)).where(epoch_metrics.c.run == run))
    epoch = -1 if last_epoch is None else int(last_epoch)
    connection.execute(delete(case_scores).where((case_scores.c.run == run) & (case_scores.c.epoch > epoch)))
    late = and_(events.c.run == run, events.c.step >= step, events.c.kind.not_in(("state", "knob")))
    connection.execute(delete(events).where(late))

    metrics: dict[str, dict[str, float]] = {}
    newest = (
        select(epoch_metrics.c.split, func.max(epoch_metrics.c.epoch).label("epoch"))
        .where(epoch_metrics.c.run == run)
        .group_by(epoch_metrics.c.split)
    )
    latest = [
        and_(epoch_metrics.c.split == row.split, epoch_metrics.c.epoch == row.epoch)
        for row in connection.execute(newest)
    ]
    if latest:
        for row in connection.execute(select(epoch_metrics).where(epoch_metrics.c.run == run, or_(*latest))):
            metrics.setdefault(row.split, {})[row.metric] = float("nan") if row.value is None else row.value
    summary = {
        **EMPTY_SUMMARY,
        "step": telemetry.latest_step(connection, run),
        "epoch": max(epoch, 0),
        "metrics": metrics,
    }
    connection.execute(update(runs).where(runs.c.id == run).values(summary=summary))
