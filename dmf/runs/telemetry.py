"""Telemetry blocks in the database: append and merge, read, trim. Functions of a connection, no state."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, func, or_, select

from dmf.errors import StoreError
from dmf.records import TelemetryBlock
from dmf.runs.rows import Position, Telemetry
from dmf.runs.schema import telemetry

BLOCK_STEPS = 4096
MERGE_GAP_SECONDS = 10.0  # a longer wait (a pause) starts a new block, because times inside a block are interpolated
RATE_GAP_SECONDS = 60.0  # a longer wait does not count as training time
RATE_SECONDS = 5.0  # over how long the steps per second are smoothed

_DTYPE = np.dtype("<f4")


def coalesce(blocks: Sequence[TelemetryBlock]) -> list[TelemetryBlock]:
    """Join neighbouring blocks of one run that continue each other.

    Raises:
        ValueError: If the values of a block are not (steps, columns).
    """
    groups: list[list[TelemetryBlock]] = []
    for block in blocks:
        if block.values.ndim != 2 or block.values.shape[1] != len(block.columns) or not len(block.values):
            raise ValueError(
                f"`values` must have shape (steps, {len(block.columns)}) for columns {', '.join(block.columns)} and at "
                f"least one step, got {block.values.shape}."
            )
        last = groups[-1][-1] if groups else None
        if (
            last is not None
            and (last.attempt, last.columns) == (block.attempt, block.columns)
            and last.first_step + len(last.values) == block.first_step
            and block.started - last.ended <= MERGE_GAP_SECONDS
        ):
            groups[-1].append(block)
        else:
            groups.append([block])
    return [
        dataclasses.replace(group[0], values=np.concatenate([b.values for b in group]), ended=group[-1].ended)
        for group in groups
    ]


def append(connection: Connection, block: TelemetryBlock, rate: float | None) -> float | None:
    """Store a block after what the run has, merged with the blocks before it; returns the new steps per second.

    Merging takes in a block before only where that is not longer than what comes after it, as in a binary counter:
    lengths halve towards the end, so each step is written about log2(4,096) = 12 times, not once per block that
    follows, and a run has at most about a dozen short blocks.

    Raises:
        StoreError: If the block starts at or before the last step stored.
    """
    table = telemetry
    tail = connection.execute(
        select(table.c.first_step, table.c.last_step, table.c["columns"], table.c.started, table.c.ended)
        .where(table.c.run == block.run)
        .order_by(table.c.first_step.desc())
        .limit(16)
    ).all()
    if tail and block.first_step <= tail[0].last_step:
        raise StoreError(
            f"Run {block.run!r} already has steps up to {tail[0].last_step}, got a block from step {block.first_step}. "
            "To train from an earlier step, begin a new attempt."
        )
    first, count, started = block.first_step, len(block.values), block.started
    absorbed: list[int] = []
    for row in tail:
        length = row.last_step - row.first_step + 1
        if (
            row.last_step + 1 != first
            or tuple(row.columns) != block.columns
            or started - row.ended > MERGE_GAP_SECONDS
            or length > count
            or length + count > BLOCK_STEPS
        ):
            break
        absorbed.append(row.first_step)
        first, count, started = row.first_step, length + count, row.started
    payload = b""
    if absorbed:
        where = (table.c.run == block.run) & table.c.first_step.in_(absorbed)
        payload = b"".join(connection.scalars(select(table.c.payload).where(where).order_by(table.c.first_step)))
        connection.execute(delete(table).where(where))
    connection.execute(
        table.insert(),
        {
            "run": block.run,
            "first_step": first,
            "last_step": first + count - 1,
            "attempt": block.attempt,
            "columns": block.columns,
            "started": started,
            "ended": block.ended,
            "payload": payload + np.ascontiguousarray(block.values, _DTYPE).tobytes(),
        },
    )
    return _rate(block, tail[0].ended if tail else None, rate)


def _rate(block: TelemetryBlock, before: float | None, rate: float | None) -> float | None:
    """Exponentially smoothed steps per second, in time rather than in blocks."""
    if before is not None and block.started - before <= RATE_GAP_SECONDS:
        steps, seconds = len(block.values), block.ended - before
    else:
        steps, seconds = len(block.values) - 1, block.ended - block.started
    if steps < 1 or seconds <= 0:
        return rate
    if rate is None:
        return steps / seconds
    return rate + (1 - math.exp(-seconds / RATE_SECONDS)) * (steps / seconds - rate)


def latest_step(connection: Connection, run: str) -> int:
    """The last step stored, -1 without any."""
    last = connection.scalar(select(func.max(telemetry.c.last_step)).where(telemetry.c.run == run))
    return -1 if last is None else int(last)


def read(connection: Connection, run: str, attempt: int, after: int, columns: Sequence[str] | None) -> Telemetry:
    """Steps of ``run`` later than ``after``; ``columns`` chooses some, in that order.

    Raises:
        StoreError: If the run has steps, but not one of ``columns``.
    """
    return _joined(_blocks(connection, {run: after}), run, attempt, after, columns)


def read_after(connection: Connection, positions: Mapping[str, Position]) -> dict[str, Telemetry]:
    """Steps of several runs, each later than its position, in one query."""
    if not positions:
        return {}
    blocks: dict[str, list[Any]] = {run: [] for run in positions}
    for row in _blocks(connection, {run: position.step for run, position in positions.items()}):
        blocks[row.run].append(row)
    return {
        run: _joined(blocks[run], run, position.attempt, position.step, None) for run, position in positions.items()
    }


def _blocks(connection: Connection, after: Mapping[str, int]) -> list[Any]:
    """Blocks of runs with steps later than those, by run and step."""
    table = telemetry
    chosen = (table.c.run, table.c.first_step, table.c.last_step, table.c["columns"], table.c.started, table.c.ended)
    later = or_(*((table.c.run == run) & (table.c.last_step > step) for run, step in after.items()))
    rows = connection.execute(select(*chosen, table.c.payload).where(later)).all()
    return sorted(rows, key=lambda row: (row.run, row.first_step))  # a database would sort the payloads along


def _joined(rows: Sequence[Any], run: str, attempt: int, after: int, columns: Sequence[str] | None) -> Telemetry:
    """Blocks of one run as one, without the steps up to ``after``."""
    names = tuple(dict.fromkeys(name for row in rows for name in row.columns))
    chosen = names if columns is None else tuple(columns)
    unknown = [name for name in chosen if name not in names]
    if rows and unknown:
        raise StoreError(f"Run {run!r} has no column {unknown[0]!r}. Choose of: {', '.join(names)}.")
    if not rows:
        empty = np.empty(0, np.int64)
        return Telemetry(run, attempt, chosen, empty, np.empty((0, len(chosen)), np.float32), empty.astype(np.float64))
    if all(tuple(row.columns) == names for row in rows):
        flat = np.frombuffer(b"".join(row.payload for row in rows), _DTYPE)
        values = flat.reshape(-1, len(names))
    else:
        values = np.concatenate([_widened(row.payload, row.columns, names) for row in rows])
    steps = np.concatenate([np.arange(row.first_step, row.last_step + 1) for row in rows])
    knots = np.array([(row.first_step, row.last_step) for row in rows], np.float64).ravel()
    times = np.interp(steps, knots, np.array([(row.started, row.ended) for row in rows]).ravel())
    start = int(np.searchsorted(steps, after, side="right"))
    if chosen != names:
        values = values[:, [names.index(name) for name in chosen]]
    return Telemetry(run, attempt, chosen, steps[start:], values[start:], times[start:])


def _widened(payload: bytes, columns: Sequence[str], names: Sequence[str]) -> NDArray[np.float32]:
    """A block's values (steps, columns) as (steps, names), NaN in columns that it lacks."""
    values = np.frombuffer(payload, _DTYPE).reshape(-1, len(columns))
    wide = np.full((len(values), len(names)), np.nan, np.float32)
    wide[:, [names.index(name) for name in columns]] = values
    return wide


def trim(connection: Connection, run: str, step: int) -> None:
    """Remove ``step`` and all later steps."""
    table = telemetry
    later = (table.c.run == run) & (table.c.last_step >= step)
    cut = connection.execute(select(table).where(later & (table.c.first_step < step))).mappings().one_or_none()
    connection.execute(delete(table).where(later))
    if cut is None:
        return
    kept, length = step - cut["first_step"], cut["last_step"] - cut["first_step"] + 1
    connection.execute(
        table.insert(),
        {
            **cut,
            "last_step": step - 1,
            "ended": cut["started"] + (cut["ended"] - cut["started"]) * (kept - 1) / (length - 1),
            "payload": cut["payload"][: kept * len(cut["columns"]) * _DTYPE.itemsize],
        },
    )
