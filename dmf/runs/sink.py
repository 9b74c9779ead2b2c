"""What training sees of the store: a sink that never waits for the disk, and commands read from memory."""

import queue
import threading
import time
from collections.abc import Sequence

from dmf.errors import NotOwnerError, StoreError
from dmf.records import CaseScores, Command, Event, Record, Sample, StateChange, TelemetryBlock
from dmf.runs.engine import is_away, is_transient
from dmf.runs.store import RunStore

COMMIT_SECONDS = 0.5  # how often the writer thread commits; what somebody waits for it commits at once
RETRY_INTERVAL = 0.25  # s between two tries at a locked database
RETRY_SECONDS = 30.0  # how long a locked database is tried again
AWAY_SECONDS = 600.0  # how long a database server that cannot be reached is tried again, unless training is to end
HELD_BYTES = 64e6  # of records that wait in memory while the store does not take them; training waits beyond
RECORD_BYTES = 1000  # of one, without its arrays and pictures
MOST_INTERVAL = 5.0  # s between two tries at a server, after shorter ones
PATIENCE_SECONDS = 2.0  # a commit that takes longer is told as trouble
POLL_SECONDS = 0.1  # a command of another program is heard within it; ten looks a second take 0.2 % of one core
HEARTBEAT_SECONDS = 2.0


class StoreSink:
    """Implements ``dmf.records.Sink``: a thread commits what was written twice a second.

    A storing error is kept and raised by the next ``write``, ``flush`` or ``close`` and every one after, so that
    training stops with one message. A locked database is tried again for 30 s first; training goes on meanwhile and
    its records wait in memory, a few megabytes at 1,000 steps per second. A database server that is away is tried again
    for 10 min, more and more seldom; training goes on until its next checkpoint, within a minute, and waits there. So
    it can always be resumed from the checkpoint before, without a gap. What waits in memory is never more than 64 MB:
    who has no checkpoints (a loop of someone's own) waits in ``write`` then.

    Args:
        store: Where the records go.
        owner: Who owns the runs that are written; see ``RunStore.write``.
    """

    def __init__(self, store: RunStore, owner: str | None) -> None:
        self._store = store
        self._owner = owner
        self._queue: queue.SimpleQueue[Record | threading.Event] = queue.SimpleQueue()
        self._wake = threading.Event()
        self._held = 0  # bytes of records that are not stored yet
        self._room = threading.Condition()  # guards it; notified when there is less
        self._closing = False
        self._error: Exception | None = None
        self._storing_since: float | None = None
        self._away_since: float | None = None  # Unix time; None while nothing says that a server is away
        self._thread = threading.Thread(target=self._work, name="dmf-store-writer", daemon=True)
        self._thread.start()

    @property
    def trouble(self) -> str | None:
        """One sentence while the store does not take what is written, None as long as it does."""
        since = self._storing_since
        waited = 0.0 if since is None else time.monotonic() - since
        if waited < PATIENCE_SECONDS:
            return None
        if self._away_since is not None:
            since_then = time.strftime("%H:%M:%S", time.localtime(self._away_since))
            return (
                f"The run store {self._store.where} is away since {since_then}: trying again for "
                f"{AWAY_SECONDS / 60:.0f} min. Training goes on until its next checkpoint, and what it records waits "
                "in memory."
            )
        if self._store.file is None:
            return (
                f"The run store {self._store.where} has not answered for {waited:.0f} s. Training goes on until its "
                "next checkpoint, and what it records waits in memory."
            )
        return (
            f"The run store {self._store.where} is locked by another program: trying for {RETRY_SECONDS:.0f} s, "
            f"{waited:.0f} s so far. Training goes on, and what it records waits in memory."
        )

    def write(self, record: Record) -> None:
        """Take one record; it is stored within about 0.5 s, events and changes of state at once.

        It waits while so much waits to be stored already that this would be more than ``HELD_BYTES``.

        Raises:
            StoreError: What storing an earlier record raised, or that the sink is closed.
        """
        self._raise_error()
        if self._closing:
            raise StoreError("This sink is closed; open another to write more.")
        size = _bytes_of(record)
        with self._room:
            while self._held and self._held + size > HELD_BYTES and self._thread.is_alive():
                self._wake.set()
                self._room.wait(COMMIT_SECONDS)
                self._raise_error()
            self._held += size
        self._queue.put(record)
        if isinstance(record, StateChange | Event):  # someone has clicked and waits for it
            self._wake.set()

    def flush(self) -> None:
        """Return once everything written so far is stored.

        Raises:
            StoreError: What storing raised.
        """
        if self._thread.is_alive():
            stored = threading.Event()
            self._queue.put(stored)
            self._wake.set()
            # The writer may have stopped between the question and the mark; a mark after its end is never answered.
            while not stored.wait(0.05) and self._thread.is_alive():
                pass
        self._raise_error()

    def close(self) -> None:
        """Store what is left and end the thread; closing again does nothing more.

        Raises:
            StoreError: What storing raised.
        """
        self._closing = True
        self._wake.set()
        self._thread.join()
        self._raise_error()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise type(self._error)(*self._error.args) from self._error

    def _work(self) -> None:
        while True:
            self._wake.wait(COMMIT_SECONDS)
            self._wake.clear()
            closing = self._closing  # read before the queue, so that nothing written before closing is left behind
            records: list[Record] = []
            marks: list[threading.Event] = []
            while not self._queue.empty():
                item = self._queue.get()
                if isinstance(item, threading.Event):
                    marks.append(item)
                else:
                    records.append(item)
            if self._error is None:
                try:
                    self._store_batch(records)
                except Exception as error:  # whatever it is, the training thread has to learn of it
                    self._error = error
            with self._room:
                self._held -= sum(map(_bytes_of, records))
                self._room.notify_all()
            for mark in marks:
                mark.set()
            if closing:
                return

    def _store_batch(self, records: Sequence[Record]) -> None:
        start = self._storing_since = time.monotonic()
        pause = RETRY_INTERVAL
        try:
            while True:
                try:
                    return self._store.write(records, self._owner)
                except StoreError as error:
                    if not is_transient(error):
                        raise
                    waited = time.monotonic() - start
                    if is_away(error.__cause__):
                        self._away_since = self._away_since or time.time()
                        if waited > (RETRY_SECONDS if self._closing else AWAY_SECONDS):
                            raise StoreError(
                                f"The run store {self._store.where} could not be reached for {waited:.0f} s. Training "
                                "has ended; once its server is there again, resume from the last checkpoint."
                            ) from error
                        pause = min(2 * pause, MOST_INTERVAL)
                    elif waited > RETRY_SECONDS:
                        raise StoreError(
                            f"The run store {self._store.where} was locked by another program for more than "
                            f"{RETRY_SECONDS:.0f} s. Close what else writes to it, then resume."
                        ) from error
                time.sleep(pause)
        finally:
            self._storing_since = self._away_since = None


