"""What readers of the store get: frozen rows with parsed values."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmf.records import PictureKind, RunState

LEASE_SECONDS = 8.0  # how far ahead of its clock an owner writes the lease
SILENT_SECONDS = 10.0  # a run whose heartbeat stands still for so long, while somebody looks, is interrupted
SILENT = f"its owner has been silent for {SILENT_SECONDS:.0f} s"  # the reason that it then has


@dataclass(frozen=True)
class RunRow:
    """One run. Times are Unix times in seconds.

    Attributes:
        summary: ``step`` (the latest step stored, -1 before the first), ``epoch`` (the latest evaluated, 0 before the
            first), ``metrics`` (split -> name -> value, the latest of each split), ``steps_per_second`` (smoothed over
            about 5 s, None before it is known).
        attempt: 1 at first, one more after each resume.
        state: As readers are to see it: an active run is interrupted once its owner is silent, before anybody marks it.
        heartbeat: Of its owner, by the clock of the store; what counts is whether it changes.
        lease: When its owner is to have beaten again; only a hint, because clocks differ.
        silent: The heartbeat that somebody watched stand still, see :class:`dmf.runs.watching.Watch`.
        archived: Left out of lists that do not ask for it.
    """

    id: str
    experiment: str
    position: int
    label: str
    task: str
    config: dict[str, Any]
    tags: tuple[str, ...]
    notes: str
    summary: dict[str, Any]
    state: RunState
    reason: str
    attempt: int
    owner: str | None
    lease: float
    heartbeat: float | None
    created: float
    started: float | None
    ended: float | None
    study_cell: str | None
    archived: bool
    silent: float | None = None


@dataclass(frozen=True)
class ExperimentRow:
    """One experiment with its runs, in the order they were given.

    Attributes:
        place: Order in the queue, lower first; means something only while a run of it is queued.
    """

    id: str
    name: str
    task: str
    config: dict[str, Any]
    environment: dict[str, Any]
    tags: tuple[str, ...]
    notes: str
    created: float
    place: float
    runs: tuple[RunRow, ...]

    @property
    def is_imported(self) -> bool:
        """Whether its predictions were made elsewhere and are read in place, see ``dmf.importing``; nothing trains."""
        return bool(self.config.get("imported"))

    @property
    def is_recorded(self) -> bool:
        """Whether this program did not train it: only the program that did can train it on, see ``dmf.recording``."""
        return bool(self.config.get("recorded"))


@dataclass(frozen=True)
class Telemetry:
    """Steps of one run.

    Attributes:
        attempt: A reader that holds steps of another attempt drops them and reads from the start.
        steps: (n,) int64, rising.
        values: (n, columns) float32; NaN where a step was stored without a column that others have.
        times: (n,) float64, Unix time in seconds, straight between the first and the last step of each stored block.
    """

    run: str
    attempt: int
    columns: tuple[str, ...]
    steps: NDArray[np.int64]
    values: NDArray[np.float32]
    times: NDArray[np.float64]


@dataclass(frozen=True)
class EventRow:
    """One event as it is stored; ids rise in the order of writing."""

    id: int
    run: str
    attempt: int
    step: int
    kind: str
    data: dict[str, Any]
    time: float


@dataclass(frozen=True)
class Position:
    """Up to where a reader has the telemetry of a run.

    Attributes:
        attempt: Whose steps they are.
        step: The last one; -1 without any.
    """

    attempt: int
    step: int


@dataclass(frozen=True)
class Latest:
    """What a reader of an experiment had not read yet, as of one moment.

    Attributes:
        experiment: With all its runs as they are now.
        telemetry: Run to its steps after the reader's position; all of its steps where the attempt is another.
        events: Of all runs, oldest first.
    """

    experiment: ExperimentRow
    telemetry: dict[str, Telemetry]
    events: list[EventRow]


@dataclass(frozen=True)
class SampleRow:
    """One picture without its bytes, which ``RunStore.sample_png`` gives."""

    id: int
    experiment: str
    run: str | None
    case: str
    epoch: int
    step: int
    kind: PictureKind
    score: float | None
    part: str = ""


@dataclass(frozen=True)
class StudyRow:
    """One study: a plan of experiments that was put into the store.

    Attributes:
        plan: Plain data, see :class:`dmf.studies.StudyPlan`.
        paused: No further cell of it is begun.
    """

    name: str
    plan: dict[str, Any]
    paused: bool
    created: float


@dataclass(frozen=True)
class CellRow:
    """One cell of a study: one experiment on one dataset with one seed.

    Attributes:
        key: Unique in its study, e.g. ``phantom, seed 0``.
        config: Plain data of the experiment that it is.
        experiment: None as long as it was not begun.
    """

    study: str
    key: str
    position: int
    config: dict[str, Any]
    experiment: ExperimentRow | None

    @property
    def state(self) -> RunState | None:
        """Of its runs the one that matters most; None as long as it was not begun."""
        if self.experiment is None:
            return None
        states = {run.state for run in self.experiment.runs}
        return next(state for state in _WEIGHTIEST if state in states)


_WEIGHTIEST = (
    *(RunState.RUNNING, RunState.PAUSED, RunState.QUEUED),
    *(RunState.INTERRUPTED, RunState.STOPPED, RunState.FAILED, RunState.FINISHED),
)
