"""Where the store lies, how it is opened, and what its database's errors mean. All that is SQLite's own is here."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zlib import crc32

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from dmf.errors import StoreError
from dmf.paths import default_store, shortened, why_impossible

BUSY_SECONDS = 5.0  # how long one statement waits for another process that writes

_WAY_OUT = {
    "SQLITE_BUSY": "is locked by another process. Close what else writes to it, or try again in a moment.",
    "SQLITE_LOCKED": "is locked by another process. Close what else writes to it, or try again in a moment.",
    "SQLITE_READONLY": "is read-only. Make the file and its folder writable, or choose another with `--store`.",
    "SQLITE_FULL": "cannot grow: the disk is full. Free some space, then resume.",
    "SQLITE_CANTOPEN": "cannot be opened. Check that its folder exists and is writable, or choose another with "
    "`--store`.",
    "SQLITE_NOTADB": "is not an SQLite database. Choose another file with `--store`.",
    "SQLITE_CORRUPT": "is damaged. Restore a copy, or choose another file with `--store`.",
    "SQLITE_IOERR": "cannot be read or written: the disk reports an error. Check the disk and the free space.",
}
_OF_POSTGRESQL = {  # its codes, by the name of what SQLite says of the same
    **dict.fromkeys(("40001", "40P01", "55P03"), "SQLITE_BUSY"),
    "53100": "SQLITE_FULL",
}
_AWAY = (
    "08",
    "57P",
    "53300",
)  # no connection, shutting or starting up, too many clients; how codes of PostgreSQL begin
_SERVER = {  # s without an answer after which a server counts as away, instead of a quarter of an hour and more
    **{"connect_timeout": 10, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 4},
    "tcp_user_timeout": 30_000,  # ms
}


def store_url(url: str | Path | None = None) -> URL:
    """``url``, else the default store. A plain path means an SQLite file.

    Raises:
        StoreError: If it is neither a path nor a database URL, or an SQLite database without a file.
    """
    text = str(url or default_store())
    try:
        parsed = make_url(text) if "://" in text else URL.create("sqlite", database=text)
    except ArgumentError:
        raise StoreError(f"{text!r} is no store. Pass a file, or a URL such as sqlite:///data/runs.sqlite.") from None
    if parsed.drivername == "postgresql":  # for which SQLAlchemy 2.0 would take an older driver
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise StoreError("The store must be a file, because several threads and processes share it. Pass a path.")
    return parsed


def store_file(url: URL) -> Path | None:
    """The file of an SQLite store, absolute; None for a database server."""
    if url.get_backend_name() != "sqlite":
        return None
    return Path(str(url.database).removeprefix("file:")).absolute()


def open_engine(url: URL, busy_seconds: float = BUSY_SECONDS) -> Engine:
    """An engine whose transactions begin at once as writers where ``execution_options(write=True)`` asks for it.

    Raises:
        StoreError: If the database's driver is not installed or the folder of the file cannot be made.
    """
    file = store_file(url)
    if file is not None:
        if why := why_impossible(file):
            raise StoreError(f"The store {shortened(file)} {why}. Choose another with `--store`.")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"Cannot make the folder {file.parent} for the store: {error.strerror}. Choose another with `--store`."
            ) from error
    writable = file is None or not _is_read_only(file)
    try:
        pool: dict[str, Any] = {"pool_size": 8, "max_overflow": 32} if writable else {"poolclass": NullPool}
        if url.drivername == "postgresql+psycopg":
            pool["connect_args"] = {key: value for key, value in _SERVER.items() if key not in url.query}
        # A connection that was idle while the server restarted is tried before it is used.
        engine = create_engine(url, pool_pre_ping=file is None, **pool)
    except (ImportError, SQLAlchemyError) as error:
        name = url.drivername
        way_out = (
            "Install its driver: pip install 'dmf[scale]'."
            if name == "postgresql+psycopg"  # the one that this extra brings
            else "Pass a file, or the URL of a PostgreSQL database: postgresql://user@host/name."
        )
        raise StoreError(f"No driver for a {name} store: {error}. {way_out}") from error
    if file is not None:
        _prepare_sqlite(engine, busy_seconds, writable)
        if not writable:
            _only_read(engine, file)
    return engine


def _is_read_only(file: Path) -> bool:
    """Whether the file, or the folder that would hold the log beside it, cannot be written."""
    return file.is_file() and not (os.access(file, os.W_OK) and os.access(file.parent, os.W_OK))


def _only_read(engine: Engine, file: Path) -> None:
    """Open ``file`` without making anything beside it.

    Without the files of a program that writes to it at this moment, SQLite refuses to read a database in WAL mode in a
    folder that it cannot write to, unless it is told that the database stands still. Each transaction has its own
    connection (``NullPool``), so that this is decided anew every time.
    """

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, arguments: list[Any], options: dict[str, Any]) -> None:
        still = "" if Path(f"{file}-wal").exists() else "&immutable=1"
        arguments[0] = f"file:{quote(str(file))}?mode=ro{still}"
        options["uri"] = True


def _prepare_sqlite(engine: Engine, busy_seconds: float, writable: bool) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: sqlite3.Connection, _: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        connection.execute(f"PRAGMA busy_timeout = {int(busy_seconds * 1000)}")
        if writable:
            _use_wal(connection, busy_seconds)
            connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that starts by reading and then writes fails at once when another wrote in between, without
        # waiting; so writers take the write lock first.
        options = connection.get_execution_options()
        if options.get("wait", True):
            connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("write", False) else "BEGIN")
            return
        connection.exec_driver_sql("PRAGMA busy_timeout = 0")
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(busy_seconds * 1000)}")


def _use_wal(connection: sqlite3.Connection, busy_seconds: float) -> None:
    """Wait for others that open the same file for the first time: for this lock SQLite does not wait by itself."""
    give_up = time.monotonic() + busy_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > give_up:
                raise
            time.sleep(0.02)


@dataclass
class Reach:
    """Since when a database server is away, as a Unix time by this computer's clock; None while it is there."""

    away_since: float | None = None


