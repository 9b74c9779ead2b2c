"""The part of the run store where users leave commands for whoever trains a run."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from sqlalchemy import Connection

from dmf.records import Command, CommandName
from dmf.runs.commands import add, add_all, any_pending_in, mark_taken, pending
from dmf.runs.database import Database
from dmf.runs.engine import explained


class Commands(Database):
    """Leaving commands and hearing them."""

    def add_command(
        self,
        run_id: str,
        command: CommandName,
        field: str | None = None,
        value: Any = None,
    ) -> int:
        """Leave a command for the owner of a run; returns its id.

        Raises:
            RunNotFoundError: If there is no such run.
            RunFinishedError: If the run is not active; names its state.
        """
        with self._writing() as connection:
            id = add(connection, run_id, command, field=field, value=value, now=self._clock(), watch=self._watch)
        self._wake_listeners()
        return id

    def add_commands(self, commands: Sequence[tuple[str, CommandName, str | None, Any]]) -> list[int | None]:
        """Leave commands (run, command, field, value) all at once; their ids, None for those whose run has ended.

        Raises:
            RunNotFoundError: If there is no such run; nothing is kept then.
        """
        with self._writing() as connection:
            ids = add_all(connection, commands, self._clock(), self._watch)
        self._wake_listeners()
        return ids

    def _wake_listeners(self) -> None:
        for event in tuple(self._listening):
            event.set()

    @contextmanager
    def listening(self, event: threading.Event) -> Iterator[None]:
        """Have an event set as soon as a command is left through this object; those of other programs set none."""
        self._listening.add(event)
        try:
            yield
        finally:
            self._listening.discard(event)

    def pending_commands(self, run_ids: Sequence[str]) -> list[Command]:
        """Commands about these runs that nobody took yet, oldest first."""
        with self._reading() as connection:
            return pending(connection, run_ids)

    @contextmanager
    def watching_commands(self, run_ids: Sequence[str]) -> Iterator[Callable[[], bool]]:
        """A function that tells whether these runs have a command that nobody took yet; it may be asked often.

        It keeps one connection, so it is for one thread at a time. It raises StoreError if the store cannot be read.
        """
        query = any_pending_in(self._engine.dialect, run_ids)
        with ExitStack() as kept:
            connection: Connection | None = None

            def any_pending() -> bool:
                nonlocal connection
                self._check_file()
                with explained(self.where, self._reach):
                    connection = connection or kept.enter_context(self._engine.connect())
                    with connection.begin():
                        return connection.exec_driver_sql(query).first() is not None

            yield any_pending

    def mark_taken(self, ids: Sequence[int]) -> None:
        """Say that these commands are being followed."""
        with self._writing() as connection:
            mark_taken(connection, ids, self._clock())
