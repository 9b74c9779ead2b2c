"""Which owners are silent, judged by whether heartbeats change while this process looks, never by comparing clocks."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dmf.runs.rows import SILENT_SECONDS


@dataclass(frozen=True)
class _Look:
    """The heartbeat that a run stood at, and since when, on the clock of who looks."""

    owner: str | None
    heartbeat: float | None
    since: float


class Watch:
    """What one open store has seen of heartbeats. Safe for many threads.

    Args:
        monotonic: The clock of who looks, in seconds: it may begin anywhere, but never jumps.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._looks: dict[str, _Look] = {}
        self._held: dict[str, tuple[str, int]] = {}
        self._fresh: set[str] = set()

    def is_silent(self, row: Any) -> bool:
        """Whether the heartbeat of a run has stood still for so long that its owner counts as gone.

        Args:
            row: Of the table of runs. Its ``silent`` is the heartbeat that somebody watched stand still before: as long
                as no other came after it, nobody needs to watch again.
        """
        with self._lock:
            if self._held.get(row.id, (None,))[0] == row.owner and row.owner is not None:
                return False  # our own: what keeps it from beating is known to whoever trains it
            if row.silent is not None and row.silent == (row.heartbeat or 0.0):
                return True
            now, seen = self._monotonic(), self._looks.get(row.id)
            if seen is None or (seen.owner, seen.heartbeat) != (row.owner, row.heartbeat):
                self._looks[row.id] = _Look(row.owner, row.heartbeat, now)
                self._fresh.discard(row.id)
                return False
            if now - seen.since <= SILENT_SECONDS:
                return False
            self._fresh.add(row.id)
            return True

    def newly_silent(self) -> dict[str, float]:
        """The heartbeat of each run that was found silent and is not told to others yet; asked once."""
        with self._lock:
            heartbeats = {run: self._looks[run].heartbeat or 0.0 for run in self._fresh}
            self._fresh.clear()
            return heartbeats

    def hold(self, run: str, owner: str, attempt: int) -> None:
        """``owner``, in this process, trains this attempt of a run."""
        with self._lock:
            self._held[run] = owner, attempt

    def let_go(self, runs: Sequence[str]) -> None:
        """Nobody in this process trains these runs any more."""
        with self._lock:
            for run in runs:
                self._held.pop(run, None)

    def held(self, run: str, owner: str) -> int | None:
        """The attempt of a run that ``owner`` trains in this process; None if it does not."""
        with self._lock:
            holder, attempt = self._held.get(run, (None, None))
            return attempt if holder == owner else None