def _bytes_of(record: Record) -> int:
    """About what a record takes in memory."""
    match record:
        case TelemetryBlock():
            return RECORD_BYTES + record.values.nbytes
        case Sample():
            return RECORD_BYTES + len(record.png)
        case CaseScores():
            arrays = (record.sizes, *(() if record.counts is None else (record.counts,)), *record.scores.values())
            return RECORD_BYTES + sum(int(array.nbytes) for array in arrays)
        case _:
            return RECORD_BYTES


class StoreCommands:
    """Implements ``dmf.records.CommandSource``: a thread fetches commands and keeps the lease alive.

    It looks ten times a second, and at once where they are left through the same store object, as the dashboard does.

    The heartbeat comes from this thread, so that it goes on while training is paused or in a long step.

    Args:
        store: Where commands are left.
        run_ids: Runs that ``owner`` has claimed.
        owner: Whose lease is renewed.

    Attributes:
        lost: Runs that ``owner`` turned out not to own any more.
    """

    def __init__(self, store: RunStore, run_ids: Sequence[str], owner: str) -> None:
        self.lost: frozenset[str] = frozenset()
        self._store = store
        self._runs = tuple(run_ids)
        self._owner = owner
        self._waiting: dict[str, list[Command]] = {run: [] for run in self._runs}
        self._lock = threading.Lock()  # what was asked of several runs at once is there for all at once
        self._error: StoreError | None = None
        self._closing = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._work, name="dmf-store-controls", daemon=True)
        self._thread.start()

    def take(self, run: str) -> Sequence[Command]:
        """Commands about this run not taken before, oldest first.

        Raises:
            NotOwnerError: If the run was lost to another owner, or counted as interrupted.
            StoreError: If the store cannot be read any more.
        """
        if run in self.lost:
            raise NotOwnerError(f"Run {run!r} was interrupted or taken over while it trained here. Resume it to go on.")
        if self._error is not None:
            raise type(self._error)(*self._error.args) from self._error
        with self._lock:
            taken = list(self._waiting[run])
            self._waiting[run].clear()
        return taken

    def close(self) -> None:
        """End the thread; the lease then runs out unless the runs are released."""
        self._closing = True
        self._wake.set()
        self._thread.join()

    def _work(self) -> None:
        beat = -HEARTBEAT_SECONDS
        with self._store.listening(self._wake), self._store.watching_commands(self._runs) as any_pending:
            while not self._closing:
                self._wake.clear()  # before the look: what is left after it wakes again
                try:
                    # Before the commands: after a long standstill (a laptop asleep) the runs may be another's by now.
                    if time.monotonic() - beat >= HEARTBEAT_SECONDS:
                        self._beat()
                        beat = time.monotonic()
                    if any_pending():
                        self._fetch()
                except StoreError as error:
                    if not is_transient(error):
                        self._error = error
                        return
                if not self._closing:
                    self._wake.wait(POLL_SECONDS)

    def _held(self) -> list[str]:
        # Commands about a lost run are for its new owner.
        return [run for run in self._runs if run not in self.lost]

    def _beat(self) -> None:
        try:
            self._store.heartbeat(self._held(), self._owner)
        except NotOwnerError:
            self.lost |= {run for run in self._held() if self._store.run(run).owner != self._owner}

    def _fetch(self) -> None:
        commands = self._store.pending_commands(self._held())
        if commands:
            self._store.mark_taken([command.id for command in commands])
            with self._lock:
                for command in commands:
                    self._waiting[command.run].append(command)