@contextmanager
def explained(where: str, reach: Reach | None = None) -> Iterator[None]:
    """Turn an error of the database into one ``StoreError`` that says what, where and the way out.

    ``reach`` is brought up to date, so that the message of a server that stays away says since when.
    """
    reach = reach or Reach()
    try:
        yield
        reach.away_since = None
    except DatabaseError as error:
        name = _name(error)
        if is_away(error):
            reach.away_since = reach.away_since or time.time()
            since = time.strftime("%H:%M:%S", time.localtime(reach.away_since))
            message = str(error.orig).partition("\n")[0].rstrip(".")  # what follows are guesses at the way out
            raise StoreError(
                f"The run store {where} is away since {since} and cannot be reached: {message}. Check that its server "
                "runs, and the network."
            ) from error
        fallback = f"reports an error: {error.orig}. Check that it is reachable and try again."
        raise StoreError(f"The run store {where} {_WAY_OUT.get(name, fallback)}") from error
    except SQLAlchemyError as error:
        reason = getattr(error, "orig", None) or error
        raise StoreError(f"The run store {where} cannot take this: {reason}.") from error


def is_transient(error: BaseException) -> bool:
    """Whether trying again may work: another process was writing, or a database server was away."""
    cause = error.__cause__
    if not isinstance(cause, DatabaseError):
        return False
    return _name(cause) in ("SQLITE_BUSY", "SQLITE_LOCKED") or is_away(cause)


def is_away(error: BaseException | None) -> bool:
    """Whether a database server could not be reached, or dropped the connection; the next one is a new one."""
    if not isinstance(error, DatabaseError) or _name(error):
        return False
    code = getattr(error.orig, "sqlstate", None)  # None where there was nobody to say it
    if code is not None:
        return str(code).startswith(_AWAY)
    return error.connection_invalidated or isinstance(error, OperationalError)


def _name(error: DatabaseError) -> str:
    """SQLite's primary error name ("SQLITE_IOERR" of "SQLITE_IOERR_WRITE"), or that for the same; "" for others."""
    code = getattr(error.orig, "sqlstate", None)
    return _OF_POSTGRESQL.get(str(code), "_".join(getattr(error.orig, "sqlite_errorname", "").split("_")[:2]))


def one_at_a_time(connection: Connection, what: str) -> None:
    """Make others who are about to do the same wait until this transaction ends.

    Writers of an SQLite file take turns anyway; a server lets them go on side by side until they meet at a row.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(crc32(f"dmf {what}".encode()))))
