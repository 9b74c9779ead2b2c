"""Commands of users about runs, left for whoever trains them. Functions of a connection."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Dialect, select, update

from dmf.errors import RunFinishedError
from dmf.records import Command, CommandName
from dmf.runs.lookup import one_run
from dmf.runs.schema import controls
from dmf.runs.watching import Watch


def add(
    connection: Connection, run: str, command: CommandName, *, field: str | None, value: Any, now: float, watch: Watch
) -> int:
    """See ``RunStore.add_command``."""
    state = one_run(connection, run, watch).state
    if not state.is_active:
        wanted = "its settings cannot be changed" if command == "set" else f"it cannot {command}"
        raise RunFinishedError(f"Run {run!r} is {state.value}; {wanted} any more.")
    row = {"run": run, "command": command, "field": field, "value": value, "created": now}
    return int(connection.execute(controls.insert().returning(controls.c.id), row).scalar_one())


def add_all(
    connection: Connection, commands: Sequence[tuple[str, CommandName, str | None, Any]], now: float, watch: Watch
) -> list[int | None]:
    """See ``RunStore.add_commands``."""
    ids: list[int | None] = []
    for run, command, field, value in commands:
        try:
            ids.append(add(connection, run, command, field=field, value=value, now=now, watch=watch))
        except RunFinishedError:
            ids.append(None)
    return ids


def pending(connection: Connection, run_ids: Sequence[str]) -> list[Command]:
    """Commands about these runs that nobody took yet, oldest first."""
    waiting = controls.c.run.in_(run_ids) & controls.c.taken.is_(None)
    rows = connection.execute(select(controls).where(waiting).order_by(controls.c.id))
    return [Command(row.id, row.run, row.command, row.field, row.value) for row in rows]


def any_pending_in(dialect: Dialect, run_ids: Sequence[str]) -> str:
    """A query with a row where one of these runs has a command that nobody took yet.

    As text, ready to be sent: building and compiling :func:`pending` costs ten times what SQLite needs to answer.
    """
    waiting = controls.c.run.in_(run_ids) & controls.c.taken.is_(None)
    query = select(controls.c.id).where(waiting).limit(1)
    return str(query.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


def mark_taken(connection: Connection, ids: Sequence[int], now: float) -> None:
    """Say that these commands are being followed."""
    connection.execute(update(controls).where(controls.c.id.in_(ids)).values(taken=now))
