"""The time by the clock of where a store lies, so that times written by several computers fit each other."""

import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

Clock: TypeAlias = Callable[[], float]

MEASURED_SECONDS = 60.0  # for so long a measured difference is believed
JUMP_SECONDS = 0.5  # this computer's clock was set, or it slept: measured anew
SLOW_SECONDS = 1.0  # a measurement that takes longer says too little
FILE_SECONDS = 2.5  # times of files may be as coarse as 2 s (FAT); what differs less is one clock


class StoreClock:
    """Gives the Unix time in seconds by the clock of where a store lies.

    It is this computer's clock and what it differs by, which is measured when it is first asked, once a minute, and
    whenever this computer's clock jumps. Safe for many threads.

    Args:
        difference: Measures by how many seconds the store's clock is ahead of the one it is given; None where that
            cannot be told at the moment, and the last one is kept.
        wall: This computer's clock, Unix time in seconds.
        monotonic: Seconds from anywhere that never jump.
    """

    def __init__(
        self,
        difference: Callable[[Clock], float | None],
        wall: Clock = time.time,
        monotonic: Clock = time.monotonic,
    ) -> None:
        self._difference, self._wall, self._monotonic = difference, wall, monotonic
        self._lock = threading.Lock()
        self._ahead = 0.0
        self._taken: tuple[float, float] | None = None  # by both clocks, when it was measured

    def __call__(self) -> float:
        """The store's time."""
        return self._wall() + self.ahead()

    def ahead(self) -> float:
        """By how many seconds the store's clock is ahead of this computer's, as both go now."""
        with self._lock:
            if not self._is_known():
                ahead = self._difference(self._wall)
                if ahead is not None:
                    self._ahead, self._taken = ahead, (self._wall(), self._monotonic())
            return self._ahead

    def _is_known(self) -> bool:
        if self._taken is None:
            return False
        passed = self._monotonic() - self._taken[1]
        return passed < MEASURED_SECONDS and abs(self._wall() - self._taken[0] - passed) < JUMP_SECONDS


def file_clock(folder: Path) -> Callable[[Clock], float | None]:
    """Measures against the clock that stamps new files in ``folder``: a file server's, or this computer's own."""

    def difference(wall: Clock) -> float | None:
        try:
            before = wall()
            with tempfile.TemporaryFile(dir=folder) as file:
                there = os.fstat(file.fileno()).st_mtime
            ahead = _ahead(there, before, wall())
        except OSError:  # a folder that only others may write to
            return None
        return ahead if ahead is None or abs(ahead) >= FILE_SECONDS else 0.0

    return difference


def server_clock(engine: Engine) -> Callable[[Clock], float | None]:
    """Measures against the clock of a PostgreSQL server."""
    now = text("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS double precision)")

    def difference(wall: Clock) -> float | None:
        try:
            with engine.connect() as connection:
                before = wall()
                there = float(connection.execute(now).scalar_one())
                return _ahead(there, before, wall())
        except SQLAlchemyError:  # away: whoever asked for the time is about to hear of it
            return None

    return difference


def _ahead(there: float, before: float, after: float) -> float | None:
    """How far a clock that said ``there``, between two looks at ours, is ahead of it."""
    return there - (before + after) / 2 if after - before < SLOW_SECONDS else None
