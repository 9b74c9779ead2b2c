"""A recorded experiment as it stood at any moment of its training, to be watched again. Only reads."""

import threading
import time
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dmf.analysis.live import LiveRun
from dmf.analysis.progress import Snapshot
from dmf.records import RunState
from dmf.runs import RunRow, RunStore, Telemetry

WAIT_SECONDS = 10.0  # the store keeps the times of longer waits only; a shorter pause is spread over steps
WAIT_STEPS = 10  # a wait is as long as so many steps at least, or steps that take long would be waits


@dataclass
class _Cut:
    """What a store gives while a run has taken ``taken`` steps."""

    whole: Telemetry
    taken: int = 0

    def telemetry(self, run_id: str, *, after: int = -1) -> Telemetry:
        first = int(np.searchsorted(self.whole.steps, after, side="right"))
        part = slice(first, max(first, self.taken))
        return replace(
            self.whole, steps=self.whole.steps[part], values=self.whole.values[part], times=self.whole.times[part]
        )


class RunPlayback:
    """One recorded run, from its first step on.

    Args:
        run: The run as the store has it.
        telemetry: All of its steps.
    """

    def __init__(self, run: RunRow, telemetry: Telemetry) -> None:
        self.run = run
        self._cut = _Cut(telemetry)
        self._elapsed = elapsed(telemetry.times)
        self._live = LiveRun(run)

    @property
    def seconds(self) -> float:
        """How long its steps took, waits left out."""
        return float(self._elapsed[-1]) if len(self._elapsed) else 0.0

    def taken(self, seconds: float) -> int:
        """Steps that it had taken after so many seconds."""
        return int(np.searchsorted(self._elapsed, seconds, side="right"))

    def is_over(self, seconds: float) -> bool:
        """Whether it had taken all of its steps."""
        return self.taken(seconds) >= len(self._elapsed)

    def at(self, seconds: float) -> tuple[RunRow, LiveRun]:
        """The run, and what it had recorded, after so many seconds. Its scores are not in its row until it is over."""
        taken = self.taken(seconds)
        if taken < self._cut.taken:
            self._live = LiveRun(self.run)  # back in time
        self._cut.taken = taken
        self._live.refresh(self._cut)
        if self.is_over(seconds):
            return self.run, self._live
        last, now = int(self._cut.whole.steps[taken - 1]) if taken else -1, time.time()
        row = replace(
            self.run,
            state=RunState.RUNNING,
            reason="",
            summary=self.run.summary | {"step": last, "metrics": {}},
            started=now - seconds,  # so that whoever asks how long it has trained gets the right answer
            heartbeat=now,
            ended=None,
        )
        return row, self._live


class Playback:
    """A recorded experiment, from the first step of its runs on. Safe to share between threads.

    All runs begin together, whenever they were trained.

    Args:
        store: Where the telemetry is read, once.
        snapshot: The experiment as it stands.

    Raises:
        RunNotFoundError: If a run is gone.
        StoreError: If the store cannot be read.
    """

    def __init__(self, store: RunStore, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._runs = [RunPlayback(run, store.telemetry(run.id)) for run in snapshot.experiment.runs]
        self._lock = threading.Lock()

    @property
    def seconds(self) -> float:
        """How long the longest run took, waits left out."""
        return max(run.seconds for run in self._runs)

    def at(self, seconds: float) -> Snapshot:
        """The experiment after so many seconds of training: steps, scores, events and pictures of until then."""
        with self._lock:
            rows, live = zip(*(run.at(seconds) for run in self._runs), strict=True)
        whole = self._snapshot
        taken = {row.id: row.summary["step"] + 1 for row in rows}
        over = set(taken) if whole.experiment.is_recorded else {run.id for run in self._over(seconds)}
        metrics = _until(whole.metrics, taken, over)
        epochs = metrics.groupby("run")["epoch"].max() if len(metrics) else {}
        rows_then = [replace(row, summary=row.summary | {"epoch": int(epochs.get(row.id, 0))}) for row in rows]
        return replace(
            whole,
            experiment=replace(whole.experiment, runs=tuple(rows_then)),
            live=live,
            events=tuple(event for event in whole.events if event.step <= taken[event.run]),
            metrics=metrics,
            samples=tuple(row for row in whole.samples if row.run is None or row.step <= taken[row.run]),
        )

    def _over(self, seconds: float) -> list[RunRow]:
        return [run.run for run in self._runs if run.is_over(seconds)]


def elapsed(times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Seconds of training by which each step was taken, from the Unix times (n,) of the steps.

    A wait of more than 10 s, and of more than ten steps, counts as long as one step: a pause, a stop, a night.
    """
    if len(times) < 2:
        return np.zeros(len(times))
    gaps = np.maximum(np.diff(times), 0.0)  # a clock that was set back in mid-training
    usual = float(np.median(gaps))
    gaps[gaps > max(WAIT_SECONDS, WAIT_STEPS * usual)] = usual
    return np.concatenate([[0.0], np.cumsum(gaps)])


def _until(metrics: pd.DataFrame, taken: dict[str, int], over: set[str]) -> pd.DataFrame:
    """Rows measured by then; training looks at the test images when a run is over, whichever its best epoch was."""
    if metrics.empty:
        return metrics
    is_past = metrics["step"] <= metrics["run"].map(taken)
    return metrics[is_past & ((metrics["split"] == "validation") | metrics["run"].isin(over))]
