"""Who owns a run: claimed, kept alive, released, or found dead. Functions of a connection.

Claiming, renewing and sweeping are each one UPDATE with its condition in it, so that of several processes one wins.
"""

import os
import secrets
import socket
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, or_, select, update

from dmf.errors import NotOwnerError, RunFinishedError
from dmf.records import Event, RunState, StateChange
from dmf.runs.lookup import one_run
from dmf.runs.queueing import NEXT_PLACE
from dmf.runs.recording import add_event, not_owner, write_state
from dmf.runs.rows import LEASE_SECONDS, SILENT
from dmf.runs.schema import controls, experiments, runs

_ACTIVE = [state.value for state in RunState if state.is_active]
_RESUMABLE = [state.value for state in RunState if state.is_resumable]


def new_owner(kind: str) -> str:
    """A name for this process as an owner of runs, fit to be shown: kind, host, process and a random part."""
    return f"{kind} on {socket.gethostname()} (process {os.getpid()}, {secrets.token_hex(2)})"


def claim(connection: Connection, run_ids: Sequence[str], owner: str, now: float) -> list[str]:
    """See ``RunStore.claim``."""
    sweep(connection, now)
    before = [one_run(connection, run, now) for run in run_ids]
    free = or_(runs.c.owner.is_(None), runs.c.owner == owner, runs.c.lease < now)
    ready = runs.c.state.in_([RunState.QUEUED.value, *_RESUMABLE])
    claimed = connection.execute(
        update(runs)
        .where(runs.c.id.in_(run_ids), ready, free)
        .values(owner=owner, lease=now + LEASE_SECONDS, heartbeat=now, state=RunState.QUEUED.value, ended=None)
        .returning(runs.c.id)
    )
    claimed_ids = set(claimed.scalars())
    for row in before:
        if row.id not in claimed_ids:
            if row.state is RunState.FINISHED:
                raise RunFinishedError(f"Run {row.id!r} is finished; start a new experiment to train on.")
            raise not_owner(row, owner)
    resumed = [row for row in before if row.state.is_resumable]
    for row in resumed:
        pending = (controls.c.run == row.id) & controls.c.taken.is_(None)
        connection.execute(update(controls).where(pending).values(taken=now))
        change = StateChange(row.id, row.summary["step"] + 1, RunState.QUEUED, "resumed")
        write_state(connection, change, row.attempt, now)
    for experiment in {row.experiment for row in resumed}:
        connection.execute(update(experiments).where(experiments.c.id == experiment).values(place=NEXT_PLACE))
    return [row.id for row in resumed]


def renew(connection: Connection, run_ids: Sequence[str], owner: str, now: float) -> list[str]:
    """Renew the lease of all of these runs that ``owner`` still owns; returns those it does not."""
    renewal = update(runs).where(_held(run_ids, owner)).values(lease=now + LEASE_SECONDS, heartbeat=now)
    return sorted(set(run_ids) - set(connection.execute(renewal.returning(runs.c.id)).scalars()))


def lost(missing: Sequence[str], owner: str) -> NotOwnerError:
    """What to tell an owner that has lost runs."""
    return NotOwnerError(f"{owner!r} no longer owns {', '.join(missing)}. Resume them to go on.")


def release(connection: Connection, run_ids: Sequence[str], owner: str, now: float) -> None:
    """Give up the runs that ``owner`` owns; one that is still active then counts as interrupted."""
    connection.execute(update(runs).where(_held(run_ids, owner)).values(owner=None, lease=now))


def _held(run_ids: Sequence[str], owner: str) -> ColumnElement[bool]:
    return runs.c.id.in_(run_ids) & (runs.c.owner == owner)


def any_dead(connection: Connection, now: float) -> bool:
    """Whether an active run has no living owner."""
    return connection.execute(select(runs.c.id).where(_dead(now)).limit(1)).first() is not None


def sweep(connection: Connection, now: float) -> list[str]:
    """Mark active runs without a living owner as interrupted; returns their ids."""
    values = {"state": RunState.INTERRUPTED.value, "reason": SILENT, "owner": None, "ended": now}
    returned = (runs.c.id, runs.c.attempt, runs.c.summary)
    swept: Sequence[Any] = connection.execute(update(runs).where(_dead(now)).values(values).returning(*returned)).all()
    for row in swept:
        data = {"state": RunState.INTERRUPTED.value, "reason": SILENT}
        add_event(connection, Event(row.id, row.summary["step"] + 1, "state", data, now), row.attempt)
    return sorted(row.id for row in swept)


def _dead(now: float) -> ColumnElement[bool]:
    return runs.c.state.in_(_ACTIVE) & (runs.c.lease < now)
