"""Who owns a run: claimed, kept alive, released, taken over or taken back. Functions of a connection.

Each locks the rows that it changes before it looks at them, so that of several processes one wins.
"""

import os
import secrets
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select, update

from dmf.errors import NotOwnerError, RunFinishedError
from dmf.records import Event, RunState, StateChange
from dmf.runs.queueing import next_place
from dmf.runs.rows import LEASE_SECONDS, SILENT
from dmf.runs.schema import controls, events, experiments, runs
from dmf.runs.watching import Watch
from dmf.runs.writing import add_event, not_owner, run_not_found, write_state

_ACTIVE = [state.value for state in RunState if state.is_active]
LET_GO = "its owner let go of it before its end"


def new_owner(kind: str) -> str:
    """A name for this process as an owner of runs, fit to be shown: kind, host, process and a random part."""
    return f"{kind} on {socket.gethostname()} (process {os.getpid()}, {secrets.token_hex(2)})"


def claim(
    connection: Connection, run_ids: Sequence[str], owner: str, now: float, watch: Watch, *, reopen: bool = False
) -> list[str]:
    """See ``RunStore.claim``."""
    wanted = select(runs).where(runs.c.id.in_(run_ids)).order_by(runs.c.id).with_for_update()
    rows = {row.id: row for row in connection.execute(wanted)}
    resumed = []
    for id in run_ids:
        if id not in rows:
            raise run_not_found(id)
        row, state = rows[id], RunState(rows[id].state)
        is_gone = row.owner not in (None, owner) and watch.is_silent(row)
        # Our own, which nobody here trains any more: a store that took no more could not be told of its end.
        is_gone |= row.owner == owner and state is not RunState.QUEUED and watch.held(id, owner) is None
        if row.owner not in (None, owner) and not is_gone:
            raise not_owner(row, owner)
        if state is RunState.FINISHED and not reopen:
            raise RunFinishedError(f"Run {id!r} is finished; start a new experiment to train on.")
        if state.is_active and (is_gone or (row.owner is None and state is not RunState.QUEUED)):
            _mark_interrupted(connection, row, SILENT, now)
        elif state.is_active and state is not RunState.QUEUED:
            raise not_owner(row, owner)
        elif state is RunState.QUEUED:
            continue
        resumed.append(id)
    claimed = {"owner": owner, "lease": now + LEASE_SECONDS, "heartbeat": now, "silent": None}
    claimed |= {"state": RunState.QUEUED.value, "ended": None}
    connection.execute(update(runs).where(runs.c.id.in_(run_ids)).values(claimed))
    for id in resumed:
        row = rows[id]
        pending = (controls.c.run == id) & controls.c.taken.is_(None)
        connection.execute(update(controls).where(pending).values(taken=now))
        change = StateChange(id, row.summary["step"] + 1, RunState.QUEUED, "resumed")
        write_state(connection, change, row.attempt, now)
    for experiment in {rows[id].experiment for id in resumed}:
        connection.execute(
            update(experiments).where(experiments.c.id == experiment).values(place=next_place(connection))
        )
    return resumed


def renew(connection: Connection, run_ids: Sequence[str], owner: str, now: float) -> list[str]:
    """Beat for all of these runs that ``owner`` still owns; returns those it does not."""
    held = select(runs.c.id).where(_held(run_ids, owner)).order_by(runs.c.id).with_for_update()
    renewed = runs.c.id.in_(connection.scalars(held).all())
    renewal = update(runs).where(renewed).values(lease=now + LEASE_SECONDS, heartbeat=now)
    return sorted(set(run_ids) - set(connection.execute(renewal.returning(runs.c.id)).scalars()))


def take_back(connection: Connection, run: str, owner: str, attempt: int, now: float) -> bool:
    """Give a run back to a living owner who was taken for gone; whether it could be.

    It can as long as nobody has claimed it since: then it is interrupted, belongs to nobody and is at ``attempt``.
    """
    values = {"owner": owner, "lease": now + LEASE_SECONDS, "heartbeat": now, "silent": None}
    gone = (runs.c.id == run) & runs.c.owner.is_(None) & (runs.c.state == RunState.INTERRUPTED.value)
    returned = update(runs).where(gone & (runs.c.attempt == attempt)).values(values).returning(runs.c.summary)
    row = connection.execute(returned).one_or_none()
    if row is None:
        return connection.scalar(select(runs.c.owner).where(runs.c.id == run)) == owner  # another thread was first
    latest = (
        select(events.c.data).where((events.c.run == run) & (events.c.kind == "state")).order_by(events.c.id.desc())
    )
    states = (RunState(data["state"]) for data in connection.scalars(latest))
    before = next((state for state in states if state.is_active), RunState.QUEUED)
    write_state(connection, StateChange(run, row.summary["step"] + 1, before, "taken back"), attempt, now)
    return True


def lost(missing: Sequence[str], owner: str) -> NotOwnerError:
    """What to tell an owner that has lost runs."""
    return NotOwnerError(f"{owner!r} no longer owns {', '.join(missing)}. Resume them to go on.")


def release(connection: Connection, run_ids: Sequence[str], owner: str, now: float) -> None:
    """Give up the runs that ``owner`` owns; one that is still active is interrupted by that."""
    held = _held(run_ids, owner)
    locked = select(runs).where(held & runs.c.state.in_(_ACTIVE)).order_by(runs.c.id).with_for_update()
    for row in connection.execute(locked).all():
        _mark_interrupted(connection, row, LET_GO, now)
    connection.execute(update(runs).where(held).values(owner=None, lease=now))


def note_silence(connection: Connection, heartbeats: Mapping[str, float]) -> None:
    """Tell other readers which heartbeats were watched to stand still; one that has moved on since makes it void."""
    for run, heartbeat in sorted(heartbeats.items()):
        stands = (runs.c.id == run) & (func.coalesce(runs.c.heartbeat, 0.0) == heartbeat)
        connection.execute(update(runs).where(stands).values(silent=heartbeat))


def _held(run_ids: Sequence[str], owner: str) -> ColumnElement[bool]:
    return runs.c.id.in_(run_ids) & (runs.c.owner == owner)


def _mark_interrupted(connection: Connection, row: Any, reason: str, now: float) -> None:
    values = {"state": RunState.INTERRUPTED.value, "reason": reason, "ended": now}
    connection.execute(update(runs).where(runs.c.id == row.id).values(values))
    data = {"state": RunState.INTERRUPTED.value, "reason": reason}
    add_event(connection, Event(row.id, row.summary["step"] + 1, "state", data, now), row.attempt)
