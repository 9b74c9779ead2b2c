"""How everything here is measured: both sides by turns, so that what else the machine does falls on both alike."""

import gc
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median
from typing import TypeVar

import torch

from dmf.config import ExperimentConfig
from dmf.jobs import Job, create_experiment, new_owner
from dmf.runs import RunStore

THREADS = 2  # the default of a run


class CannotMeasureError(Exception):
    """Something a benchmark needs is not at hand; says what, in a sentence that is printed instead of rows."""


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        what: What was measured, with its sizes.
        ours: Our figure with its unit.
        beside: The same of the alternative; "recorded" where it was measured elsewhere.
        ratio: How they compare; empty where a ratio says nothing.
        target: What is promised; empty for a figure that only informs.
        is_met: Whether the promise is kept; None without one.
    """

    what: str
    ours: str
    beside: str
    ratio: str
    target: str = ""
    is_met: bool | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        """The line as texts."""
        met = {True: "yes", False: "NO", None: ""}[self.is_met]
        return self.what, self.ours, self.beside, self.ratio, self.target, met


@dataclass(frozen=True)
class Pair:
    """Seconds of two sides measured by turns, one entry per round."""

    ours: Sequence[float]
    beside: Sequence[float]

    @property
    def ratio(self) -> float:
        """Ours over beside: the median over the rounds, because neighbours in time share the state of the machine."""
        return median(ours / beside for ours, beside in zip(self.ours, self.beside, strict=True))

    @property
    def seconds(self) -> tuple[float, float]:
        """Median of each side."""
        return median(self.ours), median(self.beside)


Clock = Callable[[], float]


def alternate(
    ours: Callable[[], object],
    beside: Callable[[], object],
    *,
    rounds: int,
    warm_up: int = 1,
    clock: Clock = time.perf_counter,
) -> Pair:
    """Time both sides by turns, A B B A A B ..., after ``warm_up`` untimed calls of each."""
    for _ in range(warm_up):
        ours()
        beside()
    taken: dict[Callable[[], object], list[float]] = {ours: [], beside: []}
    gc.collect()
    for turn in range(rounds):
        for side in (ours, beside) if turn % 2 == 0 else (beside, ours):
            taken[side].append(seconds(side, clock))
    return Pair(taken[ours], taken[beside])


def seconds(action: Callable[[], object], clock: Clock = time.perf_counter) -> float:
    """Time of one call, by the clock on the wall; ``time.thread_time`` does not count what other processes take."""
    start = clock()
    action()
    return clock() - start


@contextmanager
def one_thread() -> Iterator[None]:
    """So that what is counted is work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


Store = TypeVar("Store", bound=RunStore)


@contextmanager
def temporary_store(kind: type[Store] = RunStore) -> Iterator[Store]:
    """A real run store on disk that is gone afterwards."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        store = kind(Path(folder) / "runs.sqlite")
        try:
            yield store
        finally:
            store.close()


def new_job(store: RunStore, config: ExperimentConfig) -> Job:
    """The experiment as ``dmf train`` runs it: claimed, with its sink, its commands and its heartbeat."""
    return Job(store, create_experiment(store, config), new_owner("bench"))


def machine() -> str:
    """What the figures were measured on."""
    load = f", load average {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    cores = f"{processor()}, {os.cpu_count()} cores"
    return f"{date.today().isoformat()}: {cores}{load}; {versions} on the CPU with {THREADS} threads."


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table, aligned to be read as it is."""
    lines = [("what", "ours", "beside", "ratio", "target", "met"), *(row.cells for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(6)]
    written = ["| " + " | ".join(cell.ljust(n) for cell, n in zip(line, widths, strict=True)) + " |" for line in lines]
    written.insert(1, "|" + "|".join("-" * (n + 2) for n in widths) + "|")
    return "\n".join(written)


def milliseconds(value: float) -> str:
    """Seconds, as milliseconds with three figures."""
    return f"{value * 1e3:.0f} ms" if value >= 0.1 else f"{value * 1e3:.3g} ms"


def processor() -> str:
    """Name of the processor."""
    info = Path("/proc/cpuinfo")
    names = [line.split(":", 1)[1].strip() for line in _lines(info) if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []
