"""The database under the run store: opening it, bringing it up to date, transactions."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from dmf.errors import StoreError
from dmf.runs.clock import Clock, StoreClock, file_clock, server_clock
from dmf.runs.engine import BUSY_SECONDS, Reach, explained, open_engine, store_file, store_url
from dmf.runs.migrations import is_current, migrate
from dmf.runs.watching import Watch


class Database:
    """What every part of ``RunStore`` stands on; see there for the arguments.

    Attributes:
        before_writing: Called by who is about to change what is kept, in that thread; what it raises keeps the change
            from being made. What the store notes for itself while it is read is no such change.
    """

    before_writing: Callable[[], None] | None = None

    def __init__(
        self,
        url: str | Path | None = None,
        *,
        busy_seconds: float = BUSY_SECONDS,
        clock: Clock | None = None,
        wall: Clock = time.time,
        monotonic: Clock = time.monotonic,
    ) -> None:
        self.url = store_url(url)
        self.file = store_file(self.url)
        self.where = str(self.file) if self.file else self.url.render_as_string(hide_password=True)
        self._watch = Watch(monotonic)
        self._reach = Reach()
        self._listening: set[threading.Event] = set()  # set as soon as a command is left through this object
        self._engine = open_engine(self.url, busy_seconds)
        here = server_clock(self._engine) if self.file is None else file_clock(self.file.parent)
        measured = StoreClock(here, wall)
        self._clock: Clock = clock or measured
        self._ahead: Clock = measured.ahead if clock is None else lambda: 0.0
        self._identity: tuple[int, int] | None = None
        try:
            with self._reading() as connection:
                current = is_current(connection, self.where)
            if not current:
                with self._writing() as connection:
                    migrate(connection, self.where)
        except BaseException:
            self.close()  # a server would keep its connections for a store that nobody got
            raise
        if self.file is not None:
            self._identity = _identity(self.file)

    def now(self) -> float:
        """The Unix time in seconds by the store's clock, by which all its times are; see ``docs/store.md``."""
        return self._clock()

    def close(self) -> None:
        """Let go of the database's connections."""
        self._engine.dispose()

    @contextmanager
    def _transaction(self, write: bool, wait: bool = True) -> Iterator[Connection]:
        self._check_file()
        options: dict[str, Any] = {"write": write, "wait": wait}
        if self.file is None and not write:
            # Each query sees what is committed by then, in a transaction as without: saved are its begin and its end,
            # which are journeys to the server.
            options["isolation_level"] = "AUTOCOMMIT"
        with (
            explained(self.where, self._reach),
            self._engine.connect() as plain,
            plain.execution_options(**options) as connection,
            connection.begin(),
        ):
            yield connection

    def _reading(self) -> Any:
        return self._transaction(write=False)

    def _writing(self) -> Any:
        if self.before_writing is not None:
            self.before_writing()
        return self._transaction(write=True)

    def _check_file(self) -> None:
        # An open connection would go on writing to a deleted file without complaint.
        if self.file is not None and self._identity is not None and _identity(self.file) != self._identity:
            raise StoreError(
                f"The run store {self.where} was deleted, moved or replaced while in use. Put it back and start the "
                "program again."
            )


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
